"""What a build of a process image works on: its order, a stage while it is made, the words of a Dockerfile."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twin.core.errors import ProcessError
from twin.core.world import World

type Json = dict[str, Any]
type Report = Callable[[str], None]

_VARIABLE = re.compile(r"\\\$|\$(?P<plain>\w+)|\$\{(?P<braced>\w+)(?P<more>[^}]*)\}")


class BuildError(ProcessError):
    """A Dockerfile cannot be built here; the text names the line."""


@dataclass(frozen=True)
class Build:
    """What to build.

    context: the folder. dockerfile: its file. arguments: of --build-arg. target: the stage, else the last one.
    """

    here: World
    context: Path
    dockerfile: Path
    arguments: dict[str, str] = field(default_factory=dict)
    target: str | None = None
    report: Report = print


@dataclass
class Stage:
    """A stage while it is made: files under `root`, configuration, build arguments, Python environment."""

    root: Path
    config: Json = field(default_factory=lambda: {"Env": [], "WorkingDir": "/"})
    arguments: dict[str, str] = field(default_factory=dict)
    venv: str | None = None

    def path(self, name: str) -> Path:
        """Where the image's path `name`, relative to WORKDIR, lies while the stage is made."""
        return self.root / os.path.normpath(os.path.join(self.config["WorkingDir"], name)).lstrip("/")

    def environment(self) -> dict[str, str]:
        """The stage's ENV."""
        return dict(entry.split("=", 1) for entry in self.config["Env"])

    def search_first(self, folder: str) -> None:
        """Put the folder before all others on the PATH of ENV."""
        others = [one for one in self.environment().get("PATH", "").split(":") if one and one != folder]
        kept = [entry for entry in self.config["Env"] if not entry.startswith("PATH=")]
        self.config["Env"] = [*kept, f"PATH={':'.join([folder, *others])}"]

    def substituted(self, text: str) -> str:
        """`text` with its variables replaced by ENV, then ARG; an unknown one is empty.

        The forms are those of https://docs.docker.com/reference/dockerfile/#environment-replacement
        What the base image would put on PATH is not here: the machine's own programs come last on every PATH.
        """
        known = {**self.arguments, **self.environment()}

        def value(found: re.Match[str]) -> str:
            name = found["plain"] or found["braced"]
            if name is None:
                return "$"
            kind, word = (found["more"] or "")[:2], (found["more"] or "")[2:]
            if kind not in ("", ":-", ":+"):
                raise BuildError(f"the twin cannot do {found[0]}")
            if kind == ":+":
                return word if known.get(name) else ""
            return known.get(name) or word

        replaced = _VARIABLE.sub(value, text)
        return replaced.strip(":") if re.search(r"\$\{?PATH\b", text) else replaced
