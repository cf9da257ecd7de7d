"""Asks a server how it is over one standing connection, in a thread of its own: one that hangs holds up nobody."""

import threading
import time
from dataclasses import dataclass

import psycopg

from twin.engines.postgres import Node, Replica

INTERVAL = 0.25
_QUESTION = """
select (select coalesce(array_agg(name::text), '{}') from pg_settings where pending_restart),
       (select coalesce(array_agg(array[application_name, state, sync_state]), '{}') from pg_stat_replication),
       current_setting('synchronous_standby_names') <> '',
       exists (select from pg_stat_wal_receiver where status = 'streaming'),
       (select count(*) from pg_stat_activity where backend_type = 'client backend' and usename <> current_user),
       case when pg_is_in_recovery() then extract(epoch from now() - pg_last_xact_replay_timestamp())::float8 end
"""


@dataclass(frozen=True)
class Sight:
    """What a primary answered.

    asked, at: when it was asked and when it answered, on the monotonic clock. waiting: settings that only a restart
    puts in force. requires_standby: whether commits wait for a standby. receives: whether it is one itself and gets
    what its primary commits. connections: of others than the twin. lag: seconds since the last commit that a standby
    has played, None for a primary.
    """

    asked: float
    at: float
    replicas: tuple[Replica, ...]
    waiting: frozenset[str]
    requires_standby: bool
    receives: bool
    connections: int
    lag: float | None


class Watcher:
    """Watches one primary from `start` to `stop`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._seen: Sight | None = None
        self._stopped = threading.Event()
        self._now = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{node.name}", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; an answer that is still awaited ends with its server."""
        self._stopped.set()
        self._now.set()

    def look(self, timeout: float) -> None:
        """Ask again now, and wait for the answer at most `timeout` seconds."""
        asked = time.monotonic()
        while time.monotonic() < asked + timeout and not self._stopped.is_set():
            self._now.set()
            time.sleep(0.005)
            seen = self._seen
            if seen is not None and seen.asked > asked:
                return

    @property
    def seen(self) -> Sight | None:
        """The last answer; None when there was none, or the last question failed."""
        return self._seen

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with psycopg.connect(self._node.conninfo(), autocommit=True) as connection:
                    self._ask(connection)
            except psycopg.Error:
                self._seen = None
            self._now.wait(INTERVAL)
            self._now.clear()

    def _ask(self, connection: psycopg.Connection) -> None:
        while not self._stopped.is_set():
            asked = time.monotonic()
            row = connection.execute(_QUESTION).fetchone()
            assert row is not None
            replicas = tuple(Replica(*one) for one in row[1])
            self._seen = Sight(asked, time.monotonic(), replicas, frozenset(row[0]), *row[2:])
            self._now.wait(INTERVAL)
            self._now.clear()
