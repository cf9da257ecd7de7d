"""What a deployment would change."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.deploy.plan import Change, StackPlan, compare, lines, plan
from tests.unit.infra.conftest import a_stack, fake_aws


def _queue(**properties: object) -> dict[str, object]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def test_two_templates_differ_by_resource_and_property() -> None:
    before = {"Resources": {"Same": _queue(), "Old": _queue(), "Changed": _queue(Delay=1, Name="a")}}
    after = {"Resources": {"Same": _queue(), "New": _queue(), "Changed": _queue(Delay=2, Name="a", Fifo=True)}}
    assert compare(before, after, a_stack(paths={"New": "Jobs"})) == (
        Change("add", "Jobs", "AWS::SQS::Queue"),
        Change("modify", "Changed", "AWS::SQS::Queue", ("Delay", "Fifo")),
        Change("remove", "Old", "AWS::SQS::Queue"),
    )
    assert compare(after, after, a_stack()) == ()


def test_the_plan_is_for_people() -> None:
    plans = [
        StackPlan("network", ()),
        StackPlan("data", (Change("replace", "Database", "AWS::RDS::DBInstance", ("Engine", "Port")),)),
        StackPlan("storage", (Change("add", "Jobs", "AWS::SQS::Queue"),), "new stack"),
        StackPlan("release", (), "is UPDATE_IN_PROGRESS; the deployment will wait for it"),
    ]
    assert [" ".join(line.split()) for line in lines(plans)] == [
        "network: no change",
        "data",
        "± AWS::RDS::DBInstance Database (Engine, Port)",
        "storage: new stack",
        "+ AWS::SQS::Queue Jobs",
        "release: is UPDATE_IN_PROGRESS; the deployment will wait for it",
    ]


class FakeCloudFormation:
    """CloudFormation with one stack, whose change sets hold `changes`, a page each."""

    def __init__(self, status: str | None, *changes: dict[str, Any]) -> None:
        self.calls: list[str] = []
        self._status = status
        self._changes = changes

    def describe_stacks(self, **_: object) -> dict[str, Any]:
        if self._status is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "Stack does not exist"}}, "Describe")
        return {"Stacks": [{"StackStatus": self._status}]}

    def get_template(self, **_: object) -> dict[str, Any]:
        return {"TemplateBody": {"Resources": {"Old": _queue()}}}

    def create_change_set(self, **given: Any) -> None:
        self.calls.append("create_change_set")
        self.given = given

    def describe_change_set(self, **_: object) -> dict[str, Any]:
        return {"Status": "CREATE_COMPLETE", "ChangeSetName": "it", "Changes": list(self._changes[:1])}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "describe_change_set"
        return SimpleNamespace(paginate=lambda **_: [{"Changes": [change]} for change in self._changes])

    def __getattr__(self, name: str) -> Any:
        return lambda **_: self.calls.append(name)


def _change(
    action: str, logical_id: str, *, replacement: str = "False", properties: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "ResourceChange": {
            "Action": action,
            "LogicalResourceId": logical_id,
            "ResourceType": "AWS::SQS::Queue",
            "Replacement": replacement,
            "Details": [{"Target": {"Name": name}} for name in properties],
        }
    }


def test_a_change_set_is_looked_at_page_by_page_and_deleted() -> None:
    cloudformation = FakeCloudFormation(
        "UPDATE_COMPLETE",
        _change("Add", "New"),
        _change("Remove", "Old"),
        _change("Modify", "Changed", properties=("Delay", "Delay")),
        _change("Modify", "Moved", replacement="True", properties=("Name",)),
        _change("Modify", "Perhaps", replacement="Conditional"),
    )
    stack = a_stack(template={"Resources": {}, "Parameters": {"ImageDigest": {"Type": "String"}}})
    (found,) = plan(fake_aws(cloudformation=cloudformation), [stack], parameters={})
    assert [(change.action, change.resource, change.properties) for change in found.changes] == [
        ("add", "New", ()),
        ("remove", "Old", ()),
        ("modify", "Changed", ("Delay",)),
        ("replace", "Moved", ("Name",)),
        ("replace?", "Perhaps", ()),
    ]
    assert cloudformation.calls == ["create_change_set", "delete_change_set"]
    assert cloudformation.given["Parameters"] == [{"ParameterKey": "ImageDigest", "UsePreviousValue": True}]


@pytest.mark.parametrize("status", [None, "ROLLBACK_COMPLETE"])
def test_a_stack_that_is_not_there_is_all_new_and_nothing_is_made(status: str | None) -> None:
    cloudformation = FakeCloudFormation(status)
    stack = a_stack(template={"Resources": {"New": _queue()}})
    (found,) = plan(fake_aws(cloudformation=cloudformation), [stack], parameters={})
    assert (found.note, [change.action for change in found.changes]) == ("new stack", ["add"])
    assert cloudformation.calls == []


def test_a_stack_under_way_is_only_named() -> None:
    (found,) = plan(fake_aws(cloudformation=FakeCloudFormation("UPDATE_IN_PROGRESS")), [a_stack()], parameters={})
    assert found.note == "is UPDATE_IN_PROGRESS; the deployment will wait for it"
