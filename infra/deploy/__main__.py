"""`python -m infra.deploy --environment <name>`: deploy, or only say what would change, or remove."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import assembly, bootstrap, images, plan, preflight
from infra.deploy.aws import Aws, connect
from infra.deploy.certificates import GivenCertificate
from infra.deploy.deployment import Deployment, Target
from infra.deploy.destroy import destroy
from infra.deploy.progress import Event, Progress
from infra.deploy.stacks import look
from infra.errors import DeployError, InfraError, Interrupted
from infra.settings import ENVIRONMENTS, REGION, settings
from infra.synth import REPOSITORY, synthesize
from infra.synth import assembly as assembly_of

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command given by `arguments` (sys.argv by default) and return its exit code."""
    options = _parser().parse_args(arguments)
    progress = Progress(as_json=options.json_progress)
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        _run(options, progress)
    except (KeyboardInterrupt, Interrupted):
        print("deploy: interrupted; what AWS is at goes on, and the next run takes it from there", file=sys.stderr)
        return _INTERRUPTED
    except InfraError as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    except (ClientError, BotoCoreError) as error:
        print(f"deploy: AWS refused: {error}", file=sys.stderr)
        return 1
    return 0


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    parser.add_argument("--environment", required=True, choices=ENVIRONMENTS)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--diff", action="store_true", help="say what would change, and change nothing")
    mode.add_argument("--destroy", action="store_true", help="remove the environment")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--on-endpoint", action="store_true", help="go where AWS_ENDPOINT_URL points, with an environment of AWS's too"
    )
    parser.add_argument("--json-progress", action="store_true", help="progress as JSON lines on stdout")
    for name in ("certificate", "private-key", "chain"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help="PEM; all three or none")
    return parser


def _run(options: argparse.Namespace, progress: Progress) -> None:
    began = time.monotonic()
    target = _target(options, progress)
    if options.destroy:
        _destroy(target, progress, ask=not options.yes)
        return
    if options.diff:
        print("\n".join(_plan(target)))
        return
    if target.aws.endpoint is None:
        # Before anything is shown or asked: what is not bootstrapped cannot be deployed to.
        bootstrap.ensure(target.aws, target.caller, least=bootstrap.needed(target.stacks), by_itself=False)
    if not options.yes:
        progress.say("\n".join(_plan(target)))
        question = f"Deploy {target.settings.name} to account {target.caller.account}, {target.aws.region}? [y/N] "
        _ask(question, "y")
    url = Deployment(target, progress).run()
    progress.tell(Event("ready", "done", time.monotonic() - began, f"{target.settings.name} answers", url))
    if target.aws.endpoint is None and not url.startswith(target.settings.origin):
        progress.say(f"  Point {target.settings.domain} at the load balancer: {url.removeprefix('https://')}")


def _target(options: argparse.Namespace, progress: Progress) -> Target:
    """Check everything that can be checked before AWS is asked for more than a name."""
    aws = connect(REGION)
    with progress.step("preflight", alone=True) as step:
        wanted = settings(options.environment)
        preflight.check_endpoint(wanted, on_endpoint=options.on_endpoint)
        given = _given(options)
        preflight.check_target(wanted, endpoint=aws.endpoint, has_certificate=given is not None)
        preflight.check_region(REGION)
        caller = preflight.identify(aws)
        step.detail = f"account {caller.account}, {REGION}" + (f", {aws.endpoint}" if aws.endpoint else "")
    with progress.step("synth", alone=True) as step:
        step.detail = "written" if synthesize(wanted) else "unchanged"
    stacks = assembly.read(assembly_of(wanted.name), account=caller.account, region=REGION)
    return Target(aws=aws, caller=caller, settings=wanted, stacks=stacks, root=REPOSITORY, given=given)


def _given(options: argparse.Namespace) -> GivenCertificate | None:
    files = (options.certificate, options.private_key, options.chain)
    if not any(files):
        return None
    if not all(files):
        raise DeployError("--certificate, --private-key and --chain belong together")
    return GivenCertificate(certificate=files[0], private_key=files[1], chain=files[2])


def _plan(target: Target) -> list[str]:
    """Say what would change; the image is looked up, not built."""
    known = _known_image(target.aws, target)
    plans = plan.plan(target.aws, target.stacks, parameters={"ImageDigest": known} if known else {})
    image = [] if known else ["the app's image: to be built, so release and service get a new task definition"]
    return [*plan.lines(plans), *image]


def _known_image(aws: Aws, target: Target) -> str | None:
    storage = next((stack for stack in target.stacks if stack.part == "storage"), None)
    deployed = look(aws, storage.name) if storage else None
    repository = deployed.outputs.get("RepositoryName") if deployed else None
    if not repository:
        return None
    return images.digest_of(aws, repository=repository, tag=images.context_tag(target.root))


def _destroy(target: Target, progress: Progress, *, ask: bool) -> None:
    name = target.settings.name
    if ask:
        _ask(f"Remove {name} from account {target.caller.account}? Type its name: ", name)
    elif target.settings.keep_data:
        raise DeployError(f"{name} is never removed without asking: run without --yes and type its name")
    kept = destroy(target.aws, target.stacks, progress)
    for each in kept:
        progress.say(f"  kept: {each}")
    progress.tell(Event("ready", "done", 0.0, f"{name} is removed"))


def _ask(question: str, answer: str) -> None:
    if not sys.stdin.isatty():
        raise DeployError("there is nobody to ask: give --yes to go on without")
    try:
        given = input(question)
    except EOFError:
        given = ""
    if given.strip().lower() != answer:
        raise DeployError("not confirmed, nothing was changed")


if __name__ == "__main__":
    sys.exit(main())
