"""What is stored: files, images of the app, the key that signs its cookies."""

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from infra.components.buckets import LogBucket, MediaBucket, StaticBucket
from infra.components.generated_secret import GeneratedSecret
from infra.components.repository import ImageRepository
from infra.settings import Settings


class StorageStack(Stack):
    """Buckets, the image repository, and SECRET_KEY. It depends on no other stack."""

    def __init__(self, scope: Construct, id_: str, *, settings: Settings, env: Environment) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.keep_data)
        self.access_logs = LogBucket(self, "AccessLogs", settings=settings)
        self.static = StaticBucket(self, "Static", settings=settings, logs_to=self.access_logs)
        self.media = MediaBucket(self, "Media", settings=settings, logs_to=self.access_logs)
        self.repository = ImageRepository(self, "Images", keep_data=settings.keep_data)
        self.secret_key = GeneratedSecret(
            self, "SecretKey", description="Signs the app's cookies and tokens", length=64
        )
        resource = self.repository.node.default_child
        assert isinstance(resource, ecr.CfnRepository)
        # As the repository itself says it, not put together from its ARN.
        self.repository_uri = resource.attr_repository_uri
        CfnOutput(self, "StaticBucketName", value=self.static.bucket_name)
        CfnOutput(self, "MediaBucketName", value=self.media.bucket_name)
        CfnOutput(self, "RepositoryName", value=self.repository.repository_name)
        CfnOutput(self, "RepositoryUri", value=self.repository_uri)
