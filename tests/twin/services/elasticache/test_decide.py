"""What a cache needs next, without a single process."""

from dataclasses import replace

import pytest
from twin.services.elasticache.decide import (
    MOST_TRIES,
    NOTICE_SECONDS,
    SILENT_SECONDS,
    Action,
    Adjust,
    End,
    FailOver,
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
REPLICA = NodeSeen("g-002", Role.REPLICA, alive=True, role=Role.REPLICA, link_up=True, copied=True, was_up=True)
NEW = NodeSeen("g-001", Role.PRIMARY)
WELL = GroupSeen("g", (PRIMARY, REPLICA))
DEAD = replace(PRIMARY, alive=False, role=None, down=NOTICE_SECONDS)
ALONE = replace(REPLICA, link_up=False, offset=10)
LOST = GroupSeen("g", (DEAD, ALONE), automatic_failover=True)
TAKEN_OVER = [FailOver("g-001", "g-002")]


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
    ],
)
def test_what_a_node_needs(node: NodeSeen, actions: list[Action]) -> None:
    assert decide(GroupSeen("g", (node, REPLICA))) == actions


def test_nodes_of_a_new_group_start_side_by_side() -> None:
    assert decide(GroupSeen("g", (NEW, NodeSeen("g-002", Role.REPLICA)), created=False)) == [
        Start("g-001"),
        Start("g-002"),
    ]


@pytest.mark.parametrize(
    ("group", "actions"),
    [
        (LOST, TAKEN_OVER),
        (replace(LOST, nodes=(replace(DEAD, resting=True, failures=1), ALONE)), TAKEN_OVER),
        (replace(LOST, nodes=(replace(PRIMARY, role=None, silent=SILENT_SECONDS), ALONE)), TAKEN_OVER),
        # What has just happened AWS has not noticed yet.
        (replace(LOST, nodes=(replace(DEAD, down=NOTICE_SECONDS - 1), ALONE)), []),
        (replace(LOST, nodes=(replace(PRIMARY, role=None, silent=SILENT_SECONDS - 1), ALONE)), []),
        (replace(LOST, nodes=(replace(DEAD, busy=True), ALONE)), []),
        # Nobody could take over: it is started again where it was.
        (replace(LOST, automatic_failover=False), [Start("g-001", "it had ended")]),
        (replace(LOST, nodes=(DEAD,)), [Start("g-001", "it had ended")]),
        (replace(LOST, nodes=(DEAD, replace(ALONE, copied=False))), [Start("g-001", "it had ended")]),
        (replace(LOST, nodes=(DEAD, replace(ALONE, busy=True))), [Start("g-001", "it had ended")]),
        (replace(LOST, nodes=(DEAD, replace(ALONE, role=None))), [Start("g-001", "it had ended")]),
        # A twin that starts has lost nobody.
        (replace(LOST, nodes=(NEW, ALONE)), [Start("g-001")]),
        (replace(WELL, automatic_failover=True), []),
        (replace(WELL, automatic_failover=True, test_failover=True), TAKEN_OVER),
    ],
)
def test_a_replica_takes_over_from_a_lost_primary(group: GroupSeen, actions: list[Action]) -> None:
    assert decide(group) == actions


def test_the_replica_that_has_come_furthest_takes_over() -> None:
    third = replace(ALONE, id="g-003", offset=11)
    silent = replace(ALONE, id="g-004", offset=12, role=None)
    assert decide(replace(LOST, nodes=(DEAD, ALONE, third, silent))) == [FailOver("g-001", "g-003")]


def test_nothing_else_is_done_to_the_two_between_whom_it_goes() -> None:
    heir, third = replace(ALONE, settled=False), replace(ALONE, id="g-003", offset=1, settled=False)
    assert decide(replace(LOST, nodes=(DEAD, heir, third))) == [Adjust("g-003"), FailOver("g-001", "g-002")]


def test_after_a_failover_the_others_follow_and_the_old_primary_comes_back_as_a_replica() -> None:
    old = replace(DEAD, wanted=Role.REPLICA)
    new = replace(ALONE, wanted=Role.PRIMARY, role=Role.PRIMARY)
    third = replace(ALONE, id="g-003", settled=False)
    assert decide(replace(LOST, nodes=(old, new, third))) == [Start("g-001", "it had ended"), Adjust("g-003")]


def test_a_surplus_node_ends_and_the_others_stay() -> None:
    third = replace(REPLICA, id="g-003")
    assert decide(replace(WELL, surplus=(third,))) == [End("g-003")]
    assert decide(replace(WELL, surplus=(replace(third, busy=True),))) == []


def test_nothing_of_a_deleted_group_ends_before_its_last_snapshot_is_taken() -> None:
    ending = replace(WELL, deleting=True, saving=True)
    assert (decide(ending), routes(ending)) == ([], Routes((), ()))
    dead = replace(ending, nodes=(replace(PRIMARY, alive=False, role=None), REPLICA))
    assert decide(dead) == [Start("g-001", "it had ended")]


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
        (LOST, Routes((), ("g-002",))),
        (replace(LOST, nodes=(DEAD, replace(ALONE, copied=False))), Routes((), ())),
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
        (replace(WELL, test_failover=True), Status.MODIFYING),
        (LOST, Status.MODIFYING),
        (GroupSeen("g", (PRIMARY, replace(REPLICA, link_up=False))), Status.MODIFYING),
        (GroupSeen("g", (PRIMARY, replace(REPLICA, link_up=False)), created=False), Status.CREATING),
        (GroupSeen("g", (replace(PRIMARY, settled=False),)), Status.MODIFYING),
        (GroupSeen("g", (PRIMARY,), surplus=(REPLICA,)), Status.MODIFYING),
        (GroupSeen("g", (replace(NEW, failures=MOST_TRIES),), created=False), Status.CREATE_FAILED),
        (GroupSeen("g", (replace(NEW, failures=MOST_TRIES),)), Status.MODIFYING),
        (replace(WELL, deleting=True), Status.DELETING),
        (replace(WELL, saving=True), Status.SNAPSHOTTING),
        (replace(LOST, saving=True), Status.MODIFYING),
        (replace(WELL, saving=True, deleting=True), Status.DELETING),
    ],
)
def test_the_state_is_what_was_seen(group: GroupSeen, wanted: Status) -> None:
    assert status(group) is wanted
