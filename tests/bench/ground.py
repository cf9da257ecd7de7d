"""A fresh clone with an empty home, and the twin that it starts: what every measure stands on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
TWIN_ID = os.environ.get("BENCH_TWIN_ID", "5")
_KEPT = ("PATH", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_INDEX_URL", "UV_INDEX_URL", "NODE_EXTRA_CA_CERTS")


@dataclass(frozen=True)
class Ground:
    """The clone. Its commands run with an environment of their own."""

    clone: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """An empty home, so empty caches; AWS's pace."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {"HOME": str(self.home), "TWIN_ID": TWIN_ID, "TWIN_SPEED": "1"}

    def make(self, target: str) -> float:
        """Run a target; the seconds it took. Raises SystemExit with its last lines when it fails."""
        began = time.monotonic()
        done = subprocess.run(
            ["make", target],
            cwd=self.clone,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        print(done.stdout, file=sys.stderr, end="", flush=True)
        if done.returncode:
            raise SystemExit(f"bench: make {target} failed: {' / '.join(done.stdout.splitlines()[-3:])}")
        return seconds

    def status(self) -> dict[str, Any]:
        """What the twin says of itself."""
        said = subprocess.run(
            ["bin/twin", "status", "--json"], cwd=self.clone, env=self.environment, capture_output=True, check=False
        )
        seen: dict[str, Any] = json.loads(said.stdout)
        return seen

    def keeper(self) -> int:
        """The pid of the twin's outermost process."""
        return int((self.clone / f".twin-{TWIN_ID}" / "run" / "lock").read_text())


@contextmanager
def ground(parent: Path) -> Iterator[Ground]:
    """Clone what is committed into `parent`; afterwards the twin is down and the clone removed."""
    shutil.rmtree(parent, ignore_errors=True)
    (parent / "home").mkdir(parents=True)
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", REPOSITORY, parent / "clone"], check=True)
    made = Ground(parent / "clone", parent / "home")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        yield made
    finally:
        subprocess.run(["bin/twin", "down"], cwd=made.clone, env=made.environment, check=False, capture_output=True)
        shutil.rmtree(parent, ignore_errors=True)
