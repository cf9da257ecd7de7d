"""A twin of its own for the module, with a network of two zones, and what tests do with caches in it."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from twin.core.world import World, world
from twin.gateway import status
from twin.keeper_control import start, stop

TOKEN = "a-token-of-the-test-0001"


@dataclass
class Caches:
    """A running twin and its network. subnet_group: over two zones."""

    here: World
    subnet_group: str
    subnets: list[str]

    def client(self, service: str = "elasticache") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.here.gateway_url,
            region_name=self.here.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def build_network(self) -> None:
        """A VPC with a subnet in each of two zones, and the subnet group of them."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.61.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.61.{number}.0/24", AvailabilityZone=f"{self.here.region}{zone}"
            )["Subnet"]["SubnetId"]
            for number, zone in enumerate(("a", "c"), 1)
        ]
        self.client().create_cache_subnet_group(
            CacheSubnetGroupName=self.subnet_group, CacheSubnetGroupDescription="two zones", SubnetIds=self.subnets
        )

    def create(self, name: str, nodes: int = 2, **more: Any) -> dict[str, Any]:
        """Create a group and wait until it is available; None takes an argument away."""
        wanted = {
            "ReplicationGroupId": name,
            "ReplicationGroupDescription": "of a test",
            "Engine": "valkey",
            "CacheNodeType": "cache.t4g.micro",
            "NumCacheClusters": nodes,
            "AutomaticFailoverEnabled": nodes > 1,
            "MultiAZEnabled": nodes > 1,
            "CacheSubnetGroupName": self.subnet_group,
            "TransitEncryptionEnabled": True,
            "AuthToken": TOKEN,
        } | more
        self.client().create_replication_group(**{key: one for key, one in wanted.items() if one is not None})
        return self.available(name)

    def describe(self, name: str) -> dict[str, Any]:
        return self.client().describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]

    def available(self, name: str, seconds: float = 30) -> dict[str, Any]:
        eventually(lambda: self.describe(name)["Status"], "available", seconds)
        return self.describe(name)

    def observed(self, name: str) -> dict[str, Any]:
        """The group in the twin's status."""
        return next((one for one in status(self.here)["caches"] if one["id"] == name), {})

    def connect(self, endpoint: dict[str, Any], password: str | None = TOKEN, *, tls: bool = True) -> redis.Redis:
        trust = {"ssl": True, "ssl_ca_certs": str(self.here.state / "certs" / "ca.pem")} if tls else {}
        return redis.Redis(
            endpoint["Address"],
            endpoint["Port"],
            password=password,
            decode_responses=True,
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),
            **trust,
        )

    def say(self, endpoint: dict[str, Any], *command: str, password: str | None = TOKEN) -> object:
        """Say one command over a connection of its own; an error is what comes back."""
        try:
            with self.connect(endpoint, password) as client:
                return client.execute_command(*command)
        except redis.RedisError as error:
            return type(error).__name__

    def delete(self, name: str) -> None:
        client = self.client()
        try:
            client.delete_replication_group(ReplicationGroupId=name)
        except client.exceptions.ReplicationGroupNotFoundFault:
            return
        eventually(lambda: self.observed(name), {}, 30)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN_STATE", str(tmp_path_factory.mktemp("twin") / "state"))
        patch.setenv("TWIN_ID", os.environ.get("TWIN_ID", "7"))
        world.cache_clear()
        here = world()
        start(here, timeout=60)
        yield here
        stop(here, timeout=30)
        world.cache_clear()


@pytest.fixture(scope="module")
def caches(twin: World) -> Iterator[Caches]:
    made = Caches(twin, "test-subnets", [])
    made.build_network()
    yield made
    for group in made.client().describe_replication_groups()["ReplicationGroups"]:
        made.delete(group["ReplicationGroupId"])


def eventually(see: Callable[[], object], wanted: object, seconds: float = 15) -> None:
    """Wait until `see` gives what is wanted; say at the deadline what it gave last."""
    deadline = time.monotonic() + seconds
    while (seen := see()) != wanted:
        assert time.monotonic() < deadline, f"wanted {wanted}, last saw {seen} after {seconds} s"
        time.sleep(0.05)


def living(data: Path) -> list[int]:
    """The pids of processes that work in the directory or below."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if Path(os.readlink(f"/proc/{entry.name}/cwd")).is_relative_to(data):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
