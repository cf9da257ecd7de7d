"""Runs another program so that an interrupted deployment ends it, and its last words are kept."""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from infra.deploy.aws import Aws
from infra.errors import DeployError, Interrupted

_LAST_WORDS = 3
_GRACE = 10


def run(
    aws: Aws,
    command: Sequence[str],
    *,
    what: str,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    given: str = "",
) -> str:
    """Run `command`, `given` on its stdin; return its stdout. Raises DeployError with its last lines when it fails."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        try:
            process = subprocess.Popen(
                command,
                cwd=directory,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=errors,
                text=True,
            )
        except OSError as error:
            raise DeployError(f"{what}: {command[0]} cannot be run: {error.strerror}") from error
        assert process.stdin is not None
        # A program that ends without reading is no trouble here; its exit code says why.
        with suppress(BrokenPipeError):
            process.stdin.write(given)
        with suppress(BrokenPipeError):
            process.stdin.close()
        _await(aws, process)
        output.seek(0)
        errors.seek(0)
        said, complained = output.read(), errors.read()
    if process.returncode:
        lines = [line.strip() for line in (complained or said).splitlines() if line.strip()]
        words = " / ".join(lines[-_LAST_WORDS:]) or f"exit code {process.returncode}"
        raise DeployError(f"{what} failed: {words}")
    return said


def _await(aws: Aws, process: subprocess.Popen[str]) -> None:
    try:
        while True:
            try:
                process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                aws.check()
            else:
                return
    except (Interrupted, KeyboardInterrupt):
        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
