"""What a deployment would change, resource by resource, as CloudFormation's own change sets say it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from infra.deploy import change_sets, stacks
from infra.deploy.assembly import Stack
from infra.deploy.assets import publish
from infra.deploy.aws import Aws
from infra.deploy.situation import Situation, situation
from infra.errors import DeployError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ChangeTypeDef

Action = Literal["add", "modify", "replace", "replace?", "remove"]
_SIGNS: Mapping[Action, str] = {"add": "+", "modify": "~", "replace": "±", "replace?": "±?", "remove": "-"}


@dataclass(frozen=True, slots=True)
class Change:
    """What would happen to one resource; `replace?` where CloudFormation can tell only while it works."""

    action: Action
    resource: str
    type: str
    properties: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The change for people."""
        changed = f"  ({', '.join(self.properties)})" if self.properties else ""
        return f"{_SIGNS[self.action]:<2} {self.type:<48} {self.resource}{changed}"


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What would happen to one stack; `note` says what the changes cannot."""

    stack: str
    changes: tuple[Change, ...]
    note: str = ""


def plan(aws: Aws, all_stacks: Sequence[Stack], *, parameters: Mapping[str, str]) -> list[StackPlan]:
    """Say what deploying `all_stacks` would change. Parameters not in `parameters` are taken to stay as they are.

    Change sets are made for stacks that exist, looked at, and deleted; nothing is executed.
    """
    return [_plan_one(aws, stack, parameters) for stack in all_stacks]


def _plan_one(aws: Aws, stack: Stack, parameters: Mapping[str, str]) -> StackPlan:
    deployed = stacks.look(aws, stack.name)
    todo = situation(deployed.status if deployed else None)
    if deployed is None or todo in (Situation.CREATE, Situation.REMOVE):
        return StackPlan(stack.name, compare({}, stack.template, stack), "new stack")
    if todo is Situation.WAIT:
        return StackPlan(stack.name, (), f"is {deployed.status}; the deployment will wait for it")
    before = stacks.template(aws, stack.name)
    given = {name: parameters[name] for name in stack.parameters if name in parameters}
    if change_sets.is_unchanged(stack, given, deployed, before):
        return StackPlan(stack.name, ())
    previous = tuple(name for name in stack.parameters if name not in given)
    try:
        publish(aws, stack.assets)
        found = change_sets.create_change_set(aws, stack, parameters=given, create=False, previous=previous)
    except DeployError as error:
        # For example a value that another stack of this deployment has yet to export.
        return StackPlan(stack.name, compare(before, stack.template, stack), f"by its templates only: {error}")
    if found is None:
        return StackPlan(stack.name, ())
    pages = aws.cloudformation.get_paginator("describe_change_set").paginate(
        StackName=stack.name, ChangeSetName=found["ChangeSetName"]
    )
    changes = tuple(_change(each, stack) for page in pages for each in page.get("Changes", []))
    change_sets.discard(aws, stack, found)
    return StackPlan(stack.name, changes, "" if changes else "outputs, tags or metadata only")


def compare(before: Mapping[str, Any], after: Mapping[str, Any], stack: Stack) -> tuple[Change, ...]:
    """Compare the resources of two templates; whether a change replaces is CloudFormation's to say."""
    old: Mapping[str, Any] = before.get("Resources", {})
    new: Mapping[str, Any] = after.get("Resources", {})
    found = [Change("add", stack.shown(name), new[name]["Type"]) for name in new if name not in old]
    found += [
        Change("modify", stack.shown(name), new[name]["Type"], _differing(old[name], new[name]))
        for name in new
        if name in old and new[name] != old[name]
    ]
    found += [Change("remove", stack.shown(name), old[name]["Type"]) for name in old if name not in new]
    return tuple(found)


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    before, after = old.get("Properties", {}), new.get("Properties", {})
    return tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


def _change(change: "ChangeTypeDef", stack: Stack) -> Change:
    of = change.get("ResourceChange", {})
    replacement = of.get("Replacement", "False")
    action: Action
    if of.get("Action") == "Add":
        action = "add"
    elif of.get("Action") == "Remove":
        action = "remove"
    elif replacement == "True":
        action = "replace"
    else:
        action = "replace?" if replacement == "Conditional" else "modify"
    details = (detail.get("Target", {}).get("Name", "") for detail in of.get("Details", []))
    properties = tuple(sorted({name for name in details if name})) if action not in ("add", "remove") else ()
    return Change(action, stack.shown(of.get("LogicalResourceId", "")), of.get("ResourceType", ""), properties)


def lines(plans: Iterable[StackPlan]) -> list[str]:
    """The plans for people."""
    text: list[str] = []
    for each in plans:
        if each.changes or each.note:
            text.append(f"{each.stack}{f': {each.note}' if each.note else ''}")
            text += [f"  {change.line}" for change in each.changes]
        else:
            text.append(f"{each.stack}: no change")
    return text
