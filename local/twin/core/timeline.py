"""What happened, in order: one JSON object a line in `.twin/events.jsonl`."""

import contextlib
import json
import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from twin.core.atomic import write_atomic
from twin.core.world import world

MOST_BYTES = 8 << 20
MOST_UNTOLD = 1000
LOG = logging.getLogger(__name__)
_lock = threading.Lock()
_untold: deque[str] = deque(maxlen=MOST_UNTOLD)


def shorten() -> None:
    """Forget the older half of a timeline that has grown beyond MOST_BYTES; nobody else may write meanwhile."""
    path = file()
    if path.exists() and path.stat().st_size > MOST_BYTES:
        lines = path.read_text(errors="replace").splitlines(keepends=True)
        write_atomic(path, "".join(lines[len(lines) // 2 :]))


def told() -> list[dict[str, str]]:
    """All events, oldest first."""
    return list(parsed(file().read_text(errors="replace").splitlines())) if file().exists() else []


def parsed(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """The events of these lines; one that a crash or a full disk has cut short is passed over."""
    for line in lines:
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def file() -> Path:
    """Where they are written down."""
    return world().state / "events.jsonl"


def emit(source: str, resource: str, message: str) -> None:
    """Append an event: who says it (`source`), about which `resource`, in one sentence.

    What a full disk does not take is written with the next event that it takes: nobody fails for telling something.
    """
    event = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "source": source,
        "resource": resource,
        "message": message,
    }
    with _lock:
        _untold.append(json.dumps(event, ensure_ascii=False) + "\n")
        try:
            world().directory()
            with file().open("a") as written:
                # Before the first of several may stand the half of one that was cut short.
                written.write("".join(_untold if len(_untold) == 1 else ["\n", *_untold]))
        except OSError as error:
            LOG.warning("the timeline could not be written: %s", error)
        else:
            _untold.clear()
