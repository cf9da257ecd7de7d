"""Migrations: up from nothing, again without change, the same as the models, one runner at a time."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from duet.database import make_engine
from duet.models import Base
from duet.settings import database_from_environment

from tests.unit.app.conftest import migrate
from tests.unit.app.engines import Servers


@pytest.fixture
def empty(servers: Servers, database: psycopg.Connection) -> Iterator[dict[str, str]]:
    """The environment of a database with nothing in it; it is gone afterwards."""
    database.execute("create database migrated")
    yield {**servers.environment, "DATABASE_NAME": "migrated"}
    database.execute("drop database migrated with (force)")


def test_up_from_nothing_twice_and_as_the_models_say(empty: dict[str, str]) -> None:
    first, second = migrate(empty), migrate(empty)
    assert '"message": "Running upgrade  -> 0001' in first.stdout
    assert "Running upgrade" not in second.stdout
    engine = make_engine(database_from_environment(empty))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        triggers = connection.scalars(sa.text("select tgname from pg_trigger where not tgisinternal")).all()
    engine.dispose()
    assert triggers == ["couple_has_two_members"] * 2


def test_two_runners_at_once_wait_for_each_other(empty: dict[str, str]) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _index: migrate(empty), range(2)))
    assert sorted("Running upgrade  -> 0001" in one.stdout for one in done) == [False, True]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"DATABASE_PASSWORD": "wrong"}, "duet cannot migrate: "),
        ({"PGSSLROOTCERT": "system"}, "duet cannot migrate: "),
    ],
)
def test_what_hinders_it_is_one_plain_line(servers: Servers, change: dict[str, str], said: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        migrate({**servers.environment, **change})
    assert failed.value.stderr.startswith(said)
    assert failed.value.stderr.count("\n") == 1
