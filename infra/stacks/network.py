"""The network: zones, subnets, ways out, and who may speak to whom."""

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.components.security_groups import SecurityGroups
from infra.components.vpc import ZonedVpc
from infra.settings import Settings


class NetworkStack(Stack):
    """VPC and security groups."""

    def __init__(self, scope: Construct, id_: str, *, settings: Settings, env: Environment) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.keep_data)
        self.vpc = ZonedVpc(self, "Network", network=settings.network, log_days=settings.log_days).vpc
        self.groups = SecurityGroups(self, "Groups", vpc=self.vpc)
        CfnOutput(self, "VpcId", value=self.vpc.vpc_id)
