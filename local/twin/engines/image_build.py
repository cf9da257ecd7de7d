"""Makes a process image from a Dockerfile, without a container engine.

COPY, ADD of files, WORKDIR, ENV, ARG, USER, EXPOSE, LABEL, STOPSIGNAL, CMD, ENTRYPOINT do what they say. Of RUN only
dependency steps of Python are done (`uv venv`, `uv pip sync`, `uv pip install`, `pip install`, `python -m venv`), into
an environment that all images with the same requirements share; every other RUN is skipped and reported.
"""

import hashlib
import io
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Any

from docker.utils.build import exclude_paths
from dockerfile_parse import DockerfileParser

from twin.core.atomic import write_atomic
from twin.core.errors import ProcessError
from twin.core.world import REPOSITORY, World
from twin.engines.image import store

UV = REPOSITORY / ".tools" / "bin" / "uv"
PYTHON = "3.13"
# Programs that a COPY --from of another image would bring, and that this machine brings itself.
_BROUGHT = {"uv", "uvx"}
_RECORDED = {"LABEL", "HEALTHCHECK", "MAINTAINER"}

type Json = dict[str, Any]
type Report = Callable[[str], None]


class BuildError(ProcessError):
    """A Dockerfile cannot be built here; the text names the line."""


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


def build(order: Build) -> str:
    """Build the image and return its digest, `sha256:…`; what is in the store already is not made again.

    Raises BuildError with the number of the line that cannot be done.
    """
    unfinished = store(order.here) / f".build-{os.getpid()}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        stage = _stages(order, unfinished)
        return _finish(order, stage)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _stages(order: Build, unfinished: Path) -> Stage:
    parser = DockerfileParser(
        fileobj=io.BytesIO(order.dockerfile.read_bytes()), env_replace=True, build_args=order.arguments
    )
    making = _Making(order, _context_files(order), {})
    stages = making.stages
    stage: Stage | None = None
    for number, context in enumerate(parser.structure):
        name, line, value = context["instruction"], context["startline"] + 1, context["value"]
        if name in ("ARG", "COMMENT") and stage is None:
            continue
        if name == "FROM":
            if stage is not None and order.target and order.target in stages:
                break
            base, alias = _from(value)
            stage = stages.get(base) and _copied(stages[base], unfinished / str(number))
            stage = stage or Stage(unfinished / str(number))
            stage.root.mkdir(parents=True, exist_ok=True)
            stages[alias or str(len(stages))] = stage
        elif name != "COMMENT":
            if stage is None:
                raise BuildError(f"line {line}: {name} before FROM")
            try:
                _instruction(making, stage, name, value)
            except BuildError as error:
                raise BuildError(f"{order.dockerfile.name} line {line}: {error}") from None
    if stage is None:
        raise BuildError(f"{order.dockerfile.name} has no FROM")
    return stages.get(order.target or "", stage)


@dataclass(frozen=True)
class _Making:
    """What the instructions of one build share: its order, the context's files, the stages made so far."""

    order: Build
    kept: set[str]
    stages: dict[str, Stage]


def _instruction(making: _Making, stage: Stage, name: str, value: str) -> None:
    match name:
        case "COPY" | "ADD":
            _copy(making, stage, shlex.split(_substituted(value, stage)))
        case "RUN":
            _run(making.order, stage, value)
        case "WORKDIR":
            stage.config["WorkingDir"] = os.path.normpath(
                os.path.join(stage.config["WorkingDir"], _substituted(value, stage))
            )
            stage.path(".").mkdir(parents=True, exist_ok=True)
        case "ARG":
            key, _, default = value.partition("=")
            stage.arguments[key.strip()] = making.order.arguments.get(key.strip(), default.strip("\"'"))
        case "ENV" | "CMD" | "ENTRYPOINT" | "USER" | "EXPOSE" | "STOPSIGNAL":
            _configure(stage, name, value)
        case _ if name not in _RECORDED:
            raise BuildError(f"the twin cannot do {name}")


