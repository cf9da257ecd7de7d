"""A node that runs, or is to run: a Valkey process, what it was told, what it says of itself."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from twin.core.addresses import book, loopback
from twin.core.atomic import write_atomic
from twin.core.errors import ProcessError
from twin.core.processes import Process, kill_data_directory
from twin.core.world import world
from twin.engines import valkey
from twin.services.elasticache import models, parameters, shelf
from twin.services.elasticache.decide import NodeSeen
from twin.services.elasticache.models import Node, ParameterGroup, ReplicationGroup, Role, User

RETRY_SECONDS = 2.0
# Commands that ElastiCache keeps for itself:
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/SupportedCommands.html
FORBIDDEN = ("config", "debug", "migrate", "module", "psync", "sync", "replicaof", "slaveof", "failover", "shutdown",
             "save", "bgsave", "bgrewriteaof",
             "acl|setuser", "acl|deluser", "acl|load", "acl|save")  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a node said of its replication. offset: how far it has come."""

    role: Role
    link_up: bool
    offset: int


def directory(group_id: str) -> Path:
    """Where a group's nodes keep their data, by the group's id alone: one made anew under this id finds it."""
    return world().state / "elasticache" / group_id


def primary_of(group_id: str) -> int | None:
    """The number of the node that was last made the primary, None when none was.

    It is written down beside the data, not only in the store: which node has the newest data must outlive a twin that
    is killed, and the loss of the control plane.
    """
    file = _primary_file(group_id)
    return int(file.read_text()) if file.exists() else None


def write_primary(group_id: str, number: int) -> None:
    """Write down which node is the primary from now on."""
    write_atomic(_primary_file(group_id), str(number))


def _primary_file(group_id: str) -> Path:
    return directory(group_id) / "primary"


def seed_of(group: ReplicationGroup) -> str | None:
    """The snapshot with which the primary is to begin; None where it began already, or begins with nothing.

    It is written down beside the data: a group that is made anew by the same template goes on with what it had.
    """
    file = _seed_file(group.id)
    return None if not group.seed or (file.exists() and file.read_text() == group.seed) else group.seed


def _seed_file(group_id: str) -> Path:
    return directory(group_id) / "seed"


def plan(group: ReplicationGroup, node: Node, values: ParameterGroup | None) -> valkey.Node:
    """How the node's server is to run."""
    name = group.node_id(node)
    leader = group.primary_node
    return valkey.Node(
        name=name,
        data=directory(group.id) / f"{node.number:03d}",
        log=world().directory("logs") / f"elasticache-{name}.log",
        address=loopback(node.address),
        port=group.node_port,
        password=group.secret,
        follows=None if node == leader else (loopback(leader.address), group.node_port),
        settings=parameters.server_settings(values.values if values else {}, group.node_type),
        clients=group.tokens,
        forbidden=FORBIDDEN,
        users=rules(models.users_of(group)),
    )


def rules(users: Sequence[User] | None) -> dict[str, tuple[str, ...]]:
    """The rules of the users of a group, those of nobody where tokens count.

    Whoever is named default comes in without a name; where nobody is, nobody does.
    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html
    """
    if users is None:
        return {}
    barred = [f"-{name}" for name in FORBIDDEN]
    told = {one.name: ("reset", *one.access.split(), *barred, *(f"#{hash_}" for hash_ in one.hashes)) for one in users}
    return {"default": ("reset", "off"), **told}


