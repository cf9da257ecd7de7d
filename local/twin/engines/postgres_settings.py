"""Which settings the PostgreSQL program has, and whether it would take a value: its own word, not a table of ours."""

import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from twin.core.processes import not_as_root
from twin.engines.postgres import programs

TOOL_SECONDS = 20


@dataclass(frozen=True)
class Setting:
    """As the program describes it. context: when it may change. kind: BOOLEAN, ENUM, INTEGER, REAL, STRING."""

    name: str
    context: str
    group: str
    kind: str
    least: str
    most: str
    description: str

    @property
    def needs_restart(self) -> bool:
        """Whether only a restart puts a change in force."""
        return self.context == "postmaster"


@cache
def all_settings() -> dict[str, Setting]:
    """Every setting by name, as `postgres --describe-config` lists them."""
    listed = _postgres("--describe-config").stdout
    found = {}
    for line in listed.splitlines():
        name, context, group, kind, _, least, most, description, *_ = line.split("\t")
        found[name] = Setting(name, context, group, kind, least, most, description)
    return found


def complaint(name: str, value: str) -> str | None:
    """Why the program would not take the value, in its words; None when it would."""
    with tempfile.TemporaryDirectory(prefix="twin-") as directory:
        (Path(directory) / "postgresql.conf").touch()
        done = _postgres("-D", directory, "-C", name, "-c", f"{name}={value}")
    if done.returncode == 0:
        return None
    words = [line.split(":  ", 1)[-1] for line in done.stderr.splitlines() if "FATAL:" in line or "HINT:" in line]
    return " ".join(words) or f"exit status {done.returncode}"


def libraries() -> set[str]:
    """The names of the libraries that the server can load."""
    return {file.stem for file in (programs().parent / "lib").rglob("*.so")}


def _postgres(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        not_as_root([programs() / "postgres", *arguments]),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        timeout=TOOL_SECONDS,
    )
