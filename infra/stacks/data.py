"""What remembers: database and cache."""

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.components.cache import Cache
from infra.components.database import Database
from infra.settings import Settings
from infra.stacks.network import NetworkStack


class DataStack(Stack):
    """PostgreSQL and Valkey, with their secrets."""

    def __init__(
        self, scope: Construct, id_: str, *, settings: Settings, network: NetworkStack, env: Environment
    ) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.keep_data)
        self.database = Database(
            self,
            "Database",
            vpc=network.vpc,
            security_group=network.groups.database,
            database=settings.database,
            keep_data=settings.keep_data,
        )
        self.cache = Cache(
            self,
            "Cache",
            vpc=network.vpc,
            security_group=network.groups.cache,
            cache=settings.cache,
        )
        CfnOutput(self, "DatabaseEndpoint", value=self.database.instance.db_instance_endpoint_address)
        CfnOutput(self, "DatabaseSecretArn", value=self.database.secret.secret_arn)
        CfnOutput(self, "CacheEndpoint", value=self.cache.group.attr_primary_end_point_address)
