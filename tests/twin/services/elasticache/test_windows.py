"""When automatic snapshots are taken and when they go, without a clock.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups-automatic.html
"""

from datetime import UTC, datetime, timedelta

import pytest
from twin.services.elasticache.windows import due, expired, opened, wrong

NOON = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ("03:00-04:00", None),
        ("23:30-00:30", None),
        ("03:00-03:59", "at least 60 minutes"),
        ("24:00-25:00", "hh24:mi-hh24:mi"),
        ("3:00-4:00", "hh24:mi-hh24:mi"),
        ("", "hh24:mi-hh24:mi"),
    ],
)
def test_a_window_is_an_hour_of_the_day_at_least(window: str, said: str | None) -> None:
    assert wrong(window) is None if said is None else said in str(wrong(window))


@pytest.mark.parametrize(
    ("window", "now", "since"),
    [
        ("11:30-12:30", NOON, NOON - timedelta(minutes=30)),
        ("12:00-13:00", NOON, NOON),
        ("11:00-12:00", NOON, None),
        ("23:30-00:30", NOON.replace(hour=0, minute=10), NOON.replace(day=4, hour=23, minute=30)),
    ],
)
def test_a_window_opens_once_a_day(window: str, now: datetime, since: datetime | None) -> None:
    assert opened(window, now) == since


@pytest.mark.parametrize(
    ("kept_days", "taken", "wanted"),
    [
        (1, [], True),
        (0, [], False),
        (1, [NOON - timedelta(days=1)], True),
        (1, [NOON - timedelta(minutes=10)], False),
        (5, [NOON - timedelta(days=1), NOON - timedelta(minutes=29)], False),
    ],
)
def test_one_snapshot_is_due_each_time_the_window_is_open(kept_days: int, taken: list[datetime], wanted: bool) -> None:
    assert due("11:30-12:30", kept_days, taken, NOON) is wanted
    assert not due("13:00-14:00", kept_days, taken, NOON)


def test_a_snapshot_goes_after_its_days() -> None:
    assert not expired(NOON - timedelta(days=2, minutes=-1), 2, NOON)
    assert expired(NOON - timedelta(days=2), 2, NOON)
