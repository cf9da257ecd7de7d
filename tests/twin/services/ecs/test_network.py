"""What tasks reach, by raw calls, and how the network's rules and routes change it while they run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.twin.services.ecs.conftest import ZONES, Ground
from tests.twin.support import eventually

SERVER = """
import socket
made = socket.create_server(("0.0.0.0", 5432), backlog=64)
print("serving", flush=True)
while True:
    made.accept()[0].close()
"""
# Tries again and again, and says each time what came of it when that has changed.
CALLER = """
import os, socket, time
last = None
while True:
    try:
        socket.create_connection((os.environ["TARGET"], 5432), timeout=0.5).close()
        seen = "through"
    except OSError as error:
        seen = type(error).__name__
    if seen != last:
        print(seen, flush=True)
    last = seen
    time.sleep(0.1)
"""
API = """
import os, time, boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
config = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
for service, operation in (("sqs", "list_queues"), ("s3", "list_buckets")):
    client = boto3.client(service, region_name="ap-northeast-2", config=config)
    try:
        getattr(client, operation)()
        print(service, "answered", flush=True)
    except ClientError:  # it has answered, if not what was hoped for
        print(service, "answered", flush=True)
    except BotoCoreError as error:
        print(service, type(error).__name__, flush=True)
"""

type Json = dict[str, Any]


@dataclass
class Town:
    """A subnet without a way out beside the ground's, and groups that a test makes."""

    ground: Ground
    subnet: str
    table: str
    groups: list[str]

    @property
    def ec2(self) -> Any:
        """EC2's client."""
        return self.ground.twin.client("ec2")

    def group(self, name: str) -> str:
        """A group that lets everything out and nothing in."""
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.ground.vpc)["GroupId"]
        self.groups.append(made)
        return str(made)

    def network(self, group: str, *, inside: bool = False) -> Json:
        """Where a task runs with this group; inside: where no way leads out."""
        place = {"subnets": [self.subnet]} if inside else {"subnets": self.ground.subnets, "assignPublicIp": "ENABLED"}
        return {"awsvpcConfiguration": {**place, "securityGroups": [group]}}

    def words(self, arn: str) -> list[str]:
        """What the task has printed; nothing where its log could not be opened."""
        logs = self.ground.twin.client("logs")
        return self.ground.log(arn) if logs.describe_log_streams(
            logGroupName="/test/tasks", logStreamNamePrefix=f"test/main/{arn.rsplit('/', 1)[1]}"
        )["logStreams"] else []  # fmt: skip


@pytest.fixture
def town(ground: Ground) -> Iterator[Town]:
    ec2 = ground.twin.client("ec2")
    subnet = ec2.create_subnet(VpcId=ground.vpc, CidrBlock="10.44.9.0/24", AvailabilityZone=ZONES[0])["Subnet"]
    table = ec2.create_route_table(VpcId=ground.vpc)["RouteTable"]["RouteTableId"]
    made = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet["SubnetId"])["AssociationId"]
    town = Town(ground, subnet["SubnetId"], table, [])
    yield town
    for arn in ground.ecs.list_tasks(cluster=ground.cluster)["taskArns"]:
        ground.ecs.stop_task(cluster=ground.cluster, task=arn)
        ground.stopped(arn)
    standing = [one for one in ec2.describe_vpc_endpoints()["VpcEndpoints"] if one["State"] == "available"]
    for endpoint in standing:
        ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    ec2.disassociate_route_table(AssociationId=made)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    for group in town.groups:
        ec2.delete_security_group(GroupId=group)


