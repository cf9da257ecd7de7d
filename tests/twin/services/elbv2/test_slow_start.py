"""Which targets start slowly and how their share grows: tables, without a process.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode
"""

import pytest
from twin.services.elbv2 import attributes, decide, slow_start
from twin.services.elbv2.decide import NEW, Seen, Verdict
from twin.services.elbv2.models import HealthCheck, Snapshot, Target, TargetGroup, TargetState

WELL = Seen(TargetState.HEALTHY, 0, "", "")
ILL = Seen(TargetState.UNHEALTHY, 0, "Target.Timeout", "Request timed out")
SLOW = Seen(TargetState.HEALTHY, 0, "", "", slow_since=50.0)
FIRST, TOGETHER, LATER = (Target(f"10.0.0.{n}", 80, "a", at) for n, at in ((4, 1.0), (5, 1.0), (6, 2.0)))


def group(seconds: int) -> TargetGroup:
    given = attributes.defaults(attributes.GROUP) | {"slow_start.duration_seconds": str(seconds)}
    targets = {one.key: one for one in (FIRST, TOGETHER, LATER)}
    return TargetGroup("arn:g", "g", 80, "vpc", HealthCheck(), given, targets)


@pytest.mark.parametrize(
    ("seconds", "target", "before", "after", "others", "since"),
    [
        (30, FIRST, NEW, WELL, {}, None),
        (30, TOGETHER, NEW, WELL, {FIRST: WELL}, None),
        (30, LATER, NEW, WELL, {FIRST: WELL}, 100.0),
        (30, LATER, NEW, WELL, {FIRST: ILL}, None),
        (30, LATER, NEW, WELL, {FIRST: SLOW}, None),
        (0, LATER, NEW, WELL, {FIRST: WELL}, None),
        (30, LATER, SLOW, WELL, {FIRST: WELL}, 50.0),
        (30, LATER, SLOW, ILL, {FIRST: WELL}, None),
        (30, FIRST, ILL, WELL, {LATER: WELL}, 100.0),
        (30, FIRST, WELL, WELL, {LATER: WELL}, None),
    ],
)  # fmt: skip
def test_a_target_is_slow_beside_one_at_its_full_share(  # noqa: PLR0917 - a row of the table
    seconds: int, target: Target, before: Seen, after: Seen, others: dict[Target, Seen], since: float | None
) -> None:
    known = {("arn:g", *other.key): seen for other, seen in others.items()}
    assert slow_start.entered(before, after, (group(seconds), target), known, 100.0).slow_since == since


@pytest.mark.parametrize(
    ("since", "now", "part"),
    [(None, 0, 100), (0, 0, 1), (0, 3, 10), (0, 15, 50), (0, 29.9, 95), (0, 30, 100), (0, 99, 100)],
)
def test_the_share_grows_evenly(since: float | None, now: float, part: int) -> None:
    assert slow_start.share(since, 30, now) == part


def test_shares_become_weights_and_end() -> None:
    seen = {("arn:g", *LATER.key): SLOW, ("arn:g", *FIRST.key): WELL, ("arn:gone", "10.0.0.9", 80): SLOW}
    wanted = Snapshot({}, {"arn:g": group(30)}, {}, {})
    shares = slow_start.shares(wanted, seen, 1, 65)
    assert shares == {("arn:g", *LATER.key): 50}
    states = {("arn:g", *one.key): Verdict(TargetState.HEALTHY) for one in (FIRST, TOGETHER, LATER)}
    assert [one.weight for one in decide.endpoints(group(30), states, shares)] == [100, 100, 50]
    assert [one.weight for one in decide.endpoints(group(30), states, {})] == [1, 1, 1]
    assert slow_start.shares(wanted, seen, 20, 52) == {}
    assert slow_start.over(SLOW, group(30), 1, 79) == SLOW
    assert slow_start.over(SLOW, group(30), 1, 80) == WELL
