"""`bin/twin`'s words and exit codes, without a running twin."""

from pathlib import Path

import pytest
from twin import cli
from twin.core.world import World


@pytest.fixture
def logs(here: World) -> Path:
    """Where logs are kept, with one in it."""
    directory = here.directory("logs")
    (directory / "ecs-app-cddaf95a.log").write_text("serving\nwith no end of line")
    (directory / "keeper.log").write_text("kept\n")
    return directory


def test_logs_are_told_by_name(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["logs", "cddaf95a"]) == 0
    assert capsys.readouterr().out == "ecs-app-cddaf95a: serving\necs-app-cddaf95a: with no end of line\n"


def test_a_name_that_no_log_has_is_an_error_that_tells_those_there_are(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["logs", "nosuch"]) == 1
    assert capsys.readouterr().err == "twin: no log's name holds nosuch; there are ecs-app-cddaf95a, keeper\n"


def test_no_logs_at_all_is_an_error(here: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["logs"]) == 1
    assert capsys.readouterr().err == f"twin: no logs in {here.state / 'logs'}\n"


def test_a_followed_log_that_begins_anew_is_read_from_its_start(
    logs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = iter(("short\nhal", "short\nhalf a line\n"))

    def grow(_: float) -> None:
        try:
            (logs / "keeper.log").write_text(next(steps))
        except StopIteration:
            raise KeyboardInterrupt from None

    (logs / "keeper.log").write_text("a longer line than those to come\n")
    monkeypatch.setattr(cli.time, "sleep", grow)
    assert cli.main(["logs", "-f", "keeper"]) == 130
    told = capsys.readouterr()
    assert told.out.splitlines()[1:] == ["keeper: short", "keeper: half a line"]
    assert told.err == "", "only `up` has something to take up again"
