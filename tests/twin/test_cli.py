"""`bin/twin`'s words and exit codes, without a running twin."""

import json
from pathlib import Path

import pytest
from twin import cli, up
from twin.core import timeline
from twin.core.errors import CoreError
from twin.core.world import World
from twin.keeper_control import STOPPED


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


def test_events_are_followed_as_they_come(
    here: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    timeline.emit("test", "first", "was there")
    comes = iter(("second", "third"))

    def happen(_: float) -> None:
        try:
            timeline.emit("test", next(comes), "came")
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(cli.time, "sleep", happen)
    assert cli.main(["events", "-f", "--json"]) == 130
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["resource"] for event in told] == ["first", "second", "third"]
    assert cli.main(["events"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("test           third: came")


@pytest.mark.parametrize("clean", [False, True])
def test_an_up_whose_twin_is_stopped_meanwhile_says_so(here: World, clean: bool) -> None:
    timeline.emit("keeper", "twin", "started, main process 1")

    def fail() -> None:
        with up._told_when_stopped(here, since="2026"):
            if clean:
                timeline.file().unlink()
            else:
                timeline.emit("keeper", "twin", STOPPED)
            raise CoreError("could not connect")

    with pytest.raises(CoreError, match=r"^the twin was stopped while `up` was at work"):
        fail()


def test_an_up_whose_twin_ended_by_itself_keeps_its_reason(here: World) -> None:
    timeline.emit("keeper", "twin", "the main process ended with -9: all stopped")
    with pytest.raises(CoreError, match=r"^could not connect$"), up._told_when_stopped(here, since="2026"):
        raise CoreError("could not connect")


def test_what_the_deployer_ends_with_is_no_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert up._show({"step": "smoke", "status": "done", "seconds": 0.2, "detail": "/healthz 200"}) == ""
    assert up._show({"step": "ready", "status": "done", "seconds": 38.0, "detail": "twin answers"}) == ""
    assert up._show({"step": "data", "status": "failed", "seconds": 1, "detail": "no"}) == "data: no"
    assert capsys.readouterr().out.splitlines() == [
        "  ✓ smoke           0.2 s  /healthz 200",
        "  ✗ data            1.0 s",
    ]