def _configure(stage: Stage, name: str, value: str) -> None:
    config = stage.config
    match name:
        case "ENV":
            for key, text in _pairs(value):
                kept = [entry for entry in config["Env"] if not entry.startswith(f"{key}=")]
                config["Env"] = [*kept, f"{key}={_substituted(text, stage)}"]
        case "CMD" | "ENTRYPOINT":
            config["Cmd" if name == "CMD" else "Entrypoint"] = _form(value)
        case "USER":
            config["User"] = value
        case "EXPOSE":
            ports: Json = {port if "/" in port else f"{port}/tcp": {} for port in value.split()}
            config.setdefault("ExposedPorts", {}).update(ports)
        case "STOPSIGNAL":
            config["StopSignal"] = value


def _copy(making: _Making, stage: Stage, words: list[str]) -> None:
    order, kept, stages = making.order, making.kept, making.stages
    flags = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    if strange := set(flags) - {"from", "chown", "chmod", "link"}:
        raise BuildError(f"the twin cannot do COPY --{strange.pop()}")
    if (origin := flags.get("from")) and origin not in stages:
        if all(Path(source).name in _BROUGHT for source in sources):
            return
        raise BuildError(f"COPY --from={origin}: no stage of that name, and other images are not here")
    root = stages[origin].root if origin else order.context
    for source in sources:
        if source.startswith(("http://", "https://", "git@")):
            raise BuildError(f"nothing is fetched: {source}")
        found = sorted(glob(str(root / source.lstrip("/"))))
        if not found:
            raise BuildError(f"{source} is not there")
        into = target.endswith("/") or len(sources) > 1 or len(found) > 1 or stage.path(target).is_dir()
        for path in map(Path, found):
            wanted = (lambda _: True) if origin else (lambda p: str(p.relative_to(order.context)) in kept)
            destination = stage.path(target) / path.name if into and not path.is_dir() else stage.path(target)
            if not _copy_tree(path, destination, wanted):
                raise BuildError(f"{source} is left out by .dockerignore")


def _copy_tree(source: Path, destination: Path, wanted: Callable[[Path], bool]) -> int:
    if source.is_symlink() or not source.is_dir():
        if not wanted(source):
            return 0
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, destination, follow_symlinks=False)
        return 1
    destination.mkdir(parents=True, exist_ok=True)
    return sum(_copy_tree(child, destination / child.name, wanted) for child in sorted(source.iterdir()))


def _run(order: Build, stage: Stage, value: str) -> None:
    if "<<" in value:
        raise BuildError("the twin cannot do RUN with a here-document")
    for step in value.replace("\n", " ").split("&&"):
        words = [word for word in shlex.split(step) if not word.startswith("--mount=")]
        requirements = _requirements(words)
        if requirements is not None and all(_is_brought(word) for word in requirements):
            continue
        if requirements is not None:
            _install(order, stage, words, requirements)
        elif _makes_environment(words):
            named = [word for word in words[2:] if not word.startswith("-") and word != "venv"]
            stage.venv = "/" + str(stage.path(named[-1] if named else ".venv").relative_to(stage.root))
        else:
            order.report(f"skipped: RUN {' '.join(words)}")


def _requirements(words: list[str]) -> list[str] | None:
    """The arguments of a dependency step after its verb, None when it is another command."""
    for verb in (["uv", "pip", "sync"], ["uv", "pip", "install"], ["pip", "install"]):
        if words[: len(verb)] == verb:
            return words[len(verb) :]
    return None


def _makes_environment(words: list[str]) -> bool:
    return words[:2] == ["uv", "venv"] or words[1:3] == ["-m", "venv"]


def _is_brought(word: str) -> bool:
    return word.startswith("-") or word.partition("=")[0] in _BROUGHT


def _install(order: Build, stage: Stage, words: list[str], arguments: list[str]) -> None:
    """Install into the shared environment of these requirements, and put a link to it where the image has it."""
    place = stage.environment().get("VIRTUAL_ENV") or stage.venv
    plain: list[str] = []
    contents = hashlib.sha256(PYTHON.encode())
    rest = iter(arguments)
    for word in rest:
        if word in ("-p", "--python", "--prefix"):
            named = next(rest)
            place = named.removesuffix("/bin/python")
            continue
        if word == "--system":
            continue
        file = stage.path(word)
        if file.is_file():
            contents.update(file.read_bytes())
            word = str(file)  # noqa: PLW2901 - where the image's file lies
        elif word not in ("-r", "--requirement"):
            contents.update(word.encode())
        plain.append(word)
    if place is None:
        raise BuildError("make an environment first (uv venv, or ENV VIRTUAL_ENV): the machine's own is not touched")
    contents.update(" ".join(w for w in plain if not w.startswith("/")).encode())
    shared = store(order.here) / "environments" / contents.hexdigest()[:32]
    if not (shared / ".finished").exists():
        _make_environment(shared, "sync" if words[:3] == ["uv", "pip", "sync"] else "install", plain)
        order.report(f"installed: {' '.join(words)}")
    where = stage.root / place.lstrip("/")
    where.parent.mkdir(parents=True, exist_ok=True)
    if where.is_symlink():
        where.unlink()
    where.symlink_to(shared)


