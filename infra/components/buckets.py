"""The buckets: private, encrypted, TLS only, versioned where something would be missed, and all of them logged."""

from collections.abc import Sequence

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.components.acknowledged import acknowledge
from infra.settings import REGION, Settings

_TIERING = s3.Transition(storage_class=s3.StorageClass.INTELLIGENT_TIERING, transition_after=Duration.days(0))


class PrivateBucket(s3.Bucket):
    """A bucket `duet-<environment>-<purpose>-<account>-<region>` that nothing public can reach."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        purpose: str,
        settings: Settings,
        lifecycle: Sequence[s3.LifecycleRule],
        versioned: bool = True,
        cors: Sequence[s3.CorsRule] | None = None,
        logs_to: s3.IBucket | None = None,
    ) -> None:
        self._stem = f"duet-{settings.name}-{purpose}"
        super().__init__(
            scope,
            id_,
            bucket_name=f"{self._stem}-{Aws.ACCOUNT_ID}-{REGION}",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=versioned,
            cors=cors,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="unfinished-uploads", abort_incomplete_multipart_upload_after=Duration.days(1), enabled=True
                ),
                *lifecycle,
            ],
            server_access_logs_bucket=logs_to,
            server_access_logs_prefix=f"{purpose}/" if logs_to is not None else None,
            # A bucket of a first deployment that failed must go, or its name would stand in the way of the next.
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if settings.keep_data else RemovalPolicy.DESTROY,
        )

    def objects(self, prefix: str) -> str:
        """The ARN of all objects under `prefix`; from the bucket's name, so that no stack need export it."""
        return f"arn:{Aws.PARTITION}:s3:::{self._stem}-{Aws.ACCOUNT_ID}-{REGION}/{prefix}*"

    def shown_objects(self, prefix: str) -> str:
        """`objects(prefix)` as a finding of cdk-nag names it."""
        return f"arn:<AWS::Partition>:s3:::{self._stem}-<AWS::AccountId>-{REGION}/{prefix}*"


class LogBucket(PrivateBucket):
    """Where access logs go, of the load balancer and of the other buckets."""

    def __init__(self, scope: Construct, id_: str, *, settings: Settings) -> None:
        expiry = s3.LifecycleRule(id="expiry", expiration=Duration.days(settings.log_days), enabled=True)
        super().__init__(scope, id_, purpose="access-logs", settings=settings, versioned=False, lifecycle=[expiry])
        acknowledge(self, {"S1": "This bucket holds the access logs; logging access to it would feed itself."})


class StaticBucket(PrivateBucket):
    """Static files under hashed names; the deployer removes those of releases that are gone."""

    def __init__(self, scope: Construct, id_: str, *, settings: Settings, logs_to: s3.IBucket) -> None:
        removed = s3.LifecycleRule(
            id="removed-files", noncurrent_version_expiration=Duration.days(7), expired_object_delete_marker=True
        )
        super().__init__(
            scope, id_, purpose="static", settings=settings, logs_to=logs_to, lifecycle=[_tiering(), removed]
        )


class MediaBucket(PrivateBucket):
    """What couples upload, straight from their browsers, hence the cross-origin rule."""

    def __init__(self, scope: Construct, id_: str, *, settings: Settings, logs_to: s3.IBucket) -> None:
        removed = s3.LifecycleRule(
            id="removed-files", noncurrent_version_expiration=Duration.days(30), expired_object_delete_marker=True
        )
        uploads = s3.CorsRule(
            allowed_origins=list(settings.upload_origins),
            allowed_methods=[s3.HttpMethods.GET, s3.HttpMethods.PUT, s3.HttpMethods.POST],
            allowed_headers=["*"],
            exposed_headers=["ETag"],
            max_age=3600,
        )
        super().__init__(
            scope,
            id_,
            purpose="media",
            settings=settings,
            logs_to=logs_to,
            lifecycle=[_tiering(), removed],
            cors=[uploads],
        )


def _tiering() -> s3.LifecycleRule:
    return s3.LifecycleRule(id="intelligent-tiering", transitions=[_TIERING], enabled=True)
