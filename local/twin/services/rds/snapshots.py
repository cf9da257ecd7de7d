"""The operations on snapshots and automated backups.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CreateSnapshot.html
"""

from twin.engines import postgres
from twin.services.common.api import Json, Provider, RequestContext, only, operation, tag_list, tags_from
from twin.services.common.paging import page
from twin.services.rds import backups, controller, errors
from twin.services.rds.events import Taken, tell_snapshot
from twin.services.rds.filters import filters
from twin.services.rds.instances import find as find_instance
from twin.services.rds.instances import must_be
from twin.services.rds.models import LOCK, Backup, Instance, Snapshot, SnapshotStatus, Status, store
from twin.services.rds.requests import ENGINE, check_identifier

_FILTERS = ("db-instance-id", "db-snapshot-id", "dbi-resource-id", "snapshot-type", "engine")
_BACKUP_FILTERS = ("db-instance-id", "dbi-resource-id", "status")
_TYPES = ("automated", "manual", "shared", "public", "awsbackup")
_COPIED = ("AllocatedStorage", "Iops", "KmsKeyId", "LicenseModel", "StorageThroughput", "StorageType")


class Snapshots(Provider):
    """Take, describe, delete."""

    @operation("CreateDBSnapshot")
    def create_snapshot(self, context: RequestContext, request: Json) -> Json:
        """Want a copy of an instance's data; it is taken of the running servers."""
        only("rds", "CreateDBSnapshot", request, ("DBInstanceIdentifier", "DBSnapshotIdentifier", "Tags"))
        identifier = request["DBSnapshotIdentifier"].lower()
        check_identifier(identifier, "DBSnapshotIdentifier")
        instance = find_instance(context.region, request["DBInstanceIdentifier"])
        with LOCK:
            if identifier in store(context.region).snapshots:
                raise errors.snapshot_exists(identifier)
            must_be(instance, {Status.AVAILABLE, Status.STOPPED}, errors.unfit_for_snapshot(instance.identifier))
            copied = dict(instance.tags) if instance.recorded["CopyTagsToSnapshot"] else {}
            snapshot = backups.ask(instance, identifier, manual=True, tags=copied | tags_from(request))
        controller.wake()
        return {"DBSnapshot": described(snapshot)}

    @operation("DescribeDBSnapshots")
    def describe_snapshots(self, context: RequestContext, request: Json) -> Json:
        """All snapshots, those of an instance, of a type, or one."""
        asked = filters(request, _FILTERS)
        kind = request.get("SnapshotType")
        if kind not in (None, *_TYPES):
            raise errors.value(f"Invalid snapshot type: {kind}")
        wanted = {"db-instance-id": request.get("DBInstanceIdentifier"), "snapshot-type": kind,
                  "dbi-resource-id": request.get("DbiResourceId")}  # fmt: skip
        for name, value in wanted.items():
            if value is not None:
                asked[name] = asked.get(name, {value}) & {value}
        if named := request.get("DBSnapshotIdentifier"):
            found = [find(context.region, named)]
        else:
            with LOCK:
                found = sorted(store(context.region).snapshots.values(), key=lambda one: one.identifier)
        shown = [described(one) for one in found if all(_matches(one, key, value) for key, value in asked.items())]
        return page("DBSnapshots", shown, request)

    @operation("DeleteDBSnapshot")
    def delete_snapshot(self, context: RequestContext, request: Json) -> Json:
        """Remove a snapshot with its data; one from which an instance is being made stays."""
        snapshot = find(context.region, request["DBSnapshotIdentifier"])
        if not snapshot.manual:
            raise errors.snapshot_state("Only manual snapshots may be deleted.")
        if snapshot.status is SnapshotStatus.CREATING:
            text = "Cannot delete the snapshot because it is not currently in the available or failed state."
            raise errors.snapshot_state(text)
        with LOCK:
            instances = list(store(context.region).instances.values())
        if any(one.origin and one.origin.snapshot == snapshot.identifier and not one.born for one in instances):
            raise errors.snapshot_state("Cannot delete the snapshot because a DB instance is being restored from it.")
        shown = described(snapshot) | {"Status": "deleted"}
        backups.forget(snapshot)
        tell_snapshot(snapshot, Taken.DELETED)
        return {"DBSnapshot": shown}

    @operation("DescribeDBInstanceAutomatedBackups")
    def describe_backups(self, context: RequestContext, request: Json) -> Json:
        """The automated backups of instances that stand, and those that were kept of deleted ones."""
        asked = filters(request, _BACKUP_FILTERS)
        wanted = {"db-instance-id": request.get("DBInstanceIdentifier"),
                  "dbi-resource-id": request.get("DbiResourceId")}  # fmt: skip
        for name, value in wanted.items():
            if value is not None:
                asked[name] = asked.get(name, {value}) & {value}
        with LOCK:
            found = list(store(context.region).backups.values())
        arn = request.get("DBInstanceAutomatedBackupsArn")
        facts = [
            (one, {"db-instance-id": one.of.identifier, "dbi-resource-id": one.of.resource_id, "status": _status(one)})
            for one in found
            if arn in (None, one.arn)
        ]
        chosen = [one for one, known in facts if all(known[key] in values for key, values in asked.items())]
        if not chosen and (arn or request.get("DbiResourceId")):
            raise errors.no_backup(arn or request["DbiResourceId"])
        return page("DBInstanceAutomatedBackups", [_described_backup(one) for one in chosen], request)

    @operation("DeleteDBInstanceAutomatedBackup")
    def delete_backup(self, context: RequestContext, request: Json) -> Json:
        """Remove the automated backups that were kept of a deleted instance."""
        backup = find_backup(context.region, request)
        if not backup.retained:
            text = f"The automated backup {backup.of.resource_id} is of an instance that stands."
            raise errors.backup_state(text)
        backups.forget_all(context.region, backup.of.resource_id)
        return {"DBInstanceAutomatedBackup": _described_backup(backup) | {"Status": "deleting"}}


