"""The ground: settings, addresses, files, processes, loops, certificates."""

import json
import os
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from twin.core import timeline
from twin.core.addresses import AddressBook, loopback
from twin.core.atomic import write_atomic
from twin.core.certificates import authority
from twin.core.errors import AddressError, ProcessError, WorldError
from twin.core.loop import Loop, Slot, tend_each
from twin.core.once import Once
from twin.core.processes import descendants, kill_data_directory, spawn
from twin.core.world import World

from tests.twin.support import eventually


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("TWIN_ID", "8", "TWIN_ID must be 0 to 7, not 8"),
        ("TWIN_ID", "x", "TWIN_ID must be a number, not x"),
        ("TWIN_ID", "nan", "TWIN_ID must be a number, not nan"),
        ("TWIN_ID", "1.5", "TWIN_ID must be 0 to 7, not 1.5"),
        ("TWIN_SPEED", "0", "TWIN_SPEED must be above 0, not 0"),
        ("TWIN_SPEED", "inf", "TWIN_SPEED must be a number, not inf"),
        ("TWIN_IAM", "no", "TWIN_IAM must be on or off, not no"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str, text: str) -> None:
    with pytest.raises(WorldError, match=text):
        World.from_environment({name: value})


def test_each_twin_has_its_own_ports_and_state() -> None:
    worlds = [World.from_environment({"TWIN_ID": str(number)}) for number in range(8)]
    assert len({w.gateway_port for w in worlds}) == 8
    assert len({w.state for w in worlds}) == 8


def test_what_aws_waits_is_divided_by_the_speed() -> None:
    assert World.from_environment({"TWIN_SPEED": "20"}).wait_scaled(60) == 3


def test_an_address_keeps_its_place_on_loopback() -> None:
    assert loopback("10.20.1.17", twin_id=0) == "127.20.1.17"
    assert loopback("10.20.1.17", twin_id=1) == "127.52.1.17"
    blocks = {loopback("10.20.1.17", twin_id=number) for number in range(8)}
    assert len(blocks) == 8


def test_an_owner_keeps_its_address_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "addresses.json"
    first = AddressBook(path, 7)
    address = first.eni("subnet-a", "10.20.1.0/24", "task-1")
    endpoint = first.endpoint("db")
    again = AddressBook(path, 7)
    assert address == "10.20.1.4", "the first four addresses of a subnet are AWS's"
    assert again.eni("subnet-a", "10.20.1.0/24", "task-1") == address
    assert again.eni("subnet-a", "10.20.1.0/24", "task-2") != address
    assert again.endpoint("db") == endpoint
    assert endpoint in again.first_endpoints(1)


def test_a_full_subnet_says_so(tmp_path: Path) -> None:
    book = AddressBook(tmp_path / "addresses.json", 7)
    for owner in range(11):
        book.eni("subnet-a", "10.20.1.0/28", f"task-{owner}")
    with pytest.raises(AddressError, match=r"subnet subnet-a \(10.20.1.0/28\) has no free address left"):
        book.eni("subnet-a", "10.20.1.0/28", "one more")
    book.release("task-3")
    assert book.eni("subnet-a", "10.20.1.0/28", "one more") == "10.20.1.7"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    with pytest.raises(TypeError):
        write_atomic(path, None)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_process_group_ends_as_one(here: World) -> None:
    process = spawn("family", ["sh", "-c", "sleep 60 & sleep 60"], env={"PATH": os.defpath})
    deadline = time.monotonic() + 5
    while len(children := descendants(process.pid)) < 2:
        assert time.monotonic() < deadline, f"saw only {children}"
        time.sleep(0.01)
    assert process.stop(grace=2) < 0
    assert not process.alive
    eventually(lambda: [child for child in children if _lives(child)], lambda alive: not alive, seconds=5)


def test_a_process_that_ignores_sigterm_is_ended_after_its_grace(here: World) -> None:
    process = spawn("deaf", ["sh", "-c", "trap '' TERM; echo ready; sleep 60"], env={}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    assert process.stop(grace=0.2) == -9
    process.stdout.close()


def test_a_program_that_is_missing_is_named(here: World) -> None:
    with pytest.raises(ProcessError, match=r"ghost could not be started: .*no-such-program"):
        spawn("ghost", ["/no-such-program"], env={})


def test_fencing_ends_only_who_uses_the_data(here: World, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    user = spawn("user", ["sleep", "60"], env={}, cwd=data)
    other = spawn("other", ["sleep", "60"], env={}, cwd=tmp_path)
    try:
        assert kill_data_directory(data) == [user.pid]
        assert user.wait(2) == -9
        assert other.alive
    finally:
        user.kill()
        other.kill()


def test_a_woken_loop_runs_at_once_and_survives_a_bad_cycle() -> None:
    seen: list[str] = []
    ran = threading.Semaphore(0)

    def cycle() -> str | None:
        seen.append("cycle")
        ran.release()
        if len(seen) == 1:
            raise RuntimeError("a bad cycle")
        return None

    loop = Loop("test", cycle, interval=3600)
    loop.start()
    assert ran.acquire(timeout=5)
    loop.wake()
    assert ran.acquire(timeout=5), f"the loop ran {len(seen)} times"
    loop.stop()


def test_a_slot_runs_one_action_and_keeps_its_error() -> None:
    woken = threading.Semaphore(0)
    loop = Loop("test", lambda: woken.release() or None, interval=3600)
    slot = Slot(loop)
    gate = threading.Event()

    def act() -> None:
        gate.wait(5)
        raise ValueError("no")

    assert slot.run("db", act)
    assert not slot.run("db", act), "a second action under the same key"
    assert slot.busy("db")
    gate.set()
    deadline = time.monotonic() + 5
    while slot.busy("db"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert str(slot.error("db")) == "no"


def test_a_certificate_is_kept_while_it_fits(here: World) -> None:
    leaf = authority().issue("db", ["127.20.3.5"], ["db.example"])
    before = leaf.cert_path.read_bytes()
    authority().issue("db", ["127.20.3.5"], ["db.example"])
    assert leaf.cert_path.read_bytes() == before
    authority().issue("db", ["127.20.3.5", "127.20.4.5"], ["db.example"])
    assert leaf.cert_path.read_bytes() != before
    certificate = x509.load_pem_x509_certificate(leaf.cert_path.read_bytes())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(leaf.chain_path.read_bytes()))
    ssl.create_default_context(cafile=str(authority().bundle_path)).load_cert_chain(leaf.cert_path, leaf.key_path)
    assert leaf.key_path.stat().st_mode & 0o777 == 0o600


def test_the_timeline_is_one_object_a_line(here: World) -> None:
    timeline.emit("rds", "db", "다시 시작")
    timeline.emit("rds", "db", "available")
    events = [json.loads(line) for line in (here.state / "events.jsonl").read_text().splitlines()]
    assert [event["message"] for event in events] == ["다시 시작", "available"]
    assert set(events[0]) == {"time", "source", "resource", "message"}


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_what_is_made_once_is_made_once_however_many_ask_at_the_same_time() -> None:
    made: list[object] = []

    @Once
    def slow() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    with ThreadPoolExecutor(8) as pool:
        seen = set(map(id, pool.map(lambda _: slow(), range(8))))
    assert len(seen) == len(made) == 1


def test_one_that_cannot_be_tended_does_not_keep_the_others_waiting() -> None:
    def tend(number: int) -> str | None:
        return None if number == 1 else f"{6 // number}"

    assert tend_each([0, 1, 2, 3], tend) == ["3", "2"]
