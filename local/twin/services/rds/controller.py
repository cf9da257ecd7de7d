"""Makes each instance what it is wanted to be: observe, decide, act, four times a second and whenever woken."""

import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import psycopg

from twin.core.addresses import book, loopback
from twin.core.loop import Loop, Slot, tend_each
from twin.core.status import register
from twin.core.timeline import emit
from twin.core.world import world
from twin.engines import postgres
from twin.engines.tcp_front import front
from twin.services.network import registry
from twin.services.network.models import Interface
from twin.services.rds import backups, changes, parameters, windows
from twin.services.rds.acts import perform
from twin.services.rds.database import Database, owner
from twin.services.rds.decide import Act, Seen, Standby, decide, is_as_asked, lacks, status
from twin.services.rds.events import Told, tell
from twin.services.rds.metrics import Figures
from twin.services.rds.models import LOCK, Instance, ParameterGroup, all_instances, store, stores
from twin.services.rds.placement import place
from twin.services.rds.volume import NODES, Volume

INTERVAL = 0.25
RETRY_LEAST, RETRY_MOST = 0.5, 30.0
FAILURES = 3
MARK_RETRY = 5.0
SHUTDOWN_SECONDS = 8.0


class Controller:
    """One in the process, made by `start`."""

    def __init__(self) -> None:
        self.loop = Loop("rds", self.cycle, INTERVAL)
        self.figures = Figures(lambda instance: (self.database(instance), self.observe(instance)))
        self._slot = Slot(self.loop)
        self._databases: dict[str, Database] = {}
        self._failures: dict[str, int] = {}
        self._errors: dict[str, Exception] = {}
        self._did: dict[str, Act] = {}
        self._again: dict[str, tuple[Act, float]] = {}
        self._marked: dict[str, float] = {}
        self._followed: dict[str, bool] = {}

    def stop(self) -> None:
        """Stop the loop and all nodes in order, the instances side by side."""
        self.figures.loop.stop()
        self.loop.stop()
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while any(map(self._slot.busy, self._databases)) and time.monotonic() < deadline:
            time.sleep(0.02)
        enders = [threading.Thread(target=database.stop) for database in self._databases.values()]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        if enders:
            front().stop()

    def cycle(self) -> str | None:
        """One round over all instances."""
        instances = all_instances()
        said = tend_each(instances, self._tend)
        if instances:
            front().keep()
        return "; ".join(said) or None

    def database(self, instance: Instance) -> Database | None:
        """What runs of the instance, None before it has been placed."""
        return self._databases.get(instance.arn)

    def observe(self, instance: Instance) -> Seen:
        """How the instance is right now."""
        database = self._databases.get(instance.arn)
        seen = Seen(
            wish=instance.wish,
            multi_az=instance.multi_az,
            reboot=instance.reboot,
            born=instance.born,
            has_standby=instance.has_standby,
            ran=False,
            password_due=instance.password is not None,
            failed=self._failures.get(instance.arn, 0) >= FAILURES,
            origin=_origin(instance),
            snapshot=snapshot.identifier if (snapshot := backups.due(instance)) else "",
            replica=bool(instance.source),
            promote=instance.promote,
        )
        return seen if database is None else _look(seen, instance, database)

    def reason(self, instance: Instance) -> str:
        """Why the last action on the instance failed, empty if it did not."""
        error = self._errors.get(instance.arn)
        return str(error) if error else ""

    def _tend(self, instance: Instance) -> str | None:
        arn = instance.arn
        if self._slot.busy(arn):
            return None
        if arn not in self._databases:
            self._databases[arn] = _place(instance)
        database = self._databases[arn]
        self._note_failure(instance)
        seen = self.observe(instance)
        if not instance.born and is_as_asked(seen):
            instance.born, instance.has_standby = True, instance.multi_az
            tell(instance, Told.CREATED)
        self._maintain(instance)
        self._tell_replication(instance, seen)
        self._mark(instance, database, seen)
        action = decide(seen)
        if action is None or self._rests(arn, action.act):
            if database.ran:
                database.route()
            return None
        emit("rds", instance.identifier, action.sentence)
        self._did[arn] = action.act
        self._slot.run(arn, lambda: self._perform(action.act, instance, database))
        return f"{instance.identifier} {action.sentence}"

    def _perform(self, act: Act, instance: Instance, database: Database) -> None:
        perform(act, instance, database)
        self._failures.pop(instance.arn, None)
        self._errors.pop(instance.arn, None)
        self._again.pop(instance.arn, None)
        if act is Act.REMOVE:
            self._databases.pop(instance.arn, None)
            with LOCK:
                store(instance.region).instances.pop(instance.identifier, None)
            tell(instance, Told.DELETED)

    def _note_failure(self, instance: Instance) -> None:
        arn, error = instance.arn, self._slot.error(instance.arn)
        if error is None or error is self._errors.get(arn):
            return
        self._errors[arn] = error
        delay = RETRY_LEAST
        # A server that is on its way down answers with an error to whoever still asks: that is seen next, not counted.
        if not isinstance(error, psycopg.OperationalError):
            self._failures[arn] = self._failures.get(arn, 0) + 1
            delay = min(RETRY_LEAST * 2.0 ** self._failures[arn], RETRY_MOST)
            emit("rds", instance.identifier, f"failed: {error}")
        self._again[arn] = (self._did[arn], time.monotonic() + delay)

    def _rests(self, arn: str, act: Act) -> bool:
        """Whether the action has failed a moment ago; another is not held up by that."""
        failed, until = self._again.get(arn, (None, 0.0))
        return failed is act and time.monotonic() < until

    def _mark(self, instance: Instance, database: Database, seen: Seen) -> None:
        """Every five minutes, and at once after the first copy, learn up to when the instance can be restored."""
        key, backup = f"{instance.arn}/log", store(instance.region).backups.get(instance.resource_id)
        if backup is None or not seen.answers or not instance.retention or database.archive is None:
            return
        if time.monotonic() < self._marked.get(key, 0.0) or not backups.automated(
            instance.region, instance.resource_id
        ):
            return

        def mark() -> None:
            backup.latest = database.mark()
            self._marked[key] = time.monotonic() + world().wait_scaled(backups.MARK_SECONDS)

        self._marked[key] = time.monotonic() + MARK_RETRY
        self._slot.run(key, mark)

    def _tell_replication(self, instance: Instance, seen: Seen) -> None:
        followed = self._followed.get(instance.arn, False)
        if instance.source and instance.born and seen.follows != followed:
            self._followed[instance.arn] = seen.follows
            tell(instance, Told.REPLICATING if seen.follows else Told.INTERRUPTED)

    def _maintain(self, instance: Instance) -> None:
        backups.keep(instance, datetime.now(UTC))
        window = instance.recorded["PreferredMaintenanceWindow"]
        if instance.pending and windows.inside(window, datetime.now(UTC)):
            with LOCK:
                changes.apply(instance, dict(instance.pending))


