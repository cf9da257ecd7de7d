"""What a service needs next, without a single process."""

from dataclasses import replace

import pytest
from twin.services.ecs.decide import (
    Complete,
    DeploymentSeen,
    Fail,
    ServiceSeen,
    Start,
    Steady,
    Stop,
    TaskSeen,
    breaker_threshold,
    decide,
)
from twin.services.ecs.models import Rollout

ZONES = ("a", "c")
NEW = DeploymentSeen("new", Rollout.IN_PROGRESS)
OLD = DeploymentSeen("old", Rollout.COMPLETED)


def service(*tasks: TaskSeen, **more: object) -> ServiceSeen:
    seen = ServiceSeen(name="web", desired=2, zones=ZONES, deployments=(NEW,), tasks=tasks)
    return replace(seen, **more)  # type: ignore[arg-type]


def task(name: str, zone: str = "a", deployment: str = "new", **more: object) -> TaskSeen:
    seen = TaskSeen(name, deployment, zone, running=True, healthy=True, unhealthy=False)
    return replace(seen, **more)  # type: ignore[arg-type]


def starting(name: str, zone: str = "a", deployment: str = "new") -> TaskSeen:
    return task(name, zone, deployment, running=False, healthy=False)


def test_a_new_service_spreads_its_tasks_over_the_zones() -> None:
    assert decide(service(), 0) == [Start("new", "a"), Start("new", "c")]


def test_a_lost_task_comes_back_in_the_zone_that_lacks_one() -> None:
    assert decide(service(task("1", "a")), 0) == [Start("new", "c")]


def test_the_deployment_is_complete_when_all_tasks_are_healthy_and_steady_after_that() -> None:
    tasks = (task("1"), task("2", "c"))
    assert decide(service(*tasks), 0) == [Complete("new")]
    done = replace(NEW, rollout=Rollout.COMPLETED)
    assert decide(service(*tasks, deployments=(done,)), 0) == [Steady()]
    assert decide(service(*tasks, deployments=(done,), steady=True), 0) == []


def test_a_starting_task_is_waited_for() -> None:
    assert decide(service(task("1"), starting("2", "c")), 0) == []


def test_an_old_task_that_has_not_been_checked_yet_stays_until_a_new_one_is_healthy() -> None:
    old = [task(str(n), zone, "old", healthy=False) for n, zone in enumerate(ZONES)]
    new = [task("3", "a", healthy=False), task("4", "c", healthy=False)]
    assert decide(service(*old, *new, deployments=(NEW, OLD)), 0) == []
    stops = decide(service(*old, replace(new[0], healthy=True), new[1], deployments=(NEW, OLD)), 0)
    assert [type(action) for action in stops] == [Stop]
    ill = replace(old[0], unhealthy=True)
    assert [a.task for a in decide(service(ill, old[1], *new, deployments=(NEW, OLD)), 0) if isinstance(a, Stop)] == [
        "0"
    ]


def test_a_rolling_update_starts_the_new_before_it_stops_the_old() -> None:
    old = (task("1", "a", "old"), task("2", "c", "old"))
    first = service(*old, deployments=(NEW, OLD))
    assert decide(first, 0) == [Start("new", "a"), Start("new", "c")]
    half = service(*old, task("3"), starting("4", "c"), deployments=(NEW, OLD))
    assert [type(action) for action in decide(half, 0)] == [Stop]
    well = service(*old, task("3"), task("4", "c"), deployments=(NEW, OLD))
    assert {action.task for action in decide(well, 0) if isinstance(action, Stop)} == {"1", "2"}


def test_minimum_and_maximum_percent_bound_the_update() -> None:
    old = (task("1", "a", "old"), task("2", "c", "old"))
    narrow = service(*old, deployments=(NEW, OLD), minimum_percent=50, maximum_percent=100)
    assert [action.task for action in decide(narrow, 0) if isinstance(action, Stop)] == ["1"]
    assert not [action for action in decide(narrow, 0) if isinstance(action, Start)]


def test_an_unhealthy_task_is_replaced_first_and_stopped_then() -> None:
    sick = task("1", healthy=False, unhealthy=True, reason="tg")
    assert decide(service(sick, task("2", "c")), 0) == [Start("new", "a")]
    stops = decide(service(sick, task("2", "c"), task("3")), 0)
    assert [(s.task, s.counts_as_failed) for s in stops if isinstance(s, Stop)] == [("1", True)]


@pytest.mark.parametrize(("desired", "threshold"), [(1, 3), (2, 3), (6, 3), (7, 4), (25, 13), (1000, 200)])
def test_the_breaker_opens_at_awss_threshold(desired: int, threshold: int) -> None:
    assert breaker_threshold(desired) == threshold
    below = replace(NEW, failed=threshold - 1)
    at = replace(NEW, failed=threshold)
    assert not any(isinstance(a, Fail) for a in decide(service(desired=desired, breaker=True, deployments=(below,)), 0))
    failing = service(desired=desired, breaker=True, rollback=True, deployments=(at, OLD))
    assert decide(failing, 0) == [Fail("new", True)]


def test_a_failed_deployment_starts_nothing_more() -> None:
    failed = replace(NEW, rollout=Rollout.FAILED)
    assert decide(service(deployments=(failed,), breaker=True), 0) == []


def test_throttled_starts_wait_for_their_time() -> None:
    later = replace(NEW, start_after=10)
    assert decide(service(deployments=(later,)), 9) == []
    assert decide(service(deployments=(later,)), 10) == [Start("new", "a"), Start("new", "c")]


def test_scaling_in_takes_from_the_fullest_zone() -> None:
    tasks = (task("1", "a"), task("2", "a"), task("3", "c"))
    stops = decide(service(*tasks), 0)
    assert len(stops) == 1
    assert isinstance(stops[0], Stop)
    assert stops[0].task in ("1", "2")


def test_zones_are_evened_out_once_the_service_is_steady() -> None:
    done = replace(NEW, rollout=Rollout.COMPLETED)
    lopsided = (task("1", "a"), task("2", "a"))
    unsteady = service(*lopsided, deployments=(done,), rebalance=True)
    assert decide(unsteady, 0) == [Steady()]
    steady = replace(unsteady, steady=True)
    assert decide(steady, 0) == [Start("new", "c")]
    moved = replace(steady, tasks=(*lopsided, task("3", "c")), steady=False)
    assert [a.task for a in decide(moved, 0) if isinstance(a, Stop)] in (["1"], ["2"])


def test_desired_zero_stops_everything() -> None:
    stops = decide(service(task("1"), task("2", "c"), desired=0), 0)
    assert {s.task for s in stops if isinstance(s, Stop)} == {"1", "2"}
