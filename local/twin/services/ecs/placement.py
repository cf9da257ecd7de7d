"""Where a task may go: the zones of the subnets that its network configuration names."""

from typing import Any

from botocore.exceptions import ClientError

from twin.services.common.api import client
from twin.services.ecs.errors import invalid

type Json = dict[str, Any]


def subnets_by_zone(network: Json, region: str) -> dict[str, list[str]]:
    """The subnets of an awsvpc configuration by zone; raises InvalidParameterException for one that is not there."""
    named = (network.get("awsvpcConfiguration") or {}).get("subnets") or []
    if not named:
        raise invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    try:
        found = client("ec2", region).describe_subnets(SubnetIds=named)["Subnets"]
    except ClientError as error:
        raise invalid(
            f"Error retrieving subnet information for {named}: {error.response['Error']['Message']}"
        ) from error
    zones: dict[str, list[str]] = {}
    for subnet in sorted(found, key=lambda subnet: subnet["SubnetId"]):
        zones.setdefault(subnet["AvailabilityZone"], []).append(subnet["SubnetId"])
    return dict(sorted(zones.items()))