class Running:
    """What runs of one node. Actions on it come one at a time, from its slot; looking at it may come any time."""

    def __init__(self, group_id: str, node_id: str) -> None:
        self.group_id = group_id
        self.node_id = node_id
        self.told: valkey.Node | None = None
        self.said: Said | None = None
        self.failure: str | None = None
        self.failures = 0
        self.removed = False
        self._copied = False
        self._process: Process | None = None
        self._lock = threading.Lock()
        self._answered_at = 0.0
        self._failed_at = 0.0

    @property
    def _number(self) -> str:
        return self.node_id.rsplit("-", 1)[1]

    @property
    def pid(self) -> int | None:
        """The pid of the server, None when it does not run."""
        return self._process.pid if self._process is not None and self._process.alive else None

    def start(self, wanted: valkey.Node, seed: str | None = None) -> None:
        """Start the server after fencing its data directory, with the data of the snapshot `seed` where one is named.

        Raises ProcessError when it does not start.
        """
        with self._lock, self._counting():
            if self._process is not None:
                self._process.kill()
            kill_data_directory(wanted.data)
            world().directory("elasticache", self.group_id)
            self._copied = False
            if seed is not None:
                valkey.lay(wanted.data, shelf.file(seed))
                write_atomic(_seed_file(self.group_id), seed)
            self._process = valkey.start(wanted)
            self.told, self._answered_at = wanted, time.monotonic()
            self.removed = False

    def fence(self) -> None:
        """End the server at once, and whatever else lives of its data directory."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
            self.said = None
            kill_data_directory(directory(self.group_id) / self._number)

    def dump(self) -> Path:
        """Let the server write all that it holds into an RDB file, which is good until the next dump."""
        assert self.told is not None
        return valkey.dump(self.told)

    def adjust(self, wanted: valkey.Node) -> None:
        """Give the running server other settings, passwords and another primary or none.

        Raises redis.RedisError when it takes them not.
        """
        with self._lock, self._counting():
            assert self.told is not None
            valkey.adjust(self.told, wanted)
            self.told = wanted

    def stop(self) -> None:
        """Let the server write what it holds and end."""
        with self._lock:
            if self._process is not None:
                valkey.stop(self._process)
            self.said = None

    def remove(self) -> None:
        """End the server at once, and remove its data and give its address back."""
        self.fence()
        with self._lock:
            data = directory(self.group_id) / self._number
            shutil.rmtree(data, ignore_errors=True)
            data.with_name(f"{self._number}.conf").unlink(missing_ok=True)
            book().release(self.node_id)
            self.removed = True

    def ask(self) -> None:
        """Ask the server how it is; `said` is None when it does not answer."""
        told = self.told
        if told is None or self.pid is None:
            self.said = None
            return
        try:
            told_us = valkey.replication(told)
        except redis.RedisError:
            self.said = None
            return
        self._answered_at = time.monotonic()
        if told_us.get("master_link_status") == "up":
            self._copied = True
        elif told_us.get("master_sync_in_progress") == 1:
            self._copied = False
        primary = told_us["role"] == "master"
        offset = told_us["master_repl_offset" if primary else "slave_repl_offset"]
        self.said = Said(
            Role.PRIMARY if primary else Role.REPLICA, told_us.get("master_link_status") == "up", int(offset)
        )

    def seen(self, role: Role, wanted: valkey.Node | None, *, busy: bool) -> NodeSeen:
        """What is to be decided upon. wanted: None where only its end is."""
        now, said = time.monotonic(), self.said
        alive = self.pid is not None
        unheard = now - self._answered_at if said is None and not busy else 0.0
        return NodeSeen(
            id=self.node_id,
            wanted=role,
            busy=busy,
            alive=alive,
            role=said.role if said else None,
            link_up=said is not None and said.link_up,
            settled=self.told == wanted,
            copied=self._copied,
            offset=said.offset if said else 0,
            silent=unheard if alive else 0.0,
            down=0.0 if alive else unheard * world().speed,
            resting=bool(self._failed_at) and now - self._failed_at < RETRY_SECONDS,
            failures=self.failures,
            was_up=self._process is not None,
        )

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        try:
            yield
        except (ProcessError, OSError, redis.RedisError) as error:
            self.failure, self.failures, self._failed_at = str(error), self.failures + 1, time.monotonic()
            raise
        self.failure, self.failures, self._failed_at = None, 0, 0.0
