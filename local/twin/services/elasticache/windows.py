"""When automatic snapshots are taken and when they go: by the daily window, in UTC, and the days they are kept. Pure.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups-automatic.html
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

# AWS chooses a window of an hour where none is named; the twin chooses always this one.
DEFAULT = "16:30-17:30"
SHORTEST = 60
LONGEST_KEPT = 35
DAY = 24 * 60
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def wrong(window: str) -> str | None:
    """What is wrong with a daily window, None when nothing is."""
    if not _WINDOW.fullmatch(window):
        return f"Snapshot window {window} is not valid: it must be a range hh24:mi-hh24:mi in UTC."
    if _minutes(window)[1] < SHORTEST:
        return f"Snapshot window {window} is not valid: it must be at least {SHORTEST} minutes long."
    return None


def opened(window: str, now: datetime) -> datetime | None:
    """When the window that is open at `now` opened; None while it is closed."""
    begin, length = _minutes(window)
    since = (now.hour * 60 + now.minute - begin) % DAY
    return now.replace(second=0, microsecond=0) - timedelta(minutes=since) if since < length else None


def due(window: str, kept_days: int, taken: Iterable[datetime], now: datetime) -> bool:
    """Whether the day's snapshot is to be taken now: its window is open, and none was asked for since it opened."""
    began = opened(window, now) if kept_days else None
    return began is not None and all(one < began for one in taken)


def expired(taken_at: datetime, kept_days: int, now: datetime) -> bool:
    """Whether a snapshot has been kept as long as it was to be."""
    return now - taken_at >= timedelta(days=kept_days)


def _minutes(window: str) -> tuple[int, int]:
    """The window's first minute of the day, and its length; from a minute to the same one is a whole day."""
    found = _WINDOW.fullmatch(window)
    assert found is not None
    begin, end = (int(found[n]) * 60 + int(found[n + 1]) for n in (1, 3))
    return begin, (end - begin) % DAY or DAY
