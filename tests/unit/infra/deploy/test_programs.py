"""Other programs: their last words are kept, and they end when the deployment does."""

import sys
import threading
from pathlib import Path

import pytest

from infra.deploy import programs
from infra.deploy.aws import Aws
from infra.deploy.programs import run
from infra.errors import DeployError, Interrupted

_AWS = Aws(region="ap-northeast-2")


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_program_is_given_its_input_and_environment(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['X'], sys.stdin.read())"
    said = run(_AWS, _python(code), what="asking", directory=tmp_path, environment={"X": "1"}, given="secret")
    assert said == f"{tmp_path} 1 secret\n"


def test_a_program_that_reads_nothing_is_no_trouble(tmp_path: Path) -> None:
    assert run(_AWS, _python("pass"), what="asking", directory=tmp_path, given="x" * 1_000_000) == ""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; print('said'); print('1\\n2\\n3\\n\\n4', file=sys.stderr); sys.exit(3)", "2 / 3 / 4"),
        ("import sys; print('only said'); sys.exit(3)", "only said"),
        ("import sys; sys.exit(3)", "exit code 3"),
    ],
)
def test_a_failure_is_told_in_the_programs_last_words(tmp_path: Path, code: str, words: str) -> None:
    with pytest.raises(DeployError, match=f"^building failed: {words}$"):
        run(_AWS, _python(code), what="building", directory=tmp_path)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="building: no-such-program cannot be run: No such file or directory"):
        run(_AWS, ["no-such-program"], what="building", directory=tmp_path)


def test_an_interrupt_ends_a_program_that_will_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_GRACE", 0.2)
    aws = Aws(region="ap-northeast-2")
    ready = tmp_path / "ready"
    code = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path('ready').touch(); time.sleep(60)"
    )

    def interrupt() -> None:
        waiting = threading.Event()
        for _ in range(500):
            if ready.exists():
                break
            waiting.wait(0.02)
        aws.interrupt()

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    try:
        with pytest.raises(Interrupted):
            run(aws, _python(code), what="building", directory=tmp_path)
    finally:
        watcher.join()
