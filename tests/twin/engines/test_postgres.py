"""PostgreSQL for real: a primary, its synchronous standby, TLS only, data that stays."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from twin.core.addresses import loopback
from twin.core.certificates import authority
from twin.core.errors import ProcessError
from twin.core.processes import Process, descendants, ours
from twin.core.world import World
from twin.engines import postgres
from twin.engines.postgres import Node, Replica

PRIMARY, STANDBY = "10.20.3.5", "10.20.4.5"


@pytest.fixture
def node(here: World, tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """A factory of nodes; whatever is started of them has ended afterwards."""
    made: list[Node] = []

    def make(name: str, address: str, **settings: str) -> Node:
        own = loopback(address)
        certificate = authority().issue(name, [own], [])
        folder = tmp_path / name
        made.append(Node(name, folder / "data", folder / "log", own, 5432, certificate, "secret-of-the-twin", settings))
        return made[-1]

    yield make
    for each in made:
        postgres.fence(each)


def test_the_version_is_that_of_the_program() -> None:
    assert postgres.version().startswith("17.")


def test_commits_wait_for_a_standby_in_another_zone(node: Callable[..., Node]) -> None:
    primary, standby = node("node-a", PRIMARY), node("node-b", STANDBY)
    postgres.create(primary)
    postgres.start(primary)
    postgres.copy(standby, primary)
    follower = postgres.start(standby)
    _eventually(lambda: postgres.replicas(primary), [Replica("node-b", "streaming", "async")])
    postgres.require_standby(primary, "node-b")
    _eventually(lambda: postgres.replicas(primary), [Replica("node-b", "streaming", "sync")])

    _run(primary, "create table moods (word text)", "insert into moods values ('행복')")
    _eventually(lambda: _rows(standby, "select word from moods"), [("행복",)])

    postgres.stop(standby, follower)
    writer = threading.Thread(target=_run, args=(primary, "insert into moods values ('다시')"), daemon=True)
    writer.start()
    waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"
    _eventually(lambda: _rows(primary, waiting), [(1,)])
    postgres.require_standby(primary, None)
    writer.join(5)
    assert not writer.is_alive(), "the primary must go on alone once nobody is waited for"


def test_every_process_of_a_server_is_known_as_the_twin_s_own(here: World, node: Callable[..., Node]) -> None:
    primary = node("node-a", PRIMARY)
    postgres.create(primary)
    process = postgres.start(primary)
    with psycopg.connect(primary.conninfo()):
        own = {process.pid, *descendants(process.pid)}
        assert len(own) > 3
        assert own <= ours(here)


def test_plain_text_is_refused_in_postgresql_s_own_words(node: Callable[..., Node]) -> None:
    primary = node("node-a", PRIMARY)
    postgres.create(primary)
    postgres.start(primary)
    plain = primary.conninfo().replace("verify-full", "disable")
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba.conf entry for host .* no encryption"):
        psycopg.connect(plain)


def test_rows_outlive_a_kill_and_parameters_are_applied(node: Callable[..., Node]) -> None:
    primary = node("node-a", PRIMARY, work_mem="7MB")
    postgres.create(primary)
    process = postgres.start(primary)
    _run(primary, "create table moods (word text)", "insert into moods values ('calm')")
    process.kill()
    assert not postgres.answers(primary)
    again: Process = postgres.start(primary)
    assert _rows(primary, "select word from moods") == [("calm",)]
    assert _rows(primary, "show work_mem") == [("7MB",)]
    postgres.stop(primary, again)
    assert not again.alive


def test_a_server_that_cannot_start_says_why(node: Callable[..., Node]) -> None:
    primary = node("node-a", PRIMARY, shared_buffers="a lot")
    postgres.create(primary)
    with pytest.raises(ProcessError, match=r"postgres node-a did not start: .*"):
        postgres.start(primary)
    assert 'invalid value for parameter "shared_buffers"' in primary.log.read_text()


def _run(at: Node, *statements: str) -> None:
    with psycopg.connect(at.conninfo(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


def _rows(at: Node, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(at.conninfo(), autocommit=True) as connection:
        try:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]
        except psycopg.errors.UndefinedTable:
            return []


def _eventually(see: Callable[[], object], wanted: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while (seen := see()) != wanted:
        assert time.monotonic() < deadline, f"wanted {wanted}, last saw {seen}"
        time.sleep(0.05)


def test_no_password_is_on_a_command_line(node: Callable[..., Node], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    ran = subprocess.run

    def watch(command: list[str], **more: Any) -> Any:
        seen.append(command)
        return ran(command, **more)

    primary, standby = node("node-a", PRIMARY), node("node-b", STANDBY)
    postgres.create(primary)
    postgres.start(primary)
    monkeypatch.setattr(subprocess, "run", watch)
    postgres.copy(standby, primary)
    assert seen
    assert not any(primary.password in part for command in seen for part in command)
