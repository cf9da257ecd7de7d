"""Security groups and routes of the deployed stage hold: without one of them, what depends on it fails and says why.

Each test takes one rule or route away and gives it back. Against AWS the reasons are AWS's alone; where the twin also
names what is missing, that is asked of the twin only.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.stage import Stage, bin_twin

THROUGH, LOST = 0, 7
# What a task does instead of serving: a raw connection, by an address or a name and a port.
PROBE = f"""
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=4).close()
except TimeoutError:
    sys.exit({LOST})
"""
STOPPING_SECONDS = 240

type Json = dict[str, Any]


@dataclass(frozen=True)
class Net:
    """The stage's network as its API shows it. groups: by the first words of their descriptions."""

    stage: Stage
    cluster: str
    service: Json
    groups: dict[str, Json]

    @property
    def ec2(self) -> Any:
        """EC2's client."""
        return self.stage.client("ec2")

    @property
    def twin(self) -> bool:
        """Whether it is the twin's."""
        return self.stage.authority is not None

    def network(self, *groups: str) -> Json:
        """The service's network, with other groups where some are named."""
        placed: Json = self.service["networkConfiguration"]["awsvpcConfiguration"]
        return {"awsvpcConfiguration": {**placed, "securityGroups": list(groups) or placed["securityGroups"]}}

    def run(self, *probe: str, groups: tuple[str, ...] = ()) -> Json:
        """Run a task of the app's definition that probes, to its end."""
        ecs = self.stage.client("ecs")
        override = {"name": "app", "command": ["python", "-c", PROBE, *probe]}
        arn = ecs.run_task(
            cluster=self.cluster,
            taskDefinition=self.service["taskDefinition"],
            launchType="FARGATE",
            networkConfiguration=self.network(*groups),
            overrides={"containerOverrides": [override]},
        )["tasks"][0]["taskArn"]
        deadline = time.monotonic() + STOPPING_SECONDS
        while (task := ecs.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"][0])["lastStatus"] != "STOPPED":
            assert time.monotonic() < deadline, f"the task is still {task['lastStatus']}"
            time.sleep(0.3)
        return dict(task)

    def ends(self, *probe: str, groups: tuple[str, ...] = ()) -> int:
        """How such a task ends."""
        task = self.run(*probe, groups=groups)
        code = task["containers"][0].get("exitCode")
        assert code is not None, task.get("stoppedReason")
        return int(code)


@pytest.fixture(scope="module")
def net(stage: Stage) -> Net:
    cluster = stage.outputs("release")["ClusterName"]
    name = stage.outputs("service")["ServiceName"]
    service = stage.client("ecs").describe_services(cluster=cluster, services=[name])["services"][0]
    of_vpc = [{"Name": "vpc-id", "Values": [stage.outputs("network")["VpcId"]]}]
    groups = stage.client("ec2").describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    return Net(stage, cluster, service, {one["Description"].split(":")[0]: one for one in groups})


@pytest.fixture(scope="module")
def database(stage: Stage) -> tuple[str, str]:
    """The database's endpoint."""
    endpoint = stage.outputs("data")["DatabaseEndpoint"]
    found = stage.client("rds").describe_db_instances()["DBInstances"]
    mine = next(one["Endpoint"] for one in found if one["Endpoint"]["Address"] == endpoint)
    return mine["Address"], str(mine["Port"])


@pytest.fixture
def stranger(net: Net) -> Iterator[str]:
    """A group of the stage's VPC that lets everything out, and that no rule knows."""
    vpc = net.groups["Database"]["VpcId"]
    made = net.ec2.create_security_group(GroupName="stranger", Description="stranger", VpcId=vpc)["GroupId"]
    yield made
    net.ec2.delete_security_group(GroupId=made)


@contextmanager
def without(net: Net, group: str, direction: str, fits: Callable[[Json], bool]) -> Iterator[None]:
    """Take the fitting rules of a group away for a while."""
    names = {"ingress": "IpPermissions", "egress": "IpPermissionsEgress"}
    mine = net.groups[group]
    rules = [{k: v for k, v in rule.items() if v != []} for rule in mine[names[direction]] if fits(rule)]
    assert rules, f"{group} has no such rule: {mine[names[direction]]}"
    call = {verb: getattr(net.ec2, f"{verb}_security_group_{direction}") for verb in ("revoke", "authorize")}
    call["revoke"](GroupId=mine["GroupId"], IpPermissions=rules)
    try:
        time.sleep(1)
        yield
    finally:
        call["authorize"](GroupId=mine["GroupId"], IpPermissions=rules)
        time.sleep(1)


def explained(source: str, target: str) -> str:
    """The twin's own word on the way."""
    said: subprocess.CompletedProcess[str] = bin_twin("explain", source, target)
    assert said.returncode == (1 if "missing:" in said.stdout else 0), said.stdout + said.stderr
    return said.stdout


def _port(number: int) -> Callable[[Json], bool]:
    return lambda rule: bool(rule.get("FromPort") == number)


def test_a_task_of_another_group_never_gets_to_the_database(net: Net, database: tuple[str, str], stranger: str) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.RDSSecurityGroups.html"""
    assert net.ends(*database) == THROUGH
    assert net.ends(*database, groups=(stranger,)) == LOST
    if net.twin:
        nodes = bin_twin("status", "--json").stdout
        node = next(one for one in _nodes(nodes) if one["role"] == "primary")
        assert net.ends(node["address"], str(node["port"])) == THROUGH
        assert net.ends(node["address"], str(node["port"]), groups=(stranger,)) == LOST


def test_without_its_ingress_rule_the_database_is_out_of_reach(net: Net, database: tuple[str, str]) -> None:
    with without(net, "Database", "ingress", _port(5432)):
        assert net.ends(*database) == LOST
        if net.twin:
            said = explained(net.service["serviceName"], _database(net))
            assert "missing: security group" in said
            assert "has no ingress rule for tcp 5432 from" in said
    assert net.ends(*database) == THROUGH


def test_without_its_egress_rule_a_task_does_not_get_to_the_cache(net: Net, stage: Stage) -> None:
    cache = (stage.outputs("data")["CacheEndpoint"], "6379")
    with without(net, "Tasks of the app", "egress", _port(6379)):
        assert net.ends(*cache) == LOST
    assert net.ends(*cache) == THROUGH


def test_without_its_ingress_rule_the_balancer_does_not_answer(net: Net, stage: Stage) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
    (clients cannot connect)"""
    with without(net, "Load balancer", "ingress", _port(443)):
        with pytest.raises(httpx.ConnectTimeout), stage.visitor() as anybody:
            anybody.get("/log-in", timeout=3)
        if net.twin:
            assert "has no ingress rule for tcp 443 from the client (127.0.0.1)" in explained("client", _balancer(net))
    with stage.visitor() as anybody:
        assert anybody.get("/log-in").status_code == 200


def test_without_egress_a_task_does_not_start_and_says_why(net: Net, database: tuple[str, str]) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html"""
    with without(net, "Tasks of the app", "egress", _port(443)):
        task = net.run(*database)
        assert task["stopCode"] == "TaskFailedToStart"
        assert task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets or registry auth")
        if net.twin:
            assert "has no egress rule for tcp 443" in task["stoppedReason"]


def test_without_a_route_out_a_task_does_not_start_and_names_the_route(net: Net, database: tuple[str, str]) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html"""
    subnets = net.service["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    of_subnets = [{"Name": "association.subnet-id", "Values": subnets}]
    tables = net.ec2.describe_route_tables(Filters=of_subnets)["RouteTables"]
    ways = {
        table["RouteTableId"]: route["NatGatewayId"]
        for table in tables
        for route in table["Routes"]
        if route.get("NatGatewayId")
    }
    assert ways
    for table in ways:
        net.ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    try:
        task = net.run(*database)
        assert task["stopCode"] == "TaskFailedToStart"
        assert task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets or registry auth")
        if net.twin:
            assert "has no route to the internet (0.0.0.0/0)" in task["stoppedReason"]
            said = explained(net.service["serviceName"], "secretsmanager")
            assert any(f"missing: {table} of" in said for table in ways)
            assert "has no endpoint for com.amazonaws.ap-northeast-2.secretsmanager" in said
            assert "by vpce-" in explained(net.service["serviceName"], "s3"), "S3 has a way of its own"
    finally:
        for table, nat in ways.items():
            net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    assert net.ends(*database) == THROUGH


def test_without_their_ingress_rule_targets_time_out(net: Net, stage: Stage) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html

    The last of all: the service replaces its tasks meanwhile.
    """
    elb, ecs = stage.client("elbv2"), stage.client("ecs")
    group = elb.describe_target_groups(LoadBalancerArn=stage.outputs("service")["LoadBalancerArn"])["TargetGroups"][0]

    def health() -> list[Json]:
        seen = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        return [one["TargetHealth"] for one in seen]

    def eventually(good: Callable[[list[Json]], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not good(seen := health()):
            assert time.monotonic() < deadline, f"after {seconds} s still {seen}"
            time.sleep(0.5)

    with without(net, "Tasks of the app", "ingress", _port(8080)):
        eventually(lambda seen: any(one.get("Reason") == "Target.Timeout" for one in seen), 60)
    eventually(lambda seen: [one["State"] for one in seen if one["State"] != "draining"] == ["healthy"] * 2, 240)
    ecs.get_waiter("services_stable").wait(cluster=net.cluster, services=[net.service["serviceName"]])


def _nodes(status: str) -> list[Json]:
    found: list[Json] = json.loads(status)["databases"][0]["nodes"]
    return found


def _database(net: Net) -> str:
    endpoint = net.stage.outputs("data")["DatabaseEndpoint"]
    found = net.stage.client("rds").describe_db_instances()["DBInstances"]
    return str(next(one["DBInstanceIdentifier"] for one in found if one["Endpoint"]["Address"] == endpoint))


def _balancer(net: Net) -> str:
    arn = net.stage.outputs("service")["LoadBalancerArn"]
    return str(arn.split("/")[-2])
