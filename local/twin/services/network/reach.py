"""Whether one reaches another, decided from a picture of EC2's networks; nothing here asks or changes anything.

Security groups are stateful, both ends must allow the opening of a connection; network ACLs are asked for both
directions, between subnets only; what a subnet's table has no route for goes nowhere.
https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
"""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address

from twin.services.network.models import (
    Endpoint,
    Flow,
    Hop,
    Interface,
    Outside,
    Party,
    Picture,
    Route,
    Service,
    Subnet,
    Via,
    Way,
)
from twin.services.network.rules import acl_hop, answers, egress, egress_to_service, ingress

# One public address stands for all of AWS's, balancers' too: a rule that names single ones does not hold them.
AWS_ADDRESS = IPv4Address("52.95.0.1")


def reach(source: Interface | Outside, target: Party, flow: Flow, picture: Picture) -> Way:
    """The way from `source` to `target`, and what is missing on it."""
    return Way(tuple(_hops(source, target, flow, picture)))


def _hops(source: Interface | Outside, target: Party, flow: Flow, picture: Picture) -> Iterable[Hop]:
    if isinstance(source, Outside):
        return _from_outside(source, target, flow, picture) if isinstance(target, Interface) else ()
    if source.subnet not in picture.subnets:
        return [Hop("subnet", source.subnet, "it is gone", f"{source.subnet} does not exist")]
    if isinstance(target, Interface):
        return (_around if target.public else _inside)(source, target, flow, picture)
    to = _to_service if isinstance(target, Service) else _to_outside
    return to(source, target, flow, picture)  # type: ignore[arg-type]


def _inside(source: Interface, target: Interface, flow: Flow, picture: Picture) -> Iterable[Hop]:
    """Between two interfaces by their private addresses."""
    here, there = picture.subnets[source.subnet], picture.subnets.get(target.subnet)
    yield egress(source, target, flow, picture)
    if there is None:
        yield Hop("subnet", target.subnet, "it is gone", f"{target.subnet} does not exist")
        return
    if here.vpc != there.vpc:
        text = f"{here.vpc} and {there.vpc} are not connected (the twin does no peering)"
        yield Hop("route", here.table.id, "no way", text)
        return
    if here.id != there.id:
        yield acl_hop(here.acl, flow, target.address, egress=True)
    yield Hop("route table", here.table.id, f"local to {target.address}")
    if here.id != there.id:
        yield acl_hop(there.acl, flow, source.address, egress=False)
    yield ingress(source, target, flow, picture)
    if here.id != there.id:
        yield answers(there.acl, flow, source.address, egress=True)
        yield answers(here.acl, flow, target.address, egress=False)


def _around(source: Interface, target: Interface, flow: Flow, picture: Picture) -> Iterable[Hop]:
    """To the public address of an interface: out to the internet and in again, under the address of the way out.

    A rule that names the source's group does not hold there:
    https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html#security-group-referencing
    """
    yield from _to_outside(source, Outside(target.owner, AWS_ADDRESS), flow, picture)
    here = picture.subnets[source.subnet]
    nat = picture.nats.get(_gateway(here, AWS_ADDRESS))
    seen_as = nat.address if nat is not None and nat.address is not None else AWS_ADDRESS
    yield from _from_outside(Outside(f"{source.owner}, seen as {seen_as}", seen_as), target, flow, picture)


def _to_service(source: Interface, service: Service, flow: Flow, picture: Picture) -> Iterable[Hop]:
    """To an AWS API: by the VPC's own endpoint where its name leads there, else by a public address.

    https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html#private-dns
    """
    here = picture.subnets[source.subnet]
    mine = [one for one in picture.endpoints if one.vpc == here.vpc and one.service == service.name]
    entrance = next((one for one in mine if not one.gateway and one.private_dns and one.subnets), None)
    if entrance is not None:
        yield Hop("private DNS", entrance.id, f"{service} is this interface endpoint")
        yield from _inside(source, _entrance(entrance, picture), flow, picture)
        return
    gateway = next((one for one in mine if one.gateway and here.table.id in one.tables), None)
    if gateway is not None:
        yield from _by_gateway_endpoint(source, service, gateway, flow, picture)
        return
    hops = list(_to_outside(source, Outside(str(service), _address(service, picture)), flow, picture))
    yield from (_with_endpoint(hop, service, here, mine) for hop in hops)


def _with_endpoint(hop: Hop, service: Service, here: Subnet, mine: list[Endpoint]) -> Hop:
    """Where no route leads out, an endpoint would do as well; one that is there but does not serve is told."""
    if not hop.missing or hop.what != "route table":
        return hop
    idle = next((one for one in mine if not one.gateway), None)
    missing = f"{here.vpc} has no endpoint for {service}"
    if idle is not None:
        missing = f"the endpoint {idle.id} for {service} is without private DNS"
    elif mine:
        missing = f"{here.table.id} is not among the route tables of the endpoint {mine[0].id} for {service}"
    return replace(hop, missing=f"{hop.missing}, and {missing}")


