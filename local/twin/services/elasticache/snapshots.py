"""The operations on snapshots; each is a real RDB file, which may also be exported to a bucket."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Any

from botocore.exceptions import ClientError

from twin.services.common.api import Json, Provider, RequestContext, client, only, operation, tags_from
from twin.services.common.paging import page
from twin.services.elasticache import backups, controller, decide, errors, registry, shelf
from twin.services.elasticache.models import (
    LOCK,
    ElastiCacheStore,
    Node,
    ReplicationGroup,
    Snapshot,
    SnapshotStatus,
    Source,
    Status,
    keep_snapshot,
)

PAGE = 50
MEBIBYTE = 1 << 20
# What the API's SnapshotSource means by its words.
_SOURCES = {"system": Source.AUTOMATED, "user": Source.MANUAL}


class Snapshots(Provider):
    """Create, copy, describe, delete snapshots."""

    @operation("CreateSnapshot")
    def create_snapshot(self, context: RequestContext, request: Json) -> Json:
        """Ask for a snapshot of a group, or of the node that is named; it is written beside.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateSnapshot.html
        """
        only("elasticache", "CreateSnapshot", request, ("SnapshotName", "ReplicationGroupId", "CacheClusterId", "Tags"))
        kept = registry.store(context)
        group_id, cluster_id = request.get("ReplicationGroupId"), request.get("CacheClusterId")
        if bool(group_id) == bool(cluster_id):
            raise errors.combination("Either ReplicationGroupId or CacheClusterId must be given, and not both.")
        with LOCK:
            if group_id:
                group, node = registry.group(kept, group_id), None
            else:
                group, node = registry.node(kept, request["CacheClusterId"])
            seen = controller.look(group, kept.parameter_groups.get(group.parameter_group))
            if decide.status(seen) is not Status.AVAILABLE:
                raise errors.cluster_state(group.node_id(node)) if node else errors.group_state()
            made = ask(context, group, request["SnapshotName"], node, tags_from(request))
        controller.wake()
        return {"Snapshot": shown(kept, made)}

    @operation("CopySnapshot")
    def copy_snapshot(self, context: RequestContext, request: Json) -> Json:
        """Copy a snapshot, or its RDB file into a bucket.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CopySnapshot.html
        """
        known = ("SourceSnapshotName", "TargetSnapshotName", "TargetBucket", "Tags")
        only("elasticache", "CopySnapshot", request, known)
        kept = registry.store(context)
        source = _whole(kept, request["SourceSnapshotName"])
        name = registry.checked_id(request["TargetSnapshotName"], "TargetSnapshotName")
        if request.get("TargetBucket"):
            _export(context, source, request["TargetBucket"], f"{name}-0001.rdb")
            return {"Snapshot": shown(kept, source)}
        arn = registry.arn(context, "snapshot", name)
        made = replace(source, name=name, arn=arn, source=Source.MANUAL, tags=tags_from(request))
        with LOCK:
            if not keep_snapshot(made, new=True):
                raise errors.snapshot_exists(name)
            shelf.put(made, shelf.file(source.name))
        return {"Snapshot": shown(kept, made)}

    @operation("DescribeSnapshots")
    def describe_snapshots(self, context: RequestContext, request: Json) -> Json:
        """All snapshots, the newest last, or those of a name, a group, a node, a source."""
        kept = registry.store(context)
        name, wanted = request.get("SnapshotName"), request.get("SnapshotSource")
        if wanted and wanted not in _SOURCES:
            raise errors.value(f"SnapshotSource {wanted} is not one of {', '.join(_SOURCES)}.")
        asked = {
            field: request[field].lower() for field in ("ReplicationGroupId", "CacheClusterId") if request.get(field)
        }
        found = [registry.snapshot(kept, name)] if name else sorted(kept.snapshots.values(), key=lambda s: s.asked_at)
        listed = [
            shown(kept, one, slots=bool(request.get("ShowNodeGroupConfig")))
            for one in found
            if (not wanted or one.source is _SOURCES[wanted]) and asked.items() <= _owner(one).items()
        ]
        return page("Snapshots", listed, {**request, "MaxRecords": request.get("MaxRecords") or PAGE})

    @operation("DeleteSnapshot")
    def delete_snapshot(self, context: RequestContext, request: Json) -> Json:
        """Forget a snapshot with its file, whoever asked for it.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups-deleting.html
        """
        kept = registry.store(context)
        with LOCK:
            found = registry.snapshot(kept, request["SnapshotName"])
            state = _status(kept, found)
            if state not in (SnapshotStatus.AVAILABLE, SnapshotStatus.FAILED):
                raise errors.snapshot_state(found.name, state)
            backups.forget(found)
        return {"Snapshot": shown(kept, replace(found, status=SnapshotStatus.DELETING))}


def ask(
    context: RequestContext,
    group: ReplicationGroup,
    name: str,
    node: Node | None = None,
    tags: Mapping[str, str] | None = None,
) -> Snapshot:
    """Record that a snapshot is to be taken of the group; raises AWS's error when there is one of that name."""
    checked = registry.checked_id(name, "SnapshotName")
    arn = registry.arn(context, "snapshot", checked)
    made = replace(backups.wanted(group, checked, arn, Source.MANUAL, node), tags=tags or {})
    if not keep_snapshot(made, new=True):
        raise errors.snapshot_exists(checked)
    return made


