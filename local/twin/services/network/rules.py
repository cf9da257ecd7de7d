"""What security groups and network ACLs say of one flow; nothing here asks or changes anything.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
"""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from twin.services.network.models import (
    ALL,
    Acl,
    Entry,
    Flow,
    Group,
    Hop,
    Interface,
    Outside,
    Party,
    Picture,
    Rule,
    Service,
)

# Answers go to the port that the source took: Linux takes one of these.
# https://docs.kernel.org/networking/ip-sysctl.html (ip_local_port_range)
EPHEMERAL = (32768, 60999)
NETWORK_ACL = "network ACL"


def egress(source: Interface, target: Interface | Outside, flow: Flow, picture: Picture) -> Hop:
    """Whether the source's groups let the flow out."""
    groups = _groups(target, picture) if isinstance(target, Interface) else ()
    rule = _admitting(_rules(source, picture, egress=True), flow, target.address, groups, picture)
    return _group_hop(_Side("egress", source, target), flow, picture, rule)


def egress_to_service(source: Interface, service: Service, address: IPv4Address, flow: Flow, picture: Picture) -> Hop:
    """Whether the source's groups let the flow out to a service that has this address."""
    rule = _admitting(_rules(source, picture, egress=True), flow, address, (), picture)
    return _group_hop(_Side("egress", source, service), flow, picture, rule)


def ingress(source: Interface | Outside, target: Interface, flow: Flow, picture: Picture) -> Hop:
    """Whether the target's groups let the flow in."""
    groups = _groups(source, picture) if isinstance(source, Interface) else ()
    rule = _admitting(_rules(target, picture, egress=False), flow, source.address, groups, picture)
    return _group_hop(_Side("ingress", target, source), flow, picture, rule)


@dataclass(frozen=True)
class _Side:
    """Whose groups are asked, for which direction; `peer` is on the other side."""

    direction: str
    interface: Interface
    peer: Party


def _group_hop(asked: _Side, flow: Flow, picture: Picture, rule: Rule | None) -> Hop:
    side, direction = asked.interface, asked.direction
    if side.groups is None:
        return Hop(f"{direction} rule", str(side), "its security groups are not known")
    names = ", ".join(str(picture.groups.get(one, one)) for one in _groups(side, picture))
    word = "from" if direction == "ingress" else "to"
    if rule is not None:
        return Hop(f"{direction} rule", names, f"{_shown(rule)} {word} {_peer(rule)}")
    other = _described(asked.peer, picture)
    return Hop(
        f"{direction} rule",
        names,
        "no rule",
        f"security group {names or 'none'} of {side} has no {direction} rule for {flow} {word} {other}",
    )


def _described(peer: Party, picture: Picture) -> str:
    if isinstance(peer, Service):
        return f"{peer} (0.0.0.0/0 or the prefix list)"
    if isinstance(peer, Outside):
        return f"{peer.name} ({peer.address})" if peer.name != str(peer.address) else peer.name
    names = ", ".join(str(picture.groups.get(one, one)) for one in _groups(peer, picture))
    return f"{names or 'no group'} ({peer}, {peer.address})"


def _shown(rule: Rule) -> str:
    if rule.protocol == ALL:
        return "all"
    return f"{rule.protocol} {rule.first}" if rule.first == rule.last else f"{rule.protocol} {rule.first}-{rule.last}"


def _peer(rule: Rule) -> str:
    return str(rule.cidr or rule.group or rule.prefixes)


def _groups(interface: Interface, picture: Picture) -> tuple[str, ...]:
    """Its groups; the VPC's default one where none is named.

    https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
    """
    if interface.groups or interface.subnet not in picture.subnets:
        return interface.groups or ()
    default = picture.defaults.get(picture.subnets[interface.subnet].vpc)
    return (default,) if default else ()


def _rules(interface: Interface, picture: Picture, *, egress: bool) -> list[Rule]:
    if interface.groups is None:
        return []
    found: list[Group] = [picture.groups[one] for one in _groups(interface, picture) if one in picture.groups]
    return [rule for group in found for rule in (group.egress if egress else group.ingress)]


def _admitting(
    rules: list[Rule],
    flow: Flow,
    address: IPv4Address,
    groups: tuple[str, ...],
    picture: Picture,
) -> Rule | None:
    """The first rule that admits the flow with a peer of this address and these groups."""
    for rule in rules:
        if not _fits(rule.protocol, rule.first, rule.last, flow):
            continue
        if rule.cidr is not None and address in rule.cidr:
            return rule
        if rule.group is not None and rule.group in groups:
            return rule
        if rule.prefixes is not None and any(address in one for one in picture.prefixes.get(rule.prefixes, ())):
            return rule
    return None


def _fits(protocol: str, first: int | None, last: int | None, flow: Flow) -> bool:
    if protocol == ALL:
        return True
    if protocol != flow.protocol:
        return False
    return first is None or last is None or -1 in (first, last) or first <= flow.port <= last


def acl_hop(acl: Acl, flow: Flow, peer: IPv4Address, *, egress: bool) -> Hop:
    """Whether the ACL lets the flow pass."""
    decisive = _decisive(acl, flow, peer, egress=egress)
    direction = "outbound" if egress else "inbound"
    if decisive is not None and decisive.allows:
        return Hop(NETWORK_ACL, acl.id, f"{direction} rule {decisive.number} allows {flow}")
    by = f"rule {decisive.number} denies" if decisive is not None else "no rule allows"
    word = "to" if egress else "from"
    return Hop(NETWORK_ACL, acl.id, f"{direction}: {by}", f"{acl.id}: {direction} {by} {flow} {word} {peer}")


def answers(acl: Acl, flow: Flow, peer: IPv4Address, *, egress: bool) -> Hop:
    """A network ACL forgets: the answer needs a rule of its own, to whatever port the source took."""
    hops = [acl_hop(acl, Flow(flow.protocol, port), peer, egress=egress) for port in EPHEMERAL]
    closed = next((hop for hop in hops if hop.missing), None)
    if closed is None:
        return replace(hops[0], says="lets the answers through")
    ports = f"{flow.protocol} {EPHEMERAL[0]}-{EPHEMERAL[1]}"
    direction = "outbound" if egress else "inbound"
    return replace(closed, missing=f"{acl.id}: no {direction} rule for the answers ({ports})")


def _decisive(acl: Acl, flow: Flow, peer: IPv4Address, *, egress: bool) -> Entry | None:
    fitting = [
        one
        for one in acl.entries
        if one.egress is egress and peer in one.cidr and _fits(one.protocol, one.first, one.last, flow)
    ]
    return min(fitting, key=lambda one: one.number, default=None)
