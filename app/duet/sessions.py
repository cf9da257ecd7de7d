"""Sessions kept in Redis; the browser holds only a random name for one.

The key in Redis is a hash of that name, so who reads the cache cannot become somebody. A stranger's session (the token
of a form, no more) is kept for hours; that of somebody who logged in for weeks since the day they last came.
"""

import hashlib
import json
import secrets
from datetime import date
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

from duet import clock
from duet.cache import client

COOKIE = "__Host-duet"
LIFETIME_SECONDS = 14 * 24 * 3600
STRANGER_SECONDS = 2 * 3600
_SEEN = "_seen"


class StoredSession(CallbackDict[str, Any], SessionMixin):
    """A session as it is in Redis. token: what the browser holds, None before the first save."""

    def __init__(self, values: dict[str, Any], token: str | None) -> None:
        def changed(_self: object) -> None:
            self.modified = True
            self.accessed = True

        super().__init__(values, changed)
        self.token = token
        self.retired: list[str] = []
        self.modified = False
        self.accessed = True

    @property
    def new(self) -> bool:  # type: ignore[override]
        """Whether the browser has no name for it yet."""
        return self.token is None

    def renew(self) -> None:
        """Go on under another name: who knew the old one (session fixation) gains nothing."""
        if self.token is not None:
            self.retired.append(self.token)
        self.token = None
        self.modified = True


class RedisSessions(SessionInterface):
    """Opens and saves sessions; a Redis that does not answer is an error of the request, never an empty session."""

    def open_session(self, app: Flask, request: Request) -> StoredSession:  # noqa: ARG002 - Flask's form
        """The session that the request's cookie names; empty when there is none or it has expired."""
        token = request.cookies.get(COOKIE)
        if not token or not needs_session(request):
            return StoredSession({}, None)
        stored = client().get(_key(token))
        if stored is None:
            return StoredSession({}, None)
        return StoredSession(json.loads(str(stored)), token)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:  # noqa: ARG002
        """Store what changed and hand the browser the name; an emptied session is removed."""
        if not isinstance(session, StoredSession):
            return
        today = clock.today()
        if session.permanent and _last_seen(session) != today:
            # Once a day the session of who comes back begins its time again, here and in the browser.
            session[_SEEN] = today.isoformat()
        if not session.modified:
            return
        for token in session.retired:
            client().delete(_key(token))
        if not session:
            if session.token is not None:
                client().delete(_key(session.token))
            response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
            return
        seconds = LIFETIME_SECONDS if session.permanent else STRANGER_SECONDS
        token = session.token or secrets.token_urlsafe(32)
        # One that was ended by another request meanwhile (a log-out) must not come back to life.
        known = session.token is not None
        kept = client().set(_key(token), json.dumps(dict(session), default=str), ex=seconds, xx=known)
        if kept is None:
            return
        session.token = token
        response.set_cookie(COOKIE, token, max_age=seconds, path="/", secure=True, httponly=True, samesite="Lax")


def needs_session(request: Request) -> bool:
    """Whether the request is for a page; health checks and static files know nobody."""
    return not request.path.startswith(("/static/", "/healthz", "/readyz"))


def init_app(app: Flask) -> None:
    """Let the app keep its sessions in Redis."""
    app.session_interface = RedisSessions()


def _last_seen(session: StoredSession) -> date | None:
    seen = session.get(_SEEN)
    return date.fromisoformat(seen) if isinstance(seen, str) else None


def _key(token: str) -> str:
    return "session:" + hashlib.sha256(token.encode()).hexdigest()
