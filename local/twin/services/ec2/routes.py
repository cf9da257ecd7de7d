"""Route tables: where packets of a subnet would go."""

from twin.services.common.resources import Progress, Request, Resource, done, unless_gone
from twin.services.ec2.tagged import Tagged, call


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
