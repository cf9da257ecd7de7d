"""All that a couple's pages show, read at once and cached until one of the two writes."""

import json
from dataclasses import asdict, dataclass
from datetime import date

import sqlalchemy as sa

from duet import cache
from duet.accounts.models import Person
from duet.couple.models import Couple, Member
from duet.database import session
from duet.dday.models import Dday
from duet.mood.models import Mood
from duet.photo.models import Photo


@dataclass(frozen=True)
class SaidMood:
    """A mood as it was said."""

    feeling: str
    note: str


@dataclass(frozen=True)
class OwnDay:
    """A day of their own; day: ISO."""

    id: int
    title: str
    day: str


@dataclass(frozen=True)
class Snapshot:
    """A couple on a day. start_date: ISO or None; names and moods by person; photo: key or None."""

    start_date: str | None
    names: dict[int, str]
    moods: dict[int, SaidMood]
    days: list[OwnDay]
    photo: str | None


def of_couple(couple_id: int, day: date) -> Snapshot:
    """What the couple sees on `day`, from the cache or the database."""
    return _parse(cache.of_couple(couple_id, f"home:{day.isoformat()}", lambda: _render(_read(couple_id, day))))


def _read(couple_id: int, day: date) -> Snapshot:
    opened = session()
    # One row to each of the two.
    people = opened.execute(
        sa.select(Person.id, Person.name, Couple.start_date, Photo.key)
        .join(Member, Member.person_id == Person.id)
        .join(Couple, Couple.id == Member.couple_id)
        .outerjoin(Photo, Photo.couple_id == Couple.id)
        .where(Couple.id == couple_id)
    ).all()
    moods = opened.scalars(sa.select(Mood).where(Mood.couple_id == couple_id, Mood.day == day))
    days = opened.scalars(sa.select(Dday).where(Dday.couple_id == couple_id).order_by(Dday.day, Dday.title))
    _id, _name, start, photo = people[0]
    return Snapshot(
        start_date=start.isoformat() if start else None,
        names={person_id: name for person_id, name, _start, _photo in people},
        moods={mood.person_id: SaidMood(mood.feeling, mood.note) for mood in moods},
        days=[OwnDay(one.id, one.title, one.day.isoformat()) for one in days],
        photo=photo,
    )


def _render(snapshot: Snapshot) -> str:
    return json.dumps(asdict(snapshot), ensure_ascii=False)


def _parse(text: str) -> Snapshot:
    raw = json.loads(text)
    return Snapshot(
        start_date=raw["start_date"],
        # JSON makes text of a number that is a key.
        names={int(person_id): name for person_id, name in raw["names"].items()},
        moods={int(person_id): SaidMood(**mood) for person_id, mood in raw["moods"].items()},
        days=[OwnDay(**one) for one in raw["days"]],
        photo=raw["photo"],
    )
