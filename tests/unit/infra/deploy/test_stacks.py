"""What is known of a deployed stack."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from infra.deploy.stacks import Happening, Watch, first_failure
from tests.unit.infra.conftest import fake_aws

STACK = "AWS::CloudFormation::Stack"


def _event(logical_id: str, status: str, *, reason: str = "", type_: str = "AWS::SQS::Queue") -> Happening:
    return Happening(
        id=f"{logical_id}-{status}", logical_id=logical_id, physical_id="", type=type_, status=status, reason=reason
    )


@pytest.mark.parametrize(
    ("happenings", "logical_id"),
    [
        ([], None),
        ([_event("a", "CREATE_COMPLETE")], None),
        ([_event("a", "CREATE_FAILED", reason="no"), _event("b", "CREATE_FAILED", reason="no")], "a"),
        ([_event("a", "CREATE_FAILED", reason="Resource creation cancelled"), _event("b", "CREATE_FAILED")], "b"),
        ([_event("a", "CREATE_FAILED", reason="Resource creation cancelled")], "a"),
        ([_event("s", "UPDATE_ROLLBACK_FAILED", type_=STACK), _event("a", "UPDATE_FAILED", reason="no")], "a"),
        (
            [
                _event("n", "CREATE_FAILED", type_="AWS::Nested", reason="The following resource(s) failed to create"),
                _event("a", "CREATE_FAILED"),
            ],
            "a",
        ),
        ([_event("s", "ROLLBACK_FAILED", type_=STACK)], "s"),
    ],
)
def test_the_failure_that_the_others_follow_from(happenings: list[Happening], logical_id: str | None) -> None:
    found = first_failure(happenings)
    assert (found.logical_id if found else None) == logical_id


def test_events_are_told_once_in_order_and_old_pages_are_not_asked_for() -> None:
    pages: list[list[str]] = [["2", "1"], ["0"]]
    asked: list[int] = []

    def paginate(**_: object) -> Iterator[dict[str, Any]]:
        for number, page in enumerate(pages):
            asked.append(number)
            yield {"StackEvents": [{"EventId": name, "LogicalResourceId": name} for name in page]}

    cloudformation = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=paginate))
    watch = Watch(fake_aws(cloudformation=cloudformation), "stack")
    assert asked == [0, 1]
    pages.insert(0, ["4", "3", "2"])
    assert [happening.id for happening in watch.fresh()] == ["3", "4"]
    assert asked == [0, 1, 0]
    assert watch.fresh() == []
