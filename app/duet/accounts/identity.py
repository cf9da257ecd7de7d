"""Who is asking."""

from collections.abc import Callable
from functools import wraps

from flask import g, redirect, session, url_for
from werkzeug.wrappers import Response

from duet.accounts.models import Person
from duet.accounts.service import person_by_id
from duet.sessions import StoredSession

_KEY = "person"


def remember(person: Person) -> None:
    """Let the session be this person's, under a new name."""
    session.clear()
    session[_KEY] = person.id
    session.permanent = True
    if isinstance(opened := session._get_current_object(), StoredSession):  # type: ignore[attr-defined]
        opened.renew()


def forget() -> None:
    """End the session."""
    session.clear()


def current_person() -> Person | None:
    """The person of this request, None for a stranger."""
    if "person" not in g:
        person_id = session.get(_KEY)
        g.person = person_by_id(person_id) if isinstance(person_id, int) else None
    person: Person | None = g.person
    return person


def needs_person[**P, R](view: Callable[P, R]) -> Callable[P, R | Response]:
    """Send a stranger to the log-in page."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        if current_person() is None:
            return redirect(url_for("accounts.log_in"))
        return view(*args, **kwargs)

    return guarded