def _address(town: Town, arn: str) -> str:
    task = eventually(lambda: town.ground.task(arn), lambda task: task["lastStatus"] == "RUNNING", 20)
    return str(task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"])


def _rule(peer: str) -> list[Json]:
    return [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": peer}]}]


def test_a_task_reaches_another_only_while_a_rule_lets_it_and_a_stranger_never_does(town: Town) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html"""
    ground, friend, stranger, shop = town.ground, town.group("friend"), town.group("stranger"), town.group("shop")
    ports = [{"containerPort": 5432}]
    server = ground.start(ground.define(SERVER, portMappings=ports), networkConfiguration=town.network(shop))
    target = _address(town, server)
    caller = ground.define(CALLER, environment=[{"name": "TARGET", "value": target}])
    town.ec2.authorize_security_group_ingress(GroupId=shop, IpPermissions=_rule(friend))
    mine = ground.start(caller, networkConfiguration=town.network(friend))
    other = ground.start(caller, networkConfiguration=town.network(stranger))
    eventually(lambda: town.words(mine), lambda words: words == ["through"], 20)
    eventually(lambda: town.words(other), lambda words: words == ["TimeoutError"], 20)
    town.ec2.revoke_security_group_ingress(GroupId=shop, IpPermissions=_rule(friend))
    eventually(lambda: town.words(mine), lambda words: words == ["through", "TimeoutError"], 3)
    town.ec2.authorize_security_group_ingress(GroupId=shop, IpPermissions=_rule(friend))
    eventually(lambda: town.words(mine), lambda words: words == ["through", "TimeoutError", "through"], 3)
    assert town.words(other) == ["TimeoutError"]
    told = (ground.twin.world.state / "events.jsonl").read_text()
    assert f"of task {server.rsplit('/', 1)[1]} has no ingress rule for tcp 5432 from {stranger} (stranger)" in told


def test_a_network_acl_is_asked_between_subnets(town: Town) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html"""
    ground, group = town.ground, town.group("all")
    town.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=_rule(group))
    server = ground.start(
        ground.define(SERVER, portMappings=[{"containerPort": 5432}]), networkConfiguration=town.network(group)
    )
    caller = ground.define(CALLER, environment=[{"name": "TARGET", "value": _address(town, server)}])
    outside = town.network(group)
    outside["awsvpcConfiguration"]["subnets"] = [
        one for one in ground.subnets if one != ground.task(server)["attachments"][0]["details"][0]["value"]
    ]
    mine = ground.start(caller, networkConfiguration=outside)
    eventually(lambda: town.words(mine), lambda words: words == ["through"], 20)
    of_subnet = [{"Name": "vpc-id", "Values": [ground.vpc]}, {"Name": "default", "Values": ["true"]}]
    acl = town.ec2.describe_network_acls(Filters=of_subnet)["NetworkAcls"][0]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "RuleNumber": 50, "Egress": False}
    ports = {"From": 5432, "To": 5432}
    town.ec2.create_network_acl_entry(**entry, Protocol="6", RuleAction="deny", CidrBlock="0.0.0.0/0", PortRange=ports)
    try:
        eventually(lambda: town.words(mine), lambda words: words == ["through", "TimeoutError"], 3)
    finally:
        town.ec2.delete_network_acl_entry(**entry)
    eventually(lambda: town.words(mine)[-1], lambda word: word == "through", 3)


def test_a_task_without_a_way_to_the_registry_does_not_start_and_names_what_is_missing(town: Town) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html"""
    ground, group = town.ground, town.group("inside")
    definition = ground.define("print('started', flush=True)")
    task = ground.run(definition, networkConfiguration=town.network(group, inside=True))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from "
        "Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network "
        "configuration. Missing: "
    )
    region = ground.twin.world.region
    assert f"{town.table} of {town.subnet} has no route to the internet (0.0.0.0/0)" in task["stoppedReason"]
    assert f"has no endpoint for com.amazonaws.{region}.ecr.api" in task["stoppedReason"]


def test_with_endpoints_a_task_starts_and_calls_what_they_serve(town: Town) -> None:
    """https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html"""
    ground, group, door = town.ground, town.group("inside"), town.group("door")
    region, place = ground.twin.world.region, town.network(group, inside=True)
    definition = ground.define(API)

    def reason() -> str:
        return str(ground.run(definition, networkConfiguration=place)["stoppedReason"])

    def open_door(name: str) -> None:
        town.ec2.create_vpc_endpoint(
            VpcId=ground.vpc, ServiceName=f"com.amazonaws.{region}.{name}", VpcEndpointType="Interface",
            SubnetIds=[town.subnet], SecurityGroupIds=[door], PrivateDnsEnabled=True,
        )  # fmt: skip

    for name in ("ecr.api", "ecr.dkr"):
        open_door(name)
    assert f"{door} (door) of endpoint vpce-" in reason()
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": group}]}
    town.ec2.authorize_security_group_ingress(GroupId=door, IpPermissions=[https])
    assert f"com.amazonaws.{region}.s3" in reason()
    town.ec2.create_vpc_endpoint(
        VpcId=ground.vpc,
        ServiceName=f"com.amazonaws.{region}.s3",
        VpcEndpointType="Gateway",
        RouteTableIds=[town.table],
    )
    last = reason()
    assert last.startswith("ResourceInitializationError: failed to validate logger args")
    assert f"com.amazonaws.{region}.logs" in last
    open_door("logs")
    task = ground.run(definition, networkConfiguration=place)
    assert ground.log(task["taskArn"]) == ["sqs ReadTimeoutError", "s3 answered"]


def test_members_of_the_default_group_reach_each_other(town: Town) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html"""
    ground = town.ground
    server = ground.start(ground.define(SERVER, portMappings=[{"containerPort": 5432}]))
    caller = ground.define(CALLER, environment=[{"name": "TARGET", "value": _address(town, server)}])
    mine = ground.start(caller)
    other = ground.start(caller, networkConfiguration=town.network(town.group("stranger")))
    eventually(lambda: town.words(mine), lambda words: words == ["through"], 20)
    eventually(lambda: town.words(other), lambda words: words == ["TimeoutError"], 20)