def _entrance(endpoint: Endpoint, picture: Picture) -> Interface:
    """An interface of the endpoint; on AWS too each of them serves every zone."""
    subnet = next((picture.subnets[one] for one in endpoint.subnets if one in picture.subnets), None)
    address = subnet.network[-2] if subnet is not None else AWS_ADDRESS
    return Interface("endpoint", endpoint.id, address, subnet.id if subnet else "", endpoint.groups)


def _by_gateway_endpoint(
    source: Interface, service: Service, endpoint: Endpoint, flow: Flow, picture: Picture
) -> Iterable[Hop]:
    here = picture.subnets[source.subnet]
    address = _address(service, picture)
    yield egress_to_service(source, service, address, flow, picture)
    yield acl_hop(here.acl, flow, address, egress=True)
    yield Hop("route table", here.table.id, f"{service} by {endpoint.id}")
    yield answers(here.acl, flow, address, egress=False)


def _address(service: Service, picture: Picture) -> IPv4Address:
    """An address of the service: of its prefix list where it has one."""
    networks = picture.prefixes.get(picture.lists.get(str(service), ""), ())
    return networks[0][1] if networks else AWS_ADDRESS


def _to_outside(source: Interface, target: Outside, flow: Flow, picture: Picture) -> Iterable[Hop]:
    here = picture.subnets[source.subnet]
    yield egress(source, target, flow, picture)
    yield acl_hop(here.acl, flow, target.address, egress=True)
    yield from _out(source, here, target.address, flow, picture)
    yield answers(here.acl, flow, target.address, egress=False)


def _out(source: Interface, here: Subnet, address: IPv4Address, flow: Flow, picture: Picture) -> Iterable[Hop]:
    """By the internet gateway, or by a NAT gateway and from its subnet on by the internet gateway.

    https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
    https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html
    """
    route = _route(here, address)
    where = f"{here.table.id} of {here.id}"
    if route is None:
        yield Hop("route table", where, f"no route to {address}", f"{where} has no route to the internet (0.0.0.0/0)")
        return
    if route.via is Via.INTERNET:
        yield _internet_gateway(here, route, picture)
        lacking = None if source.public_ip else f"{source} has no public address, which {route.gateway} needs"
        yield Hop("public address", str(source), "has one" if source.public_ip else "has none", lacking)
        return
    if route.via is not Via.NAT:
        text = f"{where} leads to {route.gateway}, which the twin does not do"
        yield Hop("route table", where, f"{address} by {route.gateway}", text)
        return
    yield Hop("route table", where, f"0.0.0.0/0 by {route.gateway}")
    nat = picture.nats.get(route.gateway)
    if nat is None or not nat.available or nat.address is None or nat.subnet not in picture.subnets:
        yield Hop("NAT gateway", route.gateway, "not there", f"the NAT gateway {route.gateway} is not available")
        return
    beyond = picture.subnets[nat.subnet]
    yield from _through_nat(here, beyond, flow, address)
    onward = _route(beyond, address)
    if onward is None or onward.via is not Via.INTERNET:
        place = f"{beyond.table.id} of {beyond.id}, where {nat.id} is,"
        yield Hop("route table", beyond.table.id, "no way on", f"{place} has no route to an internet gateway")
        return
    yield _internet_gateway(beyond, onward, picture)


def _through_nat(here: Subnet, beyond: Subnet, flow: Flow, address: IPv4Address) -> Iterable[Hop]:
    if here.id != beyond.id:
        yield acl_hop(beyond.acl, flow, here.network[1], egress=False)
    yield acl_hop(beyond.acl, flow, address, egress=True)
    yield answers(beyond.acl, flow, address, egress=False)


def _internet_gateway(here: Subnet, route: Route, picture: Picture) -> Hop:
    where = f"{here.table.id} of {here.id}"
    attached = picture.attached.get(route.gateway) == here.vpc
    missing = None if attached else f"the internet gateway {route.gateway} is not attached to {here.vpc}"
    return Hop("route table", where, f"0.0.0.0/0 by {route.gateway}", missing)


def _from_outside(source: Outside, target: Interface, flow: Flow, picture: Picture) -> Iterable[Hop]:
    there = picture.subnets.get(target.subnet)
    if there is None:
        yield Hop("subnet", target.subnet, "it is gone", f"{target.subnet} does not exist")
        return
    if not target.public:
        yield Hop("public address", str(target), "has none", f"{target} has no public address: it is internal")
    route = _route(there, source.address)
    if route is None or route.via is not Via.INTERNET:
        where = f"{there.table.id} of {there.id}"
        yield Hop("route table", where, "no way back", f"{where} has no route to an internet gateway")
    else:
        yield _internet_gateway(there, route, picture)
    yield acl_hop(there.acl, flow, source.address, egress=False)
    yield ingress(source, target, flow, picture)
    yield answers(there.acl, flow, source.address, egress=True)


def _route(subnet: Subnet, address: IPv4Address) -> Route | None:
    """The most specific route for the address."""
    fitting = [one for one in subnet.table.routes if one.network is not None and address in one.network]
    return max(fitting, key=lambda one: one.network.prefixlen if one.network else 0, default=None)


def _gateway(subnet: Subnet, address: IPv4Address) -> str:
    route = _route(subnet, address)
    return route.gateway if route is not None else ""
