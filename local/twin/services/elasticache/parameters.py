"""Which parameters the family has, which values they take, and what a node's server is told.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from twin.engines import valkey
from twin.services.elasticache import errors

ENGINE = "valkey"
RESERVED = "reserved-memory-percent"
HIGHEST = 2**63 - 1
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/engine-versions.html
OFFERED = ("7.2", "8.0", "8.1", "8.2", "9.0", "9.1")

# maxmemory of a node type in bytes, before memory is reserved.
MEMORY = {
    "cache.t3.micro": 536_870_912,
    "cache.t3.small": 1_471_026_299,
    "cache.t3.medium": 3_317_862_236,
    "cache.t4g.micro": 536_870_912,
    "cache.t4g.small": 1_471_026_299,
    "cache.t4g.medium": 3_317_862_236,
    "cache.m6g.large": 6_854_542_746,
    "cache.m7g.large": 6_854_542_746,
    "cache.r6g.large": 14_037_181_030,
    "cache.r7g.large": 14_037_181_030,
}
_POLICIES = ("volatile-lru", "allkeys-lru", "volatile-lfu", "allkeys-lfu", "volatile-random", "allkeys-random",
             "volatile-ttl", "noeviction")  # fmt: skip
_YES_NO = ("yes", "no")


@dataclass(frozen=True)
class Parameter:
    """A parameter of the family: its default and what it may be, one of `choices` or from `low` to `high`."""

    name: str
    default: str
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    pattern: str = ""

    @property
    def kind(self) -> str:
        """AWS's data type."""
        return "integer" if self.low is not None else "string"

    @property
    def allowed(self) -> str:
        """What it may be, as AWS writes it."""
        if self.low is None:
            return ",".join(self.choices)
        return f"{self.low}-{'' if self.high == HIGHEST else self.high}"

    def check(self, value: str) -> None:
        """Raise AWS's error for a value that it cannot have."""
        good = (
            re.fullmatch(r"-?\d+", value) is not None and self.low <= int(value) <= (self.high or 0)
            if self.low is not None
            else value in self.choices or bool(self.pattern and re.fullmatch(self.pattern, value))
        )
        if not good:
            raise errors.value(f"The parameter value {value} is not allowed for parameter {self.name}: {self.allowed}")


def _number(name: str, default: int, low: int = 0, high: int = HIGHEST) -> Parameter:
    return Parameter(name, str(default), low=low, high=high)


# Those that a running server takes; what AWS has besides (databases, rename-commands, …) is refused by name.
PARAMETERS = {
    one.name: one
    for one in (
        Parameter("maxmemory-policy", "volatile-lru", _POLICIES),
        Parameter("activedefrag", "no", _YES_NO),
        Parameter("latency-tracking", "no", _YES_NO),
        Parameter("extended-redis-compatibility", "yes", _YES_NO),
        Parameter("acl-pubsub-default", "allchannels", ("allchannels", "resetchannels")),
        Parameter("notify-keyspace-events", "", ("",), pattern="[KEg$lshzxetdmnA]*"),
        _number("maxmemory-samples", 3, 1, 64),
        _number("timeout", 0),
        _number("tcp-keepalive", 300),
        _number("acllog-max-len", 128),
        _number("active-expire-effort", 1, 1, 10),
        _number("lfu-decay-time", 1),
        _number("lfu-log-factor", 10),
        _number("lua-time-limit", 5000, 1),
        _number("hash-max-listpack-entries", 512),
        _number("hash-max-listpack-value", 64),
        _number("set-max-intset-entries", 512),
        _number("zset-max-listpack-entries", 128),
        _number("zset-max-listpack-value", 64),
        _number("list-max-listpack-size", -2, -5),
        _number("list-compress-depth", 0),
        _number("hll-sparse-max-bytes", 3000, 1, 16_000),
        _number("stream-node-max-bytes", 4096),
        _number("stream-node-max-entries", 100),
        _number("min-replicas-to-write", 0),
        _number("min-replicas-max-lag", 10),
        _number("proto-max-bulk-len", 536_870_912, 1_048_576),
        _number("repl-backlog-size", 10_485_760, 16_384),
        _number("repl-backlog-ttl", 3600),
        _number("repl-timeout", 60, 11),
        _number("slowlog-log-slower-than", 10_000, -1),
        _number("slowlog-max-len", 128),
        _number("commandlog-request-larger-than", 1_048_576, -1),
        _number("commandlog-large-request-max-len", 128, 0, 1024),
        _number("commandlog-reply-larger-than", 1_048_576, -1),
        _number("commandlog-large-reply-max-len", 128, 0, 1024),
        _number("tracking-table-max-keys", 1_000_000, 1),
        _number(RESERVED, 25, 0, 100),
    )
}


def version() -> str:
    """The version of what runs."""
    return valkey.version()


def versions() -> list[str]:
    """The versions of AWS for which what runs can stand: those whose commands and replies it all has."""
    newest = _numbers(version())[:2]
    return [one for one in OFFERED if _numbers(one) <= newest]


def family(asked: str | None = None) -> str:
    """The parameter group family of a version, by default that of what runs."""
    return f"{ENGINE}{(asked or version()).split('.', maxsplit=1)[0]}"


def families() -> list[str]:
    """The families of which parameter groups can be made."""
    return sorted({family(one) for one in versions()})


def default_group(of: str | None = None) -> str:
    """The name of a family's default parameter group, which a replication group has when it names none."""
    return f"default.{of or family()}"


def check_engine(engine: str | None, asked: str | None) -> None:
    """Refuse an engine, or a version, for which what runs cannot stand."""
    name = (engine or "redis").lower()
    if name != ENGINE:
        raise errors.not_done(f"the engine {name} (AWS's choice where none is named); it runs {ENGINE} {version()}")
    if asked and asked not in {version(), *versions()}:
        raise errors.combination(f"Cannot find version {asked} for {ENGINE}: the twin runs {version()}")


def check_family(asked: str) -> None:
    """Refuse a family for which what runs cannot stand."""
    if asked not in families():
        raise errors.value(f"CacheParameterGroupFamily {asked} is not one of {', '.join(families())}.")


def check_values(values: Mapping[str, str]) -> None:
    """Refuse, by its name, a parameter that is unknown or would not be applied, and a value that it cannot have."""
    for name, value in values.items():
        if name not in PARAMETERS:
            raise errors.value(f"The parameter {name} is not one that the twin applies to {ENGINE}")
        PARAMETERS[name].check(value)


def check_node_type(name: str | None) -> None:
    """Refuse a node type whose memory is not known."""
    if not name:
        raise errors.value("The parameter CacheNodeType must be provided.")
    if name not in MEMORY:
        raise errors.not_done(f"the cache node type {name}; it knows {', '.join(sorted(MEMORY))}")


def in_force(values: Mapping[str, str]) -> dict[str, str]:
    """All parameters with the group's values over the defaults."""
    return {name: values.get(name, one.default) for name, one in PARAMETERS.items()}


def server_settings(values: Mapping[str, str], node_type: str) -> dict[str, str]:
    """What the server of a node of this type is told; all of it can be changed while it runs."""
    told = in_force(values)
    usable = 100 - int(told.pop(RESERVED))
    return told | {"maxmemory": str(MEMORY[node_type] * usable // 100)}


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
