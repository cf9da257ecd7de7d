"""Backups of a server: whole copies of its data, an archive of its log, and a server made of both as it was at a time.

https://www.postgresql.org/docs/17/continuous-archiving.html
"""

import contextlib
import shlex
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import LiteralString

import psycopg

from twin.core.atomic import write_atomic
from twin.core.errors import ProcessError
from twin.engines.postgres import (
    Node,
    base_backup,
    fence,
    last_line,
    launch,
    quote,
    stop,
    tool,
    write_configuration,
)

ARCHIVE_SECONDS, BEGIN_SECONDS, RECOVER_SECONDS = 60, 5, 600
# What a data directory must not bring along: whom its former server waited for or followed.
_FORMER = ("postgresql.auto.conf", "twin.primary.conf", "standby.signal", "recovery.signal", "postmaster.pid")
_RECOVERING = "recovery.signal"


def take(node: Node, target: Path) -> None:
    """Copy the data of the running server to `target`; raise ProcessError with the tool's words.

    The copy holds the log that it needs, and is there as a whole or not at all.
    """
    with _whole(target) as unfinished:
        base_backup(node, unfinished / "data")
        write_atomic(unfinished / "twin-role", node.password)


def take_at_rest(node: Node, target: Path) -> None:
    """Copy the data of a server that does not run to `target`: what it would recover from is copied too."""
    fence(node)
    with _whole(target) as unfinished:
        shutil.copytree(node.data, unfinished / "data", symlinks=True)
        write_atomic(unfinished / "twin-role", node.password)


def role_password(copy: Path) -> str:
    """The password of the twin's role in the copy."""
    return (copy / "twin-role").read_text()


def lay(copy: Path, node: Node) -> None:
    """Let the node's data be that of the copy, as a server of its own."""
    shutil.rmtree(node.data, ignore_errors=True)
    node.data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(copy / "data", node.data, symlinks=True)
    for name in _FORMER:
        (node.data / name).unlink(missing_ok=True)


def recover(copy: Path, node: Node, archive: Path, until: datetime | None) -> None:
    """Let the node's data be that of the copy with the archived log played on it, to a moment or to its end.

    The server runs for that time only. Raises ProcessError with its last words when the log does not reach so far.
    """
    lay(copy, node)
    settings = {"restore_command": _fetch(archive), "recovery_target_action": "promote", "hot_standby": "off"}
    if until is not None:
        settings["recovery_target_time"] = until.isoformat(sep=" ")
    lines = [f"{name} = {quote(value)}\n" for name, value in settings.items()]
    write_atomic(node.data / "twin.primary.conf", "".join(lines))
    (node.data / _RECOVERING).touch()
    write_configuration(node)
    process, deadline = launch(node), time.monotonic() + RECOVER_SECONDS
    try:
        # Without hot standby it answers nobody before it has become a server of its own.
        while not _is_recovered(node):
            if not process.alive or time.monotonic() > deadline:
                raise ProcessError(f"postgres {node.name} did not recover: {last_line(node.log)} (log: {node.log})")
            time.sleep(0.05)
    finally:
        stop(node, process)
    (node.data / "twin.primary.conf").unlink()


def begin(node: Node) -> None:
    """Wait until the running server archives its log; ProcessError when it does not.

    It takes a new configuration beside its work: what it has finished before that is in no archive.
    """
    for last in (False, False, False, True):
        try:
            mark(node, BEGIN_SECONDS)
        except ProcessError:
            if last:
                raise
        else:
            return


def mark(node: Node, seconds: float = ARCHIVE_SECONDS) -> datetime:
    """Bring the log into the archive and return the moment up to which it can be played; ProcessError when it stays.

    A commit after that moment is in the archive: it is by such a one that a recovery knows where to stop.
    """
    assert node.archive is not None
    with psycopg.connect(node.conninfo(), autocommit=True) as connection:
        # No standby must be waited for: the mark is of use to this server only.
        connection.execute("set synchronous_commit = local")
        moment = _one(connection, "select clock_timestamp()")
        connection.execute("select pg_current_xact_id()")
        segment = _one(connection, "select pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + seconds
    while not (node.archive / f"{segment}.gz").exists():
        if time.monotonic() > deadline:
            raise ProcessError(f"the log {segment} of {node.name} was not archived in {seconds} s")
        time.sleep(0.02)
    assert isinstance(moment, datetime)
    return moment


def prune(archive: Path, oldest: Path) -> None:
    """Remove from the archive what is older than the log that the copy `oldest` begins with."""
    label = (oldest / "data" / "backup_label").read_text()
    segment = label.split("(file ", 1)[1].split(")", 1)[0]
    tool("pg_archivecleanup", "-x", ".gz", str(archive), segment)


def fetch_from(archive: Path) -> str:
    """The line of configuration with which a standby fetches what its primary no longer keeps."""
    return f"restore_command = {quote(_fetch(archive))}\n"


def _fetch(archive: Path) -> str:
    return f"gzip -cd {_path(archive)}/%f.gz > %p"


def _path(path: Path) -> str:
    # In the server's commands a per cent sign begins a placeholder.
    return shlex.quote(str(path)).replace("%", "%%")


def _is_recovered(node: Node) -> bool:
    if (node.data / _RECOVERING).exists():
        return False
    with contextlib.suppress(psycopg.Error), psycopg.connect(node.conninfo(), autocommit=True) as connection:
        return not _one(connection, "select pg_is_in_recovery()")
    return False


def _one(connection: psycopg.Connection, query: LiteralString) -> object:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


@contextlib.contextmanager
def _whole(target: Path) -> Iterator[Path]:
    unfinished = target.parent / ".unfinished" / target.name
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        yield unfinished
        shutil.rmtree(target, ignore_errors=True)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
