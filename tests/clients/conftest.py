"""A twin that clients manage which nobody here wrote."""

import os
from collections.abc import Iterator

import pytest

from tests.host import Host, a_host


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """The twin, started without any stack."""
    if os.environ.get("TARGET", "twin") != "twin":
        pytest.skip("what is made here would cost money on AWS")
    with a_host() as made:
        made.start()
        yield made


@pytest.fixture(scope="session")
def subnets(host: Host) -> Iterator[list[str]]:
    """A VPC that the internet reaches, with a subnet in each of two zones; made and removed by the AWS CLI."""
    vpc = host.aws("ec2", "create-vpc", "--cidr-block", "10.60.0.0/16")["Vpc"]["VpcId"]
    made = []
    for number, zone in enumerate(("ap-northeast-2a", "ap-northeast-2c")):
        place = ("--cidr-block", f"10.60.{number}.0/24", "--availability-zone", zone)
        made.append(host.aws("ec2", "create-subnet", "--vpc-id", vpc, *place)["Subnet"]["SubnetId"])
    gateway = host.aws("ec2", "create-internet-gateway")["InternetGateway"]["InternetGatewayId"]
    host.aws("ec2", "attach-internet-gateway", "--internet-gateway-id", gateway, "--vpc-id", vpc)
    yield made
    host.aws("ec2", "detach-internet-gateway", "--internet-gateway-id", gateway, "--vpc-id", vpc)
    host.aws("ec2", "delete-internet-gateway", "--internet-gateway-id", gateway)
    for subnet in made:
        host.aws("ec2", "delete-subnet", "--subnet-id", subnet)
    host.aws("ec2", "delete-vpc", "--vpc-id", vpc)
