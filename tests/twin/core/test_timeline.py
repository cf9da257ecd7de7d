"""The timeline and the state directory: what a crash cuts short is no obstacle, what is private stays so."""

import pytest
from twin.core import timeline
from twin.core.world import World


def test_a_line_that_was_cut_short_is_passed_over(here: World) -> None:
    timeline.emit("test", "first", "before")
    with (here.state / "events.jsonl").open("a") as file:
        file.write('{"time": "2026-\n')
    timeline.emit("test", "second", "after")
    assert [event["resource"] for event in timeline.told()] == ["first", "second"]


def test_no_event_is_no_error(here: World) -> None:
    assert timeline.told() == []


def test_every_directory_of_the_state_is_private(here: World) -> None:
    deepest = here.directory("tasks", "one", "app")
    for directory in (deepest, *deepest.parents[:3]):
        assert directory.stat().st_mode & 0o777 == 0o700, directory


def test_a_long_timeline_loses_its_older_half(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        timeline.emit("test", str(number), "said")
    timeline.shorten()
    assert len(timeline.told()) == 10
    monkeypatch.setattr(timeline, "MOST_BYTES", 100)
    timeline.shorten()
    assert [event["resource"] for event in timeline.told()] == ["5", "6", "7", "8", "9"]
