"""Brings one stack to its template, always by a change set; an unchanged stack costs two reads."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from infra.deploy import stacks
from infra.deploy.assembly import Stack
from infra.deploy.assets import publish
from infra.deploy.aws import Aws
from infra.deploy.situation import Situation, situation, succeeded
from infra.deploy.stacks import Deployed, Happening, Watch
from infra.errors import DeployError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import DescribeChangeSetOutputTypeDef

_CHANGE_SET_SECONDS = 300
_NOTHING = ("didn't contain changes", "No updates are to be performed", "contain no changes")
_CAPABILITIES: list[Literal["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM"]] = [
    "CAPABILITY_IAM",
    "CAPABILITY_NAMED_IAM",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stack's deployment ended."""

    changed: bool
    outputs: Mapping[str, str]
    id: str


@dataclass(frozen=True, slots=True)
class FailedStack:
    """Why a stack could not be brought to its template."""

    stack: Stack
    status: str
    failure: Happening | None
    fallback: str

    @property
    def sentence(self) -> str:
        """One line that names the resource and the reason."""
        if self.failure is None:
            return f"{self.stack.name} ended in {self.status}: {self.fallback or 'no reason given'}"
        what = f"{self.stack.shown(self.failure.logical_id)} ({self.failure.type})"
        return f"{self.stack.name}: {what} {self.failure.status}: {self.failure.reason or 'no reason given'}"


class StackFailed(DeployError):  # noqa: N818  # it reads as what happened
    """A stack could not be brought to its template; `why` has the first failed event."""

    def __init__(self, why: FailedStack) -> None:
        super().__init__(why.sentence)
        self.why = why


def is_unchanged(
    stack: Stack, parameters: Mapping[str, str], deployed: Deployed, template: Mapping[str, object]
) -> bool:
    """Tell whether a deployed stack already is what would be deployed: settled well, same template, values and tags."""
    return (
        stack.template_body is None  # nothing is known of a body but its text, and it may be of a newer version
        and succeeded(deployed.status)
        and all(deployed.parameters.get(name) == value for name, value in parameters.items())
        and all(deployed.tags.get(name) == value for name, value in stack.tags.items())
        and deployed.termination_protection == stack.termination_protection
        and template == stack.template
    )


def deploy(
    aws: Aws,
    stack: Stack,
    *,
    parameters: Mapping[str, str],
    note: Callable[[str], None] = lambda _: None,
    failed: Callable[[Happening], None] = lambda _: None,
) -> Outcome:
    """Bring `stack` to its template with `parameters`. Raises StackFailed when CloudFormation could not.

    `failed` hears of each failure when it happens: a rollback takes away what could be asked for the reason.
    """
    deployed = _prepared(aws, stack, note=note)
    if deployed is not None and is_unchanged(stack, parameters, deployed, stacks.template(aws, stack.name)):
        return Outcome(changed=False, outputs=deployed.outputs, id=deployed.id)
    publish(aws, stack.assets)
    change_set = create_change_set(aws, stack, parameters=parameters, create=deployed is None)
    watch = Watch(aws, stack.name)
    changed = change_set is not None
    if change_set is not None:
        aws.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName=change_set["ChangeSetName"])
        _await_success(aws, stack, watch=watch, note=note, failed=failed)
    _protect(aws, stack)
    after = stacks.look(aws, stack.name)
    assert after is not None
    return Outcome(changed=changed, outputs=after.outputs, id=after.id)


def _prepared(aws: Aws, stack: Stack, *, note: Callable[[str], None]) -> Deployed | None:
    """Bring a stack that an earlier run left halfway into a state that can be deployed; None: create it."""
    while True:
        deployed = stacks.look(aws, stack.name)
        todo = situation(deployed.status if deployed else None)
        if deployed is None or todo is Situation.CREATE:
            return None
        if todo is Situation.UPDATE:
            return deployed
        note(f"{stack.name} is {deployed.status}: {todo.value}")
        watch = Watch(aws, stack.name)
        if todo is Situation.REMOVE:
            remove(aws, stack.name, watch=watch)
            return None
        if todo is Situation.CONTINUE_ROLLBACK:
            aws.cloudformation.continue_update_rollback(StackName=stack.name)
        settled = stacks.settle(aws, stack.name, watch=watch)
        if todo is Situation.CONTINUE_ROLLBACK and settled and settled.status == deployed.status:
            raise DeployError(f"{stack.name} stays {settled.status}: {settled.reason or 'no reason given'}")


