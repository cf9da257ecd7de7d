"""A whole deployment: which step needs which, and what one hands to the next."""

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.deploy import bootstrap, certificates, change_sets, images, migrate, smoke, static_files
from infra.deploy import deployment as module
from infra.deploy.assembly import Stack
from infra.deploy.change_sets import FailedStack, Outcome, StackFailed
from infra.deploy.deployment import Deployment, Target
from infra.deploy.images import Image
from infra.deploy.preflight import Caller
from infra.deploy.progress import Progress
from infra.deploy.stacks import Happening
from infra.deploy.static_files import Published, Release
from infra.errors import DeployError
from infra.settings import settings
from tests.unit.infra.conftest import a_stack, fake_aws

_NEEDS = {
    "network": (),
    "data": ("network",),
    "storage": (),
    "release": ("network", "data", "storage"),
    "service": ("network", "data", "storage", "release"),
}
_GIVEN = {"release": ("ImageDigest",), "service": ("CertificateArn", "ImageDigest")}
_OUTPUTS = {
    "data": {"DatabaseEndpoint": "db", "DatabaseSecretArn": "arn:secret"},
    "storage": {"RepositoryName": "images", "RepositoryUri": "registry/images", "StaticBucketName": "static"},
    "release": {"ClusterName": "cluster"},
    "service": {"LoadBalancerDnsName": "lb.example"},
}


def _stacks() -> tuple[Stack, ...]:
    return tuple(
        a_stack(
            f"duet-dev-{part}",
            needs=tuple(f"duet-dev-{need}" for need in needs),
            template={"Parameters": {name: {"Type": "String"} for name in _GIVEN.get(part, ())}},
        )
        for part, needs in _NEEDS.items()
    )


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every step is a fake; returns what ran, in order, with the parameters of stacks."""
    steps: list[str] = []

    def deploy(_: object, stack: Stack, *, parameters: dict[str, str], **__: object) -> Outcome:
        steps.append(" ".join([stack.part, *sorted(parameters.values())]))
        return Outcome(changed=True, outputs=_OUTPUTS.get(stack.part, {}), id=stack.name)

    def step(name: str, answer: object) -> Any:
        def run(*_: object, **__: object) -> object:
            steps.append(name)
            return answer

        return run

    monkeypatch.setattr(images, "context_tag", lambda _: "src-1")
    monkeypatch.setattr(images, "ensure", step("image", Image(tag="src-1", digest="sha256:1", built=True)))
    monkeypatch.setattr(bootstrap, "ensure", step("bootstrap", "version 30"))
    monkeypatch.setattr(certificates, "ensure", step("certificate", "arn:certificate"))
    monkeypatch.setattr(change_sets, "deploy", deploy)
    published = Published(release=Release(tag="src-1", keys=[]), uploaded=1)
    monkeypatch.setattr(static_files, "publish", step("static", published))
    monkeypatch.setattr(static_files, "in_service", step("in service", 0))
    monkeypatch.setattr(migrate, "migrate", step("migrate", "migrated"))
    monkeypatch.setattr(smoke, "check", step("smoke", "https://dev.duet.example"))
    return steps


def _deployment(**clients: object) -> Deployment:
    target = Target(
        aws=fake_aws(**clients),
        caller=Caller(account="1", arn="arn"),
        settings=settings("dev", domain="duet.example"),
        stacks=_stacks(),
        root=Path(),
        given=None,
    )
    return Deployment(target, Progress(as_json=True, stream=io.StringIO()))


def test_every_step_runs_after_what_it_needs(ran: list[str]) -> None:
    assert _deployment().run() == "https://dev.duet.example"
    assert sorted(ran) == sorted(
        [
            "bootstrap", "network", "data", "storage", "certificate", "image", "static", "migrate", "smoke",
            "in service", "release sha256:1", "service arn:certificate sha256:1",
        ]
    )  # fmt: skip
    order = (
        ("bootstrap", "network"), ("network", "data"), ("storage", "image"), ("image", "release sha256:1"),
        ("data", "release sha256:1"), ("release sha256:1", "migrate"), ("migrate", "service arn:certificate sha256:1"),
        ("static", "service arn:certificate sha256:1"), ("certificate", "service arn:certificate sha256:1"),
        ("service arn:certificate sha256:1", "smoke"), ("smoke", "in service"),
    )  # fmt: skip
    for before, after in order:
        assert ran.index(before) < ran.index(after), (before, after)


def test_a_failed_migration_keeps_the_service_as_it_was(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DeployError("the migration failed")

    monkeypatch.setattr(migrate, "migrate", fail)
    with pytest.raises(DeployError, match="the migration failed"):
        _deployment().run()
    assert not [step for step in ran if step.startswith(("service", "smoke", "in service"))]


def test_static_files_of_a_release_that_does_not_answer_are_not_put_into_service(
    ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DeployError("503")

    monkeypatch.setattr(smoke, "check", fail)
    with pytest.raises(DeployError, match="503"):
        _deployment().run()
    assert "in service" not in ran


def test_a_parameter_that_nobody_knows_is_named(ran: list[str]) -> None:
    deployment = _deployment()
    stack = a_stack(template={"Parameters": {"Colour": {"Type": "String"}}})
    with pytest.raises(DeployError, match="duet-dev-data wants parameters that the deployer does not know: Colour"):
        deployment._parameters(stack)


@pytest.mark.parametrize(("type_", "told"), [("AWS::ECS::Service", True), ("AWS::SQS::Queue", False)])
def test_a_failed_service_is_asked_at_once_and_its_words_follow_the_failure(
    ran: list[str], monkeypatch: pytest.MonkeyPatch, type_: str, told: bool
) -> None:
    failure = Happening(
        id="1", logical_id="App", physical_id="arn:service", type=type_, status="CREATE_FAILED", reason="no"
    )
    succeed: Callable[..., Outcome] = change_sets.deploy

    def deploy(aws: Any, stack: Stack, **given: Any) -> Outcome:
        if stack.part != "service":
            return succeed(aws, stack, **given)
        given["failed"](failure)
        monkeypatch.setattr(module, "why_service_failed", None)  # after the rollback there is nobody to ask
        raise StackFailed(FailedStack(stack=stack, status="ROLLBACK_COMPLETE", failure=failure, fallback=""))

    monkeypatch.setattr(change_sets, "deploy", deploy)
    monkeypatch.setattr(module, "why_service_failed", lambda *_, cluster, service: f"{service} in {cluster}: KeyError")
    with pytest.raises(DeployError) as error:
        _deployment(ecs=SimpleNamespace()).run()
    words = f"duet-dev-service: App ({type_}) CREATE_FAILED: no"
    assert str(error.value) == (f"{words} | arn:service in cluster: KeyError" if told else words)
