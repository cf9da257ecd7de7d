"""What is wanted: replication groups, subnet groups, parameter groups. Frozen values in a store that may be pickled.

A change replaces a value in the store under LOCK; whoever holds an old value keeps an unchanging picture.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from localstack.services.stores import AccountRegionBundle, BaseStore, LocalAttribute

from twin.services.common.subnets import Subnet

LOCK = threading.RLock()
MOST_EVENTS = 1000
# A node with TLS in front of it listens beside its port; at its port TLS ends.
BESIDE = 10_000
HIGHEST_PORT = 65_535


class Status(StrEnum):
    """AWS's states of a replication group."""

    CREATING = "creating"
    AVAILABLE = "available"
    MODIFYING = "modifying"
    SNAPSHOTTING = "snapshotting"
    DELETING = "deleting"
    CREATE_FAILED = "create-failed"


class SnapshotStatus(StrEnum):
    """AWS's states of a snapshot, of those through which the twin's go."""

    CREATING = "creating"
    AVAILABLE = "available"
    RESTORING = "restoring"
    FAILED = "failed"
    DELETING = "deleting"


class Source(StrEnum):
    """By whom a snapshot was asked for."""

    AUTOMATED = "automated"
    MANUAL = "manual"


class Role(StrEnum):
    """What a node is in its group."""

    PRIMARY = "primary"
    REPLICA = "replica"


class Strategy(StrEnum):
    """What becomes of the AUTH tokens that stand when a new one comes."""

    ROTATE = "ROTATE"
    SET = "SET"
    DELETE = "DELETE"


@dataclass(frozen=True)
class SubnetGroup:
    """Where nodes may be."""

    name: str
    arn: str
    description: str
    vpc_id: str
    subnets: tuple[Subnet, ...]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def zones(self) -> list[str]:
        """The zones of its subnets."""
        return sorted({subnet.zone for subnet in self.subnets})


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters for nodes. values: those that differ from the family's defaults."""

    name: str
    arn: str
    family: str
    description: str
    values: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """A node of a group. number: of its id; address: of its ENI in the emulated network."""

    number: int
    subnet: Subnet
    address: str
    created_at: datetime


@dataclass(frozen=True)
class ReplicationGroup:
    """A replication group with one shard.

    primary: the number of the node that is written to. test_failover: another is to take over from it, well as it may
    be. tokens: those that clients may use, the newest first.
    secret: by which the twin itself and the replicas come in. created: whether it has been available once.
    seed: the snapshot with whose data it begins; final: the one that is to be taken before it goes.
    snapshotting: the node of which the daily snapshots are taken, empty where that is the twin's choice.
    user_group: whose users may come in, in place of those who have a token; empty where tokens count.
    """

    id: str
    arn: str
    description: str
    node_type: str
    port: int
    nodes: tuple[Node, ...]
    subnet_group: str
    parameter_group: str
    primary_address: str
    reader_address: str
    created_at: datetime
    secret: str = field(repr=False)
    tokens: tuple[str, ...] = field(default=(), repr=False)
    token_changed_at: datetime | None = None
    tls: bool = False
    security_groups: tuple[str, ...] = ()
    automatic_failover: bool = False
    multi_az: bool = False
    recorded: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    primary: int = 1
    test_failover: bool = False
    created: bool = False
    deleting: bool = False
    seed: str = ""
    final: str = ""
    snapshotting: str = ""
    user_group: str = ""

    def node_id(self, node: Node) -> str:
        """The node's CacheClusterId."""
        return f"{self.id}-{node.number:03d}"

    @property
    def node_port(self) -> int:
        """The port on which a node itself listens."""
        if not self.tls:
            return self.port
        return self.port + BESIDE if self.port + BESIDE <= HIGHEST_PORT else self.port - BESIDE

    @property
    def primary_node(self) -> Node:
        """The node that is written to."""
        return next(node for node in self.nodes if node.number == self.primary)


