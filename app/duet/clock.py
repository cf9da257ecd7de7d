"""Which day it is. Duet's day is Korea's: both of a couple see the same D-Day, wherever they are."""

from datetime import UTC, date, datetime, timedelta, timezone

# A fixed offset: Korea has had no summer time since 1988, and a slim image may lack the zone database.
KOREA = timezone(timedelta(hours=9), "KST")


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The day it is in Korea."""
    return now().astimezone(KOREA).date()
