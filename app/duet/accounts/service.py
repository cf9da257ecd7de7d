"""Rules of accounts: one to an address, passwords kept by argon2 only, guessing slowed down."""

from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from duet import limits, mail
from duet.accounts.models import Person
from duet.database import session
from duet.errors import RuleError
from duet.limits import Limit

# OWASP's choice for argon2id. The library's default takes 64 MiB a log-in: sixteen threads would fill a small task.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# A hash of nobody's password by the same parameters; written down, as making it would slow each start.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$Qyzg0TokLPM3vAKTmC+ccw$o7QZuZZ4G0Q0FgaqVW8s15w+LR3UDOtyY3Hk/AYacnQ"
PER_PERSON = Limit("log-in", attempts=5, seconds=900)
# Many people share an address (a carrier's NAT, an office): this only bounds what a machine does.
PER_ADDRESS = Limit("log-in-address", attempts=60, seconds=900)
SIGN_UPS = Limit("sign-up-address", attempts=60, seconds=900)


@dataclass(frozen=True)
class NewPerson:
    """What somebody tells of themselves to have an account."""

    name: str
    email: str
    password: str = field(repr=False)
    language: str


def sign_up(new: NewPerson, address: str, origin: str) -> Person:
    """Make the account and send a welcome; raise RuleError when the email has one already, TooManyAttempts as below.

    address: where the attempt comes from.
    """
    limits.count_at(SIGN_UPS, address)
    person = Person(
        name=new.name, email=new.email.lower(), password_hash=_HASHER.hash(new.password), language=new.language
    )
    session().add(person)
    try:
        session().commit()
    except IntegrityError as error:
        session().rollback()
        raise RuleError(_("There is an account with this email already.")) from error
    text = _(
        "Hello %(name)s,\n\nwelcome to Duet, a home for two. Invite your partner here: %(url)s",
        name=new.name,
        url=origin,
    )
    mail.send(person.email, _("Welcome to Duet"), text)
    return person


def log_in(email: str, password: str, address: str) -> Person:
    """Return the person; raise RuleError when email or password is wrong, TooManyAttempts when tried too often.

    address: where the attempt comes from.
    """
    email = email.lower()
    limits.count_at(PER_ADDRESS, address)
    limits.count(PER_PERSON, email)
    person = session().scalar(select(Person).where(Person.email == email))
    if not _matches(person.password_hash if person else _NOBODY, password) or person is None:
        raise RuleError(_("Email or password is wrong."))
    if _HASHER.check_needs_rehash(person.password_hash):
        person.password_hash = _HASHER.hash(password)
        session().commit()
    limits.forgive(PER_PERSON, email)
    return person


def person_by_id(person_id: int) -> Person | None:
    """The person of that number, if there is one."""
    return session().get(Person, person_id)


def speak(person: Person, language: str) -> None:
    """Remember the person's language, for mails and for their other devices."""
    if person.language != language:
        person.language = language
        session().commit()


def _matches(password_hash: str, password: str) -> bool:
    # Without an account a hash is checked all the same, so that the time taken tells nothing.
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
