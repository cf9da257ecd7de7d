"""The operations on DB subnet groups.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html
"""

import re

from twin.services.common.api import ACCOUNT, Json, Provider, RequestContext, client, fault, only, operation, tags_from
from twin.services.common.paging import page
from twin.services.common.subnets import Subnet, subnets_of
from twin.services.rds import errors
from twin.services.rds.filters import filters
from twin.services.rds.models import LOCK, SubnetGroup, store

FEWEST_ZONES = 2
DEFAULT = "default"
_NAME = re.compile(r"[a-z0-9 ._-]{1,255}")


class SubnetGroups(Provider):
    """Create, describe, change, delete."""

    @operation("CreateDBSubnetGroup")
    def create_subnet_group(self, context: RequestContext, request: Json) -> Json:
        """Keep a group of subnets in at least two zones."""
        honoured = ("DBSubnetGroupName", "DBSubnetGroupDescription", "SubnetIds", "Tags")
        only("rds", "CreateDBSubnetGroup", request, honoured)
        name = request["DBSubnetGroupName"].lower()
        if not _NAME.fullmatch(name) or name == DEFAULT:
            raise errors.value(f"The parameter DBSubnetGroupName is not a valid identifier: {name}")
        groups = store(context.region).subnet_groups
        vpc, subnets = _covering(context.region, request["SubnetIds"] or [])
        with LOCK:
            if name in groups:
                raise errors.subnet_group_exists(name)
            description = request["DBSubnetGroupDescription"]
            group = SubnetGroup(name, _arn(context.region, name), description, vpc, subnets, tags_from(request))
            groups[name] = group
        return {"DBSubnetGroup": described(group)}

    @operation("DescribeDBSubnetGroups")
    def describe_subnet_groups(self, context: RequestContext, request: Json) -> Json:
        """All groups, or the one named."""
        filters(request, ())
        with LOCK:
            groups = sorted(store(context.region).subnet_groups.values(), key=lambda one: one.name)
        if name := request.get("DBSubnetGroupName"):
            groups = [find(context.region, name)]
        return page("DBSubnetGroups", [described(one) for one in groups], request)

    @operation("ModifyDBSubnetGroup")
    def modify_subnet_group(self, context: RequestContext, request: Json) -> Json:
        """Replace subnets and description; subnets in which an instance lives must stay."""
        only("rds", "ModifyDBSubnetGroup", request, ("DBSubnetGroupName", "DBSubnetGroupDescription", "SubnetIds"))
        group = find(context.region, request["DBSubnetGroupName"])
        vpc, subnets = _covering(context.region, request["SubnetIds"] or [])
        if vpc != group.vpc_id:
            raise errors.invalid_subnet("The new Subnets are not in the same Vpc as the existing subnet group")
        with LOCK:
            gone = {one.id for one in group.subnets} - {one.id for one in subnets}
            if gone and users(context.region, group.name):
                text = f"The subnet(s) {', '.join(sorted(gone))} are currently in use by the DB instances of the group."
                raise fault("SubnetAlreadyInUse", text)
            group.subnets = subnets
            group.description = request.get("DBSubnetGroupDescription") or group.description
        return {"DBSubnetGroup": described(group)}

    @operation("DeleteDBSubnetGroup")
    def delete_subnet_group(self, context: RequestContext, request: Json) -> Json:
        """Forget a group in which nobody lives."""
        group = find(context.region, request["DBSubnetGroupName"])
        with LOCK:
            if found := users(context.region, group.name):
                raise errors.subnet_group_in_use(group.name, found[0])
            del store(context.region).subnet_groups[group.name]
        return {}


def find(region: str, name: str) -> SubnetGroup:
    """The group, else DBSubnetGroupNotFoundFault."""
    found = store(region).subnet_groups.get(name.lower())
    if found is None:
        raise errors.no_subnet_group(name)
    return found


def default(region: str) -> SubnetGroup:
    """The group that AWS makes of the default VPC's subnets for an instance that names none."""
    groups = store(region).subnet_groups
    with LOCK:
        if DEFAULT not in groups:
            listed = client("ec2", region).describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
            ids = [one["SubnetId"] for one in listed["Subnets"]]
            if not ids:
                raise fault("InvalidVPCNetworkStateFault", "No default subnet detected in VPC.")
            vpc, subnets = _covering(region, ids)
            groups[DEFAULT] = SubnetGroup(DEFAULT, _arn(region, DEFAULT), DEFAULT, vpc, subnets)
        return groups[DEFAULT]


def users(region: str, name: str) -> list[str]:
    """The instances that live in the group."""
    return sorted(one.identifier for one in store(region).instances.values() if one.subnet_group == name)


def described(group: SubnetGroup) -> Json:
    """The group as the API shows it."""
    subnets = [
        {
            "SubnetIdentifier": one.id,
            "SubnetAvailabilityZone": {"Name": one.zone},
            "SubnetOutpost": {},
            "SubnetStatus": "Active",
        }
        for one in group.subnets
    ]
    return {
        "DBSubnetGroupName": group.name,
        "DBSubnetGroupDescription": group.description,
        "VpcId": group.vpc_id,
        "SubnetGroupStatus": "Complete",
        "Subnets": subnets,
        "DBSubnetGroupArn": group.arn,
        "SupportedNetworkTypes": ["IPV4"],
    }


def _covering(region: str, ids: list[str]) -> tuple[str, tuple[Subnet, ...]]:
    """The VPC and the subnets with these ids, which must be in at least two zones."""
    vpc, subnets = subnets_of(region, ids)
    zones = sorted({one.zone for one in subnets})
    if len(zones) < FEWEST_ZONES:
        raise errors.too_few_zones(zones)
    return vpc, subnets


def _arn(region: str, name: str) -> str:
    return f"arn:aws:rds:{region}:{ACCOUNT}:subgrp:{name}"
