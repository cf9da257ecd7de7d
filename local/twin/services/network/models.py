"""What decides whether one reaches another, at one moment. Frozen values; nothing here knows where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

EVERYWHERE = IPv4Network("0.0.0.0/0")
ALL = "-1"
HTTPS = 443


@dataclass(frozen=True)
class Flow:
    """What is opened. protocol: tcp or udp; port: the target's."""

    protocol: str
    port: int

    def __str__(self) -> str:
        return f"{self.protocol} {self.port}"


@dataclass(frozen=True)
class Rule:
    """A security group's rule. protocol: tcp, udp, icmp or -1 for all; exactly one of the last three is its peer."""

    protocol: str
    first: int | None = None
    last: int | None = None
    cidr: IPv4Network | None = None
    group: str | None = None
    prefixes: str | None = None


@dataclass(frozen=True)
class Group:
    """A security group."""

    id: str
    name: str
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()

    def __str__(self) -> str:
        return f"{self.id} ({self.name})"


@dataclass(frozen=True)
class Entry:
    """An entry of a network ACL; the lowest number that fits decides."""

    number: int
    egress: bool
    allows: bool
    protocol: str
    cidr: IPv4Network
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Acl:
    """A network ACL. What no entry allows is dropped."""

    id: str
    entries: tuple[Entry, ...]


class Via(StrEnum):
    """What a route leads to."""

    LOCAL = "local"
    INTERNET = "internet gateway"
    NAT = "NAT gateway"
    ENDPOINT = "gateway endpoint"
    OTHER = "something that the twin does not do"


@dataclass(frozen=True)
class Route:
    """A route: to a network or to a prefix list, by the gateway with the id `gateway`."""

    via: Via
    gateway: str
    network: IPv4Network | None = None
    prefixes: str | None = None


@dataclass(frozen=True)
class Table:
    """A route table."""

    id: str
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Subnet:
    """A subnet with what holds for it."""

    id: str
    vpc: str
    network: IPv4Network
    table: Table
    acl: Acl


@dataclass(frozen=True)
class Nat:
    """A NAT gateway. address: its public one, None for a private gateway."""

    id: str
    subnet: str
    address: IPv4Address | None
    available: bool = True


@dataclass(frozen=True)
class Endpoint:
    """A VPC endpoint. service: its name's last part; gateway: whether it is of that type, else an interface."""

    id: str
    vpc: str
    service: str
    gateway: bool
    tables: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    private_dns: bool = False


@dataclass(frozen=True)
class Picture:
    """EC2's networks. attached: the VPC of each internet gateway; prefixes: the networks of each prefix list;
    lists: its id by its name; defaults: the default security group of each VPC."""

    subnets: Mapping[str, Subnet] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    vpcs: Mapping[str, tuple[IPv4Network, ...]] = field(default_factory=dict)
    nats: Mapping[str, Nat] = field(default_factory=dict)
    attached: Mapping[str, str] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    prefixes: Mapping[str, tuple[IPv4Network, ...]] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Interface:
    """A network interface of something that the twin runs.

    owner: what people call it. groups: empty for the VPC's default one, None where they are unknown: then nothing is
    asked on its side. public_ip: whether it has a public address; public: whether it is that address that is meant
    here. places: the loopback addresses on which it is found. ports: those it listens on, as AWS counts them.
    """

    kind: str
    owner: str
    address: IPv4Address
    subnet: str
    groups: tuple[str, ...] | None = ()
    public_ip: bool = False
    public: bool = False
    places: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.owner}"


@dataclass(frozen=True)
class Outside:
    """Somebody beyond the internet gateway."""

    name: str
    address: IPv4Address

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Service:
    """An AWS API, by the last part of its endpoint's name: secretsmanager, ecr.api, s3."""

    name: str
    region: str

    def __str__(self) -> str:
        return f"com.amazonaws.{self.region}.{self.name}"


type Party = Interface | Outside | Service


@dataclass(frozen=True)
class Hop:
    """One thing that was asked on the way. missing: what would open it, None where it is open."""

    what: str
    where: str
    says: str
    missing: str | None = None


@dataclass(frozen=True)
class Way:
    """The whole way, hop by hop."""

    hops: tuple[Hop, ...]

    @property
    def missing(self) -> str | None:
        """The first thing that is missing, None for an open way."""
        return next((hop.missing for hop in self.hops if hop.missing), None)

    @property
    def open(self) -> bool:
        """Whether nothing is missing."""
        return self.missing is None