def _look(seen: Seen, instance: Instance, database: Database) -> Seen:
    record = database.volume.record()
    if record is None:
        return replace(seen, ran=database.ran)
    sight = database.sight()
    other = database.node_name(record.other)
    streaming = [one for one in (sight.replicas if sight else ()) if one.name == other and one.state == "streaming"]
    standby = Standby(
        built=postgres.is_copied_at(database.volume.data(record.other)),
        alive=database.pid(record.other) is not None,
        streaming=bool(streaming),
        in_sync=any(one.sync_state == "sync" for one in streaming),
        silent=database.unstreamed(streams=bool(streaming)),
        broken=database.broken,
    )
    return replace(
        seen,
        record=record,
        alive=database.pid(record.primary) is not None,
        answers=sight is not None and database.pid(record.primary) is not None,
        silent=database.silent(),
        ran=database.ran,
        requires=sight is not None and sight.requires_standby,
        standby=standby,
        follows=sight is not None and sight.receives,
        settings_due=database.parameters != due(instance, database)
        or database.archive != backups.archive_wanted(instance),
    )


def interfaces() -> Iterable[Interface]:
    """The nodes, the primary also at the endpoint. Takes no lock of this slice: others' connections wait for it."""
    for _, _, kept in stores.iter_stores():
        for instance in list(kept.instances.values()):
            database = _controller.database(instance)
            record = database.volume.record() if database is not None else None
            if database is None or record is None:
                continue
            for name, subnet in database.places.items():
                address = book().eni(subnet.id, subnet.cidr, f"{owner(instance)}/{name}")
                mine = (database.endpoint[0],) if name == record.primary else ()
                yield Interface(
                    kind="database" if mine else "standby of database",
                    owner=instance.identifier,
                    address=IPv4Address(address),
                    subnet=subnet.id,
                    groups=tuple(instance.security_groups),
                    places=(loopback(address), *mine),
                    ports=(instance.port,),
                )


