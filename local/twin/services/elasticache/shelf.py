"""Snapshots on disk: an RDB file each, and beside it what it is, so that it outlives the control plane's own memory."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from twin.core.atomic import write_atomic
from twin.core.world import world
from twin.services.elasticache.models import Snapshot, SnapshotStatus, Source


def file(name: str) -> Path:
    """Where the snapshot's RDB file lies, or is to lie."""
    return world().directory("elasticache-snapshots") / f"{name}.rdb"


def put(snapshot: Snapshot, dumped: Path) -> None:
    """Keep a copy of the RDB file; what it is comes last: without that nothing is there."""
    whole = file(snapshot.name)
    unfinished = whole.with_suffix(".unfinished")
    shutil.copyfile(dumped, unfinished)
    unfinished.rename(whole)
    describe(snapshot)


def describe(snapshot: Snapshot) -> None:
    """Write down what the snapshot is."""
    write_atomic(_description(snapshot.name), json.dumps(asdict(snapshot), default=datetime.isoformat, indent=1))


def remove(name: str) -> None:
    """Forget a snapshot, its data last; one that is not there is no error."""
    _description(name).unlink(missing_ok=True)
    file(name).unlink(missing_ok=True)


def every() -> Iterator[Snapshot]:
    """All snapshots that are there."""
    for path in sorted(world().directory("elasticache-snapshots").glob("*.json")):
        told = json.loads(path.read_text())
        times = {name: datetime.fromisoformat(told[name]) for name in ("asked_at", "taken_at")}
        yield Snapshot(**{**told, **times, "source": Source(told["source"]), "status": SnapshotStatus(told["status"])})


def _description(name: str) -> Path:
    return file(name).with_suffix(".json")
