"""The outermost process: under it everything lives, and with it everything ends.

Two guardians watch each other. The keeper is the parent of the main process and adopts every orphan below it
(PR_SET_CHILD_SUBREAPER), children that called setsid included; when the main process ends, it ends what is left.
The main process holds the reading end of a pipe from the keeper; when that closes, it ends its own descendants.
"""

import contextlib
import ctypes
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from twin.core.errors import CoreError, WorldError
from twin.core.processes import descendants, spawn_no_more, spawned_here, sweep
from twin.core.timeline import emit, shorten
from twin.core.world import World, world
from twin.keeper_control import STOPPED
from twin.runtime import command, environment

LOG = logging.getLogger(__name__)
PIPE = "TWIN_KEEPER_PIPE"
ORDERLY_SECONDS = 15
REAP_SECONDS = 1.0
# Whoever asks whether a keeper runs holds the lock for a moment.
LOCK_SECONDS = 0.5
PATIENCE_SECONDS = 30.0
# A log that has grown beyond this begins anew with the next life of the twin; the one before is kept.
MOST_LOG_BYTES = 32 << 20
_PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """Keep the main process until it ends or SIGTERM asks for the end; leave nothing behind."""
    here = world()
    try:
        lock = _lock(here)
    except CoreError as error:
        print(error, file=sys.stderr)
        return 1
    with lock:
        adopt_orphans()
        swept = sweep(here)
        if swept:
            emit("keeper", "twin", f"ended {swept} processes that an earlier life had left")
        shorten()
        here.unwritten.unlink(missing_ok=True)
        for grown in (here.state / "logs").rglob("*.log"):
            if grown.stat().st_size > MOST_LOG_BYTES:
                grown.replace(grown.with_suffix(".old"))
        # Objects come back from where they are kept for good.
        shutil.rmtree(here.state / "localstack" / "tmp", ignore_errors=True)
        asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: asked.set())
        reading, writing = os.pipe()
        with (here.directory("logs") / "localstack.log").open("ab") as log:
            process = subprocess.Popen(
                command(),
                env=environment(here) | {PIPE: str(reading)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[reading],
                cwd=here.state,
            )
        os.close(reading)
        emit("keeper", "twin", f"started, main process {process.pid}")
        while process.poll() is None and not asked.wait(0.2):
            pass
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(ORDERLY_SECONDS)
        end_descendants()
        code = process.wait()
        os.close(writing)
        emit("keeper", "twin", STOPPED if asked.is_set() else f"the main process ended with {code}: all stopped")
    return 0


def guard() -> None:
    """In the main process: adopt orphans too, reap them, and end everything when the keeper is gone."""
    adopt_orphans()
    threading.Thread(target=_reap_adopted, name="reaper", daemon=True).start()
    if PIPE in os.environ:
        pipe = int(os.environ.pop(PIPE))
        threading.Thread(target=_watch_keeper, args=(pipe,), name="keeper-watch", daemon=True).start()


def adopt_orphans() -> None:
    """Make this process the parent of every orphan below it; raise WorldError where the system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise WorldError(f"this system lacks PR_SET_CHILD_SUBREAPER: {os.strerror(ctypes.get_errno())}")


def end_descendants(timeout: float = 10) -> None:
    """End every process below this one, again until none is left or `timeout` seconds have passed."""
    deadline = time.monotonic() + timeout
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        _end(left)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)
    if left:
        LOG.error("processes %s could not be ended", left)


def _end(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _lock(here: World) -> TextIO:
    file = (here.directory("run") / "lock").open("a+")
    deadline = time.monotonic() + LOCK_SECONDS
    while not _is_locked(file):
        if time.monotonic() > deadline:
            file.seek(0)
            raise WorldError(f"this twin already runs, kept by process {file.read().strip()}")
        time.sleep(0.02)
    file.seek(0)
    file.truncate()
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _is_locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _watch_keeper(pipe: int) -> None:
    os.read(pipe, 1)  # nothing is ever written: this returns when the keeper's end closes
    spawn_no_more()
    emit("main", "twin", "the keeper is gone: ending everything")
    end_descendants()
    os._exit(1)


def _reap_adopted() -> None:
    """Reap orphans that came to us, never a process that `spawn` made: its owner waits for its exit code.

    Others that this process started by itself are given time to be waited for.
    """
    since: dict[int, float] = {}
    while True:
        time.sleep(REAP_SECONDS)
        zombies = {pid for pid in _zombie_children() if not spawned_here(pid)}
        now = time.monotonic()
        since = {pid: since.get(pid, now) for pid in zombies}
        for pid, seen in since.items():
            if now - seen > PATIENCE_SECONDS:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


def _zombie_children() -> set[int]:
    found = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = Path(f"/proc/{entry.name}/stat").read_text().rsplit(")", 1)[1].split()
                if fields[0] == "Z" and int(fields[1]) == os.getpid():
                    found.add(int(entry.name))
    return found


if __name__ == "__main__":
    sys.exit(main())
