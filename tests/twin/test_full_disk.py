"""A disk that is full while the twin runs: what was kept stays, it is said, and all goes on when there is room."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from twin import cli
from twin.core import timeline
from twin.core.world import World, world
from twin.keeper_control import start, stop
from twin.tables import render_status

from tests.twin.support import Twin, eventually, fill

FULL = "could not be written, so the one before stands: [Errno 28] No space left on device"


@pytest.fixture
def place(here: World, disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], World]:
    """Makes a world whose state lies on a file system of its own."""

    def placed(options: str) -> World:
        monkeypatch.setenv("TWIN_STATE", str(disk(options) / "state"))
        world.cache_clear()
        return world()

    return placed


@pytest.fixture
def on_small_disk(place: Callable[[str], World]) -> World:
    """A world with 64 MB."""
    return place("size=64m")


@pytest.fixture
def running(on_small_disk: World) -> Iterator[Twin]:
    try:
        start(on_small_disk, timeout=60)
        yield Twin(on_small_disk, {})
    finally:
        stop(on_small_disk, timeout=60)


def test_a_snapshot_that_finds_no_room_leaves_the_one_before_and_comes_by_itself_later(running: Twin) -> None:
    _create(running, "before")
    eventually(lambda: _known(running), lambda known: "before" in known, 15)
    filler = fill(running.world.state.parent)
    _create(running, "meanwhile")
    seen = eventually(running.status, lambda seen: seen["snapshot"]["error"], 15)
    assert seen["snapshot"]["error"].startswith(FULL)
    assert f"! the snapshot of the control plane {FULL}" in render_status(seen)
    assert _known(running) == {"before"}, "the former snapshot stands"
    assert not list(running.world.state.glob("snapshots/unfinished-*"))
    filler.unlink()
    eventually(lambda: _known(running), lambda known: known == {"before", "meanwhile"}, 60)
    assert running.status()["snapshot"]["error"] == ""
    said = [event["message"] for event in timeline.told() if event["source"] == "snapshot"]
    assert [text[: len(FULL)] for text in said[-2:]] == [FULL, "is written again"], said


def test_an_object_that_finds_no_room_is_not_acknowledged_and_one_that_was_stays(running: Twin) -> None:
    s3 = running.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": running.world.region})
    s3.put_object(Bucket="photos", Key="kept", Body=b"bytes")
    filler = fill(running.world.state.parent)
    with pytest.raises(ClientError, match=r"InternalError|No space left"):
        s3.put_object(Bucket="photos", Key="lost", Body=b"x" * 50_000)
    assert s3.get_object(Bucket="photos", Key="kept")["Body"].read() == b"bytes"
    filler.unlink()
    s3.put_object(Bucket="photos", Key="lost", Body=b"found")
    stop(running.world, timeout=60)
    start(running.world, timeout=60)
    assert {name: s3.get_object(Bucket="photos", Key=name)["Body"].read() for name in ("kept", "lost")} == {
        "kept": b"bytes",
        "lost": b"found",
    }


def test_down_says_when_the_end_could_not_be_written(running: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    _create(running, "before")
    eventually(lambda: _known(running), lambda known: "before" in known, 15)
    filler = fill(running.world.state.parent)
    assert cli.main(["down"]) == 1
    assert capsys.readouterr().err.startswith("twin: the control plane could not be written down at its end; what it")
    filler.unlink()
    start(running.world, timeout=60)
    assert _clusters(running) == {"before"}
    assert cli.main(["down"]) == 0


def test_events_that_found_no_room_are_told_later(on_small_disk: World) -> None:
    timeline.emit("test", "first", "before")
    filler = fill(on_small_disk.state.parent)
    for number in range(3):
        timeline.emit("test", str(number), "x" * 3000)
    filler.unlink()
    timeline.emit("test", "last", "after")
    assert [event["resource"] for event in timeline.told()] == ["first", "0", "1", "2", "last"]


def test_up_on_a_full_disk_ends_with_one_plain_line(on_small_disk: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"twin: {on_small_disk.state} has 6")
    assert told.err.endswith(" MiB free; the twin needs 1024 MiB\n")
    assert len(told.err.splitlines()) == 1


def test_up_on_a_read_only_disk_ends_with_one_plain_line(
    place: Callable[[str], World], capsys: pytest.CaptureFixture[str]
) -> None:
    here = place("ro")
    assert cli.main(["up"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"twin: the state directory cannot be written: {here.state}: Read-only file system\n"


def _create(twin: Twin, name: str) -> None:
    twin.client("ecs").create_cluster(clusterName=name)


def _clusters(twin: Twin) -> set[str]:
    return {arn.rsplit("/", 1)[1] for arn in twin.client("ecs").list_clusters()["clusterArns"]}


def _known(twin: Twin) -> set[str]:
    """The clusters of this test that the newest snapshot knows."""
    newest = max(twin.world.state.glob("snapshots/snapshot-*"), default=None)
    held = b"".join(path.read_bytes() for path in newest.glob("twin.services.ecs*")) if newest else b""
    return {name for name in ("before", "meanwhile") if f"cluster/{name}".encode() in held}
