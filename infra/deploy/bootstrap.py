"""The CDK's bootstrap stack: the bucket and the roles that every CDK deployment of an account and region shares.

The template is the CDK CLI's own, of the version pinned in infra/package.json, so that the CLI finds here what it
would have made itself.
"""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from botocore.exceptions import ClientError

from infra.deploy import change_sets
from infra.deploy.assembly import PARTITION, Stack
from infra.deploy.aws import Aws
from infra.deploy.preflight import Caller
from infra.errors import DeployError

STACK = "CDKToolkit"
_VERSION = "/cdk-bootstrap/hnb659fds/version"
_ROOM = Path(__file__).resolve().parent.parent
_TEMPLATE = _ROOM / "node_modules" / "aws-cdk" / "lib" / "api" / "bootstrap" / "bootstrap-template.yaml"
# What `cdk bootstrap` gives when it is asked for nothing special.
_PARAMETERS = {
    "FileAssetsBucketKmsKeyId": "AWS_MANAGED_KEY",
    "CloudFormationExecutionPolicies": f"arn:{PARTITION}:iam::aws:policy/AdministratorAccess",
    "PublicAccessBlockConfiguration": "true",
}


def needed(stacks: Iterable[Stack]) -> int:
    """Return the least version of the bootstrap stack with which all `stacks` can be deployed."""
    return max((stack.bootstrap_version for stack in stacks), default=0)


def version(aws: Aws) -> int:
    """Return the version of the bootstrap stack, 0 where there is none."""
    try:
        value = aws.ssm.get_parameter(Name=_VERSION)["Parameter"].get("Value", "0")
    except aws.ssm.exceptions.ParameterNotFound:
        return 0
    except ClientError as error:
        raise DeployError(f"the bootstrap version cannot be read: {error}") from error
    return int(value)


def ensure(aws: Aws, caller: Caller, *, least: int, by_itself: bool) -> str:
    """Make sure that the environment is bootstrapped to version `least`; return what was found or done.

    Where `by_itself` is not allowed, DeployError names the command that does it.
    """
    found = version(aws)
    if found >= least:
        return f"version {found}"
    if not by_itself:
        what = f"has bootstrap version {found}, {least} is needed" if found else "is not bootstrapped"
        raise DeployError(
            f"account {caller.account} {what} in {aws.region}; run: "
            f"cd infra && npm ci && npx cdk bootstrap aws://{caller.account}/{aws.region}"
        )
    change_sets.deploy(aws, _stack(), parameters=_PARAMETERS)
    found = version(aws)
    if found < least:
        raise DeployError(f"the bootstrap stack stands, but its version is {found}; {least} is needed")
    return f"made, version {found}"


def _stack() -> Stack:
    return Stack(
        name=STACK,
        part="bootstrap",
        template={},
        template_url="",
        template_body=_template(),
        assets=(),
        needs=(),
        tags={},
        execution_role=None,
        # The CLI protects it neither, unless asked.
        termination_protection=False,
        bootstrap_version=0,
        paths={},
    )


def _template() -> str:
    if not _TEMPLATE.exists():
        install_cli()
    return _TEMPLATE.read_text()


def install_cli() -> None:
    """Install the CDK CLI of infra/package-lock.json beside it. Raises DeployError with npm's last line."""
    npm = shutil.which("npm", path=str(Path(sys.executable).parent)) or shutil.which("npm")
    if npm is None:
        raise DeployError("npm is missing: run bin/setup")
    with (_ROOM / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _TEMPLATE.exists():
            return
        done = subprocess.run([npm, "ci", "--silent"], cwd=_ROOM, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise DeployError(f"the CDK CLI could not be installed: {lines[-1] if lines else 'npm ci failed'}")
