"""The EC2 types that core lacks or makes by half."""

from typing import Any

from twin.services.common.resources import Progress, Request, Resource, done, unless_gone
from twin.services.ec2.gateways import GatewayAttachment, InternetGateway, NatGateway, VpcEndpoint
from twin.services.ec2.routes import Route, RouteTable, SubnetRouteTableAssociation
from twin.services.ec2.tagged import Json, Tagged, call
from twin.services.ec2.vpc import Subnet, Vpc

_RULE = ("IpProtocol", "FromPort", "ToPort")
_PEERS = {
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
    "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
}
_INGRESS = frozenset({*_RULE, *_PEERS, "Description"}) - {"DestinationSecurityGroupId", "DestinationPrefixListId"}
_EGRESS = frozenset({*_RULE, *_PEERS, "Description"}) - {"SourceSecurityGroupId", "SourcePrefixListId"}


def permission(rule: Json) -> Json:
    """A template's rule as EC2's API takes it."""
    made: Json = {"IpProtocol": str(rule["IpProtocol"])}
    if str(rule["IpProtocol"]) != "-1":
        made |= {name: int(rule[name]) for name in ("FromPort", "ToPort") if name in rule}
    for name, (where, key) in _PEERS.items():
        if rule.get(name):
            peer = {key: rule[name]}
            made[where] = [{**peer, "Description": rule["Description"]} if rule.get("Description") else peer]
    return made


class SecurityGroup(Tagged):
    """A group with the rules written in it; its own default of "everything may leave" only where none is written."""

    TYPE, REF, KIND = "AWS::EC2::SecurityGroup", "Id", "security-group"
    HONOURED = frozenset({
        "GroupName", "GroupDescription", "VpcId", "Tags",
        *(f"SecurityGroupIngress.*.{name}" for name in _INGRESS),
        *(f"SecurityGroupEgress.*.{name}" for name in _EGRESS),
    })  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Make the group, then its rules."""
        model, ec2 = request.desired_state, self.client(request)
        if model.get("VpcId"):
            ec2.describe_vpcs(VpcIds=[model["VpcId"]])  # moto would take a VPC that is not there
        wanted = {
            "GroupName": model.get("GroupName") or self.generated_name(request, 255, distinct=True),
            "Description": model["GroupDescription"],
            "VpcId": model.get("VpcId"),
            "TagSpecifications": self.tagged(model),
        }
        made = call(ec2, "CreateSecurityGroup", wanted)
        model |= {"GroupId": made["GroupId"], "Id": made["GroupId"]}
        self.change(ec2, model, {})
        return done(model)

    def delete(self, request: Request) -> Progress:
        """Remove the group; one that is gone is no error."""
        with unless_gone():
            self.client(request).delete_security_group(GroupId=request.desired_state["GroupId"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The group as EC2 has it."""
        group = self.client(request).describe_security_groups(GroupIds=[request.desired_state["Id"]])
        found = group["SecurityGroups"][0]
        return done(request.desired_state | {"GroupName": found["GroupName"], "VpcId": found.get("VpcId", "")})

    def change(self, ec2: Any, model: Json, before: Json) -> None:
        """Bring the rules to what the template says."""
        for direction, admit, revoke in (
            ("SecurityGroupIngress", ec2.authorize_security_group_ingress, ec2.revoke_security_group_ingress),
            ("SecurityGroupEgress", ec2.authorize_security_group_egress, ec2.revoke_security_group_egress),
        ):
            wanted = [permission(rule) for rule in model.get(direction) or []]
            standing = [permission(rule) for rule in before.get(direction) or []]
            everything = permission({"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"})
            if direction == "SecurityGroupEgress":
                # A new group lets everything leave, until the template names what may.
                standing = standing or [everything]
                wanted = wanted or [everything]
            if gone := [rule for rule in standing if rule not in wanted]:
                revoke(GroupId=model["GroupId"], IpPermissions=[_plain(rule) for rule in gone])
            if new := [rule for rule in wanted if rule not in standing]:
                admit(GroupId=model["GroupId"], IpPermissions=new)


