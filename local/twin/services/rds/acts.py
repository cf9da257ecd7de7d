"""What each action does: to the nodes, and to what is kept of the instance once it is done."""

from collections.abc import Callable

from twin.services.rds import parameters
from twin.services.rds.database import Database
from twin.services.rds.decide import Act
from twin.services.rds.events import Told, tell
from twin.services.rds.models import LOCK, Instance, store
from twin.services.rds.volume import FIRST

__all__ = ["perform"]


def perform(act: Act, instance: Instance, database: Database) -> None:
    """Do it; raises what the engine raises. What is done then counts as seen."""
    _ACTS[act](instance, database)


def _group(instance: Instance) -> tuple[dict[str, str], str]:
    with LOCK:
        group = store(instance.region).parameter_groups[instance.parameter_group]
        return parameters.everything(group), group.name


def _create(_instance: Instance, database: Database) -> None:
    database.create(FIRST)


def _start(instance: Instance, database: Database, *, standby: bool = False) -> None:
    crashed = database.ran
    if crashed:
        tell(instance, Told.RECOVERING)
    database.start(*_group(instance), standby=standby)
    if instance.born:
        tell(instance, Told.RECOVERED if crashed else Told.STARTED)


def _start_all(instance: Instance, database: Database) -> None:
    _start(instance, database, standby=True)


def _fence(_instance: Instance, database: Database) -> None:
    database.fence()


def _reboot(instance: Instance, database: Database) -> None:
    tell(instance, Told.SHUTDOWN)
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
    database.apply(wanted)
    tell(instance, Told.PARAMETERS)


def _stop(instance: Instance, database: Database) -> None:
    database.stop()
    database.ran = False
    tell(instance, Told.STOPPED)


def _remove(_instance: Instance, database: Database) -> None:
    database.remove()


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
}
