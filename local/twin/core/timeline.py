"""What happened, in order: one JSON object a line in `.twin/events.jsonl`."""

import json
import threading
from datetime import UTC, datetime

from twin.core.world import world

_lock = threading.Lock()


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
