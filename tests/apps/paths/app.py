"""Two services behind one load balancer, told apart by path."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

HERE = Path(__file__).resolve().parent


class Paths(cdk.Stack):
    """`/api/*` is answered by one service, everything else by the other."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        vpc = ec2.Vpc(self, "Vpc", max_azs=2, nat_gateways=1)
        cluster = ecs.Cluster(self, "Cluster", vpc=vpc)
        balancer = elbv2.ApplicationLoadBalancer(self, "Balancer", vpc=vpc, internet_facing=True)
        listener = balancer.add_listener("Http", port=80)
        web, api = self._service(cluster, "web"), self._service(cluster, "api")
        health = elbv2.HealthCheck(path="/health", interval=cdk.Duration.seconds(5), timeout=cdk.Duration.seconds(2))
        quickly = cdk.Duration.seconds(5)
        listener.add_targets(
            "Web", port=8080, targets=[web], health_check=health, deregistration_delay=quickly,
            protocol=elbv2.ApplicationProtocol.HTTP,
        )  # fmt: skip
        listener.add_targets(
            "Api", port=8080, targets=[api], health_check=health, deregistration_delay=quickly,
            protocol=elbv2.ApplicationProtocol.HTTP, priority=10,
            conditions=[elbv2.ListenerCondition.path_patterns(["/api/*"])],
        )  # fmt: skip
        cdk.CfnOutput(self, "Address", value=balancer.load_balancer_dns_name)

    def _service(self, cluster: ecs.Cluster, name: str) -> ecs.FargateService:
        task = ecs.FargateTaskDefinition(self, f"{name}-task", cpu=256, memory_limit_mib=512)
        task.add_container(
            "main",
            image=ecs.ContainerImage.from_asset(str(HERE / "server")),
            environment={"WHO": name},
            logging=ecs.LogDrivers.aws_logs(stream_prefix=name),
            port_mappings=[ecs.PortMapping(container_port=8080)],
        )
        return ecs.FargateService(
            self, f"{name}-service", cluster=cluster, task_definition=task, desired_count=2, min_healthy_percent=100
        )


app = cdk.App()
Paths(app, "Paths")
app.synth()
