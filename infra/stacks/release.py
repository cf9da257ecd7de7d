"""A release before anybody sees it: the cluster, and the task that migrates the schema."""

from aws_cdk import CfnOutput, CfnParameter, Environment, Fn, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from infra.components.app_task import AppNeeds, AppTask
from infra.components.log_group import AppLogGroup
from infra.components.vpc import private_subnets
from infra.settings import Settings
from infra.stacks.data import DataStack
from infra.stacks.network import NetworkStack
from infra.stacks.storage import StorageStack


class ReleaseStack(Stack):
    """Cluster, log group of the app, and the migration's task definition."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        network: NetworkStack,
        data: DataStack,
        storage: StorageStack,
        env: Environment,
    ) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.keep_data)
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
            enable_fargate_capacity_providers=True,
        )
        self.log_group = AppLogGroup(
            self,
            "Logs",
            days=settings.log_days,
            removal_policy=RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY,
        )
        needs = app_needs(
            settings=settings, data=data, storage=storage, log_group=self.log_group, image_digest=image_digest(self)
        )
        migration = AppTask(self, "Migration", needs=needs, name="migration", command=["alembic", "upgrade", "head"])
        subnets = network.vpc.select_subnets(subnet_group_name=private_subnets().subnet_group_name)
        CfnOutput(self, "ClusterName", value=self.cluster.cluster_name)
        CfnOutput(self, "MigrationTaskDefinitionArn", value=migration.definition.task_definition_arn)
        CfnOutput(self, "MigrationSubnets", value=Fn.join(",", subnets.subnet_ids))
        # The path to the database is the tasks' own, so that no further group is let in there.
        CfnOutput(self, "MigrationSecurityGroup", value=network.groups.task.security_group_id)


def image_digest(stack: Stack) -> str:
    """Declare the parameter that names the image; the deployer gives it, so that synthesis never reads the app."""
    parameter = CfnParameter(
        stack,
        "ImageDigest",
        type="String",
        description="Digest of the app's image in the repository",
        allowed_pattern="^sha256:[0-9a-f]{64}$",
    )
    return parameter.value_as_string


def app_needs(
    *, settings: Settings, data: DataStack, storage: StorageStack, log_group: AppLogGroup, image_digest: str
) -> AppNeeds:
    """Gather from the stacks what a task of the app is given."""
    return AppNeeds(
        settings=settings,
        repository=storage.repository,
        repository_uri=storage.repository_uri,
        image_digest=image_digest,
        database_secret=data.database.secret,
        cache_token=data.cache.auth_token,
        cache_host=data.cache.group.attr_primary_end_point_address,
        cache_port=data.cache.group.attr_primary_end_point_port,
        secret_key=storage.secret_key,
        media=storage.media,
        static=storage.static,
        log_group=log_group,
    )
