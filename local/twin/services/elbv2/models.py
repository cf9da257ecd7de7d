"""What is wanted: balancers, listeners, rules, target groups, targets. Frozen values in a store that may be pickled.

A change replaces a value in the store under LOCK; whoever holds an old value keeps an unchanging picture.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from localstack.services.stores import AccountRegionBundle, BaseStore, LocalAttribute

type Json = dict[str, Any]

LOCK = threading.RLock()
TRAFFIC_PORT = "traffic-port"


class TargetState(StrEnum):
    """AWS's states of a target."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Zone:
    """Where a balancer has a node. address: the node's ENI in the subnet."""

    name: str
    subnet_id: str
    address: str


@dataclass(frozen=True)
class LoadBalancer:
    """An application load balancer. address: the zoneless loopback address that is its DNS name."""

    arn: str
    name: str
    scheme: str
    vpc_id: str
    address: str
    zones: tuple[Zone, ...]
    security_groups: tuple[str, ...]
    created_at: datetime
    attributes: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """app/NAME/ID, as metrics name it."""
        return self.arn.split(":loadbalancer/")[1]


@dataclass(frozen=True)
class HealthCheck:
    """How a group's targets are checked. port: a number or "traffic-port"; interval and timeout in seconds."""

    enabled: bool = True
    path: str = "/"
    port: str = TRAFFIC_PORT
    interval: int = 30
    timeout: int = 5
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2
    matcher: str = "200"
    protocol: str = "HTTP"


@dataclass(frozen=True)
class Target:
    """A target of a group. zone: None for one outside the VPC; draining_until: wall-clock, None while registered."""

    id: str
    port: int
    zone: str | None
    registered_at: float
    draining_until: float | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What tells targets of a group apart."""
        return self.id, self.port


@dataclass(frozen=True)
class TargetGroup:
    """Targets by address. protocol: HTTP or HTTPS; version: HTTP1, HTTP2 or GRPC."""

    arn: str
    name: str
    port: int
    vpc_id: str
    check: HealthCheck
    attributes: Mapping[str, str]
    targets: Mapping[tuple[str, int], Target] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    protocol: str = "HTTP"
    version: str = "HTTP1"

    @property
    def full_name(self) -> str:
        """targetgroup/NAME/ID, as metrics name it."""
        return self.arn.rsplit(":", 1)[1]

    @property
    def cluster(self) -> str:
        """The name of its Envoy cluster, which is also a file's name."""
        return self.full_name.replace("/", ".")


@dataclass(frozen=True)
class Rule:
    """Conditions and actions, in the API's shape with all defaults filled in. priority: None for a default rule."""

    arn: str
    listener_arn: str
    priority: int | None
    conditions: tuple[Json, ...]
    actions: tuple[Json, ...]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listener:
    """A port of a balancer. Its default actions are those of its default rule.

    certificate_arn: the default one; certificates: those for clients that name their server; attributes: those that
    were set.
    """

    arn: str
    balancer_arn: str
    protocol: str
    port: int
    ssl_policy: str | None = None
    certificate_arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    certificates: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def all_certificates(self) -> tuple[str, ...]:
        """The ARNs of the default certificate, if there is one, and of the others."""
        return (*([self.certificate_arn] if self.certificate_arn else []), *self.certificates)


def _local() -> Any:
    return LocalAttribute(default=dict)


class Elbv2Store(BaseStore):
    """Everything of an account in a region, by ARN."""

    balancers: dict[str, LoadBalancer] = _local()
    groups: dict[str, TargetGroup] = _local()
    listeners: dict[str, Listener] = _local()
    rules: dict[str, Rule] = _local()


stores = AccountRegionBundle("elbv2", Elbv2Store)


@dataclass(frozen=True)
class Snapshot:
    """Everything wanted, in all accounts and regions, at one moment."""

    balancers: Mapping[str, LoadBalancer]
    groups: Mapping[str, TargetGroup]
    listeners: Mapping[str, Listener]
    rules: Mapping[str, Rule]

    def listeners_of(self, balancer_arn: str) -> list[Listener]:
        """The balancer's listeners by port."""
        found = [listener for listener in self.listeners.values() if listener.balancer_arn == balancer_arn]
        return sorted(found, key=lambda listener: listener.port)

    def rules_of(self, listener_arn: str) -> list[Rule]:
        """The listener's rules in the order in which they are tried, the default rule last."""
        found = [rule for rule in self.rules.values() if rule.listener_arn == listener_arn]
        return sorted(found, key=lambda rule: (rule.priority is None, rule.priority))

    def balancers_of(self, group_arn: str) -> list[str]:
        """The ARNs of the balancers whose rules forward to the group."""
        using = {rule.listener_arn for rule in self.rules.values() if group_arn in groups_in(rule.actions)}
        return sorted({self.listeners[arn].balancer_arn for arn in using if arn in self.listeners})


def snapshot() -> Snapshot:
    """Everything wanted, now."""
    with LOCK:
        every = [store for _, _, store in stores.iter_stores()]
        return Snapshot(
            {arn: balancer for store in every for arn, balancer in store.balancers.items()},
            {arn: group for store in every for arn, group in store.groups.items()},
            {arn: listener for store in every for arn, listener in store.listeners.items()},
            {arn: rule for store in every for arn, rule in store.rules.items()},
        )


def groups_in(actions: tuple[Json, ...] | list[Json]) -> set[str]:
    """The ARNs of the target groups to which the actions forward."""
    forwards = [action["ForwardConfig"]["TargetGroups"] for action in actions if action["Type"] == "forward"]
    return {part["TargetGroupArn"] for parts in forwards for part in parts}
