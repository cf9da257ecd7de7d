"""What each action does: to the nodes, and to what is kept of the instance once it is done."""

from collections.abc import Callable
from datetime import UTC, datetime

from twin.core.errors import ProcessError
from twin.services.rds import backups, parameters, replicas
from twin.services.rds.database import Database
from twin.services.rds.decide import Act
from twin.services.rds.events import Told, tell
from twin.services.rds.models import LOCK, Instance, SnapshotStatus, store
from twin.services.rds.volume import FIRST

__all__ = ["perform"]


def perform(act: Act, instance: Instance, database: Database) -> None:
    """Do it; raises what the engine raises. What is done then counts as seen."""
    _ACTS[act](instance, database)


def _group(instance: Instance) -> tuple[dict[str, str], str]:
    with LOCK:
        group = store(instance.region).parameter_groups[instance.parameter_group]
        return parameters.everything(group), group.name


def _create(instance: Instance, database: Database) -> None:
    origin, region = instance.origin, instance.region
    if instance.source:
        database.follow(*replicas.upstream(instance, database))
    elif origin is None:
        database.create(FIRST)
    else:
        snapshot = store(region).snapshots.get(origin.snapshot)
        if snapshot is None:
            raise ProcessError(f"the snapshot {origin.snapshot} is gone")
        archive = backups.archive_of(region, origin.archive) if origin.archive else None
        database.restore(backups.place_of(snapshot), archive, origin.until)
        if origin.archive:
            tell(instance, Told.RESTORED_TO_TIME, origin.name, instance.identifier)
        else:
            tell(instance, Told.RESTORED, origin.snapshot)


def _start(instance: Instance, database: Database, *, standby: bool = False) -> None:
    crashed = database.ran
    if crashed:
        tell(instance, Told.RECOVERING)
    database.archive = backups.archive_for(instance)
    database.start(*_group(instance), standby=standby)
    if instance.born:
        tell(instance, Told.RECOVERED if crashed else Told.STARTED)


def _start_all(instance: Instance, database: Database) -> None:
    _start(instance, database, standby=True)


def _fence(_instance: Instance, database: Database) -> None:
    database.fence()


def _reboot(instance: Instance, database: Database) -> None:
    tell(instance, Told.SHUTDOWN)
    database.archive = backups.archive_for(instance)
    database.restart(*_group(instance), standby=instance.multi_az and database.has_copy())
    instance.reboot = False
    tell(instance, Told.RESTARTED)


def _prepare(instance: Instance, database: Database) -> None:
    password = instance.password
    if password is None:
        return
    database.prepare(instance.master, password, instance.database)
    with LOCK:
        if instance.password == password:
            instance.password = None
    if instance.born:
        tell(instance, Told.PASSWORD)


def _detach(_instance: Instance, database: Database) -> None:
    database.detach()


def _build(instance: Instance, database: Database) -> None:
    if instance.born and not instance.has_standby:
        tell(instance, Told.TO_MULTI_AZ)
    database.build()


def _start_standby(_instance: Instance, database: Database) -> None:
    database.start_standby()


def _attach(_instance: Instance, database: Database) -> None:
    database.attach()


def _record(instance: Instance, database: Database) -> None:
    database.record_in_sync()
    if instance.born and not instance.has_standby:
        tell(instance, Told.MULTI_AZ)
    instance.has_standby = True


def _remove_standby(instance: Instance, database: Database) -> None:
    tell(instance, Told.TO_SINGLE_AZ)
    database.remove_standby()
    instance.has_standby = False
    tell(instance, Told.SINGLE_AZ)


def _apply(instance: Instance, database: Database) -> None:
    with LOCK:
        group = store(instance.region).parameter_groups[instance.parameter_group]
        wanted = parameters.at_once(group, database.booted, database.booted_group)
    changed = wanted != database.parameters
    database.apply(wanted)
    if (archive := backups.archive_for(instance)) != database.archive:
        database.archive_in(archive)
    if changed:
        tell(instance, Told.PARAMETERS)


def _stop(instance: Instance, database: Database) -> None:
    database.stop()
    database.ran = False
    tell(instance, Told.STOPPED)


def _remove(instance: Instance, database: Database) -> None:
    backup = store(instance.region).backups.get(instance.resource_id)
    if backup is not None and instance.keeps_backups:
        if database.sight() is not None and database.archive is not None:
            backup.latest = database.mark()
        backup.retained = True
    database.remove()
    if not instance.keeps_backups:
        backups.forget_all(instance.region, instance.resource_id)


def _back_up(instance: Instance, database: Database) -> None:
    snapshot = backups.due(instance)
    if snapshot is None:
        return
    if not snapshot.manual:
        tell(instance, Told.BACKING_UP)
    try:
        database.back_up(backups.place_of(snapshot))
    except ProcessError:
        snapshot.tries += 1
        if snapshot.tries >= backups.MOST_TRIES:
            snapshot.status = SnapshotStatus.FAILED
        raise
    backups.complete(snapshot, datetime.now(UTC))
    if not snapshot.manual:
        tell(instance, Told.BACKED_UP)


def _promote(instance: Instance, database: Database) -> None:
    database.promote()
    instance.source, instance.promote = "", False
    tell(instance, Told.TERMINATED)
    # It is rebooted before it is available:
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.Promote.html
    _reboot(instance, database)


_ACTS: dict[Act, Callable[[Instance, Database], None]] = {
    Act.CREATE: _create,
    Act.START: _start,
    Act.START_ALL: _start_all,
    Act.FENCE: _fence,
    Act.REBOOT: _reboot,
    Act.PREPARE: _prepare,
    Act.DETACH: _detach,
    Act.BUILD: _build,
    Act.START_STANDBY: _start_standby,
    Act.ATTACH: _attach,
    Act.RECORD: _record,
    Act.REMOVE_STANDBY: _remove_standby,
    Act.APPLY: _apply,
    Act.STOP: _stop,
    Act.REMOVE: _remove,
    Act.BACK_UP: _back_up,
    Act.PROMOTE: _promote,
}
