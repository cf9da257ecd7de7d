"""The ways out of a VPC: gateways and endpoints."""

import json
from typing import Any

from botocore.exceptions import ClientError

from twin.services.common.resources import Progress, Request, done, failed, unless_gone, waiting
from twin.services.ec2.tagged import Json, Tagged, call


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
