"""A network of two zones, a cluster, and an image that a test writes."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.twin.support import Twin, eventually

ZONES = ("ap-northeast-2a", "ap-northeast-2c")
GROUP = "/test/tasks"

type Json = dict[str, Any]


@dataclass
class Ground:
    """Where tasks run. image: builds an image with this program as /app/main.py and returns its URI by digest."""

    twin: Twin
    cluster: str
    vpc: str
    subnets: list[str]
    roles: dict[str, str]
    image: Callable[[str], str]
    services: list[str] = field(default_factory=list)

    @property
    def ecs(self) -> Any:
        """ECS's client."""
        return self.twin.client("ecs")

    @property
    def network(self) -> Json:
        """Both zones, with a way out."""
        return {"awsvpcConfiguration": {"subnets": self.subnets, "securityGroups": [], "assignPublicIp": "ENABLED"}}

    def define(self, program: str, **container: Any) -> str:
        """Register a task definition that runs the program; the rest is the container's."""
        made = self.ecs.register_task_definition(
            family=f"test-{uuid.uuid4().hex[:8]}",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=self.roles["execution"],
            taskRoleArn=self.roles["task"],
            containerDefinitions=[
                {
                    "name": "main",
                    "image": self.image(program),
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {
                            "awslogs-group": GROUP,
                            "awslogs-region": self.twin.world.region,
                            "awslogs-stream-prefix": "test",
                        },
                    },
                    **container,
                }
            ],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def serve(self, definition: str, count: int = 2, **more: Any) -> str:
        """Create a service and return its name; it is removed after the test."""
        name = f"service-{uuid.uuid4().hex[:8]}"
        self.ecs.create_service(
            cluster=self.cluster,
            serviceName=name,
            taskDefinition=definition,
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration=self.network,
            **more,
        )
        self.services.append(name)
        return name

    def run(self, definition: str, **more: Any) -> Json:
        """Run a task to its end and return it as it was described last."""
        return self.stopped(self.start(definition, **more))

    def start(self, definition: str, **more: Any) -> str:
        """Run a task and return its ARN."""
        wanted = {"launchType": "FARGATE", "networkConfiguration": self.network, **more}
        made = self.ecs.run_task(cluster=self.cluster, taskDefinition=definition, **wanted)
        return str(made["tasks"][0]["taskArn"])

    def stopped(self, arn: str) -> Json:
        """The task once it has stopped."""
        return eventually(lambda: self.task(arn), lambda task: task["lastStatus"] == "STOPPED", 30)

    def task(self, arn: str) -> Json:
        """One task."""
        found: Json = self.ecs.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"][0]
        return found

    def service(self, name: str) -> Json:
        """One service."""
        found: Json = self.ecs.describe_services(cluster=self.cluster, services=[name])["services"][0]
        return found

    def tasks(self, service: str) -> list[Json]:
        """The tasks of a service that are wanted."""
        arns = self.ecs.list_tasks(cluster=self.cluster, serviceName=service)["taskArns"]
        return self.ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"] if arns else []

    def steady(self, name: str, seconds: float = 40) -> Json:
        """The service once its one deployment has completed."""
        return eventually(
            lambda: self.service(name),
            lambda seen: [one["rolloutState"] for one in seen["deployments"]] == ["COMPLETED"],
            seconds,
        )

    def seen(self, name: str) -> Json:
        """The service as the twin's status shows it."""
        found: Json = next(one for one in self.twin.status()["services"] if one["name"] == name)
        return found

    def log(self, arn: str) -> list[str]:
        """What the task has printed, as CloudWatch Logs has it."""
        stream = f"test/main/{arn.rsplit('/', 1)[1]}"
        events = self.twin.client("logs").get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)
        return [event["message"] for event in events["events"]]


@pytest.fixture(scope="session")
def estate(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Network, cluster, repository, roles and log group, made once."""
    ec2, iam = twin.client("ec2"), twin.client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.44.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.44.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(ZONES)
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    main = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"][0]["RouteTableId"]
    ec2.create_route(RouteTableId=main, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    )
    roles = {
        name: iam.create_role(RoleName=f"test-{name}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for name in ("execution", "task")
    }
    iam.attach_role_policy(
        RoleName="test-execution", PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    )
    reads = {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "ssm:GetParameters"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [reads]})
    iam.put_role_policy(RoleName="test-execution", PolicyName="secrets", PolicyDocument=document)
    twin.client("logs").create_log_group(logGroupName=GROUP)
    uri = twin.client("ecr").create_repository(repositoryName="test")["repository"]["repositoryUri"]
    cluster = twin.client("ecs").create_cluster(clusterName="test")["cluster"]["clusterName"]
    contexts = tmp_path_factory.mktemp("images")
    return Ground(twin, cluster, vpc, subnets, roles, lambda program: _image(twin, contexts, uri, program))


@pytest.fixture
def ground(estate: Ground) -> Iterator[Ground]:
    """The estate; services that the test made are gone afterwards."""
    yield estate
    for name in estate.services:
        estate.ecs.delete_service(cluster=estate.cluster, service=name, force=True)
    for name in estate.services:
        eventually(lambda name=name: estate.service(name)["status"], lambda status: status == "INACTIVE", 30)
    estate.services.clear()


def _image(twin: Twin, contexts: Path, uri: str, program: str) -> str:
    context = contexts / uuid.uuid4().hex
    context.mkdir()
    (context / "main.py").write_text(program)
    (context / "Dockerfile").write_text('FROM scratch\nWORKDIR /app\nCOPY main.py .\nCMD ["python3", "main.py"]\n')
    tag = f"{uri}:{context.name}"
    for command in (["build", "-t", tag, str(context)], ["push", tag]):
        subprocess.run(
            [sys.executable, "-m", "twin.docker", *command],
            env={"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
            | twin.environment,
            capture_output=True,
            text=True,
            check=True,
        )
    found = twin.client("ecr").describe_images(repositoryName="test", imageIds=[{"imageTag": context.name}])
    return f"{uri}@{found['imageDetails'][0]['imageDigest']}"
