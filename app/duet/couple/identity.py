"""Which couple is asking."""

from collections.abc import Callable
from functools import wraps

from flask import g, redirect, url_for
from werkzeug.wrappers import Response

from duet.accounts.identity import current_person
from duet.couple.service import Pair, pair_of


def current_pair() -> Pair | None:
    """The couple of this request's person, None when there is no person or they are alone."""
    if "pair" not in g:
        person = current_person()
        g.pair = pair_of(person.id) if person is not None else None
    pair: Pair | None = g.pair
    return pair


def this_pair() -> Pair:
    """The couple, in a view guarded by `needs_couple`."""
    pair = current_pair()
    if pair is None:
        raise LookupError("the view is not guarded by needs_couple")
    return pair


def needs_couple[**P, R](view: Callable[P, R]) -> Callable[P, R | Response]:
    """Send a stranger to the log-in page and who is alone to the pairing page."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        if current_person() is None:
            return redirect(url_for("accounts.log_in"))
        if current_pair() is None:
            return redirect(url_for("couple.pairing"))
        return view(*args, **kwargs)

    return guarded
