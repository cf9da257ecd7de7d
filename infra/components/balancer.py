"""The load balancer: HTTPS in, a node in every zone, targets that leave in peace."""

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.components.security_groups import APP_PORT
from infra.components.vpc import public_subnets
from infra.settings import Settings

HEALTH_PATH = "/healthz"


class Balancer(Construct):
    """The application load balancer with its listeners and the target group that the service registers in."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        vpc: ec2.IVpc,
        security_group: ec2.ISecurityGroup,
        certificate_arn: str,
        access_logs: s3.IBucket,
        settings: Settings,
    ) -> None:
        super().__init__(scope, id_)
        self.targets = self._target_group(vpc, settings)
        self.balancer = elbv2.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=vpc,
            vpc_subnets=public_subnets(),
            security_group=security_group,
            internet_facing=True,
            drop_invalid_header_fields=True,
            deletion_protection=settings.keep_data,
            idle_timeout=Duration.seconds(60),
        )
        self.balancer.log_access_logs(access_logs, "balancer")
        self.balancer.add_listener(
            "Https",
            port=443,
            protocol=elbv2.ApplicationProtocol.HTTPS,
            ssl_policy=elbv2.SslPolicy.TLS13_RES,
            certificates=[elbv2.ListenerCertificate.from_arn(certificate_arn)],
            default_target_groups=[self.targets],
            open=False,
        )
        self.balancer.add_listener(
            "Http",
            port=80,
            protocol=elbv2.ApplicationProtocol.HTTP,
            default_action=elbv2.ListenerAction.redirect(protocol="HTTPS", port="443", permanent=True),
            open=False,
        )

    def _target_group(self, vpc: ec2.IVpc, settings: Settings) -> elbv2.ApplicationTargetGroup:
        return elbv2.ApplicationTargetGroup(
            self,
            "Targets",
            vpc=vpc,
            port=APP_PORT,
            protocol=elbv2.ApplicationProtocol.HTTP,
            target_type=elbv2.TargetType.IP,
            deregistration_delay=Duration.seconds(settings.service.deregistration_seconds),
            health_check=elbv2.HealthCheck(
                path=HEALTH_PATH,
                protocol=elbv2.Protocol.HTTP,
                healthy_http_codes="200",
                interval=Duration.seconds(5),
                timeout=Duration.seconds(4),
                healthy_threshold_count=2,
                unhealthy_threshold_count=2,
            ),
        )
