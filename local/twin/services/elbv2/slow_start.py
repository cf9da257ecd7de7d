"""Slow start: the share of requests of a target that has become healthy grows until it is the full one. Pure.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode
"""

from collections.abc import Mapping
from dataclasses import replace

from twin.services.elbv2.decide import NEW, Seen, TargetKey
from twin.services.elbv2.models import Snapshot, Target, TargetGroup, TargetState

FULL = 100
# A share changes in this many steps, each of which is told to the nodes.
STEPS = 20


def seconds(group: TargetGroup) -> int:
    """How long it lasts in the group, before the twin's speed; 0 when it is off."""
    return int(group.attributes["slow_start.duration_seconds"])


def entered(
    before: Seen, after: Seen, which: tuple[TargetGroup, Target], others: Mapping[TargetKey, Seen], now: float
) -> Seen:
    """What is known of a target after a check, slow where it now begins to be.

    A new target is slow only beside a healthy one that was registered before it and is at its full share; one that
    comes back is slow beside any of them. which: the target, in its group; others: what is known of that group's.
    """
    group, target = which
    if after.state is not TargetState.HEALTHY:
        return replace(after, slow_since=None)
    if before.state is TargetState.HEALTHY:
        return replace(after, slow_since=before.slow_since)
    back = before.state is TargetState.UNHEALTHY
    full = [
        other
        for other in group.targets.values()
        if other.key != target.key
        and other.draining_until is None
        and (seen := others.get((group.arn, *other.key), NEW)).state is TargetState.HEALTHY
        and seen.slow_since is None
        and (back or other.registered_at < target.registered_at)
    ]
    return replace(after, slow_since=now if full and seconds(group) else None)


def share(since: float | None, duration: float, now: float) -> int:
    """The share of a target, of FULL. duration: in the seconds of this machine."""
    if since is None or duration <= 0 or now >= since + duration:
        return FULL
    step = int(STEPS * (now - since) / duration)
    return max(1, FULL * step // STEPS)


def shares(wanted: Snapshot, seen: Mapping[TargetKey, Seen], speed: float, now: float) -> dict[TargetKey, int]:
    """The share of every target that has not the full one."""
    found: dict[TargetKey, int] = {}
    for key, known in seen.items():
        group = wanted.groups.get(key[0])
        if group is not None and known.slow_since is not None:
            part = share(known.slow_since, seconds(group) / speed, now)
            if part < FULL:
                found[key] = part
    return found


def over(seen: Seen, group: TargetGroup, speed: float, now: float) -> Seen:
    """What is known of a target, without a slow start that has run its time."""
    if seen.slow_since is not None and share(seen.slow_since, seconds(group) / speed, now) == FULL:
        return replace(seen, slow_since=None)
    return seen
