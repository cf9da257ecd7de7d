"""Redis: the connection pool, and what of a couple is cached.

A couple has a generation, a random word that every write replaces. What is read is cached under the generation that was
current *before* the read, so a slow reader can never put an old page in place of a new one.
"""

import secrets
from collections.abc import Callable

import redis
from flask import Flask, current_app
from redis.backoff import ExponentialBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from duet.settings import RedisSettings

TIMEOUT_SECONDS = 2
# Bounds how long a page may be old when the write that changed it could not reach Redis.
CACHED_SECONDS = 60
_EXTENSION = "duet.redis"


def make_client(settings: RedisSettings) -> redis.Redis:
    """A client with its pool; threads share it. Nothing is connected yet."""
    tls: dict[str, str] = {"ssl_ca_certs": settings.ca_bundle} if settings.ca_bundle and settings.tls else {}
    return redis.Redis(
        host=settings.host,
        port=settings.port,
        password=settings.auth_token,
        ssl=settings.tls,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 2),
        decode_responses=True,
        # Notifications of maintenance are a feature of Redis' own cloud; ElastiCache and Valkey do not know them.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        **tls,  # type: ignore[arg-type]
    )


def init_app(app: Flask, settings: RedisSettings) -> None:
    """Give the app its Redis pool."""
    app.extensions[_EXTENSION] = make_client(settings)


def client() -> redis.Redis:
    """The client of this app."""
    made: redis.Redis = current_app.extensions[_EXTENSION]
    return made


def ping() -> None:
    """Ask Redis for an answer; raise redis.RedisError when there is none."""
    client().ping()


def of_couple(couple_id: int, name: str, load: Callable[[], str]) -> str:
    """The couple's cached text `name`, loaded when it is not there. Without Redis it is always loaded."""
    try:
        key = f"couple:{couple_id}:{_generation(couple_id)}:{name}"
        cached = client().get(key)
    except redis.RedisError:
        current_app.logger.warning("the cache does not answer, reading from the database")
        return load()
    if cached is not None:
        return str(cached)
    text = load()
    try:
        client().set(key, text, ex=CACHED_SECONDS)
    except redis.RedisError:
        current_app.logger.warning("the cache does not take what was read")
    return text


def forget_couple(couple_id: int) -> None:
    """Make all that is cached of the couple unreachable; to be called after the commit."""
    try:
        client().set(_generation_key(couple_id), secrets.token_hex(8))
    except redis.RedisError:
        current_app.logger.error(
            "the cache of couple %s could not be invalidated; old for %s s", couple_id, CACHED_SECONDS
        )


def _generation_key(couple_id: int) -> str:
    return f"couple:{couple_id}:generation"


def _generation(couple_id: int) -> str:
    key = _generation_key(couple_id)
    current = client().get(key)
    if current is None:
        fresh = secrets.token_hex(8)
        # Another reader may have been first: what is stored counts.
        earlier = client().set(key, fresh, nx=True, get=True)
        return fresh if earlier is None else str(earlier)
    return str(current)
