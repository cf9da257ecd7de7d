"""Takes the snapshots that are wanted, asks for the day's automatic one, removes those whose time is over."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import redis

from twin.core.errors import ProcessError
from twin.core.loop import Slot
from twin.core.timeline import emit
from twin.services.elasticache import models, parameters, shelf, windows
from twin.services.elasticache.decide import MOST_TRIES, GroupSeen
from twin.services.elasticache.models import Node, ReplicationGroup, Role, Snapshot, SnapshotStatus, Source
from twin.services.elasticache.nodes import Running

type Tell = Callable[[ReplicationGroup, str, str], None]


class Backups:
    """The controller's hand for snapshots. find: what runs of a node; tell: tells of a group or, by its id, a node."""

    def __init__(self, slot: Slot, find: Callable[[str], Running | None], tell: Tell) -> None:
        self._slot = slot
        self._find = find
        self._tell = tell

    def adopt(self) -> None:
        """Let the store know what is on disk, and nothing else that was whole."""
        there = {one.name: one for one in shelf.every()}
        for snapshot in models.snapshots():
            if snapshot.status is SnapshotStatus.AVAILABLE and snapshot.name not in there:
                forget(snapshot)
        for snapshot in there.values():
            models.store_of(snapshot.arn).snapshots[snapshot.name] = snapshot

    def tend(self, group: ReplicationGroup, seen: GroupSeen) -> Iterator[str]:
        """Do for one group what its snapshots need next."""
        mine = [one for one in models.snapshots() if one.group_id == group.id]
        now = datetime.now(UTC)
        automatic = [one for one in mine if one.source is Source.AUTOMATED]
        for snapshot in automatic:
            kept_days = int(snapshot.facts["SnapshotRetentionLimit"])
            if snapshot.taken_at is not None and windows.expired(snapshot.taken_at, kept_days, now):
                forget(snapshot)
                yield f"snapshot {snapshot.name} has been kept for {kept_days} days and goes"
        limit = int(group.recorded.get("SnapshotRetentionLimit") or 0)
        window = group.recorded.get("SnapshotWindow") or windows.DEFAULT
        quiet = group.created and not group.deleting and not seen.saving
        if quiet and windows.due(window, limit, [one.asked_at for one in automatic], now):
            wanted = of_today(group, now)
            models.keep_snapshot(wanted, new=True)
            mine.append(wanted)
        for snapshot in mine:
            if snapshot.status is SnapshotStatus.CREATING:
                yield from self._take(group, seen, snapshot)

    def forget_all(self, group: ReplicationGroup) -> None:
        """The group is gone, and its automatic snapshots with it.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups-deleting.html
        """
        for snapshot in models.snapshots():
            if snapshot.group_id == group.id and snapshot.source is Source.AUTOMATED:
                forget(snapshot)

    def _take(self, group: ReplicationGroup, seen: GroupSeen, snapshot: Snapshot) -> Iterator[str]:
        key = f"{group.id}/snapshot/{snapshot.name}"
        if self._slot.busy(key):
            return
        there = {group.node_id(node): node for node in group.nodes}
        if snapshot.of_node and snapshot.node_id not in there:
            self._failed(group, replace(snapshot, failures=MOST_TRIES), "its node is gone")
            return
        node_id = snapshot.node_id if snapshot.of_node else giver(group, seen, snapshot)
        running = self._find(node_id) if node_id else None
        if running is not None and running.said is not None:
            self._slot.run(key, partial(self._write, group, there[node_id], running, snapshot))
            yield f"snapshot {snapshot.name} is taken of {node_id}"

    def _write(self, group: ReplicationGroup, node: Node, running: Running, snapshot: Snapshot) -> None:
        if models.store_of(snapshot.arn).snapshots.get(snapshot.name) != snapshot:
            return  # written since it was looked at
        try:
            dumped = running.dump()
            done = replace(
                snapshot,
                status=SnapshotStatus.AVAILABLE,
                node_id=running.node_id,
                taken_at=datetime.now(UTC),
                size=dumped.stat().st_size,
                facts={**snapshot.facts, **of_node(node)},
            )
            shelf.put(done, dumped)
        except (OSError, ProcessError, redis.RedisError) as error:
            self._failed(group, replace(snapshot, failures=snapshot.failures + 1), str(error))
            return
        if not models.keep_snapshot(done):
            shelf.remove(done.name)
            return
        self._tell(group, _words("succeeded", done), done.node_id)
        if group.final == done.name:
            models.change(group.id, final="")

    def _failed(self, group: ReplicationGroup, snapshot: Snapshot, why: str) -> None:
        """Try again; at last the snapshot has failed, and a group that was to be saved by it stays."""
        if snapshot.failures < MOST_TRIES:
            models.keep_snapshot(snapshot)
            return
        models.keep_snapshot(replace(snapshot, status=SnapshotStatus.FAILED))
        emit("elasticache", group.id, f"snapshot {snapshot.name} has failed: {why}")
        self._tell(group, _words("failed", snapshot), snapshot.node_id)
        if group.final == snapshot.name:
            models.change(group.id, final="", deleting=False)