def _origin(instance: Instance) -> str:
    if instance.source:
        return f"its source {instance.source}"
    origin = instance.origin
    if origin is None:
        return ""
    until = f" at {origin.until}" if origin.until else ""
    return f"{origin.name}{until}" if origin.archive else f"the snapshot {origin.snapshot}"


def group_of(instance: Instance) -> ParameterGroup:
    """The parameter group that the instance is to have."""
    found: ParameterGroup = store(instance.region).parameter_groups[instance.parameter_group]
    return found


def due(instance: Instance, database: Database) -> dict[str, str]:
    """The parameters that the running servers of the instance are to have."""
    with LOCK:
        return parameters.at_once(group_of(instance), database.booted, database.booted_group)


def _place(instance: Instance) -> Database:
    volume = Volume(instance.region, instance.identifier)
    record = volume.record()
    subnets = store(instance.region).subnet_groups[instance.subnet_group].subnets
    places = place(subnets, instance.zone, record)
    zones = {name: subnet.zone for name, subnet in places.items()}
    if record and record.zones != zones:
        volume.write(replace(record, zones=zones))
    if not instance.born:
        # Addresses of an earlier life lie in subnets that may be gone.
        for name in NODES:
            book().release(f"{owner(instance)}/{name}")
        if record:
            emit("rds", instance.identifier, f"finds its volume again, its primary in {zones[record.primary]}")
    return Database(instance, places)


def observe(instance: Instance) -> Seen:
    """How the instance is right now."""
    return _controller.observe(instance)


def database(instance: Instance) -> Database | None:
    """What runs of the instance, None before it has been placed."""
    return _controller.database(instance)


def reason(instance: Instance) -> str:
    """Why the last action on the instance failed, empty if it did not."""
    return _controller.reason(instance)


def wake() -> None:
    """Look again now."""
    _controller.loop.wake()


def start() -> None:
    """Begin: what the store wants is made so, on the volumes that lie there."""
    global _controller  # noqa: PLW0603 - one in the process
    _controller = Controller()
    registry.register("rds", interfaces)
    register("databases", _status)
    _controller.loop.start()
    _controller.figures.loop.start()


def stop() -> None:
    """Stop the loop, then all nodes in order."""
    _controller.stop()


def _status() -> list[dict[str, object]]:
    return [_shown(instance) for instance in all_instances()]


def _shown(instance: Instance) -> dict[str, object]:
    seen, running = _controller.observe(instance), _controller.database(instance)
    record = seen.record
    shown: dict[str, object] = {
        "id": instance.identifier,
        "status": status(seen).value,
        "lacks": lacks(seen),
        "multi_az": seen.standby_zone is not None,
        "zone": record.zones[record.primary] if record else None,
        "secondary_zone": seen.standby_zone,
        "endpoint": None,
        "nodes": [],
    }
    if running is None or record is None:
        return shown
    address, port = running.endpoint
    sight = running.sight()
    sync = {one.name: one.sync_state for one in (sight.replicas if sight else ())}
    nodes = [
        {
            "role": "primary" if name == record.primary else "standby",
            "zone": running.places[name].zone,
            "pid": running.pid(name),
            "address": running.address(name),
            "port": port,
            # The primary may not have noticed yet that the other node has died.
            "sync_state": sync.get(running.node_name(name)) if running.pid(name) else None,
        }
        for name in (record.primary, record.other)
        if name == record.primary or seen.standby.built
    ]
    return shown | {"endpoint": {"address": address, "port": port}, "nodes": nodes}


_controller = Controller()
