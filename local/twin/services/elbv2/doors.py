"""Whom a balancer's nodes answer and which targets they reach: what the network says of both. Nothing is done here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

from twin.core.addresses import listening_port, loopback
from twin.engines.envoy import Endpoint, Health
from twin.services.elbv2.decide import TargetKey
from twin.services.elbv2.health import Probe
from twin.services.elbv2.models import LoadBalancer, Snapshot, TargetGroup, Zone, stores
from twin.services.network.models import Flow, Interface, Outside
from twin.services.network.registry import View

# Whoever calls from this machine is the internet's client, under the address that the nodes see.
CLIENT = Outside("the client", IPv4Address("127.0.0.1"))

type NodeKey = tuple[str, str]
type Place = tuple[str, int]


@dataclass(frozen=True)
class Doors:
    """shut: the listeners' places by node that do not answer the client. lost: by node, the places of targets that
    it does not reach. unseen: the targets that no node reaches. why: what is missing, by what it is missing for."""

    shut: Mapping[NodeKey, frozenset[Place]] = field(default_factory=dict)
    lost: Mapping[NodeKey, frozenset[Place]] = field(default_factory=dict)
    unseen: frozenset[TargetKey] = frozenset()
    why: frozenset[tuple[str, str]] = frozenset()


def interfaces() -> Iterable[Interface]:
    """The nodes; the name of a balancer is the public address of one that faces the internet. Takes no lock."""
    for _, _, store in stores.iter_stores():
        listeners = list(store.listeners.values())
        for balancer in list(store.balancers.values()):
            ports = tuple(sorted({one.port for one in listeners if one.balancer_arn == balancer.arn}))
            nodes = [node(balancer, zone, ports) for zone in balancer.zones]
            yield from nodes
            yield replace(nodes[0], public=_faces_internet(balancer), places=(balancer.address,))


def node(balancer: LoadBalancer, zone: Zone, ports: tuple[int, ...] = ()) -> Interface:
    """A node's interface."""
    return Interface(
        kind="load balancer",
        owner=balancer.name,
        address=IPv4Address(zone.address),
        subnet=zone.subnet_id,
        groups=balancer.security_groups,
        public_ip=_faces_internet(balancer),
        places=(loopback(zone.address),),
        ports=ports,
    )


def admitted(vpc: Sequence[IPv4Network]) -> list[IPv4Network]:
    """Where connections come from that were decided when they were opened: the VPC's own interfaces."""
    return [IPv4Network(f"{loopback(str(one.network_address))}/{one.prefixlen}") for one in vpc]


def look(wanted: Snapshot, seen: View) -> Doors:
    """What the network says now."""
    shut: dict[NodeKey, frozenset[Place]] = {}
    lost: dict[NodeKey, frozenset[Place]] = {}
    why: set[tuple[str, str]] = set()
    reached: dict[TargetKey, bool] = {}
    groups: dict[str, list[TargetGroup]] = {arn: [] for arn in wanted.balancers}
    for group in wanted.groups.values():
        for arn in wanted.balancers_of(group.arn):
            groups.get(arn, []).append(group)
    for balancer in wanted.balancers.values():
        for zone in balancer.zones:
            key, here = (balancer.arn, zone.name), node(balancer, zone)
            shut[key] = frozenset(_shut(wanted, balancer, here, seen, why))
            lost[key] = frozenset(_lost(groups[balancer.arn], here, seen, reached, why))
    return Doors(shut, lost, frozenset(key for key, is_reached in reached.items() if not is_reached), frozenset(why))


def led(endpoints: Sequence[Endpoint], lost: frozenset[Place], nowhere: Place) -> list[Endpoint]:
    """The endpoints as a node uses them: what it does not reach leads nowhere, and gets nothing while others do."""
    reached = any((e.address, e.port) not in lost and e.health is Health.HEALTHY for e in endpoints)
    return [
        replace(e, address=nowhere[0], port=nowhere[1], health=Health.UNHEALTHY if reached else e.health)
        if (e.address, e.port) in lost
        else e
        for e in endpoints
    ]


def probed(probes: Mapping[TargetKey, Probe], unseen: frozenset[TargetKey], nowhere: Place) -> dict[TargetKey, Probe]:
    """The probes; one of a target that no node reaches gets lost as its packets would."""
    return {
        key: replace(probe, address=nowhere[0], port=nowhere[1]) if key in unseen else probe
        for key, probe in probes.items()
    }


def _shut(
    wanted: Snapshot, balancer: LoadBalancer, here: Interface, seen: View, why: set[tuple[str, str]]
) -> Iterable[Place]:
    facing = replace(here, public=_faces_internet(balancer))
    for listener in wanted.listeners_of(balancer.arn):
        missing = seen.reach(CLIENT, facing, Flow("tcp", listener.port)).missing
        if missing:
            why.add((balancer.name, f"the client gets no answer at port {listener.port}: {missing}"))
            port = listening_port(listener.port)
            yield from ((place, port) for place in (*here.places, balancer.address))


def _lost(
    groups: Sequence[TargetGroup],
    here: Interface,
    seen: View,
    reached: dict[TargetKey, bool],
    why: set[tuple[str, str]],
) -> Iterable[Place]:
    for group in groups:
        for target in group.targets.values():
            there = seen.places.get(loopback(target.id))
            if there is None:  # what the twin does not run has no groups that could be asked
                there = Interface("target", target.id, IPv4Address(target.id), here.subnet, None)
            missing = seen.reach(here, there, Flow("tcp", target.port)).missing
            key = (group.arn, *target.key)
            reached[key] = reached.get(key, False) or missing is None
            if missing:
                why.add((here.owner, f"{there} is not reached at port {target.port}: {missing}"))
                yield loopback(target.id), listening_port(target.port)


def _faces_internet(balancer: LoadBalancer) -> bool:
    return balancer.scheme == "internet-facing"
