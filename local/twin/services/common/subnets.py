"""Subnets as a service that places nodes keeps them, from EC2."""

from collections.abc import Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from twin.services.common.api import client, fault


@dataclass(frozen=True)
class Subnet:
    """A subnet as it was when it was named."""

    id: str
    zone: str
    cidr: str


def subnets_of(region: str, ids: Sequence[str]) -> tuple[str, tuple[Subnet, ...]]:
    """The VPC and the subnets with these ids, by zone; InvalidSubnet when they are not there or not of one VPC."""
    try:
        found = client("ec2", region).describe_subnets(SubnetIds=list(dict.fromkeys(ids)))["Subnets"]
    except ClientError as error:
        raise fault("InvalidSubnet", error.response["Error"]["Message"]) from error
    vpcs = {one["VpcId"] for one in found}
    if len(vpcs) != 1:
        raise fault("InvalidSubnet", f"The requested subnets {list(ids)} are not all in a common VPC.")
    subnets = [Subnet(one["SubnetId"], one["AvailabilityZone"], one["CidrBlock"]) for one in found]
    return vpcs.pop(), tuple(sorted(subnets, key=lambda one: (one.zone, one.id)))
