"""Nothing outlives the twin: not when the keeper is killed, not when the main process is."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twin.core.errors import ProcessError
from twin.core.processes import ours
from twin.core.world import World
from twin.keeper import PIPE
from twin.keeper_control import holder, start, stop

ESCAPEE = "import os,time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(120)"


# A main process whose controller starts its engine anew the moment it is dead.
RESTLESS = """
import sys, threading
from pathlib import Path
from twin.core.processes import spawn
from twin.keeper import guard

def keep_running():
    while True:
        spawn("engine", [sys.executable, "-S", "-c", "import time; time.sleep(60)"], env={}).wait()

for _ in range(8):
    threading.Thread(target=keep_running).start()
guard()
"""


@pytest.fixture
def running(here: World) -> Iterator[World]:
    start(here, timeout=60)
    yield here
    stop(here, timeout=30)


def test_a_running_twin_listens_on_loopback_only_and_stops_in_order(running: World) -> None:
    pids = _pids(running)
    ours = [address for pid in pids for address in _listening(pid)]
    assert f"127.0.0.1:{running.gateway_port}" in ours
    assert all(address.startswith("127.") for address in ours), ours
    assert stop(running, timeout=30)
    _gone(pids, running, seconds=1)
    assert not stop(running, timeout=1), "a stopped twin has nothing to stop"


@pytest.mark.parametrize("victim", ["keeper", "main"])
def test_whoever_is_killed_everything_ends(running: World, victim: str) -> None:
    keeper = holder(running)
    assert keeper is not None
    main = _children(keeper)[0]
    pids = _pids(running)
    os.kill(keeper if victim == "keeper" else main, signal.SIGKILL)
    _gone(pids, running, seconds=10)
    start(running, timeout=60)
    assert holder(running) not in (None, keeper)


def test_a_grandchild_that_left_its_session_ends_too(here: World, tmp_path: Path) -> None:
    keeper = subprocess.Popen([str(_python()), "-c", _keeper_of(ESCAPEE)], env=_environment(here))
    deadline = time.monotonic() + 10
    while not (found := _sleepers()):
        assert time.monotonic() < deadline, "the escapee never started"
        time.sleep(0.05)
    keeper.wait(15)
    assert not any(_lives(pid) for pid in found)


def test_what_is_started_anew_while_everything_ends_does_not_live_on(here: World) -> None:
    for _ in range(5):
        reading, writing = os.pipe()
        main = subprocess.Popen(
            [str(_python()), "-c", RESTLESS],
            env=_environment(here) | {PIPE: str(reading)},
            pass_fds=[reading],
        )
        os.close(reading)
        _await(lambda: len(ours(here)) >= 8, "the engines never started", seconds=20)
        os.close(writing)
        assert main.wait(15) == 1
        _await(lambda: not ours(here), "engines live on", seconds=1)


def test_a_second_keeper_is_told_who_runs(running: World) -> None:
    second = subprocess.run(
        [str(_python()), "-m", "twin.keeper"], capture_output=True, text=True, env=_environment(running), check=False
    )
    assert second.returncode == 1
    assert second.stderr.strip() == f"this twin already runs, kept by process {holder(running)}"


def test_a_twin_that_cannot_start_says_why(here: World) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", here.gateway_port))
        other.listen()
        with pytest.raises(ProcessError, match="the twin"):
            start(here, timeout=15)
    stop(here, timeout=30)
    assert holder(here) is None


def _listening(pid: int) -> list[str]:
    """Every address:port, IPv4 and IPv6, on which the process listens."""
    inodes = {os.readlink(fd.path) for fd in os.scandir(f"/proc/{pid}/fd")}
    found = []
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                words = [bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8)]
                found.append(f"{socket.inet_ntop(family, b''.join(words))}:{int(port, 16)}")
    return found


def _keeper_of(child: str) -> str:
    """A process that adopts orphans, starts `child` with an empty environment, then ends what is below it."""
    return (
        "import subprocess, sys, time\n"
        "from twin.keeper import adopt_orphans, end_descendants\n"
        "adopt_orphans()\n"
        f"subprocess.run([sys.executable, '-c', {child!r}], env={{}})\n"
        "time.sleep(0.5)\n"
        "end_descendants()\n"
    )


def _sleepers() -> list[int]:
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if "os.setsid()" in Path(f"/proc/{entry.name}/cmdline").read_text().split("\0")[-2]:
                    found.append(int(entry.name))
            except (OSError, IndexError):
                continue
    return found


def _await(condition: Callable[[], bool], complaint: str, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{complaint} after {seconds} s"
        time.sleep(0.05)


def _python() -> Path:
    return Path(__file__).parents[2] / "local" / ".venv" / "bin" / "python"


def _environment(here: World) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "TWIN_ID": str(here.twin_id), "TWIN_STATE": str(here.state)}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _pids(here: World) -> list[int]:
    keeper = holder(here)
    assert keeper is not None
    return [keeper, *_children(keeper)]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def _gone(pids: list[int], here: World, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if _lives(pid)]:
        assert time.monotonic() < deadline, f"still alive after {seconds} s: {left}"
        time.sleep(0.05)
    # The first thread of a process counts as ended before the others have given up what they hold open.
    while _is_open(here.gateway_port):
        assert time.monotonic() < deadline, "the port is still open"
        time.sleep(0.05)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
