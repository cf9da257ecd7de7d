"""The network: zones, ways out, and exactly the paths of a request."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra.settings import ZONES
from tests.production.conftest import Environment, Resource


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
        (names[group.logical_id], json.dumps(rule["CidrIp"]), rule["IpProtocol"], _port(rule))
        for group in environment.of_type("AWS::EC2::SecurityGroup")
        for rule in group.properties.get(name, [])
        if rule["CidrIp"] != "255.255.255.255/32"  # how CloudFormation is told that nothing may go out
    }


def _port(rule: Mapping[str, Any]) -> int:
    """The one port of a rule."""
    assert rule["FromPort"] == rule["ToPort"]
    return int(rule["FromPort"])


def test_subnets_of_three_kinds_in_two_zones(environment: Environment) -> None:
    assert len(set(ZONES)) >= 2
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


def test_rules_between_groups_are_exactly_the_way_of_a_request(environment: Environment) -> None:
    paths = {
        ("Load balancer", "Tasks of the app", "tcp", 8080),
        ("Tasks of the app", "Database", "tcp", 5432),
        ("Tasks of the app", "Cache", "tcp", 6379),
    }
    for type_, source, target in (
        ("AWS::EC2::SecurityGroupIngress", "SourceSecurityGroupId", "GroupId"),
        ("AWS::EC2::SecurityGroupEgress", "GroupId", "DestinationSecurityGroupId"),
    ):
        rules = [each.properties for each in environment.of_type(type_)]
        assert len(rules) == len(paths)
        assert paths == {
            (_group(environment, rule[source]), _group(environment, rule[target]), rule["IpProtocol"], _port(rule))
            for rule in rules
        }


def test_only_tasks_go_out_and_only_to_aws_and_for_names(environment: Environment) -> None:
    inside = json.dumps({"Fn::GetAtt": [environment.only("AWS::EC2::VPC").logical_id, "CidrBlock"]})
    assert _inline(environment, "SecurityGroupEgress") == {
        ("Tasks of the app", '"0.0.0.0/0"', "tcp", 443),
        ("Tasks of the app", inside, "udp", 53),
        ("Tasks of the app", inside, "tcp", 53),
    }


def test_a_group_without_a_rule_out_lets_nothing_out(environment: Environment) -> None:
    """Without any egress rule AWS would add one that allows everything:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
    """
    with_rule = {_group(environment, each.properties["GroupId"]) for each in _egress(environment)}
    names = _group_names(environment)
    for group in environment.of_type("AWS::EC2::SecurityGroup"):
        assert group.properties.get("SecurityGroupEgress") or names[group.logical_id] in with_rule


def test_each_group_belongs_to_what_it_is_named_for(environment: Environment) -> None:
    """A group is exported by its id; the importing resource names the group."""
    balancer = environment.only("AWS::ElasticLoadBalancingV2::LoadBalancer").properties["SecurityGroups"]
    task = environment.only("AWS::ECS::Service").properties["NetworkConfiguration"]["AwsvpcConfiguration"]
    database = environment.only("AWS::RDS::DBInstance").properties["VPCSecurityGroups"]
    cache = environment.only("AWS::ElastiCache::ReplicationGroup").properties["SecurityGroupIds"]
    exported = {
        output["Export"]["Name"]: output["Value"]
        for output in environment.templates["network"]["Outputs"].values()
        if "Export" in output
    }
    used = [[_group(environment, exported[each["Fn::ImportValue"]]) for each in groups] for groups in (
        balancer, task["SecurityGroups"], database, cache,
    )]  # fmt: skip
    assert used == [["Load balancer"], ["Tasks of the app"], ["Database"], ["Cache"]]


@pytest.mark.parametrize(("name", "ways"), [("prod", 2), ("twin", 2), ("small", 1), ("dev", 1)])
def test_how_many_ways_lead_out_and_what_is_logged(environments: dict[str, Environment], name: str, ways: int) -> None:
    environment = environments[name]
    assert len(environment.of_type("AWS::EC2::NatGateway")) == ways
    traffic = environment.only("AWS::EC2::FlowLog").properties["TrafficType"]
    assert traffic == ("ALL" if name in ("prod", "twin") else "REJECT")


def test_private_subnets_go_out_by_a_gateway_of_the_public_ones(environment: Environment) -> None:
    routes = [each.properties for each in environment.of_type("AWS::EC2::Route")]
    assert {route["DestinationCidrBlock"] for route in routes} == {"0.0.0.0/0"}
    by_nat = {route["RouteTableId"]["Ref"] for route in routes if "NatGatewayId" in route}
    by_internet = {route["RouteTableId"]["Ref"] for route in routes if "GatewayId" in route}
    assert len(by_nat) == len(by_internet) == len(ZONES)
    assert all("private" in table for table in by_nat)
    assert all("public" in table for table in by_internet)
    assert all("public" in each.properties["SubnetId"]["Ref"] for each in environment.of_type("AWS::EC2::NatGateway"))


def _egress(environment: Environment) -> list[Resource]:
    return environment.of_type("AWS::EC2::SecurityGroupEgress")
