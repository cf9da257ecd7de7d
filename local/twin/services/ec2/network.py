"""The types of a VPC's network. Core's lose tags and attributes on the way, and none of them can be changed."""

import json
from typing import Any, ClassVar

from botocore.exceptions import ClientError

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

type Json = dict[str, Any]


def call(ec2: Any, operation: str, parameters: Json) -> Json:
    """Ask EC2, with text turned into numbers and truth values, and without what the template does not say."""
    given = {name: value for name, value in parameters.items() if value not in (None, "", [])}
    answer: Json = ec2._make_api_call(operation, typed(ec2, operation, given))
    return answer


class Tagged(Resource):
    """What has an id and tags. KIND: EC2's word for it in tag specifications. NAMED: the property that is its id."""

    KIND: ClassVar[str]
    NAMED: ClassVar[str] = ""

    def tagged(self, model: Json) -> list[Json]:
        """Its tags as a parameter of its creation."""
        return [{"ResourceType": self.KIND, **tagged(model)}] if model.get("Tags") else []

    def update(self, request: Request) -> Progress:
        """Bring the tags to what the template says, and what else the type can change."""
        model, before, ec2 = request.desired_state, request.previous_state or {}, self.client(request)
        read_only = [path.removeprefix("/properties/") for path in self.SCHEMA.get("readOnlyProperties", [])]
        model |= {name: before[name] for name in {*read_only, self.REF} if name in before}
        ids = [model[self.NAMED or self.REF]]
        retag(
            model,
            before,
            put=lambda tags: ec2.create_tags(Resources=ids, Tags=tags),
            take=lambda keys: ec2.delete_tags(Resources=ids, Tags=[{"Key": key} for key in keys]),
        )
        self.change(ec2, model, before)
        return done(model)

    def change(self, ec2: Any, model: Json, before: Json) -> None:
        """Change what can be changed besides tags."""

    def end(self, request: Request, operation: str, **parameters: Any) -> Progress:
        """Remove it; what is gone is no error."""
        with unless_gone():
            call(self.client(request), operation, parameters)
        return done({})


