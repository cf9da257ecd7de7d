"""Drops the log events that have had their time, from where moto keeps them."""

import time
from typing import Any

from moto.logs.models import logs_backends

from twin.core.loop import Loop, tend_each
from twin.core.timeline import emit
from twin.services.logs.retention import EVENT_BYTES, GROUP_BYTES, Seen, expired_before, room_from

CYCLE_SECONDS = 10

_bounded: set[str] = set()


def start() -> None:
    """From now on nothing stays longer than it may."""
    _loop.start()


def stop() -> None:
    """Drop nothing any more."""
    _loop.stop()


def tend(group: Any, now: int, most: int = GROUP_BYTES) -> str | None:
    """Drop what has had its time in one group of moto's. now: in milliseconds."""
    expired = expired_before(int(group.retention_in_days or 0), now)
    streams = list(group.streams.values())
    room = room_from((_seen(event) for stream in streams for event in list(stream.events)), most)
    if room > expired and group.arn not in _bounded:
        _bounded.add(group.arn)
        emit("logs", group.name, f"the twin keeps the newest {most >> 20} MiB of a log group: older events are dropped")
    dropped = sum(_drop(stream, max(expired, room)) for stream in streams)
    return f"(log group {group.name}) has dropped {dropped} events." if dropped else None


def _drop(stream: Any, before: int) -> int:
    looked_at = list(stream.events)
    kept = [event for event in looked_at if event.timestamp >= before]
    dropped = len(looked_at) - len(kept)
    if dropped:
        # In one step: whoever appends meanwhile appends behind what was looked at.
        stream.events[: len(looked_at)] = kept
        stream.stored_bytes -= sum(len(event.message) for event in looked_at if event.timestamp < before)
    return dropped


def _seen(event: Any) -> Seen:
    return Seen(int(event.timestamp), len(event.message) + EVENT_BYTES)


def _cycle() -> str | None:
    now = int(time.time() * 1000)
    groups = [
        group
        for account in list(dict.values(logs_backends))
        for backend in list(dict.values(account))
        for group in list(backend.groups.values())
    ]
    return "; ".join(tend_each(groups, lambda group: tend(group, now))) or None


_loop = Loop("logs", _cycle, CYCLE_SECONDS)
