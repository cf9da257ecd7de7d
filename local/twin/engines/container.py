"""A container without a container engine: a process group that runs an image's command at an address of its own."""

import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twin.core.errors import ProcessError
from twin.core.processes import Process, spawn
from twin.engines.addressing import LAUNCHER, Gate, Place, supervisor
from twin.engines.image import Image


@dataclass(frozen=True)
class Run:
    """What to run. image: where its files are. command: replaces the image's, entry point included, when given.

    environment: over the image's. address: the loopback address that is the container's own. outside: ports of
    127.0.0.1 that it may reach. gate: which connections it may open; None for all.
    """

    name: str
    image: Image
    address: str
    entrypoint: Sequence[str] | None = None
    command: Sequence[str] | None = None
    directory: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    outside: frozenset[int] = frozenset()
    gate: Gate | None = None


def start(run: Run) -> Process:
    """Start the container; its outputs are at the process's `stdout`.

    Raises ProcessError when the program does not exist or cannot be started.
    """
    argv = _argv(run)
    environment = run.image.environment(run.environment)
    mine, theirs = socket.socketpair()
    with theirs:
        process = spawn(
            run.name,
            [sys.executable, "-ISE", LAUNCHER, str(theirs.fileno()), *argv],
            env=environment,
            cwd=run.image.host_path(run.directory or run.image.working_directory),
            stdout=subprocess.PIPE,
            unroot=True,
            pass_fds=[theirs.fileno()],
        )
    try:
        supervisor().admit(mine, Place(run.address, run.outside, run.gate))
    except OSError as error:
        process.kill()
        assert process.stdout is not None
        words = process.stdout.read().decode(errors="replace").strip().splitlines()
        raise ProcessError(f"{run.name} could not be started: {words[-1] if words else error}") from error
    return process


def _argv(run: Run) -> list[str]:
    entrypoint = list(run.entrypoint if run.entrypoint is not None else run.image.entrypoint)
    # As with Docker, another entry point drops the image's command.
    kept = () if run.entrypoint is not None else run.image.command
    argv = entrypoint + list(run.command if run.command is not None else kept)
    if not argv:
        raise ProcessError(f"{run.name} has no command: neither the image nor the task definition names one")
    program = run.image.program(argv[0], run.environment)
    if program is None:
        raise ProcessError(f'{run.name}: exec: "{argv[0]}": executable file not found in $PATH')
    return [program, *(run.image.translate(part) for part in argv[1:])]


def exit_code(code: int) -> int:
    """An exit code as container engines give it: 128 and the signal's number for a process that was killed."""
    return 128 - code if code < 0 else code
