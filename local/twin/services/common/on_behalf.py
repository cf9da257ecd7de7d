"""What the twin does itself on behalf of a role, as Fargate pulls, reads secrets and logs for an execution role.

The slice that decides registers here; the slices that act ask here before they do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError


@dataclass(frozen=True)
class Session:
    """A role, as `service` has assumed it. name: of the session."""

    role: str
    name: str
    service: str
    region: str


class AssumptionError(Exception):
    """The service may not assume the role, or there is none."""


type Decider = Callable[[Session, str, str, Mapping[str, Any]], ClientError | None]
type Assumer = Callable[[Session], bool]

_deciders: list[tuple[Assumer, Decider]] = []


def register(assume: Assumer, decide: Decider) -> None:
    """Let these two decide from now on."""
    _deciders[:] = [(assume, decide)]


def require_trust(session: Session) -> None:
    """Raise AssumptionError unless the role lets the service assume it."""
    for assume, _ in _deciders:
        if not assume(session):
            raise AssumptionError(session.role)


def require(session: Session, api: str, operation: str, asked: Mapping[str, Any]) -> None:
    """Raise what AWS would answer the role's session, unless it may call `operation` of `api` with `asked`."""
    for _, decide in _deciders:
        error = decide(session, api, operation, asked)
        if error is not None:
            raise error
