"""What is known of a deployed stack: its status, parameters, template, outputs, and what happened to it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.deploy.aws import Aws
from infra.deploy.situation import Situation, situation
from infra.errors import DeployError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

# No resource of ours takes longer; a stack of which nothing was heard for this long is not moving.
_STUCK_SECONDS = 3600
_CANCELLED = ("cancelled", "The following resource(s) failed")


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack as it is in the account."""

    id: str
    status: str
    reason: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    tags: Mapping[str, str]
    termination_protection: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a stack."""

    id: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str


def look(aws: Aws, name: str) -> Deployed | None:
    """Return the stack called `name`, None where there is none."""
    try:
        found = aws.cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    if not found:
        return None
    stack = found[0]
    return Deployed(
        id=stack.get("StackId", name),
        status=stack["StackStatus"],
        reason=stack.get("StackStatusReason", ""),
        parameters={each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])},
        outputs={each["OutputKey"]: each.get("OutputValue", "") for each in stack.get("Outputs", [])},
        tags={each["Key"]: each["Value"] for each in stack.get("Tags", [])},
        termination_protection=stack.get("EnableTerminationProtection", False),
    )


def template(aws: Aws, name: str) -> Mapping[str, Any]:
    """Return the template of a stack as it was given to CloudFormation."""
    body = aws.cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    return body if isinstance(body, Mapping) else {}


class Watch:
    """The events of one stack from now on."""

    def __init__(self, aws: Aws, stack_name: str) -> None:
        self._aws = aws
        self._name = stack_name
        self._seen: set[str] = set()
        self.fresh()

    def fresh(self) -> list[Happening]:
        """Return what happened since the last call, in order."""
        try:
            events = self._unseen()
        except ClientError as error:
            if "does not exist" in str(error):
                return []
            raise
        self._seen |= {each["EventId"] for each in events}
        return [_happening(event) for event in reversed(events)]

    def _unseen(self) -> "list[StackEventTypeDef]":
        """The events not seen yet, newest first as they come; pages behind a seen one are not asked for."""
        found: list[StackEventTypeDef] = []
        for page in self._aws.cloudformation.get_paginator("describe_stack_events").paginate(StackName=self._name):
            events = [event for event in page["StackEvents"] if event["EventId"] not in self._seen]
            found += events
            if len(events) < len(page["StackEvents"]):
                break
        return found


def _happening(event: "StackEventTypeDef") -> Happening:
    return Happening(
        id=event["EventId"],
        logical_id=event.get("LogicalResourceId", ""),
        physical_id=event.get("PhysicalResourceId", ""),
        type=event.get("ResourceType", ""),
        status=event.get("ResourceStatus", ""),
        reason=event.get("ResourceStatusReason", ""),
    )


def first_failure(happenings: list[Happening]) -> Happening | None:
    """The failure that the others follow from: the first of a resource that was not merely cancelled."""
    failed = [each for each in happenings if each.status.endswith("_FAILED")]
    of_resources = [each for each in failed if each.type != "AWS::CloudFormation::Stack"]
    real = [each for each in of_resources if not any(word in each.reason for word in _CANCELLED)]
    return next(iter(real or of_resources or failed), None)


def settle(aws: Aws, name: str, *, watch: Watch, heard: Callable[[Happening], None] | None = None) -> Deployed | None:
    """Wait until a stack is not in progress; return it, None when it is gone.

    Raises DeployError when nothing is heard of it for an hour.
    """
    quiet_since = time.monotonic()
    while True:
        found = look(aws, name)
        for happening in watch.fresh():
            quiet_since = time.monotonic()
            if heard is not None:
                heard(happening)
        if found is None or situation(found.status) is not Situation.WAIT:
            return found
        if time.monotonic() - quiet_since > _STUCK_SECONDS:
            raise DeployError(
                f"stack {name} stays {found.status}: nothing was heard of it for {_STUCK_SECONDS // 60} min"
            )
        aws.pause()
