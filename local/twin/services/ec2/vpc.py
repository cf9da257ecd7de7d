"""A VPC and its subnets. Core's types of the network lose tags and attributes on the way, and cannot be changed."""

from typing import Any

from twin.services.common.resources import Progress, Request, done
from twin.services.ec2.tagged import Json, Tagged, call


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
