"""What RUN does in a process image: the dependency steps of Python, in environments that images share."""

import hashlib
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twin.core.world import REPOSITORY
from twin.engines.image import store
from twin.engines.image_stage import Build, BuildError, Json, Stage

UV = REPOSITORY / ".tools" / "bin" / "uv"
PYTHON = "3.13"
# Where an image's own Python stands, into which `pip install` without an environment goes.
OWN = "/usr/local/python"
# Holds what was installed, once that is done.
_FINISHED = ".finished"
# Programs that this machine brings itself, so that no image needs to.
BROUGHT = frozenset({"uv", "uvx"})
_ATTACHED = re.compile(r"-[rc].|--(requirement|constraint)s?=")
_MOST_WORDS = 400
_PYTHON_OPTIONS = ("-p", "--python", "--prefix")


def run(order: Build, stage: Stage, value: str) -> None:
    """Do the steps of a RUN that make or fill a Python environment; report every other one as skipped.

    Raises BuildError where a step of Python cannot be done as it stands.
    """
    if "<<" in value:
        raise BuildError("the twin cannot do RUN with a here-document")
    for step in value.replace("\n", " ").split("&&"):
        try:
            words = [word for word in shlex.split(step) if not word.startswith("--mount=")]
        except ValueError:
            words = step.split()  # the && stood inside quotes: a command of a shell, not of ours
        requirements = _requirements(words)
        if requirements is not None and _are_brought(requirements):
            continue
        if requirements is not None:
            _install(order, stage, words, [stage.substituted(word) for word in requirements])
        elif (place := _environment_made(words)) is not None:
            stage.venv = "/" + str(stage.path(stage.substituted(place)).relative_to(stage.root))
        else:
            order.report(f"skipped: RUN {' '.join(words)}")


def _requirements(words: list[str]) -> list[str] | None:
    """The arguments of a dependency step after its verb, None when it is another command."""
    for verb in (["uv", "pip", "sync"], ["uv", "pip", "install"], ["pip", "install"]):
        if words[: len(verb)] == verb:
            return words[len(verb) :]
    return None


def _environment_made(words: list[str]) -> str | None:
    """Where a command makes an environment, None when it is another command."""
    if words[:2] == ["uv", "venv"]:
        _, rest = _split(words[2:])
    elif words[1:3] == ["-m", "venv"]:
        _, rest = _split(words[3:])
    else:
        return None
    named = [word for word in rest if not word.startswith("-")]
    return named[-1] if named else ".venv"


def _are_brought(arguments: list[str]) -> bool:
    named = {word.partition("=")[0] for word in arguments if not word.startswith("-")}
    return bool(named) and named <= BROUGHT


def _split(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The interpreter or folder that the arguments name, and the other arguments."""
    named, others = None, []
    words = iter(arguments)
    for word in words:
        option, equals, given = word.partition("=")
        if option in _PYTHON_OPTIONS:
            named = given if equals else next(words, None)
        elif word != "--system":
            others.append(word)
    return named, others


def _install(order: Build, stage: Stage, words: list[str], arguments: list[str]) -> None:
    """Install into the shared environment of these requirements, and put a link to it where the image has it.

    Without an environment it is the image's own Python, first on its PATH.
    """
    named, others = _split(arguments)
    place = named.removesuffix("/bin/python") if named else stage.environment().get("VIRTUAL_ENV") or stage.venv
    if place is None:
        place = OWN
        stage.search_first(f"{OWN}/bin")
    where = stage.path(place)
    verb = "sync" if words[:3] == ["uv", "pip", "sync"] else "install"
    before = _steps(where.readlink()) if verb == "install" and where.is_symlink() else []
    steps = [*before, [verb, *(_word(stage, word) for word in others)]]
    contents = hashlib.sha256(json.dumps([PYTHON, steps]).encode()).hexdigest()
    shared = store(order.here) / "environments" / contents[:32]
    if not (shared / _FINISHED).exists():
        _make_environment(shared, steps)
        order.report(f"installed: {' '.join(words)}")
    # When it was used last, for those who remove what is not.
    (shared / _FINISHED).touch()
    where.parent.mkdir(parents=True, exist_ok=True)
    where.unlink(missing_ok=True)
    where.symlink_to(shared)


def _word(stage: Stage, word: str) -> Json | str:
    """An argument as a later install into the same environment needs it again: a file with its content."""
    file = stage.path(word)
    if file.is_file():
        return {"file": file.read_text()}
    if word in ("-e", "--editable") or word.startswith((".", "/")):
        raise BuildError(f"the twin installs packages of an index only, not {word}")
    if _ATTACHED.match(word):
        raise BuildError(f"write the option and its file as two words, not {word}")
    return word


def _steps(shared: Path) -> list[Any]:
    """What was installed into the environment, in order."""
    finished = shared / _FINISHED
    steps: list[Any] = json.loads(finished.read_text()) if finished.exists() else []
    return steps


def _make_environment(shared: Path, steps: list[Any]) -> None:
    shutil.rmtree(shared, ignore_errors=True)
    shared.parent.mkdir(parents=True, exist_ok=True)
    _uv("venv", "--quiet", "--python", PYTHON, str(shared))
    for verb, *words in steps:
        with TemporaryDirectory() as folder:
            arguments = [_written(Path(folder) / f"{number}.txt", word) for number, word in enumerate(words)]
            _uv("pip", verb, "--quiet", "--python", str(shared), *arguments)
    subprocess.run(
        [str(shared / "bin" / "python"), "-m", "compileall", "-q", "-j", "0", str(shared / "lib")],
        capture_output=True,
        check=False,
    )
    (shared / _FINISHED).write_text(json.dumps(steps))


def _written(path: Path, word: Json | str) -> str:
    if isinstance(word, str):
        return word
    path.write_text(word["file"])
    return str(path)


def _uv(*arguments: str) -> None:
    # The repository says which Python it is made for; interpreters are found by that.
    done = subprocess.run([str(UV), *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(done.stderr.replace("│", " ").split())  # uv breaks its sentences into boxed lines
        raise BuildError(f"uv {' '.join(arguments[:2])} failed: {words[-_MOST_WORDS:] or 'without a word'}")
