"""A copy of the repository as somebody has just got it, and the twin that it starts."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
_NEVER = {"HOME", "AWS_PROFILE", "AWS_ENDPOINT_URL", "APP_URL", "XDG_CACHE_HOME"}
_NEVER_LIKE = ("TWIN_", "MAKE", "MFLAGS", "PYTHON")
COMMAND_SECONDS = 900


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code, what it said on both outputs, the seconds it took."""

    code: int
    said: str
    seconds: float


@dataclass(frozen=True)
class Ground:
    """The copy. home: of its commands, empty at first where caches are to be empty."""

    root: Path
    home: Path
    twin_id: int
    speed: str = "1"
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What its commands run with."""
        kept = {n: v for n, v in os.environ.items() if n not in _NEVER and not n.startswith(_NEVER_LIKE)}
        return kept | {"HOME": str(self.home), "TWIN_ID": str(self.twin_id), "TWIN_SPEED": self.speed} | self.more

    @property
    def state(self) -> Path:
        """Where its twin keeps everything."""
        return self.root / f".twin-{self.twin_id}"

    def run(self, *command: str) -> Done:
        """Run a command in it."""
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        return Done(done.returncode, done.stdout, time.monotonic() - began)

    def make(self, target: str) -> float:
        """Run a target that must do; the seconds it took. Raises RuntimeError with its last lines when it fails."""
        done = self.run("make", target)
        print(done.said, file=sys.stderr, end="", flush=True)
        if done.code:
            raise RuntimeError(f"make {target} failed: {' / '.join(done.said.splitlines()[-3:])}")
        return done.seconds

    def status(self) -> dict[str, Any]:
        """What its twin says of itself."""
        said = self.run("bin/twin", "status", "--json")
        seen: dict[str, Any] = json.loads(said.said)
        return seen

    def keeper(self) -> int:
        """The pid of the twin's outermost process."""
        return int((self.state / "run" / "lock").read_text())


@contextmanager
def ground(parent: Path, *, twin_id: int, fresh: bool = False, speed: str = "1") -> Iterator[Ground]:
    """Copy what git knows or would take of the repository into `parent`; afterwards its twin is down and it is removed.

    fresh: with an empty home, so that nothing is in any cache.
    """
    shutil.rmtree(parent, ignore_errors=True)
    home = parent / "home" if fresh else Path(os.environ.get("HOME", str(parent)))
    home.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in listed:
        source, target = REPOSITORY / name, parent / "copy" / name
        if name and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    made = Ground(parent / "copy", home, twin_id, speed)
    try:
        yield made
    finally:
        made.run("bin/twin", "down")
        shutil.rmtree(parent, ignore_errors=True)
