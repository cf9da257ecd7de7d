"""What goes wrong in a user's hands ends in one plain line: nothing is lost, and the old release goes on serving.

It runs on a copy of the repository, whose app is broken in one way after the other.
"""

import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.ground import Ground, ground
from tests.integration.conftest import PASSWORD, Person

pytestmark = pytest.mark.skipif(
    os.environ.get("TARGET", "twin") != "twin", reason="what goes wrong here goes wrong on this machine"
)
BAD_MIGRATION = """
revision = "9999"
down_revision = "{head}"
branch_labels = depends_on = None


def upgrade() -> None:
    raise RuntimeError("the new column does not fit")
"""
UP = ("bin/twin", "up")


@pytest.fixture(scope="module")
def copy() -> Iterator[Ground]:
    """A copy whose twin is up."""
    place = Path(tempfile.mkdtemp(prefix="twin-copy-"))
    with ground(place, twin_id=int(os.environ.get("TWIN_COPY_ID", "7")), speed="5") as made:
        made.make("local-up")
        yield made


@pytest.fixture(scope="module")
def mina(copy: Ground) -> Iterator[Person]:
    """Somebody whose account must be there after everything."""
    with ExitStack() as opened:
        made = Person(opened.enter_context(_visitor(copy)), "mina@example.org")
        made.send("/sign-up", "/sign-up", name="mina", email=made.email, password=PASSWORD)
        yield made


def test_a_port_in_use_is_named(copy: Ground) -> None:
    other, port = _another_twin(copy)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = other.run(*UP)
    assert done.code == 1
    assert done.said.splitlines() == [
        f"twin: port {port} is in use: end what listens there, or choose another twin by TWIN_ID=1"
    ]


def test_a_state_directory_that_cannot_be_written_is_named(copy: Ground) -> None:
    other, _ = _another_twin(copy)
    done = replace(other, more={"TWIN_STATE": "/proc/none"}).run(*UP)
    assert done.code == 1
    assert done.said.startswith("twin: the state directory cannot be written: /proc/none")
    assert len(done.said.splitlines()) == 1


def test_a_second_up_at_the_same_time_is_refused(copy: Ground) -> None:
    with _beside(copy) as first:
        done = copy.run(*UP)
        assert done.code == 1
        assert done.said.strip() == "twin: another `up` of this twin is at work; wait for it or interrupt it"
        said, _ = first.communicate(timeout=120)
    assert first.returncode == 0, said


def test_a_failing_migration_stops_the_release_and_not_the_app(copy: Ground, mina: Person) -> None:
    versions = copy.root / "app" / "migrations" / "versions"
    head = max(re.findall(r'^revision.* = "(\w+)"', "".join(p.read_text() for p in versions.glob("*.py")), re.M))
    with _changed(versions / "9999_bad.py", lambda _: BAD_MIGRATION.format(head=head)):
        done = copy.run(*UP)
    last = done.said.splitlines()[-1]
    assert done.code == 1
    assert "the migration failed, the release in service is untouched" in last
    assert "the new column does not fit" in last
    assert "mina" in mina.page("/")


def test_a_task_that_exits_at_once_is_rolled_back_and_its_last_words_are_shown(copy: Ground, mina: Person) -> None:
    with _changed(copy.root / "app" / "gunicorn.conf.py", lambda text: text + '\nraise SystemExit("no luck today")\n'):
        done = copy.run(*UP)
    last = done.said.splitlines()[-1]
    assert done.code == 1
    assert "circuit breaker" in last
    assert "no luck today" in last
    assert str(copy.state / "logs") in last
    assert "mina" in mina.page("/")
    assert copy.run(*UP).code == 0


def test_an_interrupted_up_is_taken_further_by_the_next(copy: Ground, mina: Person) -> None:
    with _changed(copy.root / "app" / "duet" / "health" / "routes.py", lambda text: text + "\n# a new line\n"):
        with _beside(copy) as first:
            assert first.stdout is not None
            for line in first.stdout:
                if "image" in line:
                    break
            os.killpg(first.pid, signal.SIGINT)
            rest, _ = first.communicate(timeout=60)
        assert first.returncode == 130, rest
        assert "twin: interrupted" in rest
        done = copy.run(*UP)
        assert done.code == 0, done.said
    assert "mina" in mina.page("/")


def test_an_unreadable_snapshot_is_told_and_the_data_is_found_again(copy: Ground, mina: Person) -> None:
    assert copy.run("bin/twin", "down").code == 0
    for pickled in (copy.state / "snapshots").glob("snapshot-*/*.pickle"):
        pickled.write_bytes(b"spoiled")
    done = copy.run(*UP)
    assert done.code == 0, done.said
    assert re.search(r"snapshot-\d+ cannot be read \(it is not whole\), kept as unreadable-snapshot-\d+", done.said)
    with _visitor(copy) as again:
        somebody = Person(again, mina.email)
        somebody.send("/log-in", "/log-in", email=mina.email, password=PASSWORD)
        assert "mina" in somebody.page("/")


def _another_twin(copy: Ground) -> tuple[Ground, int]:
    """A twin that does not run, and the port of its gateway."""
    for number in range(8):
        with socket.socket() as probe:
            if number != copy.twin_id and probe.connect_ex(("127.0.0.1", 4566 + 100 * number)) != 0:
                return Ground(copy.root, copy.home, number), 4566 + 100 * number
    pytest.fail("all eight twins of this machine run")


@contextmanager
def _beside(copy: Ground) -> Iterator[subprocess.Popen[str]]:
    """An `up` that runs beside the test, as somebody's in a terminal of their own."""
    process = subprocess.Popen(
        UP,
        cwd=copy.root,
        env=copy.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        # Its first line comes once it holds the lock.
        assert process.stdout is not None
        assert "twin" in process.stdout.readline()
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _changed(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """The file changed for a while."""
    before = path.read_text() if path.exists() else None
    path.write_text(change(before or ""))
    try:
        yield
    finally:
        path.write_text(before) if before is not None else path.unlink()


def _visitor(copy: Ground) -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(copy.state / "certs" / "ca.pem"))
    return httpx.Client(base_url=copy.status()["endpoints"]["app"], verify=trust, timeout=20)
