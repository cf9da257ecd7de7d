"""Which events of a log group have had their time.

Retention: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html
AWS has no other end. Here events lie in the memory of one process, so of each group the newest GROUP_BYTES are kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

DAY = 24 * 3600 * 1000
GROUP_BYTES = 32 << 20
# What an event takes beside its message.
EVENT_BYTES = 270


@dataclass(frozen=True)
class Seen:
    """An event: its time in milliseconds, the bytes it takes."""

    timestamp: int
    size: int


def expired_before(days: int | None, now: int) -> int:
    """The time before which a group's retention lets nothing live; 0 where events never expire. All in milliseconds."""
    return now - days * DAY if days else 0


def room_from(events: Iterable[Seen], most: int = GROUP_BYTES) -> int:
    """The time from which on all events fit into `most` bytes; 0 when all do."""
    newest_first = sorted(events, key=lambda event: event.timestamp, reverse=True)
    taken = accumulate(event.size for event in newest_first)
    too_old = (event for event, size in zip(newest_first, taken, strict=True) if size > most)
    first = next(too_old, None)
    return first.timestamp + 1 if first else 0
