"""What of an instance lies on disk: the nodes' data, and beside them, outside of both, who may be promoted.

A volume is named by its instance's identifier. It outlives the control plane: an instance that is created anew under
the identifier, after what was known of it has been lost, finds its rows.
"""

import json
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from twin.core.atomic import write_atomic
from twin.core.world import world

FIRST, SECOND = NODES = ("a", "b")


@dataclass(frozen=True)
class Record:
    """What must be known of the nodes before any of them may be asked. Durable: written before it is acted upon.

    primary: the node that holds all acknowledged commits. synchronous: the standby that holds them too, the only one
    that may be promoted; None when there is none. zones: where each node's data lies.
    """

    primary: str
    synchronous: str | None
    zones: dict[str, str]

    @property
    def other(self) -> str:
        """The node that is not the primary."""
        return SECOND if self.primary == FIRST else FIRST


class Volume:
    """The directory of one instance."""

    def __init__(self, region: str, identifier: str) -> None:
        self.root = world().state / "databases" / region / identifier

    def data(self, node: str) -> Path:
        """The node's data directory."""
        return self.root / node / "data"

    def password(self) -> str:
        """The password of the twin's own role, made at first use and kept here: a snapshot may be lost."""
        path = self.root / "twin-role"
        if not path.exists():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(path, secrets.token_urlsafe(32))
        return path.read_text()

    def take_password(self, password: str) -> None:
        """Let the twin's own role have the password that the data was made with."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(self.root / "twin-role", password)

    def set_aside(self) -> Path | None:
        """Put away a volume that nobody knows any more; where to, None when there is none."""
        if self.record() is None:
            return None
        aside = self.root.with_name(f"{self.root.name}.{time.time_ns():x}")
        return self.root.rename(aside)

    def record(self) -> Record | None:
        """What is written down of the nodes; None when no node has been made."""
        path = self.root / "nodes.json"
        return Record(**json.loads(path.read_text())) if path.exists() else None

    def write(self, record: Record) -> None:
        """Write the record down, durable on return."""
        write_atomic(self.root / "nodes.json", json.dumps(asdict(record), indent=1))

    def forget(self, node: str) -> None:
        """Remove a node's data."""
        shutil.rmtree(self.root / node, ignore_errors=True)

    def remove(self) -> None:
        """Remove everything; the record goes first, so that no half of a volume is ever found."""
        (self.root / "nodes.json").unlink(missing_ok=True)
        shutil.rmtree(self.root, ignore_errors=True)
