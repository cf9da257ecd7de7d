"""Log events go when their time has come: that of the retention, or when the twin has no room for them."""

import time
from collections.abc import Iterator

import pytest
from moto.logs.models import LogGroup
from twin.core.timeline import told
from twin.core.world import World
from twin.services.logs.controller import tend
from twin.services.logs.retention import DAY, EVENT_BYTES, Seen, expired_before, room_from

from tests.twin.support import Twin, eventually

NOW = int(time.time() * 1000)


def test_without_retention_nothing_expires() -> None:
    assert expired_before(None, NOW) == 0
    assert expired_before(7, NOW) == NOW - 7 * DAY


def test_room_is_for_the_newest_whatever_their_order() -> None:
    events = [Seen(time_, 10) for time_ in (3, 1, 4, 2)]
    assert room_from(events, 40) == 0
    assert room_from(events, 39) == 2
    assert room_from(events, 20) == 3
    assert room_from([], 20) == 0


def test_a_group_beyond_its_room_loses_its_oldest_events_and_that_is_told(here: World) -> None:
    group = LogGroup("000000000000", here.region, "/much")
    for name in ("a", "b"):
        group.create_log_stream(name)
        group.put_log_events(name, [{"timestamp": NOW + n, "message": f"{name}{n}"} for n in range(10)])
    room = 6 * (2 + EVENT_BYTES)
    assert tend(group, NOW, room) == "(log group /much) has dropped 14 events."
    for name in ("a", "b"):
        assert [event.message for event in group.streams[name].events] == [f"{name}{n}" for n in (7, 8, 9)]
        assert group.streams[name].stored_bytes == 6
    assert tend(group, NOW, room) is None
    group.put_log_events("a", [{"timestamp": NOW + 10, "message": "a9"}])
    assert tend(group, NOW, room) == "(log group /much) has dropped 2 events."
    assert [event["resource"] for event in told()] == ["/much"], "told once"


@pytest.fixture
def group(twin: Twin) -> Iterator[str]:
    name = f"/retention/{time.time_ns():x}"
    logs = twin.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    logs.delete_log_group(logGroupName=name)


def test_events_older_than_the_retention_are_gone(twin: Twin, group: str) -> None:
    logs = twin.client("logs")
    now = int(time.time() * 1000)
    events = [{"timestamp": now - days * DAY, "message": f"{days} days"} for days in (9, 6, 0)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    def kept() -> list[str]:
        answer = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True)
        return [event["message"] for event in answer["events"]]

    assert kept() == ["9 days", "6 days", "0 days"]
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    eventually(kept, lambda messages: messages == ["6 days", "0 days"], 30)
