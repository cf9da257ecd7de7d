"""The service: tasks over the zones behind the balancer, replaced without a failed request, rolled back on failure."""

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from infra.components.app_task import CONTAINER, AppTask
from infra.components.balancer import Balancer
from infra.components.security_groups import APP_PORT
from infra.components.vpc import private_subnets
from infra.settings import ServiceSettings


class AppService(Construct):
    """The Fargate service."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        cluster: ecs.ICluster,
        task: AppTask,
        balancer: Balancer,
        security_group: ec2.ISecurityGroup,
        service: ServiceSettings,
    ) -> None:
        super().__init__(scope, id_)
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task.definition,
            desired_count=service.tasks,
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.ENABLED,
            capacity_provider_strategies=[
                ecs.CapacityProviderStrategy(capacity_provider="FARGATE_SPOT" if service.spot else "FARGATE", weight=1)
            ],
            health_check_grace_period=Duration.seconds(60),
            vpc_subnets=private_subnets(),
            security_groups=[security_group],
            assign_public_ip=False,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
            enable_ecs_managed_tags=True,
        )
        # A task that starts before its execution role may pull the image counts as failed.
        assert task.definition.execution_role is not None
        self.service.node.add_dependency(task.definition.execution_role)
        balancer.targets.add_target(
            self.service.load_balancer_target(container_name=CONTAINER, container_port=APP_PORT)
        )
