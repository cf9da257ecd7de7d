"""Starting and stopping the keeper, the one process under which all others of the twin live."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from twin.core.errors import ProcessError
from twin.core.processes import sweep
from twin.core.world import World
from twin.gateway import healthy

# What the timeline says when the keeper was asked to end.
STOPPED = "stopped"


def holder(here: World) -> int | None:
    """The pid of the keeper that runs, None when none does: the lock it holds is the proof."""
    path = here.state / "run" / "lock"
    if not path.exists():
        return None
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read().strip() or 0) or None
    return None


def start(here: World, timeout: float) -> None:
    """Start the keeper unless it runs, and wait until the gateway answers; else raise ProcessError."""
    log = here.directory("logs") / "keeper.log"
    process = None
    if holder(here) is None:
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "twin.keeper"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=here.state,
            )
    deadline = time.monotonic() + timeout
    while not healthy(here, holder(here)):
        if process is not None and process.poll() is not None:
            raise ProcessError(f"the twin ended while starting: {_last_line(log)} (log: {log.parent})")
        if time.monotonic() > deadline:
            raise ProcessError(f"the twin did not answer within {timeout:.0f} s (log: {log.parent})")
        time.sleep(0.1)


def stop(here: World, timeout: float) -> bool:
    """Ask the keeper to stop everything in order and wait for it; False when nothing runs.

    Without a keeper, what a crash may have left is ended.
    """
    pid = holder(here)
    if pid is None:
        return sweep(here) > 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while holder(here) is not None:
        if time.monotonic() > deadline:
            raise ProcessError(f"the twin (pid {pid}) did not stop within {timeout:.0f} s")
        time.sleep(0.05)
    return True


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "without a word"
