"""The commands and files that the documentation names are there, and take what it gives them."""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from twin import cli

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
_FENCED = re.compile(r"^```(?P<language>\w*)\n(?P<lines>.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#]+)\)")
_SETTING = re.compile(r"[A-Z_]+=")


def _make(words: list[str]) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wanted = {word for word in words if not _SETTING.match(word)}
    assert wanted <= targets, f"no targets {wanted - targets}"


def _twin(words: list[str]) -> None:
    cli._parser().parse_args([word.strip("[]…") for word in words])


def _aws(words: list[str]) -> None:
    service, operation, *_ = words
    names = botocore.session.get_session().get_service_model(service).operation_names
    assert operation in {xform_name(name, "-") for name in names}


def _python(words: list[str]) -> None:
    assert words[0] == "-m"
    module = ROOT / words[1].replace(".", "/")
    assert (module / "__main__.py").exists() or module.with_suffix(".py").exists()


def _elsewhere(_: list[str]) -> None:
    """Nothing of ours: the shell's, or a program's that everybody has."""


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "make": _make, "bin/twin": _twin, "bin/setup": _elsewhere, "awslocal": _aws, ".venv/bin/awslocal": _aws,
    ".venv/bin/aws": _aws, ".venv/bin/python": _python, "git": _elsewhere, "cd": _elsewhere, "export": _elsewhere,
}  # fmt: skip


def _commands(text: str) -> Iterator[str]:
    """The lines of blocks that are no output, which is indented, and the inline code that begins like a command."""
    for block in _FENCED.finditer(text):
        if not block["language"]:
            yield from (line for line in block["lines"].splitlines() if line and not line.startswith(" "))
    for code in _INLINE.findall(_FENCED.sub("", text)):
        first, _, rest = code.partition(" ")
        if rest and first in COMMANDS:
            yield code


def _paths(page: Path) -> Iterator[Path]:
    """Where its links lead, and what its inline code names below the folders of the repository."""
    text = _FENCED.sub("", page.read_text())
    yield from (page.parent / link for link in _LINK.findall(text) if "://" not in link)
    ours = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    for code in _INLINE.findall(text):
        if "/" in code and code.partition("/")[0] in ours and not re.search(r"[\s<{*…]", code):
            yield ROOT / code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    for line in _commands(page.read_text()):
        for command in line.split("&&"):
            words = [word for word in shlex.split(command, comments=True) if not _SETTING.match(word)]
            assert words[0] in COMMANDS, f"nobody checks {line!r}"
            try:
                COMMANDS[words[0]](words[1:])
            except (AssertionError, SystemExit) as error:
                pytest.fail(f"{line!r}: {error}")
    missing = [str(path) for path in _paths(page) if not path.exists()]
    assert not missing


@pytest.mark.parametrize(
    "command", ["make local-upp", "bin/twin events --jsn", "bin/twin fly", ".venv/bin/aws ecs list-cluster"]
)
def test_what_is_wrong_is_noticed(command: str) -> None:
    first, *words = command.split()
    with pytest.raises((AssertionError, SystemExit)):
        COMMANDS[first](words)
