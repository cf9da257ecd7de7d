"""What happened, in order: one JSON object a line in `.twin/events.jsonl`."""

import json
import threading
from datetime import UTC, datetime

from twin.core.atomic import write_atomic
from twin.core.world import world

MOST_BYTES = 8 << 20
_lock = threading.Lock()


def shorten() -> None:
    """Forget the older half of a timeline that has grown beyond MOST_BYTES; nobody else may write meanwhile."""
    path = world().state / "events.jsonl"
    if path.exists() and path.stat().st_size > MOST_BYTES:
        lines = path.read_text(errors="replace").splitlines(keepends=True)
        write_atomic(path, "".join(lines[len(lines) // 2 :]))


def told() -> list[dict[str, str]]:
    """All events, oldest first; a line that a crash or a full disk has cut short is passed over."""
    path = world().state / "events.jsonl"
    events = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events


def emit(source: str, resource: str, message: str) -> None:
    """Append an event: who says it (`source`), about which `resource`, in one sentence."""
    event = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "source": source,
        "resource": resource,
        "message": message,
    }
    with _lock, (world().directory() / "events.jsonl").open("a") as file:
        file.write(json.dumps(event, ensure_ascii=False) + "\n")
