"""Backup and maintenance windows, in UTC.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Maintenance.html
"""

import re
from datetime import datetime, timedelta

from twin.services.rds import errors

BACKUP, MAINTENANCE = "17:00-17:30", "sun:18:00-sun:18:30"
SHORTEST = 30
DAY, WEEK = 24 * 60, 7 * 24 * 60
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_BACKUP = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_MAINTENANCE = re.compile(r"([a-z]{3}):(\d\d):(\d\d)-([a-z]{3}):(\d\d):(\d\d)")


def check(backup: str, maintenance: str) -> None:
    """Raise AWS's error for windows that are none, or overlap."""
    first, second = _daily(backup), _weekly(maintenance)
    for day in range(7):
        begin = first[0] + day * DAY
        if any(_overlap((begin, begin + first[1]), (second[0] + s, second[0] + s + second[1])) for s in (0, WEEK)):
            raise errors.value("The backup window and maintenance window must not overlap.")


def inside(maintenance: str, now: datetime) -> bool:
    """Whether the maintenance window is open at `now` (UTC)."""
    begin, length = _weekly(maintenance)
    minute = now.weekday() * DAY + now.hour * 60 + now.minute
    return (minute - begin) % WEEK < length


def is_open(backup: str, now: datetime) -> bool:
    """Whether the backup window is open at `now` (UTC)."""
    begin, length = _daily(backup)
    return (now.hour * 60 + now.minute - begin) % DAY < length


def opening(backup: str, now: datetime) -> datetime:
    """When the backup window was last opened."""
    begin, _ = _daily(backup)
    today = now.replace(hour=begin // 60, minute=begin % 60, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def _daily(window: str) -> tuple[int, int]:
    """Its first minute of the day and its length."""
    found = _BACKUP.fullmatch(window)
    if found is None:
        raise errors.value(f"Invalid backup window format: {window}. Should be specified as a range hh24:mi-hh24:mi")
    begin, end = (int(found[n]) * 60 + int(found[n + 1]) for n in (1, 3))
    return begin, _length(begin, end, DAY, "backup")


def _weekly(window: str) -> tuple[int, int]:
    """Its first minute of the week and its length."""
    found = _MAINTENANCE.fullmatch(window.lower())
    if found is None or found[1] not in _DAYS or found[4] not in _DAYS:
        text = "Should be specified as a range ddd:hh24:mi-ddd:hh24:mi"
        raise errors.value(f"Invalid maintenance window format: {window}. {text}")
    begin, end = (_DAYS.index(found[n]) * DAY + int(found[n + 1]) * 60 + int(found[n + 2]) for n in (1, 4))
    return begin, _length(begin, end, WEEK, "maintenance")


def _length(begin: int, end: int, whole: int, name: str) -> int:
    length = (end - begin) % whole
    if length < SHORTEST:
        raise errors.value(f"The {name} window must be at least {SHORTEST} minutes.")
    return length


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
