"""What follows from what was seen: a target's state after a check, where a group's requests go. Nothing is done.

The rules: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import ceil

from twin.core.addresses import listening_port, loopback
from twin.engines.envoy import Endpoint, Health
from twin.services.elbv2.models import HealthCheck, Snapshot, Target, TargetGroup, TargetState

type TargetKey = tuple[str, str, int]


class Outcome(Enum):
    """How a check ended."""

    PASSED = auto()
    WRONG_CODE = auto()
    TIMED_OUT = auto()
    FAILED = auto()


@dataclass(frozen=True)
class Result:
    """One check's end. code: the status that the target gave, None when it gave none."""

    outcome: Outcome
    code: int | None = None


@dataclass(frozen=True)
class Seen:
    """What is known about a target by its checks. streak: checks in a row that spoke against its state; slow_since:
    when its slow start began, None when it is not in one."""

    state: TargetState = TargetState.INITIAL
    streak: int = 0
    reason: str = "Elb.RegistrationInProgress"
    description: str = "Target registration is in progress"
    slow_since: float | None = None


NEW = Seen()
CHECKING = Seen(reason="Elb.InitialHealthChecking", description="Initial health checks in progress")


@dataclass(frozen=True)
class Verdict:
    """A target's state as the API tells it; reason and description are None for a healthy one."""

    state: TargetState
    reason: str | None = None
    description: str | None = None


def after_check(seen: Seen, result: Result, check: HealthCheck) -> Seen:
    """What is known after one more check: one pass makes a new target healthy, later each way has its threshold."""
    passed, new = result.outcome is Outcome.PASSED, seen.state is TargetState.INITIAL
    end = Seen(TargetState.HEALTHY, 0, "", "") if passed else Seen(TargetState.UNHEALTHY, 0, *_why(result))
    if not new and passed == (seen.state is TargetState.HEALTHY):
        return end
    needed = check.unhealthy_threshold if not passed else 1 if new else check.healthy_threshold
    if seen.streak + 1 >= needed:
        return end
    return replace(CHECKING if new else seen, streak=seen.streak + 1)


def _why(result: Result) -> tuple[str, str]:
    if result.outcome is Outcome.WRONG_CODE:
        return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{result.code}]"
    if result.outcome is Outcome.TIMED_OUT:
        return "Target.Timeout", "Request timed out"
    return "Target.FailedHealthChecks", "Health checks failed"


def verdict(group: TargetGroup, target: Target, seen: Seen, zones: Collection[str] | None) -> Verdict:
    """The target's state. zones: those of the balancer that uses the group, None when none does."""
    if target.draining_until is not None:
        text = "Target deregistration is in progress"
        return Verdict(TargetState.DRAINING, "Target.DeregistrationInProgress", text)
    if zones is None:
        text = "Target group is not configured to receive traffic from the load balancer"
        return Verdict(TargetState.UNUSED, "Target.NotInUse", text)
    if target.zone is not None and target.zone not in zones:
        text = "Target is in an Availability Zone that is not enabled for the load balancer"
        return Verdict(TargetState.UNUSED, "Target.NotInUse", text)
    if not group.check.enabled:
        return Verdict(
            TargetState.UNAVAILABLE, "Target.HealthCheckDisabled", "Health checks are disabled for this target"
        )
    if seen.state is TargetState.HEALTHY:
        return Verdict(TargetState.HEALTHY)
    return Verdict(seen.state, seen.reason, seen.description)


NOT_REGISTERED = Verdict(TargetState.UNUSED, "Target.NotRegistered", "Target is not registered to the target group")


def verdicts(snapshot: Snapshot, seen: Mapping[TargetKey, Seen]) -> dict[TargetKey, Verdict]:
    """The state of every target of every group."""
    found: dict[TargetKey, Verdict] = {}
    for group in snapshot.groups.values():
        zones = zones_of(snapshot, group)
        for target in group.targets.values():
            key = (group.arn, *target.key)
            found[key] = verdict(group, target, seen.get(key, NEW), zones)
    return found


def zones_of(snapshot: Snapshot, group: TargetGroup) -> set[str] | None:
    """The zones of the balancers that use the group, None when none does."""
    using = [snapshot.balancers[arn] for arn in snapshot.balancers_of(group.arn) if arn in snapshot.balancers]
    return {zone.name for balancer in using for zone in balancer.zones} if using else None


def endpoints(
    group: TargetGroup, states: Mapping[TargetKey, Verdict], shares: Mapping[TargetKey, int] | None = None
) -> list[Endpoint]:
    """Where the group's requests may go; with too few healthy targets to all of them, which AWS calls failing open.

    shares: of targets that get less than the full share of 100.
    """
    slow = {(key[1], key[2]): part for key, part in (shares or {}).items() if key[0] == group.arn}
    live = [t for t in group.targets.values() if states[(group.arn, *t.key)].state is not TargetState.UNUSED]
    registered = [t for t in live if t.draining_until is None]
    good = {TargetState.HEALTHY, TargetState.UNAVAILABLE}
    healthy = {t.key for t in registered if states[(group.arn, *t.key)].state in good}
    open_to_all = len(healthy) < _least_healthy(group, len(registered))
    found = []
    for target in live:
        health = Health.HEALTHY if open_to_all or target.key in healthy else Health.UNHEALTHY
        if target.draining_until is not None:
            health = Health.DRAINING
        name = f"{target.id}:{target.port}"
        weight = slow.get(target.key, 100) if slow else 1
        found.append(Endpoint(loopback(target.id), listening_port(target.port), health, weight, name))
    return sorted(found, key=lambda endpoint: (endpoint.address, endpoint.port))


def _least_healthy(group: TargetGroup, registered: int) -> int:
    prefix = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"
    count = group.attributes.get(f"{prefix}.count", "1")
    percentage = group.attributes.get(f"{prefix}.percentage", "off")
    by_count = 1 if count == "off" else int(count)
    by_share = 0 if percentage == "off" else ceil(registered * int(percentage) / 100)
    return max(by_count, by_share)


def drained(groups: Sequence[TargetGroup], now: float) -> dict[str, list[tuple[str, int]]]:
    """The targets, by group, whose deregistration has run its time."""
    return {
        group.arn: over
        for group in groups
        if (over := [t.key for t in group.targets.values() if t.draining_until is not None and t.draining_until <= now])
    }
