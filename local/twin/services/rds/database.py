"""The nodes of one instance: made, started, joined, parted, ended. It decides nothing; one action runs at a time."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from twin.core.addresses import book, listening_port, loopback
from twin.core.certificates import authority
from twin.core.errors import ProcessError
from twin.core.processes import Process
from twin.core.world import world
from twin.engines import postgres, postgres_backup
from twin.engines.postgres import Node
from twin.engines.postgres_watch import Sight, Watcher
from twin.engines.tcp_front import front
from twin.services.common.subnets import Subnet
from twin.services.rds import master
from twin.services.rds.models import Instance
from twin.services.rds.parameters import as_settings, forces_tls
from twin.services.rds.volume import FIRST, NODES, Record, Volume

LOG = logging.getLogger(__name__)

# An answer older than this is none.
FRESH_SECONDS = 3.0
# Two nodes of one volume replicate under names of at most 63 characters.
LONGEST_NAME = 60


def owner(instance: Instance) -> str:
    """The name under which the instance holds addresses."""
    return f"rds/{instance.region}/{instance.identifier}"


class Database:
    """What runs of one instance. Only its own actions change it; what it shows may be read at any time.

    places: the subnet of each node. parameters: those in force, booted: those that the primary started with, of
    booted_group. archive: where its log is put, None for nowhere.
    """

    def __init__(self, instance: Instance, places: Mapping[str, Subnet]) -> None:
        self.name = instance.identifier
        self.volume = Volume(instance.region, instance.identifier)
        self.places = dict(places)
        self.parameters: dict[str, str] = {}
        self.booted: dict[str, str] = {}
        self.booted_group = ""
        self.archive: Path | None = None
        self.broken = False
        self.ran = False
        self._owner = owner(instance)
        self._route = self._owner.replace("/", "-")
        self.endpoint = (book().endpoint(self._owner), listening_port(instance.port))
        self._port = instance.port
        self._processes: dict[str, Process] = {}
        self._watcher: Watcher | None = None
        self._answered = self._streamed = time.monotonic()

    # What is seen.

    def pid(self, name: str) -> int | None:
        """The pid of the node's server, None when it does not run."""
        process = self._processes.get(name)
        return process.pid if process is not None and process.alive else None

    def sight(self) -> Sight | None:
        """What the primary answered within the last moments."""
        seen = self._watcher.seen if self._watcher else None
        if seen is None or time.monotonic() - seen.at > FRESH_SECONDS:
            return None
        self._answered = max(self._answered, seen.at)
        return seen

    def silent(self) -> float:
        """Seconds since the primary last answered."""
        return time.monotonic() - self._answered

    def unstreamed(self, *, streams: bool) -> float:
        """Seconds since the standby last streamed; `streams` says that it does now."""
        if streams:
            self._streamed = time.monotonic()
        return time.monotonic() - self._streamed

    def has_copy(self) -> bool:
        """Whether the standby's data is a whole copy of a primary's."""
        return postgres.is_copied_at(self.volume.data(self.record.other))

    def node_name(self, name: str) -> str:
        """The name under which the node replicates."""
        return f"{self.name[: LONGEST_NAME - 2]}-{name}"

    def node(self, name: str) -> Node:
        """The node as the engine takes it."""
        address = self.address(name)
        addresses = [self.endpoint[0], *(self.address(one) for one in NODES if one in self.places)]
        return Node(
            name=self.node_name(name),
            data=self.volume.data(name),
            log=world().directory("logs") / f"rds-{self.name}-{name}.log",
            address=address,
            port=listening_port(self._port),
            certificate=authority().issue(self._route, addresses, []),
            password=self.volume.password(),
            settings=as_settings(self.parameters),
            force_tls=forces_tls(self.parameters),
            archive=self.archive,
        )

    def address(self, name: str) -> str:
        """The loopback address of the node."""
        place = self.places[name]
        return loopback(book().eni(place.id, place.cidr, f"{self._owner}/{name}"))

    @property
    def record(self) -> Record:
        """What is written down of the nodes."""
        found = self.volume.record()
        if found is None:
            raise ProcessError(f"database {self.name} has no volume")
        return found

    # What is done.

    def create(self, primary: str) -> None:
        """Make an empty primary; what an unfinished attempt has left goes first."""
        self.volume.forget(primary)
        postgres.create(self.node(primary))
        self._placed(primary)

    def restore(self, copy: Path, archive: Path | None = None, until: datetime | None = None) -> None:
        """Make a primary of a copy; with an archive, of the log in it too, to a moment or to its end."""
        self.volume.forget(FIRST)
        self.volume.take_password(postgres_backup.role_password(copy))
        if archive is None:
            postgres_backup.lay(copy, self.node(FIRST))
        else:
            postgres_backup.recover(copy, self.node(FIRST), archive, until)
        self._placed(FIRST)

    def follow(self, source: Node, archive: Path) -> None:
        """Make a copy of another instance's primary that follows it, through its endpoint or from its archive."""
        self.volume.forget(FIRST)
        self.volume.take_password(source.password)
        node = self.node(FIRST)
        postgres.copy(node, source)
        postgres.follow(node, source, postgres_backup.fetch_from(archive))
        self._placed(FIRST)

    def promote(self) -> None:
        """Follow nobody any more."""
        postgres.promote(self.node(self.record.primary))

    def back_up(self, target: Path) -> None:
        """Copy the data: of a primary that runs as it runs, of another as it lies."""
        name = self.record.primary
        if self.pid(name) is not None and postgres.answers(self.node(name)):
            postgres_backup.take(self.node(name), target)
        else:
            if process := self._processes.pop(name, None):
                process.kill()
            postgres_backup.take_at_rest(self.node(name), target)

    def archive_in(self, archive: Path | None) -> None:
        """Let the running primary archive its log there; on return it does."""
        self.archive = archive
        try:
            self.apply(self.parameters)
            if archive is not None:
                postgres_backup.begin(self.node(self.record.primary))
        except Exception:
            # It is tried again only where it is seen not to be so.
            self.archive = None
            raise

    def mark(self) -> datetime:
        """Bring the log into the archive; the moment up to which the instance can be restored."""
        return postgres_backup.mark(self.node(self.record.primary))

    def start(self, parameters: Mapping[str, str], group: str, *, standby: bool) -> None:
        """Start the primary with these parameters, with `standby` the standby beside it; the endpoint leads there.

        Raises ProcessError when the primary does not start; a standby that does not is `broken`.
        """
        record = self.record
        self.parameters = dict(parameters)
        with ThreadPoolExecutor(3) as side_by_side:
            routed = side_by_side.submit(self.route)
            beside = side_by_side.submit(self.start_standby) if standby else None
            started = side_by_side.submit(self._start_primary, record.primary)
            started.result()
            self.booted, self.booted_group = dict(parameters), group
            routed.result()
            self.route()
            if beside:
                beside.result()

    def start_standby(self) -> None:
        """Start the standby on its data; when it does not come it is `broken`, which is no error."""
        record = self.record
        standby = self.node(record.other)
        self._streamed = time.monotonic()
        try:
            postgres.fence(standby)
            postgres.follow(standby, self.node(record.primary))
            self._processes[record.other] = postgres.start(standby)
        except ProcessError as error:
            LOG.warning("database %s: %s", self.name, error)
            self.broken = True
        else:
            self.broken = False
        self._streamed = time.monotonic()

    def prepare(self, user: str, password: str, database: str) -> None:
        """Let the server know its master user and the first database."""
        master.prepare(self.node(self.record.primary), user, password, database)

    def detach(self) -> None:
        """Write down that the standby must not be promoted; only then let commits go on without it."""
        record = self.record
        self.volume.write(replace(record, synchronous=None))
        postgres.require_standby(self.node(record.primary), None)
        self._await(lambda seen: not seen.requires_standby)

    def attach(self) -> None:
        """Let commits wait for the standby."""
        record = self.record
        postgres.require_standby(self.node(record.primary), self.node(record.other).name)
        self._await(lambda seen: seen.requires_standby)

    def record_in_sync(self) -> None:
        """Write down that the standby holds every acknowledged commit."""
        record = self.record
        zones = {name: place.zone for name, place in self.places.items()}
        self.volume.write(replace(record, synchronous=record.other, zones=zones))

    def build(self) -> None:
        """Copy the primary to the other zone and start the copy as its standby."""
        record = self.record
        self._end(record.other)
        postgres.copy(self.node(record.other), self.node(record.primary))
        self.start_standby()
        if self.broken:
            raise ProcessError(f"the standby of {self.name} does not start on a fresh copy")

    def remove_standby(self) -> None:
        """End the standby and remove its data."""
        name = self.record.other
        self._end(name)
        self.volume.forget(name)

    def apply(self, parameters: Mapping[str, str]) -> None:
        """Put parameters in force on the nodes that run."""
        self.parameters = dict(parameters)
        for name in NODES:
            if self.pid(name) is not None:
                postgres.reload(self.node(name))

    def stop(self) -> None:
        """Stop the nodes in order: the primary first, so that its standby gets everything."""
        self._unwatch()
        record = self.volume.record()
        if self.ran:
            front().route(self._route, *self.endpoint, [])
        for name in (record.primary, record.other) if record else NODES:
            self._end(name)

    def restart(self, parameters: Mapping[str, str], group: str, *, standby: bool) -> None:
        """Stop the nodes in order and start them with these parameters."""
        self.stop()
        self.start(parameters, group, standby=standby)

    def fence(self) -> None:
        """End the primary at once, whatever state it is in."""
        self._unwatch()
        name = self.record.primary
        if process := self._processes.pop(name, None):
            process.kill()
        postgres.fence(self.node(name))

    def remove(self) -> None:
        """End the nodes at once; remove data, endpoint, addresses, certificate."""
        self._unwatch()
        front().remove(self._route)
        for name in NODES:
            if process := self._processes.pop(name, None):
                process.kill()
            postgres.fence(self.node(name))
        certificate = self.node(NODES[0]).certificate
        self.volume.remove()
        for name in NODES:
            book().release(f"{self._owner}/{name}")
        book().free(self._owner)
        certificate.cert_path.unlink(missing_ok=True)
        certificate.key_path.unlink(missing_ok=True)

    def route(self) -> None:
        """Let the endpoint lead to the primary while that runs, to nobody while it does not."""
        record = self.record
        upstreams = [(self.address(record.primary), listening_port(self._port))] if self.pid(record.primary) else []
        front().route(self._route, *self.endpoint, upstreams)

    def _placed(self, primary: str) -> None:
        self.volume.write(Record(primary, None, {name: place.zone for name, place in self.places.items()}))

    def _start_primary(self, name: str) -> None:
        node = self.node(name)
        self._unwatch()
        self._answered = time.monotonic()
        postgres.fence(node)
        self._processes[name] = postgres.start(node)
        self._answered = self._streamed = time.monotonic()
        self.ran = True
        self._watcher = Watcher(node)
        self._watcher.start()

    def _end(self, name: str) -> None:
        process = self._processes.get(name)
        if process is not None and process.alive:
            postgres.stop(self.node(name), process)
        elif self.volume.data(name).exists():
            postgres.fence(self.node(name))
        self._processes.pop(name, None)

    def _await(self, told: Callable[[Sight], bool]) -> None:
        """Wait a moment until the primary itself says so: it takes what it was told beside its work."""
        deadline = time.monotonic() + FRESH_SECONDS
        while self._watcher and time.monotonic() < deadline:
            self._watcher.look(FRESH_SECONDS)
            seen = self._watcher.seen
            if seen is not None and told(seen):
                return

    def _unwatch(self) -> None:
        if self._watcher:
            self._watcher.stop()
            self._watcher = None
