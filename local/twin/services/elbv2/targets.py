"""The operations on targets: registration, deregistration, health."""

import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from twin.core.timeline import emit
from twin.core.world import world
from twin.services.common.api import Json, Provider, RequestContext, client
from twin.services.elbv2 import controller, errors, registry
from twin.services.elbv2.decide import NOT_REGISTERED, Verdict
from twin.services.elbv2.groups import HIGHEST_PORT
from twin.services.elbv2.models import LOCK, TRAFFIC_PORT, Target, TargetGroup
from twin.services.elbv2.registry import operation

DELAY = "deregistration_delay.timeout_seconds"
OUTSIDE = [IPv4Network(block) for block in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")]


class Targets(Provider):
    """Register, deregister, see the health of targets."""

    @operation("RegisterTargets")
    def register_targets(self, context: RequestContext, request: Json) -> Json:
        """Add targets; a draining one is registered anew, one that stands stays as it is."""
        group = registry.group(context, request["TargetGroupArn"])
        subnets, now = _subnets(context, group), time.time()
        asked = [_target(group, subnets, target, now) for target in request["Targets"]]
        with LOCK:
            group = registry.group(context, group.arn)
            standing = {key for key, target in group.targets.items() if target.draining_until is None}
            new = {target.key: target for target in asked if target.key not in standing}
            if len(standing) + len(new) > registry.limit("targets"):
                raise errors.too_many_targets()
            registry.store(context).groups[group.arn] = replace(group, targets={**group.targets, **new})
        for address, port in new:
            controller.forget(group.arn, address, port)
            emit("elbv2", group.name, f"{address}:{port} registered")
        controller.wake()
        return {}

    @operation("DeregisterTargets")
    def deregister_targets(self, context: RequestContext, request: Json) -> Json:
        """Let targets drain for the deregistration delay; those that are not registered are no error."""
        group = registry.group(context, request["TargetGroupArn"])
        keys = {(target["Id"], int(target.get("Port") or group.port)) for target in request["Targets"]}
        with LOCK:
            group = registry.group(context, group.arn)
            until = time.time() + world().wait_scaled(int(group.attributes[DELAY]))
            leaving = {
                key: replace(target, draining_until=until)
                for key, target in group.targets.items()
                if key in keys and target.draining_until is None
            }
            registry.store(context).groups[group.arn] = replace(group, targets={**group.targets, **leaving})
        for address, port in leaving:
            emit("elbv2", group.name, f"{address}:{port} is draining")
        controller.wake()
        return {}

    @operation("DescribeTargetHealth")
    def describe_target_health(self, context: RequestContext, request: Json) -> Json:
        """The state of every target, or of those named, with AWS's reasons."""
        group = registry.group(context, request["TargetGroupArn"])
        states = controller.verdicts()
        asked = request.get("Targets")
        if not asked:
            keys = sorted(group.targets)
        else:
            keys = [(target["Id"], int(target.get("Port") or group.port)) for target in asked]
        found = [(key, group.targets.get(key), states.get((group.arn, *key), NOT_REGISTERED)) for key in keys]
        return {"TargetHealthDescriptions": [_described(group, *one) for one in found]}


def _described(group: TargetGroup, key: tuple[str, int], target: Target | None, verdict: Verdict) -> Json:
    health: Json = {"State": verdict.state.value}
    if verdict.reason:
        health |= {"Reason": verdict.reason, "Description": verdict.description}
    shown: Json = {"Id": key[0], "Port": key[1]}
    if target is not None:
        shown["AvailabilityZone"] = target.zone or "all"
    port = str(key[1]) if group.check.port == TRAFFIC_PORT else group.check.port
    return {"Target": shown, "HealthCheckPort": port, "TargetHealth": health}


def _subnets(context: RequestContext, group: TargetGroup) -> list[Json]:
    of_vpc = [{"Name": "vpc-id", "Values": [group.vpc_id]}]
    found: list[Json] = client("ec2", context.region).describe_subnets(Filters=of_vpc)["Subnets"]
    return found


def _target(group: TargetGroup, subnets: list[Json], asked: Json, now: float) -> Target:
    port = int(asked.get("Port") or group.port)
    try:
        address = IPv4Address(asked["Id"])
    except ValueError:
        raise errors.validation(f"The IP address '{asked['Id']}' is not a valid IPv4 address") from None
    if not 1 <= port <= HIGHEST_PORT:
        raise errors.validation(f"Port '{port}' must be between 1 and {HIGHEST_PORT}")
    zone = next((s["AvailabilityZone"] for s in subnets if address in IPv4Network(s["CidrBlock"])), None)
    if zone is None:
        if not any(address in block for block in OUTSIDE):
            raise errors.validation(f"The IP address '{address}' is not within a private range")
        if asked.get("AvailabilityZone") != "all":
            text = f"You must specify the Availability Zone 'all' for the IP address '{address}' outside the VPC"
            raise errors.validation(text)
    return Target(str(address), port, zone, now)
