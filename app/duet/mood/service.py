"""Rules of moods: one a person and a day."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from duet import cache
from duet.couple.service import Pair
from duet.database import session
from duet.mood.models import Feeling, Mood


def say(pair: Pair, day: date, feeling: Feeling, note: str) -> None:
    """Record the mood of the day of `pair.me`, in place of what was said before."""
    said = insert(Mood).values(couple_id=pair.couple_id, person_id=pair.me, day=day, feeling=feeling.value, note=note)
    session().execute(
        said.on_conflict_do_update(
            index_elements=[Mood.couple_id, Mood.person_id, Mood.day],
            set_={"feeling": said.excluded.feeling, "note": said.excluded.note, "said_at": sa.func.now()},
        )
    )
    session().commit()
    cache.forget_couple(pair.couple_id)
