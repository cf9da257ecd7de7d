"""What a cache needs next, without a single process."""

from dataclasses import replace

import pytest
from twin.services.elasticache.decide import (
    MOST_TRIES,
    SILENT_SECONDS,
    Action,
    Adjust,
    End,
    Forget,
    GroupSeen,
    NodeSeen,
    Routes,
    Start,
    decide,
    routes,
    status,
)
from twin.services.elasticache.models import Role, Status

PRIMARY = NodeSeen("g-001", Role.PRIMARY, alive=True, role=Role.PRIMARY, was_up=True)
REPLICA = NodeSeen("g-002", Role.REPLICA, alive=True, role=Role.REPLICA, link_up=True, was_up=True)
NEW = NodeSeen("g-001", Role.PRIMARY)
WELL = GroupSeen("g", (PRIMARY, REPLICA))


@pytest.mark.parametrize(
    ("node", "actions"),
    [
        (PRIMARY, []),
        (NEW, [Start("g-001")]),
        (replace(NEW, busy=True), []),
        (replace(NEW, resting=True, failures=1), []),
        (replace(PRIMARY, alive=False, role=None), [Start("g-001", "it had ended")]),
        (replace(PRIMARY, role=None, silent=SILENT_SECONDS - 1), []),
        (replace(PRIMARY, role=None, silent=SILENT_SECONDS), [Start("g-001", "it did not answer")]),
        (replace(PRIMARY, settled=False), [Adjust("g-001")]),
        (replace(PRIMARY, settled=False, busy=True), []),
        (replace(PRIMARY, settled=False, misplaced=True), [Start("g-001", "it follows another primary now")]),
    ],
)
def test_what_a_node_needs(node: NodeSeen, actions: list[Action]) -> None:
    assert decide(GroupSeen("g", (node, REPLICA))) == actions


def test_nodes_of_a_new_group_start_side_by_side() -> None:
    assert decide(GroupSeen("g", (NEW, NodeSeen("g-002", Role.REPLICA)), created=False)) == [
        Start("g-001"),
        Start("g-002"),
    ]


def test_a_surplus_node_ends_and_the_others_stay() -> None:
    third = replace(REPLICA, id="g-003")
    assert decide(replace(WELL, surplus=(third,))) == [End("g-003")]
    assert decide(replace(WELL, surplus=(replace(third, busy=True),))) == []


def test_a_deleted_group_is_forgotten_when_its_last_node_has_ended() -> None:
    assert decide(replace(WELL, deleting=True)) == [End("g-001"), End("g-002")]
    assert decide(GroupSeen("g", (replace(PRIMARY, busy=True),), deleting=True)) == []
    assert decide(GroupSeen("g", (), deleting=True)) == [Forget()]


@pytest.mark.parametrize(
    ("group", "wanted"),
    [
        (WELL, Routes(("g-001",), ("g-002",))),
        (GroupSeen("g", (PRIMARY,)), Routes(("g-001",), ("g-001",))),
        (GroupSeen("g", (PRIMARY, replace(REPLICA, link_up=False))), Routes(("g-001",), ("g-001",))),
        (GroupSeen("g", (replace(PRIMARY, role=None), REPLICA)), Routes((), ("g-002",))),
        (GroupSeen("g", (replace(PRIMARY, role=Role.REPLICA), REPLICA)), Routes((), ("g-002",))),
        (replace(WELL, deleting=True), Routes((), ())),
    ],
)
def test_where_the_endpoints_lead(group: GroupSeen, wanted: Routes) -> None:
    assert routes(group) == wanted


@pytest.mark.parametrize(
    ("group", "wanted"),
    [
        (WELL, Status.AVAILABLE),
        (replace(WELL, created=False), Status.AVAILABLE),
        (replace(WELL, created=False, routed=False), Status.CREATING),
        (replace(WELL, routed=False), Status.MODIFYING),
        (GroupSeen("g", (PRIMARY, replace(REPLICA, link_up=False))), Status.MODIFYING),
        (GroupSeen("g", (PRIMARY, replace(REPLICA, link_up=False)), created=False), Status.CREATING),
        (GroupSeen("g", (replace(PRIMARY, settled=False),)), Status.MODIFYING),
        (GroupSeen("g", (PRIMARY,), surplus=(REPLICA,)), Status.MODIFYING),
        (GroupSeen("g", (replace(NEW, failures=MOST_TRIES),), created=False), Status.CREATE_FAILED),
        (GroupSeen("g", (replace(NEW, failures=MOST_TRIES),)), Status.MODIFYING),
        (replace(WELL, deleting=True), Status.DELETING),
    ],
)
def test_the_state_is_what_was_seen(group: GroupSeen, wanted: Status) -> None:
    assert status(group) is wanted
