"""Rules of couples: an invite is good for a week and for one person; a couple is two, for good.

The database enforces them as well: a person has one seat, a couple has seats 1 and 2, and a transaction that would
leave a couple with other than two members does not commit.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from duet import clock, limits, mail
from duet.accounts.models import Person
from duet.couple.models import Couple, Invite, Member
from duet.database import session
from duet.errors import RuleError
from duet.limits import Limit

# Without letters and digits that look alike.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 8
VALID_FOR = timedelta(days=7)
GUESSES = Limit("invite-code", attempts=10, seconds=600)
INVITE_MAILS = Limit("invite-mail", attempts=5, seconds=3600)


@dataclass(frozen=True)
class Pair:
    """A couple as one of the two sees it."""

    couple_id: int
    me: int
    partner: int


def pair_of(person_id: int) -> Pair | None:
    """The couple of that person, None for who is alone."""
    mine, other = sa.orm.aliased(Member), sa.orm.aliased(Member)
    row = (
        session()
        .execute(
            sa.select(mine.couple_id, other.person_id)
            .join(other, sa.and_(other.couple_id == mine.couple_id, other.person_id != mine.person_id))
            .where(mine.person_id == person_id)
        )
        .one_or_none()
    )
    return Pair(row[0], person_id, row[1]) if row else None


def open_invite(person_id: int) -> Invite | None:
    """The person's invite that is still good."""
    return session().scalar(sa.select(Invite).where(Invite.person_id == person_id, Invite.expires_at > clock.now()))


def invite(person_id: int) -> Invite:
    """The person's invite: the open one, or a new one in place of one that has run out."""
    code = "".join(secrets.choice(ALPHABET) for _index in range(CODE_LENGTH))
    fresh = insert(Invite).values(person_id=person_id, code=code, expires_at=clock.now() + VALID_FOR)
    session().execute(
        fresh.on_conflict_do_update(
            index_elements=[Invite.person_id],
            set_={"code": fresh.excluded.code, "expires_at": fresh.excluded.expires_at},
            where=Invite.expires_at <= clock.now(),
        )
    )
    session().commit()
    return session().get_one(Invite, person_id, populate_existing=True)


def send_invite(inviter: Person, code: str, to: str, origin: str) -> bool:
    """Send the code to the partner; return whether the mail was taken."""
    limits.count(INVITE_MAILS, str(inviter.id))
    text = _(
        "%(name)s invites you to Duet, a home for two.\n\nYour code: %(code)s\n%(url)s",
        name=inviter.name,
        code=spoken(code),
        url=origin,
    )
    return mail.send(to, _("%(name)s invites you to Duet", name=inviter.name), text)


def accept(person_id: int, written: str) -> Pair:
    """Make a couple of the person and the one whose code that is.

    Raises RuleError when the code is not good, is the person's own, or one of the two is in a couple;
    TooManyAttempts when codes are guessed.
    """
    limits.count(GUESSES, str(person_id))
    code = normalised(written)
    inviter = session().scalar(sa.select(Invite.person_id).where(Invite.code == code))
    if inviter is None:
        raise RuleError(_("This code is not good. Codes are valid for seven days and for one person."))
    if inviter == person_id:
        raise RuleError(_("This is your own code. Your partner enters it."))
    # Both people are locked in one order, so that two who accept each other's codes at once wait and do not deadlock.
    session().execute(
        sa.select(Person.id).where(Person.id.in_([inviter, person_id])).order_by(Person.id).with_for_update()
    )
    still_good = session().scalar(
        sa.select(Invite.person_id).where(
            Invite.code == code, Invite.person_id == inviter, Invite.expires_at > clock.now()
        )
    )
    if still_good is None:
        session().rollback()
        raise RuleError(_("This code is not good. Codes are valid for seven days and for one person."))
    try:
        couple = Couple()
        session().add(couple)
        session().flush()
        session().add_all(
            [
                Member(couple_id=couple.id, person_id=inviter, seat=1),
                Member(couple_id=couple.id, person_id=person_id, seat=2),
            ]
        )
        session().execute(sa.delete(Invite).where(Invite.person_id.in_([inviter, person_id])))
        session().commit()
    except IntegrityError as error:
        session().rollback()
        raise RuleError(_("One of you is in a couple already.")) from error
    limits.forgive(GUESSES, str(person_id))
    return Pair(couple.id, person_id, inviter)


def normalised(written: str) -> str:
    """The code as it is stored, however it was written."""
    return "".join(character for character in written.upper() if character.isalnum())


def spoken(code: str) -> str:
    """The code as it is shown: `ABCD-EFGH`."""
    return f"{code[:4]}-{code[4:]}"
