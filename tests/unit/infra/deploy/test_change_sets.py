"""Bringing a stack to its template: what counts as unchanged, what a failure says, what an earlier run left."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.deploy import change_sets, stacks
from infra.deploy.change_sets import FailedStack, StackFailed, deploy, is_unchanged
from infra.deploy.stacks import Deployed, Happening
from infra.errors import DeployError
from tests.unit.infra.conftest import a_stack, fake_aws

TEMPLATE = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
STACK = a_stack(template=TEMPLATE, tags={"environment": "dev"})


def deployed(status: str = "CREATE_COMPLETE", **fields: Any) -> Deployed:
    """A stack as it is in the account."""
    given: dict[str, Any] = {
        "reason": "",
        "parameters": {"ImageDigest": "sha256:1"},
        "outputs": {"Name": "value"},
        "tags": {"environment": "dev"},
        "termination_protection": False,
        **fields,
    }
    return Deployed(id="arn:stack", status=status, **given)


def happened(
    status: str, *, logical_id: str = "Queue", type_: str = "AWS::SQS::Queue", reason: str = "", id_: str = ""
) -> Happening:
    """An event of a stack."""
    return Happening(
        id=id_ or f"{logical_id}-{status}",
        logical_id=logical_id,
        physical_id="",
        type=type_,
        status=status,
        reason=reason,
    )


def test_a_stack_with_the_same_template_values_and_tags_is_unchanged() -> None:
    assert is_unchanged(STACK, {"ImageDigest": "sha256:1"}, deployed(), TEMPLATE)


@pytest.mark.parametrize(
    ("there", "template", "stack"),
    [
        (deployed("UPDATE_ROLLBACK_COMPLETE"), TEMPLATE, STACK),
        (deployed(parameters={"ImageDigest": "sha256:2"}), TEMPLATE, STACK),
        (deployed(parameters={}), TEMPLATE, STACK),
        (deployed(tags={"environment": "prod"}), TEMPLATE, STACK),
        (deployed(termination_protection=True), TEMPLATE, STACK),
        (deployed(), {"Resources": {}}, STACK),
        # The bootstrap stack: its template is YAML, of which the deployer knows nothing.
        (deployed(), {}, a_stack(template={}, template_body="Resources: {}")),
    ],
)
def test_one_difference_is_a_change(there: Deployed, template: dict[str, object], stack: Any) -> None:
    assert not is_unchanged(stack, {"ImageDigest": "sha256:1"}, there, template)


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (
            happened("CREATE_FAILED", reason="no"),
            "duet-dev-data: Jobs (AWS::SQS::Queue) CREATE_FAILED: no",
        ),
        (happened("CREATE_FAILED"), "duet-dev-data: Jobs (AWS::SQS::Queue) CREATE_FAILED: no reason given"),
        (None, "duet-dev-data ended in ROLLBACK_COMPLETE: it was cancelled"),
    ],
)
def test_a_failed_stack_names_the_resource_and_the_reason(failure: Happening | None, sentence: str) -> None:
    stack = a_stack(paths={"Queue": "Jobs"})
    failed = FailedStack(stack=stack, status="ROLLBACK_COMPLETE", failure=failure, fallback="it was cancelled")
    assert failed.sentence == sentence
    assert str(StackFailed(failed)) == sentence


class FakeCloudFormation:
    """CloudFormation as far as one stack goes: `statuses` are what it is found in, look by look, the last for ever.

    `change_set` is the status and reason that a change set ends with.
    """

    def __init__(
        self,
        *statuses: str | None,
        change_set: tuple[str, str] = ("CREATE_COMPLETE", ""),
        events: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.statuses = list(statuses)
        self.calls: list[str] = []
        self._change_set = change_set
        self._events = events
        self._executed = False

    def describe_stacks(self, **_: object) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "Stack does not exist"}}, "Describe")
        return {"Stacks": [{"StackId": "arn:stack", "StackStatus": status, "Outputs": [], "Parameters": []}]}

    def describe_change_set(self, **_: object) -> dict[str, Any]:
        status, reason = self._change_set
        return {"Status": status, "StatusReason": reason, "ChangeSetName": "it"}

    def get_template(self, **_: object) -> dict[str, Any]:
        return {"TemplateBody": {}}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "describe_stack_events"
        events = [
            {
                "EventId": f"{logical_id}-{status}",
                "LogicalResourceId": logical_id,
                "ResourceType": "AWS::SQS::Queue",
                "ResourceStatus": status,
                "ResourceStatusReason": "because",
            }
            for logical_id, status in self._events
        ]
        return SimpleNamespace(paginate=lambda **_: [{"StackEvents": events if self._executed else []}])

    def execute_change_set(self, **_: object) -> None:
        self.calls.append("execute")
        self._executed = True

    def __getattr__(self, name: str) -> Any:
        return lambda **_: self.calls.append(name)


def _deploy(cloudformation: FakeCloudFormation, **more: Any) -> change_sets.Outcome:
    return deploy(fake_aws(cloudformation=cloudformation), a_stack(template=TEMPLATE), parameters={}, **more)


def test_a_new_stack_is_created_by_a_change_set() -> None:
    cloudformation = FakeCloudFormation(None, "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert _deploy(cloudformation).changed
    assert cloudformation.calls == ["create_change_set", "execute"]


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_a_change_set_without_a_change_is_no_failure(reason: str) -> None:
    cloudformation = FakeCloudFormation("UPDATE_COMPLETE", change_set=("FAILED", reason))
    assert not _deploy(cloudformation).changed
    assert cloudformation.calls == ["create_change_set", "delete_change_set"]


def test_a_refused_change_set_leaves_no_empty_stack() -> None:
    cloudformation = FakeCloudFormation(None, change_set=("FAILED", "Unknown type AWS::Ghost::Thing"))
    with pytest.raises(DeployError, match="duet-dev-data: the change set was refused: Unknown type AWS::Ghost::Thing"):
        _deploy(cloudformation)
    assert cloudformation.calls == ["create_change_set", "delete_change_set", "delete_stack"]


def test_what_a_failed_creation_left_is_removed_first() -> None:
    cloudformation = FakeCloudFormation("ROLLBACK_COMPLETE", None, "CREATE_COMPLETE")
    notes: list[str] = []
    _deploy(cloudformation, note=notes.append)
    assert cloudformation.calls == ["delete_stack", "create_change_set", "execute"]
    assert notes == ["duet-dev-data is ROLLBACK_COMPLETE: remove what a failed creation left, then create it"]


def test_a_stack_under_way_is_waited_for_and_a_stuck_rollback_goes_on() -> None:
    cloudformation = FakeCloudFormation(
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_FAILED",
        "UPDATE_ROLLBACK_FAILED",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_COMPLETE",
    )
    assert _deploy(cloudformation).changed
    assert cloudformation.calls == ["continue_update_rollback", "create_change_set", "execute"]


def test_a_rollback_that_does_not_go_on_is_an_error() -> None:
    with pytest.raises(DeployError, match="duet-dev-data stays UPDATE_ROLLBACK_FAILED: no reason given"):
        _deploy(FakeCloudFormation("UPDATE_ROLLBACK_FAILED"))


def test_a_failure_is_heard_when_it_happens_and_told_at_the_end() -> None:
    events = (("Other", "DELETE_COMPLETE"), ("Other", "CREATE_FAILED"), ("Queue", "CREATE_FAILED"))
    cloudformation = FakeCloudFormation(None, "CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE", events=events)
    heard: list[Happening] = []
    with pytest.raises(StackFailed, match=r"Queue \(AWS::SQS::Queue\) CREATE_FAILED: because"):
        _deploy(cloudformation, failed=heard.append)
    assert [happening.logical_id for happening in heard] == ["Queue", "Other"]


def test_protection_follows_the_settings() -> None:
    cloudformation = FakeCloudFormation("UPDATE_COMPLETE")
    deploy(
        fake_aws(cloudformation=cloudformation),
        a_stack(template=TEMPLATE, termination_protection=True),
        parameters={},
    )
    assert cloudformation.calls == ["create_change_set", "execute", "update_termination_protection"]


def test_a_stack_that_is_gone_has_no_events() -> None:
    def nowhere(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ValidationError", "Message": "Stack does not exist"}}, "Events")

    cloudformation = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=nowhere))
    assert stacks.Watch(fake_aws(cloudformation=cloudformation), "gone").fresh() == []