def remove(aws: Aws, name: str, *, watch: Watch, heard: Callable[[Happening], None] | None = None) -> None:
    """Delete a stack and wait until it is gone. Raises DeployError with the resource that stands in the way."""
    aws.cloudformation.delete_stack(StackName=name)
    happenings: list[Happening] = []

    def hear(happening: Happening) -> None:
        happenings.append(happening)
        if heard is not None:
            heard(happening)

    left = stacks.settle(aws, name, watch=watch, heard=hear)
    if left is not None and left.status != "DELETE_COMPLETE":
        failure = stacks.first_failure(happenings)
        reason = f"{failure.logical_id} ({failure.type}): {failure.reason}" if failure else left.reason
        raise DeployError(f"stack {name} could not be deleted: {reason or left.status}")


def create_change_set(
    aws: Aws, stack: Stack, *, parameters: Mapping[str, str], create: bool, previous: tuple[str, ...] = ()
) -> "DescribeChangeSetOutputTypeDef | None":
    """Create a change set and wait for it; None when it holds no change.

    Parameters named by `previous` keep the value they have. Raises DeployError with CloudFormation's reason.
    """
    name = f"duet-{time.time_ns():x}"
    values = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    kept = [{"ParameterKey": key, "UsePreviousValue": True} for key in previous]
    role = {"RoleARN": stack.execution_role} if stack.execution_role else {}
    try:
        aws.cloudformation.create_change_set(
            StackName=stack.name,
            ChangeSetName=name,
            ChangeSetType="CREATE" if create else "UPDATE",
            **_source(stack),  # type: ignore[arg-type]  # keyword arguments by name
            Parameters=[*values, *kept],  # type: ignore[list-item]  # plain dicts of the stub's shape
            Capabilities=_CAPABILITIES,
            Tags=[{"Key": key, "Value": value} for key, value in stack.tags.items()],
            **role,  # type: ignore[arg-type]
        )
    except ClientError as error:
        raise DeployError(f"{stack.name}: {error.response['Error'].get('Message', error)}") from error
    return _created(aws, stack.name, name, create=create)


def _source(stack: Stack) -> dict[str, str]:
    if stack.template_body is not None:
        return {"TemplateBody": stack.template_body}
    return {"TemplateURL": stack.template_url}


def _created(aws: Aws, stack: str, name: str, *, create: bool) -> "DescribeChangeSetOutputTypeDef | None":
    deadline = time.monotonic() + _CHANGE_SET_SECONDS
    while True:
        found = aws.cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)
        status = found["Status"]
        if status == "CREATE_COMPLETE":
            return found
        if status == "FAILED":
            reason = found.get("StatusReason", "")
            _forget(aws, stack, name, create=create)
            if any(word in reason for word in _NOTHING):
                return None
            raise DeployError(f"{stack}: the change set was refused: {reason or 'no reason given'}")
        if time.monotonic() > deadline:
            raise DeployError(f"{stack}: its change set is still {status} after {_CHANGE_SET_SECONDS} s")
        aws.pause()


def _forget(aws: Aws, stack: str, name: str, *, create: bool) -> None:
    """Leave nothing of a change set that is not executed; a stack that was only reviewed goes with it."""
    aws.cloudformation.delete_change_set(StackName=stack, ChangeSetName=name)
    if create:
        aws.cloudformation.delete_stack(StackName=stack)


def discard(aws: Aws, stack: Stack, change_set: "DescribeChangeSetOutputTypeDef") -> None:
    """Delete a change set that was made only to be looked at."""
    _forget(aws, stack.name, change_set["ChangeSetName"], create=False)


def _await_success(
    aws: Aws, stack: Stack, *, watch: Watch, note: Callable[[str], None], failed: Callable[[Happening], None]
) -> None:
    happenings: list[Happening] = []

    def hear(happening: Happening) -> None:
        happenings.append(happening)
        if happening.type != "AWS::CloudFormation::Stack":
            note(f"{happening.status} {stack.shown(happening.logical_id)} ({happening.type})")
        if happening.status.endswith("_FAILED"):
            failed(happening)

    settled = stacks.settle(aws, stack.name, watch=watch, heard=hear)
    status = settled.status if settled else "DELETE_COMPLETE"
    if not succeeded(status):
        failure = stacks.first_failure(happenings)
        fallback = settled.reason if settled else ""
        raise StackFailed(FailedStack(stack=stack, status=status, failure=failure, fallback=fallback))


def _protect(aws: Aws, stack: Stack) -> None:
    deployed = stacks.look(aws, stack.name)
    if deployed is not None and deployed.termination_protection != stack.termination_protection:
        aws.cloudformation.update_termination_protection(
            StackName=stack.name, EnableTerminationProtection=stack.termination_protection
        )
