"""The CloudFormation types of Elastic Load Balancing, over its own API."""

import uuid
from typing import Any

from twin.services.common.resources import (
    Progress,
    Request,
    Resource,
    done,
    failed,
    retag,
    tagged,
    unless_gone,
    waiting,
)
from twin.services.common.typed import typed
from twin.services.elbv2 import attributes

type Json = dict[str, Any]

_ACTION = ("FixedResponseConfig", "ForwardConfig", "Order", "RedirectConfig", "TargetGroupArn", "Type")


class LoadBalancer(Resource):
    """An application load balancer, created once all its nodes serve."""

    TYPE = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    REF = "LoadBalancerArn"
    HONOURED = frozenset({"IpAddressType", "LoadBalancerAttributes", "Name", "Scheme", "SecurityGroups",
                          "SubnetMappings.*.SubnetId", "Subnets", "Tags", "Type"})  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Make it, set its attributes, wait until it is active."""
        model, elb = request.desired_state, self.client(request)
        if "LoadBalancerArn" not in model:
            names = ("IpAddressType", "Scheme", "SecurityGroups", "SubnetMappings", "Subnets", "Type")
            wanted = {name: model[name] for name in names if name in model}
            made = elb.create_load_balancer(Name=model.get("Name") or _name(request), **wanted, **tagged(model))
            seen = made["LoadBalancers"][0]
            model |= _balancer(seen)
            _set_attributes(elb, model, {})
            return waiting(model)
        return _watch(elb, model)

    def update(self, request: Request) -> Progress:
        """Change attributes, security groups, zones and tags; wait for nodes in new zones."""
        model, before, elb = request.desired_state, request.previous_state or {}, self.client(request)
        arn = before["LoadBalancerArn"]
        if request.custom_context.get("asked"):
            return _watch(elb, model)
        model["LoadBalancerArn"] = arn
        _set_attributes(elb, model, before)
        if model.get("SecurityGroups") and model["SecurityGroups"] != before.get("SecurityGroups"):
            elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=model["SecurityGroups"])
        if (model.get("Subnets"), model.get("SubnetMappings")) != (before.get("Subnets"), before.get("SubnetMappings")):
            zones = {name: model[name] for name in ("Subnets", "SubnetMappings") if name in model}
            elb.set_subnets(LoadBalancerArn=arn, **zones)
        _retag(elb, arn, before, model)
        return waiting(
            model | _balancer(elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]), asked=True
        )

    def delete(self, request: Request) -> Progress:
        """Remove it with its nodes."""
        self.client(request).delete_load_balancer(LoadBalancerArn=request.desired_state["LoadBalancerArn"])
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        arn, elb = request.desired_state["LoadBalancerArn"], self.client(request)
        seen = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
        listed = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        return done(request.desired_state | _balancer(seen) | {"LoadBalancerAttributes": listed})


class TargetGroup(Resource):
    """A target group."""

    TYPE = "AWS::ElasticLoadBalancingV2::TargetGroup"
    REF = "TargetGroupArn"
    _CHECK = ("HealthCheckEnabled", "HealthCheckIntervalSeconds", "HealthCheckPath", "HealthCheckPort",
              "HealthCheckProtocol", "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "Matcher",
              "UnhealthyThresholdCount")  # fmt: skip
    HONOURED = frozenset({
        *_CHECK, "IpAddressType", "Matcher.HttpCode", "Matcher.GrpcCode", "Name", "Port", "Protocol", "ProtocolVersion",
        "Tags", "TargetGroupAttributes", "TargetType", "Targets.*.AvailabilityZone", "Targets.*.Id", "Targets.*.Port",
        "VpcId",
    }) - {"Matcher"}  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Make it, with its attributes and the targets that the template names."""
        model, elb = request.desired_state, self.client(request)
        names = ("IpAddressType", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId", *self._CHECK)
        wanted = {name: model[name] for name in names if name in model} | {"Name": model.get("Name") or _name(request)}
        made = elb.create_target_group(**typed(elb, "CreateTargetGroup", wanted), **tagged(model))
        model |= _group(made["TargetGroups"][0])
        _set_attributes(elb, model, {})
        if model.get("Targets"):
            elb.register_targets(**_targets(elb, model["TargetGroupArn"], model))
        return done(model)

    def update(self, request: Request) -> Progress:
        """Change checks, attributes, targets and tags."""
        model, before, elb = request.desired_state, request.previous_state or {}, self.client(request)
        arn = before["TargetGroupArn"]
        model |= {name: before[name] for name in ("TargetGroupArn", "TargetGroupName", "TargetGroupFullName")}
        wanted = {name: model[name] for name in self._CHECK if name in model}
        if wanted:
            elb.modify_target_group(TargetGroupArn=arn, **typed(elb, "ModifyTargetGroup", wanted))
        _set_attributes(elb, model, before)
        old, new = (_targets(elb, arn, one)["Targets"] for one in (before, model))
        if gone := [target for target in old if target not in new]:
            elb.deregister_targets(TargetGroupArn=arn, Targets=gone)
        if come := [target for target in new if target not in old]:
            elb.register_targets(TargetGroupArn=arn, Targets=come)
        _retag(elb, arn, before, model)
        return done(model)

    def delete(self, request: Request) -> Progress:
        """Remove it."""
        self.client(request).delete_target_group(TargetGroupArn=request.desired_state["TargetGroupArn"])
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        arn = request.desired_state["TargetGroupArn"]
        seen = self.client(request).describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
        return done(request.desired_state | {name: seen[name] for name in self._CHECK if name in seen} | _group(seen))


class Listener(Resource):
    """A listener with its default actions."""

    TYPE = "AWS::ElasticLoadBalancingV2::Listener"
    REF = "ListenerArn"
    _FIELDS = ("Certificates", "DefaultActions", "Port", "Protocol", "SslPolicy")
    HONOURED = frozenset({"Certificates", *(f"DefaultActions.*.{name}" for name in _ACTION), "ListenerAttributes",
                          "LoadBalancerArn", "Port", "Protocol", "SslPolicy", "Tags"})  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Make it."""
        model, elb = request.desired_state, self.client(request)
        wanted = {name: model[name] for name in (*self._FIELDS, "LoadBalancerArn") if name in model}
        arn = elb.create_listener(**typed(elb, "CreateListener", wanted), **tagged(model))["Listeners"][0][
            "ListenerArn"
        ]
        _set_listener_attributes(elb, arn, model, {})
        return done(model | {"ListenerArn": arn})

    def update(self, request: Request) -> Progress:
        """Change it in place."""
        model, before, elb = request.desired_state, request.previous_state or {}, self.client(request)
        wanted = {name: model[name] for name in self._FIELDS if name in model}
        elb.modify_listener(ListenerArn=before["ListenerArn"], **typed(elb, "ModifyListener", wanted))
        _set_listener_attributes(elb, before["ListenerArn"], model, before)
        _retag(elb, before["ListenerArn"], before, model)
        return done(model | {"ListenerArn": before["ListenerArn"]})

    def delete(self, request: Request) -> Progress:
        """Remove it; one that went with its balancer is no error."""
        with unless_gone():
            self.client(request).delete_listener(ListenerArn=request.desired_state["ListenerArn"])
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        arn = request.desired_state["ListenerArn"]
        seen = self.client(request).describe_listeners(ListenerArns=[arn])["Listeners"][0]
        return done(request.desired_state | {name: seen[name] for name in self._FIELDS if name in seen})


class ListenerCertificate(Resource):
    """Certificates of a listener for clients that name their server."""

    TYPE = "AWS::ElasticLoadBalancingV2::ListenerCertificate"
    REF = "Id"
    HONOURED = frozenset({"Certificates", "ListenerArn"})

    def create(self, request: Request) -> Progress:
        """Add them."""
        model = request.desired_state
        self.client(request).add_listener_certificates(
            ListenerArn=model["ListenerArn"], Certificates=model["Certificates"]
        )
        return done(model | {"Id": f"{model['ListenerArn']}-{uuid.uuid4().hex[:12]}"})

    def update(self, request: Request) -> Progress:
        """Add those that are new, take away those that are gone."""
        model, before, elb = request.desired_state, request.previous_state or {}, self.client(request)
        arn, old, new = before["ListenerArn"], before["Certificates"], model["Certificates"]
        if come := [one for one in new if one not in old]:
            elb.add_listener_certificates(ListenerArn=arn, Certificates=come)
        if gone := [one for one in old if one not in new]:
            elb.remove_listener_certificates(ListenerArn=arn, Certificates=gone)
        return done(model | {"Id": before["Id"]})

    def delete(self, request: Request) -> Progress:
        """Take them away; a listener that is gone has none."""
        model = request.desired_state
        with unless_gone():
            self.client(request).remove_listener_certificates(
                ListenerArn=model["ListenerArn"], Certificates=model["Certificates"]
            )
        return done({})

    def read(self, request: Request) -> Progress:
        """Those of its certificates that the listener has."""
        model = request.desired_state
        seen = self.client(request).describe_listener_certificates(ListenerArn=model["ListenerArn"])["Certificates"]
        there = {one["CertificateArn"] for one in seen if not one["IsDefault"]}
        return done(model | {"Certificates": [one for one in model["Certificates"] if one["CertificateArn"] in there]})


class ListenerRule(Resource):
    """A rule of a listener."""

    TYPE = "AWS::ElasticLoadBalancingV2::ListenerRule"
    REF = "RuleArn"
    _CONDITION = ("Field", "HostHeaderConfig", "HttpHeaderConfig", "HttpRequestMethodConfig", "PathPatternConfig",
                  "QueryStringConfig", "RegexValues", "SourceIpConfig.Values", "Values")  # fmt: skip
    HONOURED = frozenset({*(f"Actions.*.{name}" for name in _ACTION), *(f"Conditions.*.{name}" for name in _CONDITION),
                          "ListenerArn", "Priority", "Tags"})  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Make it."""
        model, elb = request.desired_state, self.client(request)
        wanted = {name: model[name] for name in ("Actions", "Conditions", "ListenerArn", "Priority")}
        made = elb.create_rule(**typed(elb, "CreateRule", wanted), **tagged(model))
        return done(model | _rule(made["Rules"][0]))

    def update(self, request: Request) -> Progress:
        """Change actions, conditions, place and tags."""
        model, before, elb = request.desired_state, request.previous_state or {}, self.client(request)
        arn = before["RuleArn"]
        wanted = {name: model[name] for name in ("Actions", "Conditions")}
        elb.modify_rule(RuleArn=arn, **typed(elb, "ModifyRule", wanted))
        if str(model["Priority"]) != str(before.get("Priority")):
            elb.set_rule_priorities(RulePriorities=[{"RuleArn": arn, "Priority": int(model["Priority"])}])
        _retag(elb, arn, before, model)
        return done(model | {"RuleArn": arn, "IsDefault": "false"})

    def delete(self, request: Request) -> Progress:
        """Remove it; one that went with its listener is no error."""
        with unless_gone():
            self.client(request).delete_rule(RuleArn=request.desired_state["RuleArn"])
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        seen = self.client(request).describe_rules(RuleArns=[request.desired_state["RuleArn"]])["Rules"][0]
        return done(request.desired_state | _rule(seen) | {name: seen[name] for name in ("Actions", "Conditions")})


def _targets(elb: Any, arn: str, model: Json) -> Json:
    return typed(elb, "RegisterTargets", {"TargetGroupArn": arn, "Targets": model.get("Targets") or []})


def _name(request: Request) -> str:
    """A name as CloudFormation makes it for these types, new for each: a replacement stands beside what it replaces."""
    return f"{request.stack_name[:6]}-{request.logical_resource_id[:5]}-{uuid.uuid4().hex[:12]}".strip("-")


def _watch(elb: Any, model: Json) -> Progress:
    state = elb.describe_load_balancers(LoadBalancerArns=[model["LoadBalancerArn"]])["LoadBalancers"][0]["State"]
    if state["Code"] == "failed":
        return failed(model, state.get("Reason", "the load balancer failed"))
    return done(model) if state["Code"] == "active" else waiting(model, asked=True)


def _set_attributes(elb: Any, model: Json, before: Json) -> None:
    """Set those that the template names, and those that it no longer names to AWS's default."""
    of_balancer = "LoadBalancerArn" in model
    name, known = (
        ("LoadBalancerAttributes", attributes.BALANCER) if of_balancer else ("TargetGroupAttributes", attributes.GROUP)
    )
    wanted = {str(one["Key"]): str(one["Value"]) for one in model.get(name) or []}
    gone = {str(one["Key"]) for one in before.get(name) or []} - set(wanted)
    wanted |= {key: known[key].default for key in gone if key in known}
    pairs = [{"Key": key, "Value": value} for key, value in wanted.items()]
    if pairs and of_balancer:
        elb.modify_load_balancer_attributes(LoadBalancerArn=model["LoadBalancerArn"], Attributes=pairs)
    elif pairs:
        elb.modify_target_group_attributes(TargetGroupArn=model["TargetGroupArn"], Attributes=pairs)


def _set_listener_attributes(elb: Any, arn: str, model: Json, before: Json) -> None:
    """As `_set_attributes`, for a listener."""
    wanted = {str(one["Key"]): str(one["Value"]) for one in model.get("ListenerAttributes") or []}
    known = attributes.SECURE_LISTENER
    gone = {str(one["Key"]) for one in before.get("ListenerAttributes") or []} - set(wanted)
    wanted |= {key: known[key].default for key in gone if key in known}
    if wanted:
        pairs = [{"Key": key, "Value": value} for key, value in wanted.items()]
        elb.modify_listener_attributes(ListenerArn=arn, Attributes=pairs)


def _retag(elb: Any, arn: str, before: Json, model: Json) -> None:
    retag(
        model,
        before,
        put=lambda tags: elb.add_tags(ResourceArns=[arn], Tags=tags),
        take=lambda keys: elb.remove_tags(ResourceArns=[arn], TagKeys=keys),
    )


def _balancer(seen: Json) -> Json:
    return {
        "LoadBalancerArn": seen["LoadBalancerArn"],
        "LoadBalancerName": seen["LoadBalancerName"],
        "LoadBalancerFullName": seen["LoadBalancerArn"].split(":loadbalancer/")[1],
        "DNSName": seen["DNSName"],
        "CanonicalHostedZoneID": seen["CanonicalHostedZoneId"],
        "SecurityGroups": seen["SecurityGroups"],
    }


def _group(seen: Json) -> Json:
    arn = seen["TargetGroupArn"]
    return {
        "TargetGroupArn": arn,
        "TargetGroupName": seen["TargetGroupName"],
        "TargetGroupFullName": arn.rsplit(":", 1)[1],
    }


def _rule(seen: Json) -> Json:
    return {"RuleArn": seen["RuleArn"], "IsDefault": str(seen["IsDefault"]).lower()}


RESOURCES: list[type[Resource]] = [LoadBalancer, TargetGroup, Listener, ListenerCertificate, ListenerRule]
