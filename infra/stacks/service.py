"""The release that people see: load balancer and service."""

from aws_cdk import CfnOutput, CfnParameter, Environment, Stack
from constructs import Construct

from infra.components.app_task import AppTask
from infra.components.balancer import Balancer
from infra.components.service import AppService
from infra.settings import Settings
from infra.stacks.data import DataStack
from infra.stacks.network import NetworkStack
from infra.stacks.release import ReleaseStack, app_needs, image_digest
from infra.stacks.storage import StorageStack


class ServiceStack(Stack):
    """Load balancer over HTTPS, and the Fargate service behind it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        network: NetworkStack,
        data: DataStack,
        storage: StorageStack,
        release: ReleaseStack,
        env: Environment,
    ) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.keep_data)
        certificate = CfnParameter(
            self, "CertificateArn", type="String", description="The certificate of the app's domain, in this region"
        )
        balancer = Balancer(
            self,
            "Front",
            vpc=network.vpc,
            security_group=network.groups.balancer,
            certificate_arn=certificate.value_as_string,
            access_logs=storage.access_logs,
            settings=settings,
        )
        needs = app_needs(
            settings=settings, data=data, storage=storage, log_group=release.log_group, image_digest=image_digest(self)
        )
        task = AppTask(self, "Web", needs=needs, name="web")
        task.allow_app(needs)
        app = AppService(
            self,
            "App",
            cluster=release.cluster,
            task=task,
            balancer=balancer,
            security_group=network.groups.task,
            service=settings.service,
        )
        CfnOutput(self, "ServiceName", value=app.service.service_name)
        CfnOutput(self, "LoadBalancerDnsName", value=balancer.balancer.load_balancer_dns_name)
        CfnOutput(self, "LoadBalancerArn", value=balancer.balancer.load_balancer_arn)
