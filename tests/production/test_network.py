"""The network: zones, ways out, and exactly the paths of a request."""

import json
from typing import Any

from infra.settings import ZONES
from tests.production.conftest import Environment


def _group_names(environment: Environment) -> dict[str, str]:
    """Logical id → the first word of the group's description."""
    groups = environment.of_type("AWS::EC2::SecurityGroup")
    return {group.logical_id: group.properties["GroupDescription"].split(":")[0] for group in groups}


def _group(environment: Environment, reference: dict[str, Any]) -> str:
    return _group_names(environment)[reference["Fn::GetAtt"][0]]


def _inline(environment: Environment, name: str) -> set[tuple[str, str, str, int]]:
    """(group, peer, protocol, port) of the rules that stand inside a group."""
    names = _group_names(environment)
    return {
        (names[group.logical_id], json.dumps(rule["CidrIp"]), rule["IpProtocol"], rule["FromPort"])
        for group in environment.of_type("AWS::EC2::SecurityGroup")
        for rule in group.properties.get(name, [])
        if rule["CidrIp"] != "255.255.255.255/32"  # how CloudFormation is told that nothing may go out
    }


def test_subnets_of_three_kinds_in_two_zones(environment: Environment) -> None:
    subnets = environment.of_type("AWS::EC2::Subnet")
    kinds: dict[str, set[str]] = {}
    for subnet in subnets:
        tags = {tag["Key"]: tag["Value"] for tag in subnet.properties["Tags"]}
        kinds.setdefault(tags["aws-cdk:subnet-type"], set()).add(subnet.properties["AvailabilityZone"])
        assert subnet.properties["MapPublicIpOnLaunch"] is False
    assert kinds == {"Public": set(ZONES), "Private": set(ZONES), "Isolated": set(ZONES)}


def test_isolated_subnets_have_no_way_out(environment: Environment) -> None:
    with_route = {route.properties["RouteTableId"]["Ref"] for route in environment.of_type("AWS::EC2::Route")}
    assert with_route
    assert not [name for name in with_route if "isolated" in name]


def test_production_has_a_way_out_in_every_zone(prod: Environment) -> None:
    assert len(prod.of_type("AWS::EC2::NatGateway")) == len(ZONES)
    assert len({each.properties["SubnetId"]["Ref"] for each in prod.of_type("AWS::EC2::NatGateway")}) == len(ZONES)


def test_s3_is_reached_inside_the_network_from_every_subnet(environment: Environment) -> None:
    endpoint = environment.only("AWS::EC2::VPCEndpoint").properties
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert "s3" in json.dumps(endpoint["ServiceName"])
    assert len(endpoint["RouteTableIds"]) == len(environment.of_type("AWS::EC2::RouteTable"))


def test_flows_are_logged(environment: Environment) -> None:
    assert environment.only("AWS::EC2::FlowLog").properties["ResourceType"] == "VPC"


def test_only_the_balancer_is_open_to_the_world(environment: Environment) -> None:
    assert _inline(environment, "SecurityGroupIngress") == {
        ("Load balancer", '"0.0.0.0/0"', "tcp", 443),
        ("Load balancer", '"0.0.0.0/0"', "tcp", 80),
    }


def test_ingress_between_groups_is_exactly_the_way_of_a_request(environment: Environment) -> None:
    rules = {
        (_group(environment, rule["SourceSecurityGroupId"]), _group(environment, rule["GroupId"]), rule["FromPort"])
        for rule in (each.properties for each in environment.of_type("AWS::EC2::SecurityGroupIngress"))
        if rule["FromPort"] == rule["ToPort"] and rule["IpProtocol"] == "tcp"
    }
    assert len(environment.of_type("AWS::EC2::SecurityGroupIngress")) == len(rules)
    assert rules == {
        ("Load balancer", "Tasks of the app", 8080),
        ("Tasks of the app", "Database", 5432),
        ("Tasks of the app", "Cache", 6379),
    }


def test_egress_is_as_closed_as_ingress(environment: Environment) -> None:
    between = {
        (
            _group(environment, rule["GroupId"]),
            _group(environment, rule["DestinationSecurityGroupId"]),
            rule["FromPort"],
        )
        for rule in (each.properties for each in environment.of_type("AWS::EC2::SecurityGroupEgress"))
    }
    assert between == {
        ("Load balancer", "Tasks of the app", 8080),
        ("Tasks of the app", "Database", 5432),
        ("Tasks of the app", "Cache", 6379),
    }
    out = {(group, protocol, port) for group, _, protocol, port in _inline(environment, "SecurityGroupEgress")}
    assert out == {("Tasks of the app", "tcp", 443), ("Tasks of the app", "udp", 53), ("Tasks of the app", "tcp", 53)}