def find(region: str, name: str) -> Snapshot:
    """The snapshot by its identifier or ARN, else DBSnapshotNotFound."""
    found = store(region).snapshots.get(name.rsplit(":snapshot:", maxsplit=1)[-1].lower())
    if found is None:
        raise errors.no_snapshot(name)
    return found


def find_backup(region: str, request: Json) -> Backup:
    """The automated backups that the request names by resource id or ARN."""
    arn, resource = request.get("DBInstanceAutomatedBackupsArn"), request.get("DbiResourceId")
    if not arn and not resource:
        raise errors.combination("Either DbiResourceId or DBInstanceAutomatedBackupsArn must be specified.")
    for one in store(region).backups.values():
        if arn in (None, one.arn) and resource in (None, one.of.resource_id):
            return one
    raise errors.no_backup(str(arn or resource))


def described(snapshot: Snapshot) -> Json:
    """The snapshot as the API shows it."""
    of = snapshot.of
    taken = {"SnapshotCreateTime": snapshot.taken_at, "OriginalSnapshotCreateTime": snapshot.taken_at}
    return {
        **_common(of),
        **(taken if snapshot.taken_at else {}),
        "DBSnapshotIdentifier": snapshot.identifier,
        "DBSnapshotArn": snapshot.arn,
        "SnapshotType": "manual" if snapshot.manual else "automated",
        "Status": snapshot.status.value,
        # The tool that copies does not say how far it is.
        "PercentProgress": 100 if snapshot.status is SnapshotStatus.AVAILABLE else 0,
        "SnapshotTarget": "region",
        "TagList": tag_list(snapshot.tags),
    }


def _described_backup(backup: Backup) -> Json:
    of = backup.of
    taken = backups.automated(of.region, of.resource_id)
    window = {"EarliestTime": taken[0].taken_at, "LatestTime": backup.latest} if taken and backup.latest else {}
    return {
        **_common(of),
        "DBInstanceArn": of.arn,
        "DBInstanceAutomatedBackupsArn": backup.arn,
        "Region": of.region,
        "Status": _status(backup),
        "RestoreWindow": window,
        "BackupRetentionPeriod": of.retention,
        "BackupTarget": "region",
        "TagList": tag_list(of.tags),
    }


def _common(of: Instance) -> Json:
    group = store(of.region).subnet_groups.get(of.subnet_group)
    return {
        **{name: of.recorded[name] for name in _COPIED if of.recorded.get(name) is not None},
        **({"VpcId": group.vpc_id} if group else {}),
        **({"AvailabilityZone": of.zone} if of.zone else {}),
        "DBInstanceIdentifier": of.identifier,
        "DbiResourceId": of.resource_id,
        "Engine": ENGINE,
        "EngineVersion": postgres.version(),
        "InstanceCreateTime": of.created_at,
        "MasterUsername": of.master,
        "Port": of.port,
        "Encrypted": of.recorded["StorageEncrypted"],
        "OptionGroupName": "default:postgres-17",
        "IAMDatabaseAuthenticationEnabled": False,
        "DedicatedLogVolume": False,
        "MultiTenant": False,
    }


def _status(backup: Backup) -> str:
    if backup.retained:
        return "retained"
    return "active" if backups.latest(backup.of) else "pending"


def _matches(snapshot: Snapshot, key: str, values: set[str]) -> bool:
    lowered = {value.lower() for value in values}
    known = {
        "db-instance-id": {snapshot.of.identifier, snapshot.of.arn},
        "db-snapshot-id": {snapshot.identifier, snapshot.arn},
        "dbi-resource-id": {snapshot.of.resource_id.lower()},
        "snapshot-type": {"manual" if snapshot.manual else "automated"},
        "engine": {ENGINE},
    }
    return bool(known[key] & lowered)
