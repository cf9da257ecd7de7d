"""The operations on load balancers."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

from botocore.exceptions import ClientError

from twin.core.addresses import book
from twin.services.common.api import Json, Provider, RequestContext, client, only
from twin.services.elbv2 import access_logs, attributes, controller, errors, registry
from twin.services.elbv2.models import LOCK, LoadBalancer, Zone
from twin.services.elbv2.registry import operation

SMALLEST_SUBNET = 27
LONGEST_NAME = 32


class LoadBalancers(Provider):
    """Create, describe, change, delete balancers."""

    @operation("CreateLoadBalancer")
    def create_load_balancer(self, context: RequestContext, request: Json) -> Json:
        """Record the balancer; its nodes start beside. The same request again gives the same balancer."""
        _check(request)
        store, name = registry.store(context), request["Name"]
        with LOCK:
            standing = next((b for b in store.balancers.values() if b.name == name), None)
        subnets = _subnets(context, _subnet_ids(request))
        scheme, vpc_id = request.get("Scheme") or "internet-facing", subnets[0]["VpcId"]
        groups = _security_groups(context, vpc_id, request.get("SecurityGroups"))
        if standing is not None:
            same = (scheme, {zone.subnet_id for zone in standing.zones}, set(groups))
            if same == (standing.scheme, {subnet["SubnetId"] for subnet in subnets}, set(standing.security_groups)):
                return {"LoadBalancers": [described(standing)]}
            raise errors.duplicate_balancer(name)
        if scheme == "internet-facing":
            _need_internet_gateway(context, vpc_id)
        arn = registry.arn(context, f"loadbalancer/app/{name}/{registry.new_id()}")
        balancer = LoadBalancer(
            arn=arn,
            name=name,
            scheme=scheme,
            vpc_id=vpc_id,
            address=book().endpoint(arn),
            zones=_zones(arn, subnets),
            security_groups=tuple(groups),
            created_at=datetime.now(UTC),
            attributes=attributes.defaults(attributes.BALANCER),
            tags=registry.tags_from(request),
        )
        with LOCK:
            taken = any(other.name == name for other in store.balancers.values())
            full = len(store.balancers) >= registry.limit("application-load-balancers")
            if not (taken or full):
                store.balancers[arn] = balancer
        if taken or full:
            book().release(arn)
            book().free(arn)
        if taken:  # by somebody who was faster: what they made is looked at as if it had always been there
            again: Json = self.create_load_balancer(context, request)
            return again
        if full:
            raise errors.too_many_balancers()
        controller.wake()
        return {"LoadBalancers": [described(balancer)]}

    @operation("DescribeLoadBalancers")
    def describe_load_balancers(self, context: RequestContext, request: Json) -> Json:
        """All balancers, or those named."""
        arns, names = request.get("LoadBalancerArns") or [], request.get("Names") or []
        if arns and names:
            raise errors.validation("Load balancer names and ARNs cannot be specified at the same time")
        with LOCK:
            every = sorted(registry.store(context).balancers.values(), key=lambda b: b.created_at)
        missing = [a for a in arns if a not in {b.arn for b in every}]
        missing += [n for n in names if n not in {b.name for b in every}]
        if missing:
            raise errors.balancers_not_found(missing)
        found = [b for b in every if not (arns or names) or b.arn in arns or b.name in names]
        part, marker = registry.page(found, request, lambda b: b.arn)
        return {"LoadBalancers": [described(b) for b in part], **({"NextMarker": marker} if marker else {})}

    @operation("DeleteLoadBalancer")
    def delete_load_balancer(self, context: RequestContext, request: Json) -> Json:
        """Forget the balancer with its listeners and rules; one that is not there is no error, as on AWS."""
        store, arn = registry.store(context), request["LoadBalancerArn"]
        with LOCK:
            balancer = store.balancers.get(arn)
            if balancer is None:
                return {}
            if balancer.attributes["deletion_protection.enabled"] == "true":
                raise errors.not_permitted(
                    f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
                )
            gone = {listener.arn for listener in store.listeners.values() if listener.balancer_arn == arn}
            for rule in [rule for rule in store.rules.values() if rule.listener_arn in gone]:
                del store.rules[rule.arn]
            for listener in gone:
                del store.listeners[listener]
            del store.balancers[arn]
        controller.wake()
        return {}

    @operation("DescribeLoadBalancerAttributes")
    def describe_load_balancer_attributes(self, context: RequestContext, request: Json) -> Json:
        """All attributes, defaults filled in."""
        return {"Attributes": attributes.listed(registry.balancer(context, request).attributes)}

    @operation("ModifyLoadBalancerAttributes")
    def modify_load_balancer_attributes(self, context: RequestContext, request: Json) -> Json:
        """Change attributes; a bucket for logs must take a first object, as on AWS."""
        balancer = registry.balancer(context, request)
        wanted = attributes.changed(attributes.BALANCER, balancer.attributes, request["Attributes"])
        if wanted["access_logs.s3.enabled"] == "true":
            access_logs.prove_bucket(balancer.arn, wanted)
        with LOCK:
            standing = registry.balancer(context, request).attributes
            wanted = attributes.changed(attributes.BALANCER, standing, request["Attributes"])
            _put(context, request, attributes=wanted)
        controller.wake()
        return {"Attributes": attributes.listed(wanted)}

    @operation("SetSecurityGroups")
    def set_security_groups(self, context: RequestContext, request: Json) -> Json:
        """Replace the security groups."""
        only("elbv2", "SetSecurityGroups", request, ("LoadBalancerArn", "SecurityGroups"))
        balancer = registry.balancer(context, request)
        groups = _security_groups(context, balancer.vpc_id, request["SecurityGroups"])
        _put(context, request, security_groups=tuple(groups))
        controller.wake()
        return {"SecurityGroupIds": groups}

    @operation("SetIpAddressType")
    def set_ip_address_type(self, context: RequestContext, request: Json) -> Json:
        """Keep IPv4; the twin has no other addresses."""
        registry.balancer(context, request)
        if request["IpAddressType"] != "ipv4":
            raise errors.not_done(f"IpAddressType {request['IpAddressType']}")
        return {"IpAddressType": "ipv4"}

    @operation("DescribeCapacityReservation")
    def describe_capacity_reservation(self, context: RequestContext, request: Json) -> Json:
        """That none was made; making one is refused by name."""
        registry.balancer(context, request)
        return {"DecreaseRequestsRemaining": 2, "CapacityReservationState": []}

    @operation("SetSubnets")
    def set_subnets(self, context: RequestContext, request: Json) -> Json:
        """Replace the zones: nodes start in new ones and end in those left."""
        only("elbv2", "SetSubnets", request, ("LoadBalancerArn", "Subnets", "SubnetMappings", "IpAddressType"))
        balancer = registry.balancer(context, request)
        subnets = _subnets(context, _subnet_ids(request))
        if subnets[0]["VpcId"] != balancer.vpc_id:
            raise errors.invalid_subnet(f"The subnets are not in the VPC '{balancer.vpc_id}' of the load balancer")
        changed = _put(context, request, zones=_zones(balancer.arn, subnets))
        controller.wake()
        return {"AvailabilityZones": _zones_described(changed), "IpAddressType": "ipv4"}


def _put(context: RequestContext, request: Json, **changes: Any) -> LoadBalancer:
    with LOCK:
        changed = replace(registry.balancer(context, request), **changes)
        registry.store(context).balancers[changed.arn] = changed
    return changed


def described(balancer: LoadBalancer) -> Json:
    """The balancer as the API shows it. DNSName is an address: names like *.elb.amazonaws.com lead nowhere here."""
    state = controller.state(balancer.arn)
    return {
        "LoadBalancerArn": balancer.arn,
        "DNSName": balancer.address,
        "CanonicalHostedZoneId": registry.ZONE_IDS.get(balancer.arn.split(":")[3], "Z00000000000000000000"),
        "CreatedTime": balancer.created_at,
        "LoadBalancerName": balancer.name,
        "Scheme": balancer.scheme,
        "VpcId": balancer.vpc_id,
        "State": {"Code": state.code, **({"Reason": state.reason} if state.reason else {})},
        "Type": "application",
        "AvailabilityZones": _zones_described(balancer),
        "SecurityGroups": list(balancer.security_groups),
        "IpAddressType": "ipv4",
    }


def _zones_described(balancer: LoadBalancer) -> list[Json]:
    zones = sorted(balancer.zones, key=lambda zone: zone.name)
    return [{"ZoneName": zone.name, "SubnetId": zone.subnet_id, "LoadBalancerAddresses": []} for zone in zones]


def _check(request: Json) -> None:
    honoured = ("Name", "Subnets", "SubnetMappings", "SecurityGroups", "Scheme", "Tags", "Type", "IpAddressType")
    only("elbv2", "CreateLoadBalancer", request, honoured)
    name, kind = request["Name"], request.get("Type") or "application"
    if kind != "application":
        raise errors.not_done(f"load balancers of type {kind}")
    if (request.get("IpAddressType") or "ipv4") != "ipv4":
        raise errors.not_done(f"IpAddressType {request['IpAddressType']}")
    if len(name) > LONGEST_NAME:
        raise errors.validation(f"The load balancer name '{name}' cannot be longer than '{LONGEST_NAME}' characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        raise errors.validation(
            f"The load balancer name '{name}' can only contain alphanumeric characters and hyphens(-)"
        )
    if name.startswith("-") or name.endswith("-"):
        raise errors.validation(f"The load balancer name '{name}' cannot begin or end with a hyphen(-)")
    if name.startswith("internal-"):
        raise errors.validation(f"The load balancer name '{name}' cannot begin with 'internal-'")
    if (request.get("Scheme") or "internet-facing") not in ("internet-facing", "internal"):
        raise errors.validation(f"The scheme '{request['Scheme']}' is not valid")


def _subnet_ids(request: Json) -> list[str]:
    given, mappings = request.get("Subnets") or [], request.get("SubnetMappings") or []
    if given and mappings:
        raise errors.validation("You must specify either subnets or subnet mappings, not both")
    for mapping in mappings:
        only("elbv2", "SubnetMapping", mapping, ("SubnetId",))
    found = [str(subnet) for subnet in given] or [mapping["SubnetId"] for mapping in mappings]
    if not found:
        raise errors.validation("You must specify subnets")
    return found


def _subnets(context: RequestContext, ids: list[str]) -> list[Json]:
    found: list[Json] = []
    for subnet_id in dict.fromkeys(ids):
        try:
            found += client("ec2", context.region).describe_subnets(SubnetIds=[subnet_id])["Subnets"]
        except ClientError as error:
            raise errors.subnet_not_found(subnet_id) from error
    zones = [subnet["AvailabilityZone"] for subnet in found]
    if len({subnet["VpcId"] for subnet in found}) > 1:
        raise errors.invalid_subnet("All subnets must belong to the same VPC")
    for zone in zones:
        if zones.count(zone) > 1:
            text = f"A load balancer cannot have several subnets in the same Availability Zone '{zone}'"
            raise errors.invalid_configuration(text)
    if len(zones) < 2:  # noqa: PLR2004 - AWS's least number of zones
        raise errors.validation("At least two subnets in two different Availability Zones must be specified")
    for subnet in found:
        if IPv4Network(subnet["CidrBlock"]).prefixlen > SMALLEST_SUBNET:
            text = f"The CIDR block of subnet '{subnet['SubnetId']}' must be at least a /{SMALLEST_SUBNET}"
            raise errors.invalid_subnet(text)
    return found


def _zones(arn: str, subnets: list[Json]) -> tuple[Zone, ...]:
    return tuple(
        Zone(
            subnet["AvailabilityZone"],
            subnet["SubnetId"],
            book().eni(subnet["SubnetId"], subnet["CidrBlock"], arn),
        )
        for subnet in sorted(subnets, key=lambda subnet: str(subnet["AvailabilityZone"]))
    )


def _security_groups(context: RequestContext, vpc_id: str, wanted: list[str] | None) -> list[str]:
    """The groups, the VPC's default one when none is named."""
    of_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]
    found = client("ec2", context.region).describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    if not wanted:
        return [group["GroupId"] for group in found if group["GroupName"] == "default"]
    known = {group["GroupId"] for group in found}
    for group in wanted:
        if group not in known:
            raise errors.invalid_security_group(f"The security group '{group}' does not exist in the VPC '{vpc_id}'")
    return list(wanted)


def _need_internet_gateway(context: RequestContext, vpc_id: str) -> None:
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    if not client("ec2", context.region).describe_internet_gateways(Filters=attached)["InternetGateways"]:
        raise errors.invalid_subnet(f"VPC {vpc_id} has no internet gateway")