class Vpc(Tagged):
    """A VPC."""

    TYPE, REF, KIND = "AWS::EC2::VPC", "VpcId", "vpc"
    HONOURED = frozenset({"CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model, ec2 = request.desired_state, self.client(request)
        wanted = {name: model.get(name) for name in ("CidrBlock", "InstanceTenancy")}
        model["VpcId"] = call(ec2, "CreateVpc", {**wanted, "TagSpecifications": self.tagged(model)})["Vpc"]["VpcId"]
        self.change(ec2, model, {})
        return done(model | self._seen(ec2, model["VpcId"]))

    def change(self, ec2: Any, model: Json, before: Json) -> None:
        """Set whether names are given and answered."""
        for name, default in (("EnableDnsSupport", True), ("EnableDnsHostnames", False)):
            if name in model or name in before:
                value = str(model.get(name, default)).lower() == "true"
                ec2.modify_vpc_attribute(VpcId=model["VpcId"], **{name: {"Value": value}})

    def delete(self, request: Request) -> Progress:
        """Remove it; one in use refuses."""
        return self.end(request, "DeleteVpc", VpcId=request.desired_state["VpcId"])

    def read(self, request: Request) -> Progress:
        """The VPC as EC2 has it."""
        model = request.desired_state
        return done(model | self._seen(self.client(request), model["VpcId"]))

    @staticmethod
    def _seen(ec2: Any, vpc_id: str) -> Json:
        vpc = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]
        of_vpc = {"Name": "vpc-id", "Values": [vpc_id]}
        by_name = {"Name": "group-name", "Values": ["default"]}
        groups = ec2.describe_security_groups(Filters=[of_vpc, by_name])["SecurityGroups"]
        is_default = {"Name": "default", "Values": ["true"]}
        acls = ec2.describe_network_acls(Filters=[of_vpc, is_default])["NetworkAcls"]
        return {
            "VpcId": vpc_id,
            "CidrBlock": vpc["CidrBlock"],
            "CidrBlockAssociations": [one["AssociationId"] for one in vpc["CidrBlockAssociationSet"]],
            "Ipv6CidrBlocks": [one["Ipv6CidrBlock"] for one in vpc.get("Ipv6CidrBlockAssociationSet", [])],
            "DefaultSecurityGroup": groups[0]["GroupId"] if groups else "",
            "DefaultNetworkAcl": acls[0]["NetworkAclId"] if acls else "",
        }


class Subnet(Tagged):
    """A subnet."""

    TYPE, REF, KIND = "AWS::EC2::Subnet", "SubnetId", "subnet"
    HONOURED = frozenset({"AvailabilityZone", "CidrBlock", "MapPublicIpOnLaunch", "Tags", "VpcId"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model, ec2 = request.desired_state, self.client(request)
        wanted = {name: model.get(name) for name in ("AvailabilityZone", "CidrBlock", "VpcId")}
        made = call(ec2, "CreateSubnet", {**wanted, "TagSpecifications": self.tagged(model)})["Subnet"]
        model |= {"SubnetId": made["SubnetId"], "AvailabilityZone": made["AvailabilityZone"], "Ipv6CidrBlocks": []}
        self.change(ec2, model, {})
        of_subnet = [{"Name": "association.subnet-id", "Values": [made["SubnetId"]]}]
        for acl in ec2.describe_network_acls(Filters=of_subnet)["NetworkAcls"]:
            for one in acl["Associations"]:
                if one["SubnetId"] == made["SubnetId"]:
                    model["NetworkAclAssociationId"] = one["NetworkAclAssociationId"]
        return done(model)

    def change(self, ec2: Any, model: Json, before: Json) -> None:
        """Set whether what starts here gets a public address."""
        if "MapPublicIpOnLaunch" in model or "MapPublicIpOnLaunch" in before:
            value = str(model.get("MapPublicIpOnLaunch", False)).lower() == "true"
            ec2.modify_subnet_attribute(SubnetId=model["SubnetId"], MapPublicIpOnLaunch={"Value": value})

    def delete(self, request: Request) -> Progress:
        """Remove it; one in use refuses."""
        return self.end(request, "DeleteSubnet", SubnetId=request.desired_state["SubnetId"])

    def read(self, request: Request) -> Progress:
        """The subnet as EC2 has it."""
        model = request.desired_state
        seen = self.client(request).describe_subnets(SubnetIds=[model["SubnetId"]])["Subnets"][0]
        names = ("AvailabilityZone", "CidrBlock", "MapPublicIpOnLaunch", "VpcId")
        return done(model | {name: seen[name] for name in names})


class RouteTable(Tagged):
    """A route table."""

    TYPE, REF, KIND = "AWS::EC2::RouteTable", "RouteTableId", "route-table"
    HONOURED = frozenset({"Tags", "VpcId"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model = request.desired_state
        wanted = {"VpcId": model["VpcId"], "TagSpecifications": self.tagged(model)}
        made = call(self.client(request), "CreateRouteTable", wanted)["RouteTable"]
        return done(model | {"RouteTableId": made["RouteTableId"]})

    def delete(self, request: Request) -> Progress:
        """Remove it; one that a subnet uses refuses."""
        return self.end(request, "DeleteRouteTable", RouteTableId=request.desired_state["RouteTableId"])

    def read(self, request: Request) -> Progress:
        """The table, if it is there."""
        self.client(request).describe_route_tables(RouteTableIds=[request.desired_state["RouteTableId"]])
        return done(request.desired_state)


class Route(Resource):
    """A route of a table. Its id is CloudFormation's: the table's and the destination."""

    TYPE, REF = "AWS::EC2::Route", "Id"
    _WAYS = ("GatewayId", "NatGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId")
    _PLACE = ("RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock")
    HONOURED = frozenset({*_WAYS, *_PLACE})

    def create(self, request: Request) -> Progress:
        """Make it."""
        return self._put(request, "CreateRoute")

    def update(self, request: Request) -> Progress:
        """Lead it another way."""
        return self._put(request, "ReplaceRoute")

    def delete(self, request: Request) -> Progress:
        """Remove it; one that went with its table is no error."""
        model = request.desired_state
        with unless_gone():
            call(self.client(request), "DeleteRoute", {name: model.get(name) for name in self._PLACE})
        return done({})

    def read(self, request: Request) -> Progress:
        """The route as it was made."""
        return done(request.desired_state)

    def _put(self, request: Request, operation: str) -> Progress:
        model = request.desired_state
        names = (*self._PLACE, *self._WAYS)
        call(self.client(request), operation, {name: model.get(name) for name in names})
        cidr = model.get("DestinationCidrBlock") or model.get("DestinationIpv6CidrBlock")
        return done(model | {"CidrBlock": cidr, "Id": f"{model['RouteTableId']}|{cidr}"})


class SubnetRouteTableAssociation(Tagged):
    """Which table a subnet uses."""

    TYPE, REF = "AWS::EC2::SubnetRouteTableAssociation", "Id"
    HONOURED = frozenset({"RouteTableId", "SubnetId"})

    def create(self, request: Request) -> Progress:
        """Associate them."""
        model = request.desired_state
        wanted = {name: model[name] for name in ("RouteTableId", "SubnetId")}
        return done(model | {"Id": call(self.client(request), "AssociateRouteTable", wanted)["AssociationId"]})

    def delete(self, request: Request) -> Progress:
        """Let the subnet use the VPC's main table again."""
        return self.end(request, "DisassociateRouteTable", AssociationId=request.desired_state["Id"])

    def read(self, request: Request) -> Progress:
        """The association as it was made."""
        return done(request.desired_state)


class InternetGateway(Tagged):
    """An internet gateway."""

    TYPE, REF, KIND = "AWS::EC2::InternetGateway", "InternetGatewayId", "internet-gateway"
    HONOURED = frozenset({"Tags"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model = request.desired_state
        made = call(self.client(request), "CreateInternetGateway", {"TagSpecifications": self.tagged(model)})
        return done(model | {"InternetGatewayId": made["InternetGateway"]["InternetGatewayId"]})

    def delete(self, request: Request) -> Progress:
        """Remove it; one that is attached refuses."""
        gateway = request.desired_state["InternetGatewayId"]
        return self.end(request, "DeleteInternetGateway", InternetGatewayId=gateway)

    def read(self, request: Request) -> Progress:
        """The gateway, if it is there."""
        gateway = request.desired_state["InternetGatewayId"]
        self.client(request).describe_internet_gateways(InternetGatewayIds=[gateway])
        return done(request.desired_state)


class GatewayAttachment(Tagged):
    """Which VPC an internet gateway serves."""

    TYPE, REF = "AWS::EC2::VPCGatewayAttachment", "Id"
    HONOURED = frozenset({"InternetGatewayId", "VpcId"})

    def create(self, request: Request) -> Progress:
        """Attach it."""
        model = request.desired_state
        call(self.client(request), "AttachInternetGateway", self._both(model))
        return done(model | {"AttachmentType": "IGW", "Id": f"IGW|{model['VpcId']}"})

    def update(self, request: Request) -> Progress:
        """Attach another gateway in its place."""
        model, ec2 = request.desired_state, self.client(request)
        call(ec2, "DetachInternetGateway", self._both(request.previous_state or {}))
        call(ec2, "AttachInternetGateway", self._both(model))
        return done(model | {"AttachmentType": "IGW", "Id": f"IGW|{model['VpcId']}"})

    def delete(self, request: Request) -> Progress:
        """Detach it."""
        try:
            return self.end(request, "DetachInternetGateway", **self._both(request.desired_state))
        except ClientError as error:
            if error.response["Error"]["Code"] != "Gateway.NotAttached":
                raise
        return done({})

    def read(self, request: Request) -> Progress:
        """The attachment as it was made."""
        return done(request.desired_state)

    @staticmethod
    def _both(model: Json) -> Json:
        return {name: model[name] for name in ("InternetGatewayId", "VpcId")}


class NatGateway(Tagged):
    """A NAT gateway; created when it is available, gone when EC2 says so."""

    TYPE, REF, KIND = "AWS::EC2::NatGateway", "NatGatewayId", "natgateway"
    _FIXED = ("AllocationId", "ConnectivityType", "SubnetId")
    HONOURED = frozenset({*_FIXED, "Tags"})

    def create(self, request: Request) -> Progress:
        """Make it and wait for it."""
        model, ec2 = request.desired_state, self.client(request)
        if "NatGatewayId" not in model:
            wanted = {name: model.get(name) for name in self._FIXED}
            made = call(ec2, "CreateNatGateway", {**wanted, "TagSpecifications": self.tagged(model)})["NatGateway"]
            model["NatGatewayId"] = made["NatGatewayId"]
        state = self._state(ec2, model)
        if state == "failed":
            return failed(model, f"The NAT gateway {model['NatGatewayId']} has failed")
        return done(model) if state == "available" else waiting(model)

    def delete(self, request: Request) -> Progress:
        """Remove it and wait until it is gone: its address is free only then."""
        model = request.desired_state
        if not request.custom_context.get("asked"):
            self.end(request, "DeleteNatGateway", NatGatewayId=model["NatGatewayId"])
        state = self._state(self.client(request), model)
        return done({}) if state in (None, "deleted") else waiting(model, asked=True)

    def read(self, request: Request) -> Progress:
        """The gateway, if it is there."""
        self.client(request).describe_nat_gateways(NatGatewayIds=[request.desired_state["NatGatewayId"]])
        return done(request.desired_state)

    @staticmethod
    def _state(ec2: Any, model: Json) -> str | None:
        found: list[Json] = []
        with unless_gone():
            found = ec2.describe_nat_gateways(NatGatewayIds=[model["NatGatewayId"]])["NatGateways"]
        return str(found[0]["State"]) if found else None


class VpcEndpoint(Tagged):
    """A VPC endpoint."""

    TYPE, REF, KIND = "AWS::EC2::VPCEndpoint", "Id", "vpc-endpoint"
    _PLAIN = ("PrivateDnsEnabled", "RouteTableIds", "SecurityGroupIds", "ServiceName", "SubnetIds", "VpcEndpointType",
              "VpcId")  # fmt: skip
    HONOURED = frozenset({*_PLAIN, "PolicyDocument", "Tags"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model = request.desired_state
        wanted = {**{name: model.get(name) for name in self._PLAIN}, "PolicyDocument": _policy(model)}
        answer = call(self.client(request), "CreateVpcEndpoint", {**wanted, "TagSpecifications": self.tagged(model)})
        made = answer["VpcEndpoint"]
        entries = [
            f"{one['HostedZoneId']}:{one['DnsName']}" for one in made.get("DnsEntries") or [] if "DnsName" in one
        ]
        return done(
            model
            | {
                "Id": made["VpcEndpointId"],
                "CreationTimestamp": made["CreationTimestamp"].isoformat(),
                "DnsEntries": entries,
                "NetworkInterfaceIds": made.get("NetworkInterfaceIds") or [],
            }
        )

    def change(self, ec2: Any, model: Json, before: Json) -> None:
        """Change policy, tables, subnets, groups."""
        wanted: Json = {"VpcEndpointId": model["Id"], "PrivateDnsEnabled": model.get("PrivateDnsEnabled")}
        for name in ("RouteTableIds", "SecurityGroupIds", "SubnetIds"):
            new, old = model.get(name) or [], before.get(name) or []
            wanted[f"Add{name}"] = [one for one in new if one not in old]
            wanted[f"Remove{name}"] = [one for one in old if one not in new]
        if _policy(model) != _policy(before):
            wanted |= {"PolicyDocument": _policy(model), "ResetPolicy": _policy(model) is None or None}
        if any(value for name, value in wanted.items() if name not in ("VpcEndpointId", "PrivateDnsEnabled")):
            call(ec2, "ModifyVpcEndpoint", wanted)

    def delete(self, request: Request) -> Progress:
        """Remove it."""
        return self.end(request, "DeleteVpcEndpoints", VpcEndpointIds=[request.desired_state["Id"]])

    def read(self, request: Request) -> Progress:
        """The endpoint, if it is there."""
        self.client(request).describe_vpc_endpoints(VpcEndpointIds=[request.desired_state["Id"]])
        return done(request.desired_state)


def _policy(model: Json) -> str | None:
    policy = model.get("PolicyDocument")
    return policy if policy is None or isinstance(policy, str) else json.dumps(policy)


NETWORK: list[type[Resource]] = [
    Vpc,
    Subnet,
    RouteTable,
    Route,
    SubnetRouteTableAssociation,
    InternetGateway,
    GatewayAttachment,
    NatGateway,
    VpcEndpoint,
]
