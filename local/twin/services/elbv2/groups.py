"""The operations on target groups."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from twin.services.common.api import Json, Provider, RequestContext, client, only
from twin.services.elbv2 import attributes, controller, errors, registry
from twin.services.elbv2.models import LOCK, TRAFFIC_PORT, HealthCheck, TargetGroup, snapshot
from twin.services.elbv2.registry import operation

LONGEST_NAME = 32
HIGHEST_PORT = 65_535
_DONE = {
    "Protocol": ("HTTP", "HTTPS"),
    "ProtocolVersion": ("HTTP1", "HTTP2", "GRPC"),
    "TargetType": ("ip",),
    "IpAddressType": ("ipv4",),
}
_DEFAULT_CHECKS = {"GRPC": HealthCheck(path="/AWS.ALB/healthcheck", matcher="12")}
_CHECK_FIELDS = (
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckEnabled",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
)


class TargetGroups(Provider):
    """Create, describe, change, delete target groups of addresses that speak HTTP."""

    @operation("CreateTargetGroup")
    def create_target_group(self, context: RequestContext, request: Json) -> Json:
        """Record the group. The same request again gives the same group."""
        _check(context, request)
        store, name, version = registry.store(context), request["Name"], request.get("ProtocolVersion") or "HTTP1"
        wanted = TargetGroup(
            arn=registry.arn(context, f"targetgroup/{name}/{registry.new_id()}"),
            name=name,
            port=int(request["Port"]),
            vpc_id=request["VpcId"],
            check=_health_check(request, _DEFAULT_CHECKS.get(version, HealthCheck()), version),
            attributes=attributes.defaults(attributes.GROUP),
            tags=registry.tags_from(request),
            protocol=request["Protocol"],
            version=version,
        )
        with LOCK:
            standing = next((group for group in store.groups.values() if group.name == name), None)
            if standing is None:
                if len(store.groups) >= registry.LIMITS["target-groups"]:
                    raise errors.too_many_groups()
                store.groups[wanted.arn] = wanted
            elif _settings(standing) != _settings(wanted):
                raise errors.duplicate_group(name)
        return {"TargetGroups": [_described(standing or wanted)]}

    @operation("DescribeTargetGroups")
    def describe_target_groups(self, context: RequestContext, request: Json) -> Json:
        """All groups, or those named, or those of a balancer."""
        arns, names = request.get("TargetGroupArns") or [], request.get("Names") or []
        with LOCK:
            every = sorted(registry.store(context).groups.values(), key=lambda group: group.name)
        known = {group.arn for group in every} | {group.name for group in every}
        if not known.issuperset([*arns, *names]):
            raise errors.groups_not_found()
        found = [group for group in every if not (arns or names) or group.arn in arns or group.name in names]
        if request.get("LoadBalancerArn"):
            balancer, seen = registry.balancer(context, request), snapshot()
            found = [group for group in found if balancer.arn in seen.balancers_of(group.arn)]
        part, marker = registry.page(found, request, lambda group: group.arn)
        return {"TargetGroups": [_described(group) for group in part], **({"NextMarker": marker} if marker else {})}

    @operation("ModifyTargetGroup")
    def modify_target_group(self, context: RequestContext, request: Json) -> Json:
        """Change how targets are checked."""
        only("elbv2", "ModifyTargetGroup", request, ("TargetGroupArn", *_CHECK_FIELDS))
        group = registry.group(context, request["TargetGroupArn"])
        with LOCK:
            standing = registry.group(context, group.arn)
            changed = _put(context, group.arn, check=_health_check(request, standing.check, standing.version))
        controller.wake()
        return {"TargetGroups": [_described(changed)]}

    @operation("DeleteTargetGroup")
    def delete_target_group(self, context: RequestContext, request: Json) -> Json:
        """Forget the group; one that is not there is no error, as on AWS."""
        arn = request["TargetGroupArn"]
        with LOCK:
            if snapshot().balancers_of(arn):
                raise errors.group_in_use(arn)
            registry.store(context).groups.pop(arn, None)
        controller.wake()
        return {}

    @operation("DescribeTargetGroupAttributes")
    def describe_target_group_attributes(self, context: RequestContext, request: Json) -> Json:
        """All attributes, defaults filled in."""
        return {"Attributes": attributes.listed(registry.group(context, request["TargetGroupArn"]).attributes)}

    @operation("ModifyTargetGroupAttributes")
    def modify_target_group_attributes(self, context: RequestContext, request: Json) -> Json:
        """Change attributes."""
        with LOCK:
            group = registry.group(context, request["TargetGroupArn"])
            wanted = attributes.changed(attributes.GROUP, group.attributes, request["Attributes"])
            _check_attributes(wanted)
            _put(context, group.arn, attributes=wanted)
        controller.wake()
        return {"Attributes": attributes.listed(wanted)}


def _put(context: RequestContext, arn: str, **changes: Any) -> TargetGroup:
    with LOCK:
        changed = replace(registry.group(context, arn), **changes)
        registry.store(context).groups[arn] = changed
    return changed


def _settings(group: TargetGroup) -> tuple[object, ...]:
    """What the same request again must name alike."""
    return group.port, group.vpc_id, group.check, group.protocol, group.version


def _check_attributes(wanted: Mapping[str, str]) -> None:
    slow = wanted["slow_start.duration_seconds"] != "0"
    if slow and wanted["load_balancing.algorithm.type"] != "round_robin":
        raise errors.validation("Slow start is only supported with the round_robin load balancing algorithm")
    by_application = wanted["stickiness.enabled"] == "true" and wanted["stickiness.type"] == "app_cookie"
    if by_application and not wanted["stickiness.app_cookie.cookie_name"]:
        raise errors.validation("You must specify stickiness.app_cookie.cookie_name for stickiness of type app_cookie")


def _described(group: TargetGroup) -> Json:
    check = group.check
    return {
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.name,
        "Protocol": group.protocol,
        "ProtocolVersion": group.version,
        "Port": group.port,
        "VpcId": group.vpc_id,
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": check.port,
        "HealthCheckEnabled": check.enabled,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
        "HealthCheckPath": check.path,
        "Matcher": {"GrpcCode" if group.version == "GRPC" else "HttpCode": check.matcher},
        "LoadBalancerArns": snapshot().balancers_of(group.arn),
        "TargetType": "ip",
        "IpAddressType": "ipv4",
    }


def _check(context: RequestContext, request: Json) -> None:
    honoured = ("Name", "Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType", "Tags")
    only("elbv2", "CreateTargetGroup", request, (*honoured, *_CHECK_FIELDS))
    given = {"TargetType": "instance", **{key: value for key, value in request.items() if value}}
    for key, values in _DONE.items():
        if given.get(key, values[0]) not in values:
            raise errors.not_done(f"target groups with {key} {given[key]}")
    _check_name(request["Name"])
    for key in ("Protocol", "Port", "VpcId"):
        if not request.get(key):
            raise errors.validation(f"A {key.removesuffix('Id').lower()} must be specified")
    if not 1 <= int(request["Port"]) <= HIGHEST_PORT:
        raise errors.validation(f"Port '{request['Port']}' must be between 1 and {HIGHEST_PORT}")
    try:
        client("ec2", context.region).describe_vpcs(VpcIds=[request["VpcId"]])
    except ClientError as error:
        raise errors.validation(f"The VPC ID '{request['VpcId']}' is not found") from error


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise errors.validation(f"Target group name '{name}' cannot be longer than '{LONGEST_NAME}' characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        text = f"Target group name '{name}' can only contain characters that are alphanumeric characters or hyphens(-)"
        raise errors.validation(text)
    if name.startswith("-") or name.endswith("-"):
        raise errors.validation(f"Target group name '{name}' cannot begin or end with '-'")


def _health_check(request: Json, standing: HealthCheck, version: str) -> HealthCheck:
    """The check that the request asks for, what it does not name as it stands; within AWS's bounds."""
    protocol = request.get("HealthCheckProtocol") or standing.protocol
    if protocol not in ("HTTP", "HTTPS"):
        raise errors.validation(f"Health check protocol '{protocol}' must be one of 'HTTP, HTTPS'")
    numbers = {
        "interval": ("HealthCheckIntervalSeconds", 5, 300),
        "timeout": ("HealthCheckTimeoutSeconds", 2, 120),
        "healthy_threshold": ("HealthyThresholdCount", 2, 10),
        "unhealthy_threshold": ("UnhealthyThresholdCount", 2, 10),
    }
    changes: dict[str, Any] = {"protocol": protocol}
    for field, (key, low, high) in numbers.items():
        if request.get(key) is not None:
            changes[field] = int(request[key])
            if not low <= changes[field] <= high:
                raise errors.validation(f"{key} '{request[key]}' must be between {low} and {high}")
    texts = {"path": "HealthCheckPath", "port": "HealthCheckPort", "enabled": "HealthCheckEnabled"}
    changes |= {field: request[key] for field, key in texts.items() if request.get(key) is not None}
    if request.get("Matcher"):
        changes["matcher"] = _matcher(request["Matcher"], version)
    check = replace(standing, **changes)
    if check.port != TRAFFIC_PORT and not (check.port.isdigit() and 1 <= int(check.port) <= HIGHEST_PORT):
        raise errors.validation(
            f"Health check port '{check.port}' must be '{TRAFFIC_PORT}' or a number from 1 to {HIGHEST_PORT}"
        )
    if not check.path.startswith("/"):
        raise errors.validation(f"Health check path '{check.path}' must begin with '/'")
    if check.timeout >= check.interval:
        raise errors.validation(
            f"Health check timeout '{check.timeout}' must be smaller than the interval '{check.interval}'"
        )
    return check


def _matcher(asked: Json, version: str) -> str:
    key, called, low, high = ("GrpcCode", "GRPC", 0, 99) if version == "GRPC" else ("HttpCode", "HTTP", 200, 499)
    codes = str(asked.get(key) or "")
    only("elbv2", "Matcher", asked, (key,))
    if not attributes.is_matcher(codes, low, high):
        raise errors.validation(f"Health check matcher {called} code '{codes}' must be within '{low}-{high}'")
    return codes
