"""How often something may be tried, counted in Redis over all tasks."""

import hashlib
from dataclasses import dataclass, replace

from flask import current_app

from duet.cache import client
from duet.errors import TooManyAttempts


@dataclass(frozen=True)
class Limit:
    """At most `attempts` in a window of `seconds` that begins with the first."""

    name: str
    attempts: int
    seconds: int


def count(limit: Limit, subject: str) -> None:
    """Count an attempt of `subject`; raise TooManyAttempts when it is one too many."""
    key = _key(limit, subject)
    with client().pipeline(transaction=True) as pipeline:
        # The window's end is set with its first attempt, in one step: a counter without an end would lock out for good.
        pipeline.set(key, 0, ex=limit.seconds, nx=True)
        pipeline.incr(key)
        pipeline.ttl(key)
        _, attempts, left = pipeline.execute()
    if int(attempts) > limit.attempts:
        raise TooManyAttempts(max(1, int(left)))


def count_at(limit: Limit, address: str) -> None:
    """Count an attempt that comes from a network address; the settings may allow more than `limit` does."""
    count(replace(limit, attempts=current_app.config["ATTEMPTS_PER_ADDRESS"] or limit.attempts), address)


def forgive(limit: Limit, subject: str) -> None:
    """Forget the attempts of `subject`, as after a success."""
    client().delete(_key(limit, subject))


def _key(limit: Limit, subject: str) -> str:
    # Hashed: addresses of people are not left lying in the cache.
    return f"limit:{limit.name}:{hashlib.sha256(subject.encode()).hexdigest()[:32]}"