def wanted(group: ReplicationGroup, name: str, arn: str, source: Source, node: Node | None = None) -> Snapshot:
    """A snapshot that is to be taken of the group, or of the node named."""
    return Snapshot(
        name=name,
        arn=arn,
        source=source,
        status=SnapshotStatus.CREATING,
        group_id=group.id,
        node_id=group.node_id(node) if node else "",
        of_node=node is not None,
        asked_at=datetime.now(UTC),
        facts=facts(group) | (of_node(node) if node else {}),
    )


def of_today(group: ReplicationGroup, now: datetime) -> Snapshot:
    """The day's automatic snapshot, with the name that AWS would give it."""
    node = next((one for one in group.nodes if group.node_id(one) == group.snapshotting), None)
    name = f"automatic.{group.node_id(node) if node else group.id}-{now:%Y-%m-%d-%H-%M}"
    arn = ":".join([*group.arn.split(":")[:5], "snapshot", name])
    return wanted(group, name, arn, Source.AUTOMATED, node)


def facts(group: ReplicationGroup) -> dict[str, Any]:
    """What the group is, as DescribeSnapshots shows it, in values that JSON has."""
    shown = {
        "ReplicationGroupDescription": group.description,
        "CacheNodeType": group.node_type,
        "Engine": parameters.ENGINE,
        "EngineVersion": parameters.version(),
        "PreferredMaintenanceWindow": group.recorded.get("PreferredMaintenanceWindow"),
        "TopicArn": group.recorded.get("NotificationTopicArn"),
        "Port": group.port,
        "CacheParameterGroupName": group.parameter_group,
        "CacheSubnetGroupName": group.subnet_group,
        "VpcId": models.store_of(group.arn).subnet_groups[group.subnet_group].vpc_id,
        "AutoMinorVersionUpgrade": group.recorded.get("AutoMinorVersionUpgrade", True),
        "SnapshotRetentionLimit": int(group.recorded.get("SnapshotRetentionLimit") or 0),
        "SnapshotWindow": group.recorded.get("SnapshotWindow"),
        "AutomaticFailover": "enabled" if group.automatic_failover else "disabled",
    }
    return {name: value for name, value in shown.items() if value is not None}


def of_node(node: Node) -> dict[str, Any]:
    """What the node is of which the snapshot is taken."""
    return {
        "PreferredAvailabilityZone": node.subnet.zone,
        "CacheClusterCreateTime": node.created_at.isoformat(),
    }


def giver(group: ReplicationGroup, seen: GroupSeen, snapshot: Snapshot) -> str:
    """The node of which a group's snapshot is taken: a replica that follows, else the primary; the last one always
    of the primary, which has the freshest data; empty when none can give it.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DeleteReplicationGroup.html
    """
    replicas = [] if group.final == snapshot.name else seen.heirs
    primaries = [node for node in seen.nodes if node.wanted is Role.PRIMARY and node.role is Role.PRIMARY]
    return next((node.id for node in (*replicas, *primaries)), "")


def forget(snapshot: Snapshot) -> None:
    """The snapshot is gone, and its file."""
    with models.LOCK:
        models.store_of(snapshot.arn).snapshots.pop(snapshot.name, None)
    shelf.remove(snapshot.name)


def _words(outcome: str, snapshot: Snapshot) -> str:
    """AWS's event: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ElastiCacheSNS.html."""
    kind, owner = "replication group", snapshot.group_id
    if snapshot.of_node:
        kind, owner = "cache cluster", snapshot.node_id
    return f"Snapshot {outcome} for snapshot with ID '{snapshot.name}' of {kind} with ID '{owner}'"