@dataclass(frozen=True)
class User:
    """Somebody who may come in. access: what he may do; hashes: of his passwords, by SHA-256."""

    id: str
    arn: str
    name: str
    access: str
    hashes: tuple[str, ...] = field(repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UserGroup:
    """Users, by their ids, who may come into the same caches."""

    id: str
    arn: str
    users: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """An RDB file of all that a group held, and what the group was.

    of_node: whether it was asked for by the node's id; facts: the group's settings as DescribeSnapshots shows them.
    taken_at: when the file was whole, None before; size: the file's, in bytes. failures: how often it was not written.
    """

    name: str
    arn: str
    source: Source
    status: SnapshotStatus
    group_id: str
    node_id: str
    of_node: bool
    asked_at: datetime
    facts: Mapping[str, Any]
    taken_at: datetime | None = None
    size: int = 0
    failures: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """What DescribeEvents tells. kind: replication-group or cache-cluster."""

    source: str
    kind: str
    message: str
    at: datetime


def _local() -> Any:
    return LocalAttribute(default=dict)


class ElastiCacheStore(BaseStore):
    """Everything of an account in a region, by id or name."""

    groups: dict[str, ReplicationGroup] = _local()
    subnet_groups: dict[str, SubnetGroup] = _local()
    parameter_groups: dict[str, ParameterGroup] = _local()
    snapshots: dict[str, Snapshot] = _local()
    users: dict[str, User] = _local()
    user_groups: dict[str, UserGroup] = _local()
    events: list[Event] = LocalAttribute(default=list)


stores = AccountRegionBundle("elasticache", ElastiCacheStore)


def every_store() -> Iterator[ElastiCacheStore]:
    """The stores of all accounts and regions."""
    for _, _, store in stores.iter_stores():
        yield store


def wanted() -> list[tuple[ReplicationGroup, ParameterGroup | None]]:
    """Every group that is wanted now, with its parameters; None for the family's defaults."""
    with LOCK:
        return [
            (group, store.parameter_groups.get(group.parameter_group))
            for store in every_store()
            for group in store.groups.values()
        ]


def change(group_id: str, **changes: Any) -> ReplicationGroup | None:
    """Change a group and return it; None when it is gone."""
    with LOCK:
        for store in every_store():
            if group_id in store.groups:
                changed = store.groups[group_id] = replace(store.groups[group_id], **changes)
                return changed
    return None


def promote(group_id: str, number: int) -> ReplicationGroup | None:
    """Want this node as the group's primary and return the group; None when one of them is gone."""
    with LOCK:
        for store in every_store():
            group = store.groups.get(group_id)
            if group is not None and not group.deleting and number in {node.number for node in group.nodes}:
                return change(group_id, primary=number, test_failover=False)
    return None


def forget(group_id: str) -> None:
    """The group is gone."""
    with LOCK:
        for store in every_store():
            store.groups.pop(group_id, None)


def snapshots() -> list[Snapshot]:
    """Every snapshot there is, or is to be."""
    with LOCK:
        return [snapshot for store in every_store() for snapshot in store.snapshots.values()]


def store_of(arn: str) -> ElastiCacheStore:
    """The store in which what has this ARN belongs."""
    region, account = arn.split(":")[3:5]
    found: ElastiCacheStore = stores[account][region]
    return found


def users_of(group: ReplicationGroup) -> list[User] | None:
    """Those who may come into the group; None where tokens count."""
    with LOCK:
        kept = store_of(group.arn)
        team = kept.user_groups.get(group.user_group)
        return [kept.users[one] for one in team.users if one in kept.users] if team else None


def keep_snapshot(snapshot: Snapshot, *, new: bool = False) -> bool:
    """Put the snapshot into its store; False when it is gone from there meanwhile, or stands there already if `new`."""
    with LOCK:
        kept = store_of(snapshot.arn).snapshots
        if (snapshot.name in kept) is new:
            return False
        kept[snapshot.name] = snapshot
        return True


def note(source: str, kind: str, message: str, region_of: str) -> None:
    """Keep an event where the group `region_of` is, or was: in the one store that knows it, else in the first."""
    with LOCK:
        every = list(every_store())
        store = next((one for one in every if region_of in one.groups), every[0] if every else None)
        if store is not None:
            store.events.append(Event(source, kind, message, datetime.now(UTC)))
            del store.events[:-MOST_EVENTS]