def _make_environment(shared: Path, verb: str, arguments: list[str]) -> None:
    shutil.rmtree(shared, ignore_errors=True)
    shared.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [str(UV), "venv", "--quiet", "--python", PYTHON, str(shared)],
        [str(UV), "pip", verb, "--quiet", "--python", str(shared), *arguments],
    ):
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if done.returncode:
            words = [line for line in done.stderr.splitlines() if line.strip()]
            raise BuildError(f"{' '.join(command[1:4])} failed: {words[-1] if words else 'without a word'}")
    subprocess.run(
        [str(shared / "bin" / "python"), "-m", "compileall", "-q", "-j", "0", str(shared / "lib")],
        capture_output=True,
        check=False,
    )
    (shared / ".finished").touch()


def _finish(order: Build, stage: Stage) -> str:
    stage.path(".").mkdir(parents=True, exist_ok=True)
    tree = hashlib.sha256()
    for path, content in _tree(stage.root):
        tree.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    system = os.uname()
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(system.machine, system.machine),
        "os": "linux",
        "config": stage.config,
        "rootfs": {"type": "process-image", "diff_ids": [f"sha256:{tree.hexdigest()}"]},
    }
    content = json.dumps(config, sort_keys=True).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    final = store(order.here) / digest.replace(":", "-")
    if not (final / "config.json").exists():
        shutil.rmtree(final, ignore_errors=True)
        final.mkdir()
        stage.root.rename(final / "rootfs")
        write_atomic(final / "config.json", content)
    return digest


def _tree(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the stage in order, with its content; a link's content is where it leads."""
    for directory, folders, files in os.walk(root):
        folders.sort()
        for name in sorted([*files, *(f for f in folders if (Path(directory) / f).is_symlink())]):
            path = Path(directory) / name
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            mode = b"x" if not path.is_symlink() and os.access(path, os.X_OK) else b"-"
            yield str(path.relative_to(root)), mode + content


def _context_files(order: Build) -> set[str]:
    for name in (Path(f"{order.dockerfile}.dockerignore"), order.context / ".dockerignore"):
        if name.exists():
            lines = name.read_text().splitlines()
            return set(exclude_paths(str(order.context), [line for line in lines if line and not line.startswith("#")]))
    return set(exclude_paths(str(order.context), []))


def _from(value: str) -> tuple[str, str | None]:
    words = [word for word in value.split() if not word.startswith("--")]
    return words[0], words[2] if len(words) > 2 else None  # noqa: PLR2004 - image AS name


def _copied(stage: Stage, root: Path) -> Stage:
    shutil.copytree(stage.root, root, symlinks=True)
    return Stage(root, json.loads(json.dumps(stage.config)), dict(stage.arguments), stage.venv)


def _pairs(value: str) -> Iterator[tuple[str, str]]:
    words = shlex.split(value)
    if "=" not in words[0]:
        yield words[0], " ".join(words[1:])
        return
    for word in words:
        key, _, text = word.partition("=")
        yield key, text


def _substituted(text: str, stage: Stage) -> str:
    known = {**stage.arguments, **stage.environment()}
    for key in sorted(known, key=len, reverse=True):
        text = text.replace(f"${{{key}}}", known[key]).replace(f"${key}", known[key])
    return text.replace("$PATH", "").replace("${PATH}", "").rstrip(":") if "$" in text else text


def _form(value: str) -> list[str]:
    """The exec form as it is, the shell form as Docker runs it."""
    if value.lstrip().startswith("["):
        words: list[str] = json.loads(value)
        return words
    return ["/bin/sh", "-c", value]
