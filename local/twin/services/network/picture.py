"""EC2's networks as they are now, read from where EC2's API keeps them."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from localstack.services.ec2.models import get_ec2_backend

from twin.services.common.api import ACCOUNT
from twin.services.network.models import ALL, Acl, Endpoint, Entry, Group, Nat, Picture, Route, Rule, Subnet, Table, Via

_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "-1": ALL}
# An ACL's implied last entry: https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
_IMPLIED = 32767


def take(region: str) -> Picture:
    """Take the picture."""
    ec2 = get_ec2_backend(ACCOUNT, region)
    groups = [group for by_id in list(ec2.groups.values()) for group in list(by_id.values())]
    tables, acls = list(ec2.route_tables.values()), list(ec2.network_acls.values())
    prefixes = list(ec2.managed_prefix_lists.values())
    return Picture(
        subnets={one.id: _subnet(one, tables, acls) for zone in list(ec2.subnets.values()) for one in _values(zone)},
        groups={group.id: _group(group) for group in groups},
        defaults={group.vpc_id: group.id for group in groups if group.name == "default"},
        vpcs={one.id: _networks(one) for one in list(ec2.vpcs.values())},
        nats={one.id: _nat(one) for one in list(ec2.nat_gateways.values())},
        attached={one.id: one.vpc.id for one in list(ec2.internet_gateways.values()) if one.vpc},
        endpoints=tuple(_endpoint(one) for one in list(ec2.vpc_end_points.values()) if one.state != "deleted"),
        prefixes={one.id: _prefixes(one) for one in prefixes},
        lists={one.prefix_list_name: one.id for one in prefixes},
    )


def _values(by_id: dict[str, Any]) -> list[Any]:
    return list(by_id.values())


def _networks(vpc: Any) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(one["cidr_block"]) for one in vpc.get_cidr_block_association_set(ipv6=False))


def _prefixes(listed: Any) -> tuple[IPv4Network, ...]:
    entries = listed.entries.get(listed.version or 1) or []  # AWS's own lists have no version
    return tuple(IPv4Network(one["Cidr"]) for one in entries if one.get("Cidr") and ":" not in one["Cidr"])


def _subnet(subnet: Any, tables: list[Any], acls: list[Any]) -> Subnet:
    """The subnet with its route table, the VPC's main one where it has none of its own, and its ACL.

    https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
    """
    of_vpc = [one for one in tables if one.vpc_id == subnet.vpc_id]
    own = next((one for one in of_vpc if subnet.id in list(one.associations.values())), None)
    main = next((one for one in of_vpc if one.main_association_id), None)
    used = own or main
    acl = next((one for one in acls if any(a.subnet_id == subnet.id for a in list(one.associations.values()))), None)
    return Subnet(
        subnet.id,
        subnet.vpc_id,
        IPv4Network(subnet.cidr_block),
        Table(used.id, tuple(_routes(used))) if used else Table("no route table", ()),
        Acl(acl.id, tuple(_entries(acl))) if acl else Acl("no network ACL", ()),
    )


def _routes(table: Any) -> Iterable[Route]:
    for one in list(table.routes.values()):
        via, gateway = _via(one)
        network = IPv4Network(one.destination_cidr_block) if one.destination_cidr_block else None
        prefixes = one.destination_prefix_list.id if one.destination_prefix_list else None
        if network is not None or prefixes is not None:
            yield Route(via, gateway, network, prefixes)


def _via(route: Any) -> tuple[Via, str]:
    if route.local:
        return Via.LOCAL, "local"
    if route.nat_gateway is not None:
        return Via.NAT, str(route.nat_gateway.id)
    if route.vpc_endpoint_id or (route.gateway is not None and str(route.gateway.id).startswith("vpce-")):
        return Via.ENDPOINT, str(route.vpc_endpoint_id or route.gateway.id)
    if route.gateway is not None and str(route.gateway.id).startswith("igw-"):
        return Via.INTERNET, str(route.gateway.id)
    others = (route.gateway, route.instance, route.interface, route.vpc_pcx, route.transit_gateway)
    named = next((str(one.id) for one in others if one is not None), "nothing")
    return Via.OTHER, named


def _entries(acl: Any) -> Iterable[Entry]:
    for one in list(acl.network_acl_entries):
        if not one.cidr_block or int(one.rule_number) == _IMPLIED:
            continue
        yield Entry(
            number=int(one.rule_number),
            egress=str(one.egress).lower() == "true",
            allows=one.rule_action == "allow",
            protocol=_PROTOCOLS.get(str(one.protocol), str(one.protocol)),
            cidr=IPv4Network(one.cidr_block, strict=False),
            first=int(one.port_range_from) if one.port_range_from is not None else None,
            last=int(one.port_range_to) if one.port_range_to is not None else None,
        )


def _group(group: Any) -> Group:
    return Group(
        group.id,
        group.name,
        tuple(rule for one in list(group.ingress_rules) for rule in _rule(one)),
        tuple(rule for one in list(group.egress_rules) for rule in _rule(one)),
    )


def _rule(rule: Any) -> Iterable[Rule]:
    """The rule, unless it is of IPv6 alone."""
    protocol = _PROTOCOLS.get(str(rule.ip_protocol), str(rule.ip_protocol))
    first = int(rule.from_port) if rule.from_port is not None else None
    last = int(rule.to_port) if rule.to_port is not None else None
    if cidr := rule.cidr_ipv4:
        yield Rule(protocol, first, last, cidr=IPv4Network(cidr, strict=False))
    if group := (rule.source_group or {}).get("GroupId"):
        yield Rule(protocol, first, last, group=str(group))
    if rule.prefix_list_id:
        yield Rule(protocol, first, last, prefixes=str(rule.prefix_list_id))


def _nat(nat: Any) -> Nat:
    public = next((one.get("publicIp") for one in nat.address_set if one.get("publicIp")), None)
    public = public or getattr(nat._eni, "public_ip", None)
    return Nat(nat.id, nat.subnet_id, IPv4Address(public) if public else None, nat.state == "available")


def _endpoint(endpoint: Any) -> Endpoint:
    # com.amazonaws.REGION.SERVICE; the service's own name may hold a dot: ecr.api.
    service = endpoint.service_name.split(".", 3)[-1]
    return Endpoint(
        id=endpoint.id,
        vpc=endpoint.vpc_id,
        service=service,
        gateway=(endpoint.vpc_endpoint_type or "Gateway").lower() == "gateway",
        tables=tuple(endpoint.route_table_ids or ()),
        subnets=tuple(endpoint.subnet_ids or ()),
        groups=tuple(endpoint.security_group_ids or ()),
        private_dns=str(endpoint.private_dns_enabled).lower() == "true",
    )
