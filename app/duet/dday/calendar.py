"""Counting days as Korea does: the day it began is day 1. Pure functions over dates."""

from dataclasses import dataclass
from datetime import date, timedelta

HUNDRED = 100


@dataclass(frozen=True)
class Milestone:
    """A day worth celebrating: either the `days`th day or the `years`th year, the other is None."""

    day: date
    days: int | None = None
    years: int | None = None


@dataclass(frozen=True)
class Way:
    """How far the couple is from the last milestone to the next: `done` of `whole` days."""

    done: int
    whole: int


def day_number(start: date, today: date) -> int:
    """Which day of the couple it is: 1 on the day it began, 0 or less before."""
    return (today - start).days + 1


def label(day: date, today: date) -> str:
    """`D-30` thirty days before, `D-DAY`, `D+3` three days after."""
    left = (day - today).days
    if left == 0:
        return "D-DAY"
    return f"D-{left}" if left > 0 else f"D+{-left}"


def anniversary(start: date, years: int) -> date:
    """The day `years` years on; the 29th of February has its anniversary on the 28th where there is none."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, day=28)


def hundredth(start: date, hundreds: int) -> date:
    """The day that is day 100, 200, …: ninety-nine days after day 1, as day 1 counts."""
    return start + timedelta(days=HUNDRED * hundreds - 1)


def upcoming(start: date, today: date, amount: int) -> list[Milestone]:
    """The next `amount` milestones from today on, every 100 days and every year, the earliest first."""
    passed = max(0, (today - start).days // HUNDRED)
    hundreds = range(max(1, passed), passed + amount + 2)
    years = range(max(1, today.year - start.year), max(1, today.year - start.year) + amount + 1)
    found = [Milestone(hundredth(start, count), days=HUNDRED * count) for count in hundreds]
    found += [Milestone(anniversary(start, count), years=count) for count in years]
    return sorted((one for one in found if one.day >= today), key=lambda one: one.day)[:amount]


def way(start: date, today: date) -> Way | None:
    """The way to the next milestone from the one before, or from the start; None before the start."""
    if today < start:
        return None
    ahead = upcoming(start, today, 1)[0].day
    hundreds, years = (ahead - start).days // HUNDRED + 1, ahead.year - start.year
    near = [hundredth(start, count) for count in (hundreds - 1, hundreds) if count > 0]
    near += [anniversary(start, count) for count in (years - 1, years) if count > 0]
    behind = max(day for day in (start, *near) if day < ahead)
    return Way((today - behind).days, (ahead - behind).days)
