"""What the pages show of a couple, counted for a day."""

from dataclasses import dataclass
from datetime import date

from duet.couple.service import Pair
from duet.dday import calendar
from duet.dday.calendar import Milestone, Way
from duet.home import snapshot
from duet.home.snapshot import OwnDay, SaidMood


@dataclass(frozen=True)
class Counted:
    """A day of their own with its label, `D-30`."""

    id: int
    title: str
    day: date
    label: str
    passed: bool


@dataclass(frozen=True)
class CountedMilestone:
    """A milestone with its label."""

    milestone: Milestone
    label: str

    @property
    def day(self) -> date:
        """The milestone's day."""
        return self.milestone.day


@dataclass(frozen=True)
class View:
    """A couple's page for one of the two. day_number: None before the start; starts: its label while it is ahead."""

    my_name: str
    partner_name: str
    start_date: date | None
    day_number: int | None
    starts: str | None
    milestones: list[CountedMilestone]
    way: Way | None
    days: list[Counted]
    my_mood: SaidMood | None
    partner_mood: SaidMood | None
    photo: str | None

    def coming(self, own: int) -> list[Counted | CountedMilestone]:
        """The milestones and so many of their own days that are ahead, the nearest first."""
        ahead = [one for one in self.days if not one.passed][:own]
        return sorted([*ahead, *self.milestones], key=lambda one: one.day)


def of_pair(pair: Pair, today: date, milestones: int) -> View:
    """The view of `pair.me` on `today`, with so many milestones."""
    seen = snapshot.of_couple(pair.couple_id, today)
    start = date.fromisoformat(seen.start_date) if seen.start_date else None
    number = calendar.day_number(start, today) if start else None
    ahead = calendar.upcoming(start, today, milestones) if start else []
    return View(
        my_name=seen.names[pair.me],
        partner_name=seen.names[pair.partner],
        start_date=start,
        day_number=number if number is not None and number > 0 else None,
        starts=calendar.label(start, today) if start and start > today else None,
        way=calendar.way(start, today) if start else None,
        milestones=[CountedMilestone(one, calendar.label(one.day, today)) for one in ahead],
        days=_in_order([_counted(one, today) for one in seen.days]),
        my_mood=seen.moods.get(pair.me),
        partner_mood=seen.moods.get(pair.partner),
        photo=seen.photo,
    )


def _counted(own: OwnDay, today: date) -> Counted:
    day = date.fromisoformat(own.day)
    return Counted(own.id, own.title, day, calendar.label(day, today), day < today)


def _in_order(days: list[Counted]) -> list[Counted]:
    """What is to come first, the nearest first; then what has passed, the latest first."""
    ahead = [one for one in days if not one.passed]
    passed = [one for one in days if one.passed]
    return sorted(ahead, key=lambda one: one.day) + sorted(passed, key=lambda one: one.day, reverse=True)
