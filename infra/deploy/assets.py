"""Publishes the files of an assembly into the bootstrap bucket, as the CDK CLI does; one that is there stays."""

from collections.abc import Iterable

from botocore.exceptions import ClientError

from infra.deploy.assembly import FileAsset
from infra.deploy.aws import Aws
from infra.errors import DeployError


def publish(aws: Aws, assets: Iterable[FileAsset]) -> int:
    """Upload what is missing; return how many files that was. The keys are hashes, so a file that is there is right."""
    missing = [asset for asset in assets if not _is_there(aws, asset)]
    for asset in missing:
        try:
            aws.s3.put_object(
                Bucket=asset.bucket, Key=asset.key, Body=asset.source.read_bytes(), ContentType="application/json"
            )
        except ClientError as error:
            raise DeployError(f"{asset.source.name} could not be published to {asset.bucket}: {error}") from error
    return len(missing)


def _is_there(aws: Aws, asset: FileAsset) -> bool:
    try:
        aws.s3.head_object(Bucket=asset.bucket, Key=asset.key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
            return False
        raise DeployError(f"the bootstrap bucket {asset.bucket} cannot be read: {error}") from error
    return True