class _Rule(Resource):
    """A rule that stands beside its group."""

    direction: str
    REF = "Id"

    def create(self, request: Request) -> Progress:
        """Admit what the rule says."""
        model = request.desired_state
        made = self._call(request, "authorize", GroupId=model["GroupId"], IpPermissions=[permission(model)])
        return done(model | {"Id": made["SecurityGroupRules"][0]["SecurityGroupRuleId"]})

    def update(self, request: Request) -> Progress:
        """Replace the rule: on AWS too all but its description is replaced."""
        self.delete(request)
        return self.create(request)

    def delete(self, request: Request) -> Progress:
        """Revoke the rule; one that is gone is no error."""
        model = request.previous_state or request.desired_state
        with unless_gone():
            self._call(request, "revoke", GroupId=model["GroupId"], IpPermissions=[_plain(permission(model))])
        return done({})

    def read(self, request: Request) -> Progress:
        """The rule as it was admitted."""
        return done(request.desired_state)

    def _call(self, request: Request, verb: str, **parameters: Any) -> Json:
        answer: Json = getattr(self.client(request), f"{verb}_security_group_{self.direction}")(**parameters)
        return answer


class SecurityGroupIngress(_Rule):
    """What may come in to a group."""

    TYPE = "AWS::EC2::SecurityGroupIngress"
    HONOURED = _INGRESS | {"GroupId"}
    direction = "ingress"


class SecurityGroupEgress(_Rule):
    """What may leave a group."""

    TYPE = "AWS::EC2::SecurityGroupEgress"
    HONOURED = _EGRESS | {"GroupId"}
    direction = "egress"


class ElasticAddress(Tagged):
    """An address that a NAT gateway holds."""

    TYPE, REF, KIND, NAMED = "AWS::EC2::EIP", "PublicIp", "elastic-ip", "AllocationId"
    HONOURED = frozenset({"Domain", "Tags"})

    def create(self, request: Request) -> Progress:
        """Allocate the address."""
        model, ec2 = request.desired_state, self.client(request)
        wanted = {"Domain": model.get("Domain", "vpc"), "TagSpecifications": self.tagged(model)}
        made = call(ec2, "AllocateAddress", wanted)
        return done(model | {"PublicIp": made["PublicIp"], "AllocationId": made["AllocationId"]})

    def delete(self, request: Request) -> Progress:
        """Give the address back; one that is gone is no error."""
        with unless_gone():
            self.client(request).release_address(AllocationId=request.desired_state["AllocationId"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The address as EC2 has it."""
        self.client(request).describe_addresses(AllocationIds=[request.desired_state["AllocationId"]])
        return done(request.desired_state)


class FlowLog(Tagged):
    """A flow log, recorded only: no packet crosses a network here whose flow could be logged."""

    TYPE, REF, KIND = "AWS::EC2::FlowLog", "Id", "vpc-flow-log"
    _OPTIONS = ("TrafficType", "LogDestinationType", "LogDestination", "LogGroupName", "DeliverLogsPermissionArn",
                "MaxAggregationInterval", "LogFormat")  # fmt: skip
    HONOURED = frozenset({"Tags"})
    RECORDED = frozenset({"ResourceId", "ResourceType", *_OPTIONS})

    def create(self, request: Request) -> Progress:
        """Record the flow log."""
        model = request.desired_state
        wanted = {
            "ResourceIds": [model["ResourceId"]],
            "ResourceType": model["ResourceType"],
            "TagSpecifications": self.tagged(model),
            **{name: model.get(name) for name in self._OPTIONS},
        }
        made = call(self.client(request), "CreateFlowLogs", wanted)
        if refused := made.get("Unsuccessful"):
            raise ValueError(refused[0]["Error"]["Message"])
        return done(model | {"Id": made["FlowLogIds"][0]})

    def delete(self, request: Request) -> Progress:
        """Forget the flow log; one that is gone is no error."""
        return self.end(request, "DeleteFlowLogs", FlowLogIds=[request.desired_state["Id"]])

    def read(self, request: Request) -> Progress:
        """The record."""
        return done(request.desired_state)


def _plain(rule: Json) -> Json:
    """The rule without descriptions, by which EC2 does not match."""
    return {
        name: [{k: v for k, v in peer.items() if k != "Description"} for peer in value]
        if isinstance(value, list)
        else value
        for name, value in rule.items()
    }


RESOURCES: list[type[Resource]] = [
    Vpc,
    Subnet,
    RouteTable,
    Route,
    SubnetRouteTableAssociation,
    InternetGateway,
    GatewayAttachment,
    NatGateway,
    VpcEndpoint,
    SecurityGroup,
    SecurityGroupIngress,
    SecurityGroupEgress,
    ElasticAddress,
    FlowLog,
]
