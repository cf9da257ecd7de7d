"""What RUN does in a process image: the dependency steps of Python, in environments that images share."""

import hashlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from twin.core.world import REPOSITORY
from twin.engines.image import store
from twin.engines.image_stage import Build, BuildError, Stage

UV = REPOSITORY / ".tools" / "bin" / "uv"
PYTHON = "3.13"
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
    """Install into the shared environment of these requirements, and put a link to it where the image has it."""
    named, others = _split(arguments)
    place = named.removesuffix("/bin/python") if named else stage.environment().get("VIRTUAL_ENV") or stage.venv
    if place is None:
        raise BuildError("make an environment first (uv venv, or ENV VIRTUAL_ENV): the machine's own is not touched")
    contents = hashlib.sha256(PYTHON.encode())
    plain: list[str] = []
    for word in others:
        file = stage.path(word)
        if file.is_file():
            contents.update(b"file\0" + file.read_bytes())
            plain.append(str(file))
        elif word in ("-e", "--editable") or word.startswith((".", "/")):
            raise BuildError(f"the twin installs packages of an index only, not {word}")
        elif _ATTACHED.match(word):
            raise BuildError(f"write the option and its file as two words, not {word}")
        else:
            contents.update(b"word\0" + word.encode())
            plain.append(word)
    shared = store(order.here) / "environments" / contents.hexdigest()[:32]
    if not (shared / ".finished").exists():
        _make_environment(shared, "sync" if words[:3] == ["uv", "pip", "sync"] else "install", plain)
        order.report(f"installed: {' '.join(words)}")
    # When it was used last, for those who remove what is not.
    (shared / ".finished").touch()
    where = stage.path(place)
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
        # The repository says which Python it is made for; interpreters are found by that.
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if done.returncode:
            words = " ".join(done.stderr.replace("│", " ").split())  # uv breaks its sentences into boxed lines
            raise BuildError(f"uv {' '.join(command[1:3])} failed: {words[-_MOST_WORDS:] or 'without a word'}")
    subprocess.run(
        [str(shared / "bin" / "python"), "-m", "compileall", "-q", "-j", "0", str(shared / "lib")],
        capture_output=True,
        check=False,
    )
