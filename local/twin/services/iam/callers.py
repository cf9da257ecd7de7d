"""Who calls: from an access key to the account, one of its users, or a session of a role."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from twin.services.common.api import ACCOUNT
from twin.services.iam.evaluate import Kind, Principal

# The keys that tools are told to use where no key is asked for: the account itself.
ROOT_KEYS = frozenset({"test", ACCOUNT})
ROOT = Principal(Kind.ROOT, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
ANYBODY = Principal(Kind.ANYBODY)


class StrangerError(Exception):
    """The access key belongs to nobody, or the token is not its own."""


class ExpiredError(Exception):
    """The session is over."""


@dataclass(frozen=True)
class Caller:
    """Who calls, with what moto keeps of it. held: the user or the role; session: moto's AssumedRole; secret: what its
    requests are signed with, None for the account, which signs with anything."""

    principal: Principal
    user_id: str = ""
    name: str = ""
    held: Any = None
    session: Any = None
    secret: str | None = None

    @property
    def shown(self) -> str:
        """What the ledger calls it: the role's or the user's ARN."""
        return self.principal.role or self.principal.arn or self.principal.kind.value


_sessions: dict[str, Any] = {}
MOST_SESSIONS = 5000


def anybody() -> Caller:
    """Somebody who shows no credentials."""
    return Caller(ANYBODY)


def root() -> Caller:
    """The account itself."""
    return Caller(ROOT, ACCOUNT)


def service(name: str) -> Caller:
    """A service of AWS, as trust policies name it."""
    return Caller(Principal(Kind.SERVICE, service=name))


def by_key(access_key: str, token: str | None) -> Caller:
    """Whose key it is; raises StrangerError or ExpiredError."""
    if access_key in ROOT_KEYS:
        return root()
    session = session_of(access_key)
    if session is not None:
        if token is None or not hmac.compare_digest(token.encode(), session.session_token.encode()):
            raise StrangerError
        if session.expiration.replace(tzinfo=UTC) < datetime.now(UTC):
            raise ExpiredError
        return of_session(session.role_arn, session.session_name, session)
    key = iam_backends[ACCOUNT]["aws"].access_keys.get(access_key)
    if key is None or token is not None or key.status != "Active" or not key.user_name:
        raise StrangerError
    user = iam_backends[ACCOUNT]["aws"].users.get(key.user_name)
    if user is None:
        raise StrangerError
    return Caller(Principal(Kind.USER, ACCOUNT, user.arn), user.id, user.name, user, secret=key.secret_access_key)


def of_session(role_arn: str, session_name: str, session: Any = None) -> Caller:
    """A session of the role; raises StrangerError when the role is gone."""
    role = role_by_arn(role_arn)
    if role is None:
        raise StrangerError
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.name}/{session_name}"
    principal = Principal(Kind.ROLE, ACCOUNT, arn, role.arn)
    secret = session.secret_access_key if session is not None else None
    return Caller(principal, f"{role.id}:{session_name}", role.name, role, session, secret)


def role_by_arn(arn: str) -> Any:
    """Moto's role with exactly this ARN, None when there is none."""
    role = next((one for one in role_by_name(arn.rpartition("/")[2])), None)
    return role if role is not None and role.arn == arn else None


def role_by_name(name: str) -> list[Any]:
    """The role of this name, if there is one."""
    backend = iam_backends[ACCOUNT]["aws"]
    return [role for role in list(backend.roles.values()) if role.name == name]


def session_of(access_key: str) -> Any:
    """Moto's session by key: it keeps a list, which grows with each hour of each task."""
    found = _sessions.get(access_key)
    if found is None:
        found = sts_backends[ACCOUNT]["aws"].get_assumed_role_from_access_key(access_key)
        if found is not None:
            if len(_sessions) > MOST_SESSIONS:
                _sessions.clear()
            _sessions[access_key] = found
    return found
