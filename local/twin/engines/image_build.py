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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path

from docker.utils.build import PatternMatcher
from dockerfile_parse import DockerfileParser

from twin.core.atomic import write_atomic
from twin.engines import image_python
from twin.engines.image import store
from twin.engines.image_stage import Build, BuildError, Json, Stage

_WITHOUT_EFFECT = {"LABEL", "HEALTHCHECK", "MAINTAINER"}


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
    parser = DockerfileParser(fileobj=io.BytesIO(order.dockerfile.read_bytes()))
    making = _Making(order, unfinished, _context_files(order))
    for context in parser.structure:
        name, line, value = context["instruction"], context["startline"] + 1, context["value"]
        if name == "COMMENT":
            continue
        try:
            if name == "FROM":
                if order.target and order.target.lower() in making.stages:
                    break
                making.begin(value)
            elif making.stage is None and name == "ARG":
                making.arguments |= _arguments(order, Stage(unfinished, arguments=making.arguments), value, {})
            elif making.stage is None:
                raise BuildError(f"{name} before FROM")
            else:
                _instruction(making, making.stage, name, value)
        except (BuildError, ValueError) as error:
            raise BuildError(f"{order.dockerfile.name} line {line}: {error}") from None
    stage = making.stages.get(order.target.lower()) if order.target else making.stage
    if stage is None:
        raise BuildError(f"{order.dockerfile.name} has no {f'stage {order.target}' if order.target else 'FROM'}")
    return stage


@dataclass
class _Making:
    """What the instructions of one build share.

    kept: the context's files. stages: those made so far by name and number. stage: the one being made. arguments:
    of ARG before the first FROM.
    """

    order: Build
    unfinished: Path
    kept: set[str]
    stages: dict[str, Stage] = field(default_factory=dict)
    stage: Stage | None = None
    arguments: dict[str, str] = field(default_factory=dict)
    begun: int = 0

    def begin(self, value: str) -> None:
        """Begin a stage: on the files of an earlier one, else on none, for those of another image are not here."""
        base, alias = _from(Stage(self.unfinished, arguments=self.arguments).substituted(value))
        root = self.unfinished / str(self.begun)
        known = self.stages.get(base.lower())
        self.stage = _copied(known, root) if known else Stage(root)
        self.stage.root.mkdir(parents=True, exist_ok=True)
        for name in (str(self.begun), alias):
            if name:
                self.stages[name.lower()] = self.stage
        self.begun += 1


def _instruction(making: _Making, stage: Stage, name: str, value: str) -> None:
    match name:
        case "COPY" | "ADD":
            _copy(making, stage, shlex.split(stage.substituted(value)))
        case "RUN":
            image_python.run(making.order, stage, value)
        case "WORKDIR":
            place = os.path.join(stage.config["WorkingDir"], stage.substituted(value))
            stage.config["WorkingDir"] = os.path.normpath(place)
            stage.path(".").mkdir(parents=True, exist_ok=True)
        case "ARG":
            stage.arguments |= _arguments(making.order, stage, value, making.arguments)
        case "ENV" | "CMD" | "ENTRYPOINT" | "USER" | "EXPOSE" | "STOPSIGNAL":
            _configure(stage, name, value)
        case _ if name not in _WITHOUT_EFFECT:
            raise BuildError(f"the twin cannot do {name}")


def _arguments(order: Build, stage: Stage, value: str, before: dict[str, str]) -> dict[str, str]:
    """What an ARG declares: the value given to the build, else its own default, else that of an ARG before FROM."""
    found = {}
    for word in shlex.split(value):
        key, equals, default = word.partition("=")
        found[key] = order.arguments.get(key, stage.substituted(default) if equals else before.get(key, ""))
    return found


def _configure(stage: Stage, name: str, value: str) -> None:
    config = stage.config
    match name:
        case "ENV":
            for key, text in _pairs(value):
                kept = [entry for entry in config["Env"] if not entry.startswith(f"{key}=")]
                config["Env"] = [*kept, f"{key}={stage.substituted(text)}"]
        case "CMD" | "ENTRYPOINT":
            config["Cmd" if name == "CMD" else "Entrypoint"] = _form(value)
        case "USER":
            config["User"] = stage.substituted(value)
        case "EXPOSE":
            ports: Json = {port if "/" in port else f"{port}/tcp": {} for port in stage.substituted(value).split()}
            config.setdefault("ExposedPorts", {}).update(ports)
        case "STOPSIGNAL":
            config["StopSignal"] = value


def _copy(making: _Making, stage: Stage, words: list[str]) -> None:
    order = making.order
    flags = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    # Everything in an image belongs to the twin's user, so there is nobody to change an owner to.
    if strange := set(flags) - {"from", "chown", "link"}:
        raise BuildError(f"the twin cannot do COPY --{min(strange)}")
    if not sources or target.endswith("]"):
        raise BuildError("the twin does COPY source… target, not its JSON form")
    origin = making.stages.get(flags["from"].lower()) if "from" in flags else None
    if "from" in flags and origin is None:
        if all(Path(source).name in image_python.BROUGHT for source in sources):
            return
        raise BuildError(f"COPY --from={flags['from']}: no stage of that name, and other images are not here")
    root = origin.root if origin else order.context
    for source in sources:
        if source.startswith(("http://", "https://", "git@")):
            raise BuildError(f"nothing is fetched: {source}")
        found = [root / name for name in sorted(glob(source.lstrip("/") or ".", root_dir=root, include_hidden=True))]
        if not found:
            raise BuildError(f"{source} is not there")
        into = target.endswith("/") or len(sources) > 1 or len(found) > 1 or stage.path(target).is_dir()
        for path in found:
            wanted = (lambda _: True) if origin else (lambda p: str(p.relative_to(order.context)) in making.kept)
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
    itself = wanted(source)
    if itself:
        destination.mkdir(parents=True, exist_ok=True)
    return itself + sum(_copy_tree(child, destination / child.name, wanted) for child in sorted(source.iterdir()))


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
    """What of the context may be copied: https://docs.docker.com/build/concepts/context/#dockerignore-files"""
    ignored: list[str] = []
    for file in (Path(f"{order.dockerfile}.dockerignore"), order.context / ".dockerignore"):
        if file.exists():
            lines = (line.strip() for line in file.read_text().splitlines())
            ignored = [line for line in lines if line and not line.startswith("#")]
            break
    matcher = PatternMatcher(ignored)
    # The matcher's own last pattern sends .dockerignore to an engine; like the Dockerfile, it is not for COPY.
    matcher.patterns.pop()
    return set(matcher.walk(str(order.context)))


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


def _form(value: str) -> list[str]:
    """The exec form as it is, the shell form as Docker runs it."""
    if value.lstrip().startswith("["):
        words: list[str] = json.loads(value)
        return words
    return ["/bin/sh", "-c", value]
