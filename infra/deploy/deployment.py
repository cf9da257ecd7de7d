"""A whole deployment: which step needs which, and what one step hands to the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.deploy import bootstrap, certificates, change_sets, images, migrate, smoke, static_files
from infra.deploy.assembly import Stack
from infra.deploy.aws import Aws
from infra.deploy.certificates import GivenCertificate
from infra.deploy.change_sets import Outcome, StackFailed
from infra.deploy.images import Image
from infra.deploy.order import Task, run_all
from infra.deploy.preflight import Caller
from infra.deploy.progress import Progress, Step
from infra.deploy.stacks import Happening
from infra.deploy.static_files import Published
from infra.deploy.tasks import why_service_failed
from infra.errors import DeployError
from infra.settings import Settings

# What a stack waits for beyond the stacks that it imports from.
_BEFORE: Mapping[str, tuple[str, ...]] = {"release": ("image",), "service": ("migrate", "static", "certificate")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is deployed, from where, by whom, to where."""

    aws: Aws
    caller: Caller
    settings: Settings
    stacks: tuple[Stack, ...]
    root: Path
    given: GivenCertificate | None


@dataclass
class Deployment:
    """One run. Steps of several threads write different fields, and read only those of steps that they need."""

    target: Target
    progress: Progress
    tag: str = ""
    image: Image | None = None
    published: Published | None = None
    certificate: str = ""
    url: str = ""
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def run(self) -> str:
        """Deploy everything; return the URL of the app. Raises DeployError naming what failed, and why."""
        self.tag = images.context_tag(self.target.root)
        with self.progress.step("bootstrap") as step:
            least = bootstrap.needed(self.target.stacks)
            by_itself = self.target.aws.endpoint is not None
            step.detail = bootstrap.ensure(self.target.aws, self.target.caller, least=least, by_itself=by_itself)
        run_all(self._tasks(), interrupt=self.target.aws.interrupt)
        return self.url

    def _tasks(self) -> list[Task]:
        parts = {stack.name: stack.part for stack in self.target.stacks}
        stacks = [
            Task(
                stack.part,
                self._reported(stack.part, lambda step, stack=stack: self._stack(step, stack)),  # type: ignore[misc]
                (*(parts[need] for need in stack.needs), *_BEFORE.get(stack.part, ())),
            )
            for stack in self.target.stacks
        ]
        return [
            *stacks,
            Task("certificate", self._reported("certificate", self._certificate)),
            Task("image", self._reported("image", self._image), ("storage",)),
            Task("static", self._reported("static", self._static), ("storage",)),
            Task("migrate", self._reported("migrate", self._migrate), ("release", "data")),
            Task("smoke", self._reported("smoke", self._smoke), ("service",)),
        ]

    def _reported(self, name: str, work: Callable[[Step], None]) -> Callable[[], None]:
        def run() -> None:
            with self.progress.step(name) as step:
                work(step)

        return run

    def _stack(self, step: Step, stack: Stack) -> None:
        words: dict[str, str] = {}

        def ask(failure: Happening) -> None:
            if failure.type == "AWS::ECS::Service" and failure.physical_id:
                cluster = self.outcomes["release"].outputs["ClusterName"]
                words[failure.id] = why_service_failed(self.target.aws, cluster=cluster, service=failure.physical_id)

        try:
            outcome = change_sets.deploy(
                self.target.aws, stack, parameters=self._parameters(stack), note=step.note, failed=ask
            )
        except StackFailed as error:
            told = words.get(error.why.failure.id) if error.why.failure else None
            if not told:
                raise
            raise DeployError(f"{error} | {told}") from error
        self.outcomes[stack.part] = outcome
        step.detail = "deployed" if outcome.changed else "unchanged"

    def _parameters(self, stack: Stack) -> dict[str, str]:
        values = {"ImageDigest": self.image.digest if self.image else "", "CertificateArn": self.certificate}
        missing = [name for name in stack.parameters if not values.get(name)]
        if missing:
            raise DeployError(f"{stack.name} wants parameters that the deployer does not know: {', '.join(missing)}")
        return {name: values[name] for name in stack.parameters}

    def _certificate(self, step: Step) -> None:
        self.certificate = certificates.ensure(self.target.aws, self.target.settings, self.target.given)
        step.detail = self.certificate.rsplit("/", 1)[-1]

    def _image(self, step: Step) -> None:
        storage = self.outcomes["storage"].outputs
        self.image = images.ensure(
            self.target.aws,
            root=self.target.root,
            tag=self.tag,
            repository=storage["RepositoryName"],
            uri=storage["RepositoryUri"],
        )
        step.detail = f"{'built' if self.image.built else 'unchanged'}, {self.image.digest[:19]}"

    def _static(self, step: Step) -> None:
        bucket = self.outcomes["storage"].outputs["StaticBucketName"]
        self.published = static_files.publish(self.target.aws, root=self.target.root, bucket=bucket, tag=self.tag)
        step.detail = f"{self.published.uploaded} uploaded" if self.published.uploaded else "unchanged"

    def _migrate(self, step: Step) -> None:
        assert self.image is not None
        data = self.outcomes["data"]
        step.detail = migrate.migrate(
            self.target.aws,
            environment=self.target.settings.name,
            digest=self.image.digest,
            release=self.outcomes["release"].outputs,
            database=" ".join((data.id, data.outputs["DatabaseEndpoint"], data.outputs["DatabaseSecretArn"])),
        )

    def _smoke(self, step: Step) -> None:
        front = smoke.Front(
            host=self.outcomes["service"].outputs["LoadBalancerDnsName"],
            domain=self.target.settings.domain,
            chain=self.target.given.chain if self.target.given else None,
        )
        self.url = smoke.check(self.target.aws, front)
        step.detail, step.url = ", ".join(f"{path} 200" for path in smoke.PATHS), self.url
        assert self.published is not None
        bucket = self.outcomes["storage"].outputs["StaticBucketName"]
        static_files.in_service(self.target.aws, bucket=bucket, published=self.published)
