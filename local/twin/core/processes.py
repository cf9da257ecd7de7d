"""Processes that belong to the twin: started as a group, marked, ended as a group.

Every process carries TWIN_MARK in its environment, so that a later start can sweep what a crash left.
"""

import contextlib
import os
import subprocess
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM
from typing import IO

from twin.core.errors import ProcessError
from twin.core.world import World, world

MARK = "TWIN_MARK"
# Some servers refuse to run as root. In a user namespace of its own the same user is uid 1000,
# and still owns the same files.
UNROOT = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


_spawned: "weakref.WeakValueDictionary[int, Process]" = weakref.WeakValueDictionary()
_starting = threading.Lock()


class Process:
    """A process group that the twin started and alone may end."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes]) -> None:
        self.name = name
        self._popen = popen
        _spawned[popen.pid] = self

    @property
    def pid(self) -> int:
        """The leader's pid, which is also the group's."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether the leader runs."""
        return self._popen.poll() is None

    @property
    def stdout(self) -> IO[bytes] | None:
        """The reading end, when the process was started with stdout=subprocess.PIPE."""
        return self._popen.stdout

    def poll(self) -> int | None:
        """The leader's exit code, negative for a signal; None while it runs."""
        return self._popen.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the leader's end; raise subprocess.TimeoutExpired after `timeout` seconds."""
        return self._popen.wait(timeout)

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; a group that has ended is no error."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def signal_leader(self, number: int) -> None:
        """Send a signal to the leader alone; one that has ended is no error."""
        self._popen.send_signal(number)

    def kill(self) -> int:
        """End the whole group at once and return the leader's exit code."""
        self.signal(SIGKILL)
        return self._popen.wait()

    def stop(self, grace: float, number: int = SIGTERM) -> int:
        """Ask the group to end, end it after `grace` seconds, return the leader's exit code."""
        self.signal(number)
        self.signal(SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(grace)
        return self.kill()


def not_as_root(argv: Sequence[str | Path]) -> list[str]:
    """The command that runs `argv` as a user other than root, and as it is when we are not root."""
    command = [str(part) for part in argv]
    return [*UNROOT, *command] if os.geteuid() == 0 else command


def spawn(
    name: str,
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    log: Path | None = None,
    stdout: int | None = None,
    unroot: bool = False,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Start `argv` as a process group of its own, with exactly `env` and the twin's mark.

    log: file to append both outputs to; stdout: instead, as for subprocess (both outputs go there).
    unroot: run as a user other than root when the twin is root.
    Raises ProcessError when it cannot be started.
    """
    command = not_as_root(argv) if unroot else [str(part) for part in argv]
    output = log.open("ab") if log is not None else None
    try:
        with _starting:
            popen = subprocess.Popen(
                command,
                env={**env, MARK: world().marker},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output if output is not None else stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=pass_fds,
            )
    except OSError as error:
        raise ProcessError(f"{name} could not be started: {error}") from error
    finally:
        if output is not None:
            output.close()
    return Process(name, popen)


def spawn_no_more() -> None:
    """Let every `spawn` from now on wait for ever: what comes next is the end of this process and all below it.

    Else a controller that finds its engine dead would start it anew behind the back of whoever ends them all.
    """
    _starting.acquire()


def spawned_here(pid: int) -> bool:
    """Whether `pid` is a process that `spawn` made in this process and somebody still holds."""
    return pid in _spawned


def living() -> Iterator[int]:
    """Every pid of the machine that is not a zombie."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and _stat(int(entry.name))[:1] not in ([], ["Z"], ["X"]):
            yield int(entry.name)


def ours(here: World) -> set[int]:
    """Every living process of the twin: those that carry its mark, and all below them.

    Servers write their title over their environment, PostgreSQL's children always: the mark alone would miss them.
    """
    marked = [pid for pid in living() if _is_marked(pid, here)]
    return {*marked, *_below(marked)}


def sweep(here: World) -> int:
    """End every process of the twin but the calling one, for when none should run; return how many there were."""
    found = ours(here) - {os.getpid()}
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, SIGKILL)
    return len(found)


def descendants(pid: int) -> list[int]:
    """The living children of `pid`, their children, and so on."""
    return _below([pid])


def _below(pids: list[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for other in living():
        fields = _stat(other)
        if fields:
            children.setdefault(int(fields[1]), []).append(other)
    found, frontier = [], list(pids)
    while frontier:
        generation = children.pop(frontier.pop(), [])
        found += generation
        frontier += generation
    return found


def kill_data_directory(path: Path, timeout: float = 10) -> list[int]:
    """Fence: end every process that works in or names the data directory, wait until none lives.

    Only our own processes are looked at: others may name the path innocently (an editor, a backup).
    Returns the pids that were ended. Raises ProcessError when one still lives after `timeout` seconds.
    """
    ended: set[int] = set()
    deadline = time.monotonic() + timeout
    while users := [pid for pid in ours(world()) if pid != os.getpid() and _uses(pid, path)]:
        if time.monotonic() > deadline:
            raise ProcessError(f"processes {users} still use {path}")
        for pid in users:
            ended.add(pid)
            try:
                os.kill(pid, SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.002)
    return sorted(ended)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; empty when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []


def _is_marked(pid: int, here: World) -> bool:
    try:
        return f"{MARK}={here.marker}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _uses(pid: int, path: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        # The kernel names a working directory without symbolic links, a command line as it was written.
        return os.readlink(f"/proc/{pid}/cwd") == str(path.resolve()) or os.fsencode(path) in command
    except OSError:
        return False
