"""The app as a task: image by digest, plain configuration, injected secrets, two roles with no more than they need."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Aws, Duration
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.components.acknowledged import acknowledge
from infra.components.buckets import PrivateBucket
from infra.components.security_groups import APP_PORT
from infra.settings import Settings

CONTAINER = "app"
MEDIA_PREFIX = "photos/"
STATIC_PREFIX = "static/"
_DATABASE_KEYS = {
    "DATABASE_HOST": "host",
    "DATABASE_PORT": "port",
    "DATABASE_NAME": "dbname",
    "DATABASE_USER": "username",
    "DATABASE_PASSWORD": "password",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AppNeeds:
    """What every task of the app is given, wherever it runs. `image_digest` is `sha256:…`, known at deployment."""

    settings: Settings
    repository: ecr.IRepository
    repository_uri: str
    image_digest: str
    database_secret: secretsmanager.ISecret
    cache_token: secretsmanager.ISecret
    cache_host: str
    cache_port: str
    secret_key: secretsmanager.ISecret
    media: PrivateBucket
    static: PrivateBucket
    log_group: logs.ILogGroup


class AppTask(Construct):
    """A task definition of the app: its CMD, or `command` in its place."""

    def __init__(
        self, scope: Construct, id_: str, *, needs: AppNeeds, name: str, command: list[str] | None = None
    ) -> None:
        super().__init__(scope, id_)
        service = needs.settings.service
        self.definition = ecs.FargateTaskDefinition(
            self,
            "Definition",
            cpu=service.cpu,
            memory_limit_mib=service.memory,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.X86_64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
            volumes=[ecs.Volume(name="tmp")],
        )
        container = self.definition.add_container(
            CONTAINER,
            image=ecs.ContainerImage.from_registry(f"{needs.repository_uri}@{needs.image_digest}"),
            command=command,
            environment=_environment(needs),
            secrets=_secrets(needs),
            logging=ecs.LogDriver.aws_logs(log_group=needs.log_group, stream_prefix=name),
            port_mappings=[ecs.PortMapping(container_port=APP_PORT)] if command is None else None,
            # Nothing may be written but what is in memory or in /tmp, which is gone with the task.
            readonly_root_filesystem=True,
            stop_timeout=Duration.seconds(service.stop_seconds),
        )
        container.add_mount_points(ecs.MountPoint(container_path="/tmp", source_volume="tmp", read_only=False))  # noqa: S108
        needs.repository.grant_pull(self.definition.obtain_execution_role())
        self._acknowledge()

    def allow_app(self, needs: AppNeeds) -> None:
        """Grant the task role what the running app uses: photos, static files, mail, the database's secret."""
        settings = needs.settings
        sender = f"arn:{Aws.PARTITION}:ses:{Aws.REGION}:{Aws.ACCOUNT_ID}:identity/{settings.domain}"
        for statement in (
            iam.PolicyStatement(
                sid="Photos",
                actions=["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                resources=[needs.media.objects(MEDIA_PREFIX)],
            ),
            iam.PolicyStatement(
                sid="StaticFiles",
                actions=["s3:GetObject"],
                resources=[needs.static.objects(STATIC_PREFIX)],
            ),
            iam.PolicyStatement(
                sid="Mail",
                actions=["ses:SendEmail"],
                resources=[sender],
                conditions={"StringEquals": {"ses:FromAddress": settings.mail_sender}},
            ),
            iam.PolicyStatement(
                sid="DatabaseSecret",
                actions=["secretsmanager:GetSecretValue"],
                resources=[needs.database_secret.secret_arn],
            ),
        ):
            self.definition.add_to_task_role_policy(statement)
        acknowledge(
            self.definition.task_role,
            {
                f"IAM5[Resource::{needs.media.shown_objects(MEDIA_PREFIX)}]": (
                    "The names of photos are not known beforehand; the prefix bounds them."
                ),
                f"IAM5[Resource::{needs.static.shown_objects(STATIC_PREFIX)}]": (
                    "The names of static files change with each release; the prefix bounds them."
                ),
            },
        )

    def _acknowledge(self) -> None:
        acknowledge(
            self.definition,
            {"ECS2": "These variables hold configuration only; every secret is injected from Secrets Manager."},
        )
        role = self.definition.execution_role
        assert role is not None
        acknowledge(
            role,
            {"IAM5[Resource::*]": "ecr:GetAuthorizationToken has no resource to be limited to; nothing else uses it."},
        )


def _environment(needs: AppNeeds) -> dict[str, str]:
    settings = needs.settings
    return {
        "RELEASE": needs.image_digest,
        "APP_ORIGIN": settings.origin,
        "REDIS_HOST": needs.cache_host,
        "REDIS_PORT": needs.cache_port,
        "REDIS_TLS": "1",
        "MEDIA_BUCKET": needs.media.bucket_name,
        "STATIC_BUCKET": needs.static.bucket_name,
        "MAIL_SENDER": settings.mail_sender,
        "DATABASE_SECRET_ARN": needs.database_secret.secret_arn,
        "AWS_REGION": Aws.REGION,
        "AWS_DEFAULT_REGION": Aws.REGION,
        "WEB_CONCURRENCY": str(settings.service.workers),
    }


def _secrets(needs: AppNeeds) -> Mapping[str, ecs.Secret]:
    of_database = {
        name: ecs.Secret.from_secrets_manager(needs.database_secret, key) for name, key in _DATABASE_KEYS.items()
    }
    return {
        **of_database,
        "REDIS_AUTH_TOKEN": ecs.Secret.from_secrets_manager(needs.cache_token),
        "SECRET_KEY": ecs.Secret.from_secrets_manager(needs.secret_key),
    }
