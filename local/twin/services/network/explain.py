"""The way from one to another by the names that people know, hop by hop, and the one thing that is missing."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from twin.core.world import world
from twin.services.network.models import HTTPS, Flow, Interface, Outside, Party, Service, Way
from twin.services.network.registry import View, port_of, view

CLIENTS = ("client", "internet")
APIS = ("ecr.api", "ecr.dkr", "ecs", "events", "kms", "lambda", "logs", "monitoring", "s3", "secretsmanager", "sns",
        "sqs", "ssm", "sts", "xray", "email", "dynamodb")  # fmt: skip
_SHORT = 8
_CLIENT = IPv4Address("127.0.0.1")


class UnknownError(Exception):
    """Nobody has the name; the text says who there is."""


@dataclass(frozen=True)
class Explained:
    """One way."""

    source: str
    target: str
    flow: Flow
    way: Way

    def shown(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "source": self.source,
            "target": self.target,
            "protocol": self.flow.protocol,
            "port": self.flow.port,
            "open": self.way.open,
            "missing": self.way.missing,
            "hops": [{**asdict(hop), "open": hop.missing is None} for hop in self.way.hops],
        }


def explain(source: str, target: str) -> list[Explained]:
    """The way of each port: of several interfaces behind a name the pair that does not reach, if any does not.

    Raises UnknownError.
    """
    seen = view(now=True)
    name, port = _split(target)
    sources, targets = _parties(source, seen), _parties(name, seen, as_target=True)
    found: list[Explained] = []
    for number in _ports(targets, port):
        ways = [
            Explained(str(here), str(there), flow, seen.reach(here, there, flow))
            for here in sources
            for there in targets
            if here != there and not isinstance(here, Service)
            for flow in [Flow("tcp", port_of(there, number))]
        ]
        if not ways:
            raise UnknownError(f"{source} and {name} are the same, or {source} opens no connections")
        found.append(next((one for one in ways if not one.way.open), ways[0]))
    return found


def _split(target: str) -> tuple[str, int | None]:
    name, colon, port = target.rpartition(":")
    return (name, int(port)) if colon and port.isdigit() else (target, None)


def _ports(targets: list[Party], port: int | None) -> list[int]:
    if port is not None:
        return [port]
    first = targets[0]
    if isinstance(first, Interface):
        if not first.ports:
            raise UnknownError(f"{first} names no port: say which, as in {first.owner}:8080")
        return list(first.ports)
    return [HTTPS]


def _parties(name: str, seen: View, *, as_target: bool = False) -> list[Party]:
    if name in CLIENTS:
        return [
            Outside("the internet" if as_target else "the client", IPv4Address("192.0.2.1") if as_target else _CLIENT)
        ]
    if as_target and (api := _api(name)):
        return [Service(api, world().region)]
    if found := _named(name, seen, as_target=as_target):
        return list(found)
    try:
        address = IPv4Address(name)
    except AddressValueError:
        there = sorted(
            {one.owner for one in seen.places.values()} | {n for one in seen.places.values() for n in one.also}
        )
        raise UnknownError(f"nothing is named {name}; there are {', '.join([*CLIENTS, *there])}") from None
    if found_at := seen.interface(str(address)):
        return [found_at]
    if address.is_loopback or seen.is_inside(address):
        raise UnknownError(f"no network interface has {name}")
    return [Outside(name, address)]


def _api(name: str) -> str | None:
    """The API that is meant by its own name or by that of its endpoints."""
    short = name.removeprefix("com.amazonaws.").split(".", 1)[-1] if name.startswith("com.amazonaws.") else name
    return short if short in APIS else None


def _named(name: str, seen: View, *, as_target: bool) -> list[Interface]:
    """Who goes by the name; of a balancer that faces the internet its public address where it is the target."""
    name = name.rsplit("/", 1)[-1]
    mine: Iterable[Interface] = {one for one in seen.places.values() if _is_called(one, name)}
    mine = sorted(mine, key=lambda one: (not one.public, one.kind.startswith("standby"), one.address))
    mine = mine or [one for one in seen.planned if one.owner == name]
    public = [one for one in mine if one.public]
    if public and as_target:
        return public
    return [one for one in mine if not one.public and not one.kind.startswith("standby")]


def _is_called(one: Interface, name: str) -> bool:
    """Whether the name is its own, or of what it belongs to, or the short form of a task's id that the status shows."""
    return (
        name == one.owner
        or name in one.also
        or (one.kind == "task" and len(name) >= _SHORT and one.owner.startswith(name))
    )
