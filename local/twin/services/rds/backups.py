"""Where snapshots and archived logs lie, which snapshot is to be taken next, which is no longer kept.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html
"""

import copy
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twin.core.world import world
from twin.engines import postgres_backup
from twin.services.common.api import ACCOUNT
from twin.services.rds import windows
from twin.services.rds.events import Taken, tell_snapshot
from twin.services.rds.models import LOCK, Backup, Instance, Snapshot, SnapshotStatus, Wish, store

# RDS uploads the log every five minutes.
MARK_SECONDS = 300.0
MOST_TRIES = 3


def place_of(snapshot: Snapshot) -> Path:
    """Where the copy lies."""
    return _snapshots(snapshot.of.region) / snapshot.identifier


def archive_of(region: str, resource_id: str) -> Path:
    """Where the log of an instance is archived."""
    return world().state / "database-backups" / region / "log" / resource_id


def archive_for(instance: Instance) -> Path | None:
    """The same as `archive_wanted`, made if missing."""
    wanted = archive_wanted(instance)
    return world().directory(*wanted.relative_to(world().state).parts) if wanted else None


def archive_wanted(instance: Instance) -> Path | None:
    """Where the instance's servers are to put their log; None when nobody keeps it."""
    return archive_of(instance.region, instance.resource_id) if instance.retention and not instance.source else None


def is_due(retention: int, window: str, taken: Sequence[datetime], now: datetime) -> bool:
    """Whether an automated snapshot is to be taken: the first at once, later ones when the daily window opens."""
    if not retention:
        return False
    return not taken or (windows.is_open(window, now) and max(taken) < windows.opening(window, now))


def expired(retention: int, taken: Sequence[datetime], now: datetime) -> list[datetime]:
    """Which automated snapshots are kept no longer. The last one stays as long as there are automated backups."""
    if not retention:
        return list(taken)
    horizon = now - timedelta(days=retention)
    return [moment for moment in taken if moment < horizon and moment != max(taken)]


def due(instance: Instance) -> Snapshot | None:
    """The snapshot of the instance that is to be taken next."""
    waiting = [one for one in _of(instance) if one.status is SnapshotStatus.CREATING]
    for one in waiting:
        if place_of(one).exists():
            # The copy was made before the twin ended without having written that down.
            complete(one, datetime.fromtimestamp(place_of(one).stat().st_mtime, UTC))
    waiting = [one for one in waiting if one.status is SnapshotStatus.CREATING]
    return min(waiting, key=lambda one: one.asked_at, default=None)


def automated(region: str, resource_id: str) -> list[Snapshot]:
    """The automated snapshots of an instance that can be restored, oldest first."""
    with LOCK:
        kept = list(store(region).snapshots.values())
    found = [one for one in kept if one.of.resource_id == resource_id and not one.manual and one.taken_at]
    return sorted(found, key=_taken)


def ask(instance: Instance, identifier: str, *, manual: bool, tags: dict[str, str]) -> Snapshot:
    """Want a snapshot of the instance."""
    snapshot = Snapshot(
        identifier,
        f"arn:aws:rds:{instance.region}:{ACCOUNT}:snapshot:{identifier}",
        # Who may log in is in the data.
        replace(copy.deepcopy(instance), password=None, reboot=False, pending={}, origin=None),
        manual,
        datetime.now(UTC),
        tags=tags,
    )
    with LOCK:
        store(instance.region).snapshots[identifier] = snapshot
    tell_snapshot(snapshot, Taken.CREATING if manual else Taken.CREATING_AUTOMATED)
    return snapshot


def complete(snapshot: Snapshot, moment: datetime) -> None:
    """The copy is there, of this moment."""
    with LOCK:
        if snapshot.status is SnapshotStatus.AVAILABLE:
            return
        snapshot.taken_at, snapshot.status = moment, SnapshotStatus.AVAILABLE
    tell_snapshot(snapshot, Taken.CREATED if snapshot.manual else Taken.CREATED_AUTOMATED)


def keep(instance: Instance, now: datetime) -> None:
    """Ask for the automated snapshot that is due, forget those that are kept no longer."""
    if instance.wish is not Wish.RUN or not instance.born or instance.source:
        return
    standing = [one for one in _of(instance) if not one.manual]
    moments = [one.taken_at or one.asked_at for one in standing if one.status is not SnapshotStatus.FAILED]
    if is_due(instance.retention, instance.recorded["PreferredBackupWindow"], moments, now):
        named = f"rds:{instance.identifier}-{now:%Y-%m-%d-%H-%M}"
        if named not in store(instance.region).snapshots:
            tags = instance.tags if instance.recorded["CopyTagsToSnapshot"] else {}
            ask(instance, named, manual=False, tags=dict(tags))
    old = expired(instance.retention, [one.taken_at for one in standing if one.taken_at], now)
    for one in standing:
        if one.taken_at in old or (not instance.retention and one.status is not SnapshotStatus.CREATING):
            forget(one)
    _keep_log(instance, gone=bool(old))


def _keep_log(instance: Instance, *, gone: bool) -> None:
    backups = store(instance.region).backups
    if not instance.retention:
        if backups.pop(instance.resource_id, None):
            shutil.rmtree(archive_of(instance.region, instance.resource_id), ignore_errors=True)
        return
    if instance.resource_id not in backups:
        arn = f"arn:aws:rds:{instance.region}:{ACCOUNT}:auto-backup:ab-{instance.resource_id[3:].lower()}"
        backups[instance.resource_id] = Backup(arn, instance)
    if gone and (oldest := automated(instance.region, instance.resource_id)):
        postgres_backup.prune(archive_of(instance.region, instance.resource_id), place_of(oldest[0]))


def forget(snapshot: Snapshot) -> None:
    """Remove the snapshot with its data."""
    with LOCK:
        store(snapshot.of.region).snapshots.pop(snapshot.identifier, None)
    shutil.rmtree(place_of(snapshot), ignore_errors=True)


def forget_all(region: str, resource_id: str) -> None:
    """Remove the automated backups of an instance."""
    with LOCK:
        kept = list(store(region).snapshots.values())
        store(region).backups.pop(resource_id, None)
    for one in kept:
        if one.of.resource_id == resource_id and not one.manual:
            forget(one)
    shutil.rmtree(archive_of(region, resource_id), ignore_errors=True)


def latest(instance: Instance) -> datetime | None:
    """The moment up to which the instance can be restored."""
    backup = store(instance.region).backups.get(instance.resource_id)
    return backup.latest if backup is not None and automated(instance.region, instance.resource_id) else None


def _of(instance: Instance) -> list[Snapshot]:
    with LOCK:
        kept = list(store(instance.region).snapshots.values())
    return [one for one in kept if one.of.resource_id == instance.resource_id]


def _snapshots(region: str) -> Path:
    return world().directory("database-backups", region, "snapshots")


def _taken(snapshot: Snapshot) -> datetime:
    assert snapshot.taken_at is not None
    return snapshot.taken_at
