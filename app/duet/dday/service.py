"""Rules of days; each names the couple, so that nobody reaches another's."""

from datetime import date

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.dialects.postgresql import insert

from duet import cache
from duet.couple.models import Couple
from duet.database import session
from duet.dday.models import Dday
from duet.errors import RuleError

MOST = 50


def set_start(couple_id: int, day: date) -> None:
    """Say when it began."""
    session().execute(sa.update(Couple).where(Couple.id == couple_id).values(start_date=day))
    session().commit()
    cache.forget_couple(couple_id)


def add(couple_id: int, title: str, day: date) -> None:
    """Add a day; one that is there already stays one. Raises RuleError when there are too many."""
    # The couple is locked, so that both adding at once cannot pass the limit.
    session().execute(sa.select(Couple.id).where(Couple.id == couple_id).with_for_update())
    count = session().scalar(sa.select(sa.func.count()).select_from(Dday).where(Dday.couple_id == couple_id)) or 0
    if count >= MOST:
        session().rollback()
        raise RuleError(_("There are %(most)s days already. Please remove one first.", most=MOST))
    session().execute(insert(Dday).values(couple_id=couple_id, title=title, day=day).on_conflict_do_nothing())
    session().commit()
    cache.forget_couple(couple_id)


def remove(couple_id: int, dday_id: int) -> bool:
    """Remove a day of this couple; return whether there was one."""
    gone = (
        session()
        .execute(sa.delete(Dday).where(Dday.id == dday_id, Dday.couple_id == couple_id).returning(Dday.id))
        .one_or_none()
    )
    session().commit()
    cache.forget_couple(couple_id)
    return gone is not None
