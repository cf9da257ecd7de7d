"""Instances that are made of others: of a snapshot, of a moment in time, as read replicas.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RestoreFromSnapshot.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html
"""

from datetime import UTC, datetime

from twin.services.common.api import Json, Provider, RequestContext, only, operation, tags_from
from twin.services.rds import backups, controller, errors, windows
from twin.services.rds.instances import find, must_be
from twin.services.rds.making import stand
from twin.services.rds.models import Instance, Origin, SnapshotStatus, Status
from twin.services.rds.requests import LONGEST_RETENTION, to_restore
from twin.services.rds.snapshots import find as find_snapshot
from twin.services.rds.snapshots import find_backup
from twin.services.rds.views import described

_SOURCES = ("SourceDBInstanceIdentifier", "SourceDbiResourceId", "SourceDBInstanceAutomatedBackupsArn")


class Restores(Provider):
    """Make an instance of a snapshot or a moment; make a read replica and part it from its source."""

    @operation("RestoreDBInstanceFromDBSnapshot")
    def restore_from_snapshot(self, context: RequestContext, request: Json) -> Json:
        """Want an instance with a snapshot's data; in one zone, with the default groups, where none is named."""
        if not request.get("DBSnapshotIdentifier"):
            raise errors.missing("DBSnapshotIdentifier")
        snapshot = find_snapshot(context.region, request["DBSnapshotIdentifier"])
        if snapshot.status is not SnapshotStatus.AVAILABLE:
            text = f"Cannot restore from a snapshot which is in {snapshot.status.value} state."
            raise errors.snapshot_state(text)
        named = ("DBSnapshotIdentifier",)
        wanted = to_restore("RestoreDBInstanceFromDBSnapshot", request, _taken_over(snapshot.of), named)
        origin = Origin(snapshot.identifier)
        return {"DBInstance": described(stand(context.region, wanted, tags_from(request), origin=origin))}

    @operation("RestoreDBInstanceToPointInTime")
    def restore_to_time(self, context: RequestContext, request: Json) -> Json:
        """Want an instance as another was at a moment: its last automated snapshot before, and the log after that."""
        source = _source(context.region, request)
        latest = backups.latest(source)
        taken = backups.automated(context.region, source.resource_id)
        if latest is None or not taken:
            raise errors.not_restorable(source.identifier)
        until = _moment(request)
        if until is not None:
            _within(until, taken[0].taken_at or latest, latest)
            taken = [one for one in taken if one.taken_at and one.taken_at <= until]
        origin = Origin(taken[-1].identifier, source.identifier, source.resource_id, until)
        more = ("RestoreTime", "UseLatestRestorableTime", "TargetDBInstanceIdentifier", *_SOURCES)
        named = request | {"DBInstanceIdentifier": request["TargetDBInstanceIdentifier"]}
        wanted = to_restore("RestoreDBInstanceToPointInTime", named, _taken_over(source), more)
        return {"DBInstance": described(stand(context.region, wanted, tags_from(request), origin=origin))}

    @operation("CreateDBInstanceReadReplica")
    def create_replica(self, context: RequestContext, request: Json) -> Json:
        """Want an instance that follows another in the same region."""
        named = request.get("SourceDBInstanceIdentifier")
        if not named:
            raise errors.missing("SourceDBInstanceIdentifier")
        if named.startswith("arn:") and named.split(":")[3:4] != [context.region]:
            raise errors.not_done("read replicas of an instance in another region")
        source = find(context.region, named)
        must_be(source, {Status.AVAILABLE, Status.BACKING_UP, Status.MODIFYING})
        if request.get("MultiAZ") or request.get("BackupRetentionPeriod"):
            raise errors.not_done("MultiAZ of a read replica")
        if not source.retention:
            raise errors.no_backups()
        standing = _taken_over(source) | {
            "BackupRetentionPeriod": 0,
            "DBParameterGroupName": source.parameter_group,
            "DBSubnetGroupName": source.subnet_group,
        }
        wanted = to_restore("CreateDBInstanceReadReplica", request, standing, ("SourceDBInstanceIdentifier",))
        made = stand(context.region, wanted, tags_from(request), source=source.identifier)
        return {"DBInstance": described(made)}

    @operation("PromoteReadReplica")
    def promote(self, context: RequestContext, request: Json) -> Json:
        """Want a read replica to be an instance of its own, with automated backups."""
        known = ("DBInstanceIdentifier", "BackupRetentionPeriod", "PreferredBackupWindow")
        only("rds", "PromoteReadReplica", request, known)
        instance = find(context.region, request["DBInstanceIdentifier"])
        if not instance.source:
            raise errors.instance_state(f"DB Instance {instance.identifier} is not a read replica.")
        must_be(instance, {Status.AVAILABLE})
        days, recorded = request.get("BackupRetentionPeriod"), instance.recorded
        if days is not None and not 0 <= days <= LONGEST_RETENTION:
            raise errors.value(f"Retention period must be between 0 and {LONGEST_RETENTION}")
        window = request.get("PreferredBackupWindow") or recorded["PreferredBackupWindow"]
        windows.check(window, recorded["PreferredMaintenanceWindow"])
        recorded |= {"BackupRetentionPeriod": 1 if days is None else days, "PreferredBackupWindow": window}
        instance.promote = True
        controller.wake()
        return {"DBInstance": described(instance)}


def _taken_over(of: Instance) -> Json:
    """What an instance has of the one whose data it gets."""
    return {**of.recorded, "DBName": of.database, "MasterUsername": of.master, "Port": of.port}


def _source(region: str, request: Json) -> Instance:
    given = [name for name in _SOURCES if request.get(name)]
    if len(given) != 1:
        raise errors.combination(f"Exactly one of {', '.join(_SOURCES)} must be specified.")
    if name := request.get("SourceDBInstanceIdentifier"):
        return find(region, name)
    asked = {"DbiResourceId": request.get("SourceDbiResourceId"),
             "DBInstanceAutomatedBackupsArn": request.get("SourceDBInstanceAutomatedBackupsArn")}  # fmt: skip
    return find_backup(region, asked).of


def _moment(request: Json) -> datetime | None:
    """The moment asked for; None for the latest."""
    moment, last = request.get("RestoreTime"), request.get("UseLatestRestorableTime")
    if moment and last:
        raise errors.combination("RestoreTime cannot be specified when UseLatestRestorableTime is true")
    if not moment and not last:
        raise errors.combination("Either RestoreTime or UseLatestRestorableTime must be specified.")
    if last:
        return None
    assert isinstance(moment, datetime)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _within(until: datetime, earliest: datetime, latest: datetime) -> None:
    for late, text in ((until > latest, f"later than {latest}"), (until < earliest, f"earlier than {earliest}")):
        if late:
            raise errors.value(f"The specified instance cannot be restored to a time {text}")
