"""Who reaches whom, decided from pictures of networks that no twin runs."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from twin.services.network.models import (
    ALL,
    EVERYWHERE,
    Acl,
    Endpoint,
    Entry,
    Flow,
    Group,
    Interface,
    Nat,
    Outside,
    Party,
    Picture,
    Route,
    Rule,
    Service,
    Subnet,
    Table,
    Via,
)
from twin.services.network.reach import reach

VPC = IPv4Network("10.20.0.0/16")
LOCAL = Route(Via.LOCAL, "local", VPC)
OPEN_ACL = Acl(
    "acl-open",
    tuple(Entry(100, egress, allows=True, protocol=ALL, cidr=EVERYWHERE) for egress in (True, False)),
)
POSTGRES, HTTPS = Flow("tcp", 5432), Flow("tcp", 443)
CLIENT = Outside("the client", IPv4Address("127.0.0.1"))
INTERNET = Outside("the internet", IPv4Address("192.0.2.1"))
SECRETS, S3 = Service("secretsmanager", "r"), Service("s3", "r")


def subnet(name: str, third: int, *routes: Route, acl: Acl = OPEN_ACL) -> Subnet:
    return Subnet(
        f"subnet-{name}", "vpc-1", IPv4Network(f"10.20.{third}.0/24"), Table(f"rtb-{name}", (LOCAL, *routes)), acl
    )


def tcp(port: int, **peer: object) -> Rule:
    return Rule("tcp", port, port, **peer)  # type: ignore[arg-type]


ANY_TCP = tcp(443, cidr=EVERYWHERE)
TASK = Interface("task", "one", IPv4Address("10.20.2.4"), "subnet-private", ("sg-task",))
OTHER = replace(TASK, owner="other", address=IPv4Address("10.20.2.5"), groups=("sg-other",))
DATABASE = Interface("database", "db", IPv4Address("10.20.3.4"), "subnet-isolated", ("sg-database",))
BALANCER = Interface("load balancer", "front", IPv4Address("10.20.1.4"), "subnet-public", ("sg-front",), public=True)


def picture(**changes: object) -> Picture:
    """The network of the architecture: public, private, isolated."""
    groups = (
        Group("sg-front", "front", (ANY_TCP,), (tcp(8080, group="sg-task"),)),
        Group(
            "sg-task",
            "task",
            (tcp(8080, group="sg-front"),),
            (tcp(5432, group="sg-database"), ANY_TCP, Rule("udp", 53, 53, cidr=VPC)),
        ),
        Group("sg-other", "other", (), (Rule(ALL, cidr=EVERYWHERE),)),
        Group("sg-database", "database", (tcp(5432, group="sg-task"),), ()),
        Group("sg-default", "default", (Rule(ALL, group="sg-default"),), (Rule(ALL, cidr=EVERYWHERE),)),
    )
    subnets = (
        subnet("public", 1, Route(Via.INTERNET, "igw-1", EVERYWHERE)),
        subnet("private", 2, Route(Via.NAT, "nat-1", EVERYWHERE)),
        subnet("isolated", 3),
    )
    made = Picture(
        subnets={one.id: one for one in subnets},
        groups={one.id: one for one in groups},
        defaults={"vpc-1": "sg-default"},
        vpcs={"vpc-1": (VPC,)},
        nats={"nat-1": Nat("nat-1", "subnet-public", IPv4Address("198.51.100.7"))},
        attached={"igw-1": "vpc-1"},
        prefixes={"pl-s3": (IPv4Network("3.5.0.0/19"),)},
        lists={"com.amazonaws.r.s3": "pl-s3"},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def with_group(seen: Picture, group: Group) -> Picture:
    return replace(seen, groups={**seen.groups, group.id: group})


def with_subnet(seen: Picture, changed: Subnet) -> Picture:
    return replace(seen, subnets={**seen.subnets, changed.id: changed})


ISOLATED = replace(TASK, subnet="subnet-isolated", address=IPv4Address("10.20.3.9"))
PUBLIC = replace(TASK, subnet="subnet-public", address=IPv4Address("10.20.1.9"))


def no_egress(port: int) -> Picture:
    seen = picture()
    group = seen.groups["sg-task"]
    return with_group(seen, replace(group, egress=tuple(rule for rule in group.egress if rule.first != port)))


def endpoint(**changes: object) -> Picture:
    """An isolated subnet's own entrance to Secrets Manager."""
    made = Endpoint(
        "vpce-1", "vpc-1", "secretsmanager", gateway=False, subnets=("subnet-isolated",), groups=("sg-door",),
        private_dns=True,
    )  # fmt: skip
    door = Group("sg-door", "door", (tcp(443, group="sg-task"),), ())
    return with_group(picture(endpoints=(replace(made, **changes),)), door)  # type: ignore[arg-type]


