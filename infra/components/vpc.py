"""A network over explicit zones: public, private with a way out, isolated; S3 reached without leaving it."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.components.log_group import AppLogGroup
from infra.settings import NetworkSettings

PUBLIC = "public"
PRIVATE = "private"
ISOLATED = "isolated"


class ZonedVpc(Construct):
    """The VPC with its flow log. The zones are named, so that synthesis looks nothing up."""

    def __init__(self, scope: Construct, id_: str, *, network: NetworkSettings, log_days: int) -> None:
        super().__init__(scope, id_)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            availability_zones=list(network.zones),
            ip_addresses=ec2.IpAddresses.cidr(network.cidr),
            nat_gateways=network.nat_gateways,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name=PUBLIC, subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(name=PRIVATE, subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=22),
                ec2.SubnetConfiguration(name=ISOLATED, subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
            # Closing the default group would need a custom resource; nothing here uses that group.
            restrict_default_security_group=False,
        )
        self._log_flows(network, log_days)

    def _log_flows(self, network: NetworkSettings, log_days: int) -> None:
        group = AppLogGroup(self, "FlowLogGroup", days=log_days, removal_policy=RemovalPolicy.DESTROY)
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group),
            traffic_type=ec2.FlowLogTrafficType[network.flow_log_traffic],
            max_aggregation_interval=ec2.FlowLogMaxAggregationInterval.TEN_MINUTES,
        )


def private_subnets() -> ec2.SubnetSelection:
    """Where tasks live."""
    return ec2.SubnetSelection(subnet_group_name=PRIVATE)


def isolated_subnets() -> ec2.SubnetSelection:
    """Where data lives."""
    return ec2.SubnetSelection(subnet_group_name=ISOLATED)


def public_subnets() -> ec2.SubnetSelection:
    """Where the load balancer's nodes live."""
    return ec2.SubnetSelection(subnet_group_name=PUBLIC)
