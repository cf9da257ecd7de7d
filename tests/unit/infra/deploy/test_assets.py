"""Files of an assembly in the bootstrap bucket."""

from pathlib import Path

import pytest

from infra.deploy.assembly import FileAsset
from infra.deploy.assets import publish
from infra.deploy.aws import Aws
from infra.errors import DeployError


@pytest.fixture
def asset(tmp_path: Path) -> FileAsset:
    """A template to publish."""
    source = tmp_path / "duet.template.json"
    source.write_text("{}")
    return FileAsset(source=source, bucket="assets", key="hash.json")


def test_what_is_there_stays(aws: Aws, asset: FileAsset) -> None:
    aws.s3.create_bucket(Bucket="assets", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    assert publish(aws, [asset]) == 1
    asset.source.write_text("[]")
    assert publish(aws, [asset]) == 0
    assert aws.s3.get_object(Bucket="assets", Key="hash.json")["Body"].read() == b"{}"


def test_a_bucket_that_is_not_there_is_named(aws: Aws, asset: FileAsset) -> None:
    with pytest.raises(DeployError, match=r"the bootstrap bucket assets cannot be read: .*NoSuchBucket"):
        publish(aws, [asset])