def gateway_endpoint(*tables: str, egress: Rule = ANY_TCP) -> Picture:
    made = Endpoint("vpce-s3", "vpc-1", "s3", gateway=True, tables=tables)
    seen = picture(endpoints=(made,))
    return with_group(seen, replace(seen.groups["sg-task"], egress=(egress,)))


def acl(*entries: Entry, where: str = "isolated", third: int = 3) -> Picture:
    return with_subnet(picture(), subnet(where, third, acl=Acl("acl-1", entries)))


def entry(number: int, *, egress: bool, allows: bool = True, port: int | None = None) -> Entry:
    return Entry(number, egress, allows, "tcp" if port is not None else ALL, EVERYWHERE, port, port)


CASES: list[tuple[str, object, Party, Flow, Picture, str | None]] = [
    ("the way of a request", TASK, DATABASE, POSTGRES, picture(), None),
    ("no ingress for its group", OTHER, DATABASE, POSTGRES, picture(),
     "security group sg-database (database) of database db has no ingress rule for tcp 5432 from sg-other (other) "
     "(task other, 10.20.2.5)"),
    ("no egress", TASK, DATABASE, POSTGRES, no_egress(5432),
     "security group sg-task (task) of task one has no egress rule for tcp 5432 to sg-database (database) "
     "(database db, 10.20.3.4)"),
    ("another port", TASK, DATABASE, Flow("tcp", 22), picture(), "no egress rule for tcp 22"),
    ("another protocol", TASK, DATABASE, Flow("udp", 5432), picture(), "no egress rule for udp 5432"),
    ("by CIDR", TASK, DATABASE, POSTGRES,
     with_group(picture(), Group("sg-database", "database", (tcp(5432, cidr=IPv4Network("10.20.2.0/24")),))), None),
    ("by another CIDR", TASK, DATABASE, POSTGRES,
     with_group(picture(), Group("sg-database", "database", (tcp(5432, cidr=IPv4Network("10.20.9.0/24")),))),
     "no ingress rule"),
    ("a range of ports", TASK, DATABASE, POSTGRES,
     with_group(picture(), Group("sg-database", "d", (Rule("tcp", 5000, 6000, group="sg-task"),))), None),
    ("groups of nobody: the default one", replace(TASK, groups=()), replace(DATABASE, groups=()), POSTGRES, picture(),
     None),
    ("into the default group from outside it", TASK, replace(DATABASE, groups=()), HTTPS, picture(), "sg-default"),
    ("unknown groups are not asked", TASK, replace(DATABASE, groups=None), HTTPS, picture(), None),
    ("another VPC", TASK, replace(DATABASE, subnet="subnet-far"), POSTGRES,
     with_subnet(picture(), replace(subnet("far", 3), vpc="vpc-2")), "vpc-1 and vpc-2 are not connected"),
    ("client to balancer", CLIENT, BALANCER, HTTPS, picture(), None),
    ("client to a port without ingress", CLIENT, BALANCER, Flow("tcp", 80), picture(),
     "no ingress rule for tcp 80 from the client (127.0.0.1)"),
    ("client to an internal one", CLIENT, replace(BALANCER, public=False), HTTPS, picture(), "it is internal"),
    ("client to a balancer without a way back", CLIENT, replace(BALANCER, subnet="subnet-isolated"), HTTPS, picture(),
     "rtb-isolated of subnet-isolated has no route to an internet gateway"),
    ("balancer to task", replace(BALANCER, public=False), TASK, Flow("tcp", 8080), picture(), None),
    ("out by NAT", TASK, INTERNET, HTTPS, picture(), None),
    ("out without a route", ISOLATED, INTERNET, HTTPS, picture(),
     "rtb-isolated of subnet-isolated has no route to the internet (0.0.0.0/0)"),
    ("out by an internet gateway, no public address", PUBLIC, INTERNET, HTTPS, picture(), "has no public address"),
    ("out by an internet gateway", replace(PUBLIC, public_ip=True), INTERNET, HTTPS, picture(), None),
    ("out by a gateway that is not attached", TASK, INTERNET, HTTPS, picture(attached={}),
     "the internet gateway igw-1 is not attached to vpc-1"),
    ("out by a NAT gateway that is gone", TASK, INTERNET, HTTPS, picture(nats={}), "nat-1 is not available"),
    ("NAT in a subnet without a way on", TASK, INTERNET, HTTPS, with_subnet(picture(), subnet("public", 1)),
     "rtb-public of subnet-public, where nat-1 is, has no route to an internet gateway"),
    ("a gateway that the twin does not do", TASK, INTERNET, HTTPS,
     with_subnet(picture(), subnet("private", 2, Route(Via.OTHER, "tgw-1", EVERYWHERE))),
     "leads to tgw-1, which the twin does not do"),
    ("an API by NAT", TASK, SECRETS, HTTPS, picture(), None),
    ("an API without a way", ISOLATED, SECRETS, HTTPS, picture(),
     "rtb-isolated of subnet-isolated has no route to the internet (0.0.0.0/0), and vpc-1 has no endpoint for "
     "com.amazonaws.r.secretsmanager"),
    ("an API by its endpoint", ISOLATED, SECRETS, HTTPS, endpoint(), None),
    ("an endpoint without private DNS", ISOLATED, SECRETS, HTTPS, endpoint(private_dns=False),
     "the endpoint vpce-1 for com.amazonaws.r.secretsmanager is without private DNS"),
    ("an endpoint whose group does not let it in", ISOLATED, SECRETS, HTTPS, endpoint(groups=("sg-database",)),
     "security group sg-database (database) of endpoint vpce-1 has no ingress rule for tcp 443"),
    ("an endpoint that shuts the way by NAT too", TASK, SECRETS, HTTPS, endpoint(groups=("sg-database",)),
     "of endpoint vpce-1 has no ingress rule"),
    ("S3 by its gateway endpoint", ISOLATED, S3, HTTPS, gateway_endpoint("rtb-isolated"), None),
    ("S3, by the prefix list", ISOLATED, S3, HTTPS,
     gateway_endpoint("rtb-isolated", egress=tcp(443, prefixes="pl-s3")), None),
    ("S3, egress inside only", ISOLATED, S3, HTTPS, gateway_endpoint("rtb-isolated", egress=tcp(443, cidr=VPC)),
     "no egress rule for tcp 443 to com.amazonaws.r.s3 (0.0.0.0/0 or the prefix list)"),
    ("S3, an endpoint of another table", ISOLATED, S3, HTTPS, gateway_endpoint("rtb-public"),
     "rtb-isolated is not among the route tables of the endpoint vpce-s3"),
    ("a public balancer from inside, as its NAT", TASK, BALANCER, HTTPS, picture(), None),
    ("a public balancer, named by group", TASK, BALANCER, HTTPS,
     with_group(picture(), Group("sg-front", "front", (tcp(443, group="sg-task"),))),
     "no ingress rule for tcp 443 from one, seen as 198.51.100.7 (198.51.100.7)"),
    ("a public balancer that admits the NAT", TASK, BALANCER, HTTPS,
     with_group(picture(), Group("sg-front", "front", (tcp(443, cidr=IPv4Network("198.51.100.7/32")),))), None),
    ("an ACL without entries", TASK, DATABASE, POSTGRES, acl(),
     "acl-1: inbound no rule allows tcp 5432 from 10.20.2.4"),
    ("an ACL that denies first", TASK, DATABASE, POSTGRES,
     acl(entry(90, egress=False, allows=False), entry(100, egress=False), entry(100, egress=True)),
     "acl-1: inbound rule 90 denies tcp 5432"),
    ("an ACL that allows first", TASK, DATABASE, POSTGRES,
     acl(entry(90, egress=False), entry(100, egress=False, allows=False), entry(100, egress=True)), None),
    ("an ACL that forgets the answers", TASK, DATABASE, POSTGRES,
     acl(entry(100, egress=False), entry(100, egress=True, port=443)),
     "acl-1: no outbound rule for the answers (tcp 32768-60999)"),
    ("an ACL is not asked within a subnet", ISOLATED, DATABASE, POSTGRES, acl(), None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target", "flow", "seen", "missing"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_the_one_thing_that_is_missing_is_named(
    source: Interface | Outside, target: Party, flow: Flow, seen: Picture, missing: str | None
) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html and the pages that `reach` names."""
    way = reach(source, target, flow, seen)
    assert way.open is (missing is None), way
    if missing is not None:
        assert missing in str(way.missing)


def test_a_way_tells_its_hops_in_order() -> None:
    assert [hop.what for hop in reach(TASK, DATABASE, POSTGRES, picture()).hops] == [
        "egress rule", "network ACL", "route table", "network ACL", "ingress rule", "network ACL", "network ACL",
    ]  # fmt: skip


RULES = [
    Rule(protocol, 1, last, **peer)  # type: ignore[arg-type]
    for protocol in ("tcp", "udp", ALL)
    for last in (1, 5432, 65535)
    for peer in ({"group": "sg-task"}, {"group": "sg-other"}, {"cidr": EVERYWHERE}, {"cidr": VPC})
]


@pytest.mark.parametrize("port", [1, 2, 5432, 65535])
def test_a_rule_more_never_shuts_a_way(port: int) -> None:
    def is_open(ingress: Iterable[Rule]) -> bool:
        seen = with_group(picture(), Group("sg-database", "database", tuple(ingress)))
        return reach(OTHER, DATABASE, Flow("tcp", port), seen).open

    assert not is_open([])
    for standing, more in itertools.product(RULES, RULES):
        assert is_open([standing, more]) is (is_open([standing]) or is_open([more]))