def shown(kept: ElastiCacheStore, snapshot: Snapshot, *, slots: bool = False) -> Json:
    """A snapshot, as DescribeSnapshots shows it."""
    facts: dict[str, Any] = dict(snapshot.facts)
    created = facts.pop("CacheClusterCreateTime", None)
    if snapshot.of_node:
        facts = {name: value for name, value in facts.items() if name != "ReplicationGroupDescription"}
        facts["CacheClusterCreateTime"] = datetime.fromisoformat(created) if created else None
    else:
        facts = {name: value for name, value in facts.items() if name != "PreferredAvailabilityZone"}
    told = {
        "SnapshotName": snapshot.name,
        "SnapshotStatus": _status(kept, snapshot).value,
        "SnapshotSource": snapshot.source.value,
        "NumCacheNodes": 1,
        "NumNodeGroups": None if snapshot.of_node else 1,
        "NodeSnapshots": [_of_node(snapshot, created, slots=slots)] if snapshot.taken_at else [],
        "ARN": snapshot.arn,
        "DataTiering": "disabled",
        **_owner(snapshot),
        **facts,
    }
    return {name: value for name, value in told.items() if value is not None}


def _of_node(snapshot: Snapshot, created: str | None, *, slots: bool) -> Json:
    told: Json = {
        "CacheClusterId": snapshot.node_id,
        "CacheSize": f"{ceil(snapshot.size / MEBIBYTE)} MB",
        "CacheNodeCreateTime": datetime.fromisoformat(created) if created else None,
        "SnapshotCreateTime": snapshot.taken_at,
        "CacheNodeId" if snapshot.of_node else "NodeGroupId": "0001",
        "NodeGroupConfiguration": {"Slots": "0-16383"} if slots else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _owner(snapshot: Snapshot) -> dict[str, str]:
    """Of what the snapshot was asked for."""
    if snapshot.of_node:
        return {"CacheClusterId": snapshot.node_id}
    return {"ReplicationGroupId": snapshot.group_id}


def _status(kept: ElastiCacheStore, snapshot: Snapshot) -> SnapshotStatus:
    restores = any(group.seed == snapshot.name and not group.created for group in kept.groups.values())
    return SnapshotStatus.RESTORING if restores else snapshot.status


def _whole(kept: ElastiCacheStore, name: str) -> Snapshot:
    """The snapshot, which must be there as a whole."""
    found = registry.snapshot(kept, name)
    if found.status is not SnapshotStatus.AVAILABLE:
        raise errors.snapshot_state(found.name, found.status)
    return found


def _export(context: RequestContext, snapshot: Snapshot, bucket: str, key: str) -> None:
    """Put the RDB file into the bucket; raises the errors that CopySnapshot's page lists."""
    s3 = client("s3", context.region)
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        raise errors.value(f"The S3 bucket {bucket} does not exist.") from error
    if s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("KeyCount"):
        raise errors.value(f"The S3 bucket {bucket} already contains an object with key {key}.")
    with shelf.file(snapshot.name).open("rb") as file:
        s3.put_object(Bucket=bucket, Key=key, Body=file)
