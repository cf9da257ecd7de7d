"""Removing an environment: the last stack first; what is kept is named."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.deploy.aws import Aws
from infra.deploy.destroy import destroy, empty
from infra.deploy.progress import Progress
from infra.errors import DeployError
from tests.unit.infra.conftest import a_stack, fake_aws

BUCKET = "media"


def test_a_bucket_is_emptied_of_every_version(aws: Aws) -> None:
    aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "a", "b"):
        aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    aws.s3.delete_object(Bucket=BUCKET, Key="b")
    empty(aws, BUCKET)
    left = aws.s3.list_object_versions(Bucket=BUCKET)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left
    aws.s3.delete_bucket(Bucket=BUCKET)


def test_an_object_that_cannot_be_deleted_is_named() -> None:
    pages = [{"Versions": [{"Key": "a", "VersionId": "1"}]}]
    s3 = SimpleNamespace(
        get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: pages),
        delete_objects=lambda **_: {"Errors": [{"Key": "a", "Message": "Access Denied"}]},
    )
    with pytest.raises(DeployError, match="media/a could not be deleted: Access Denied"):
        empty(fake_aws(s3=s3), BUCKET)


class FakeCloudFormation:
    """CloudFormation with stacks that go when they are deleted."""

    def __init__(self, resources: dict[str, list[dict[str, str]]]) -> None:
        self.resources = resources
        self.calls: list[tuple[str, str]] = []

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        if StackName not in self.resources:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "Stack does not exist"}}, "Describe")
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE"}]}

    def get_paginator(self, operation: str) -> Any:
        if operation == "describe_stack_events":
            return SimpleNamespace(paginate=lambda **_: [])
        return SimpleNamespace(
            paginate=lambda StackName: [{"StackResourceSummaries": self.resources[StackName]}]  # noqa: N803
        )

    def update_termination_protection(self, *, StackName: str, EnableTerminationProtection: bool) -> None:  # noqa: N803
        assert not EnableTerminationProtection
        self.calls.append(("unprotect", StackName))

    def delete_stack(self, *, StackName: str) -> None:  # noqa: N803
        self.calls.append(("delete", StackName))
        del self.resources[StackName]


def _resource(logical_id: str, type_: str, physical: str) -> dict[str, str]:
    return {
        "LogicalResourceId": logical_id,
        "ResourceType": type_,
        "PhysicalResourceId": physical,
        "ResourceStatus": "CREATE_COMPLETE",
    }


def test_the_last_stack_goes_first_and_what_stays_is_named() -> None:
    database, bucket = "AWS::RDS::DBInstance", "AWS::S3::Bucket"
    cloudformation = FakeCloudFormation(
        {
            "duet-dev-data": [_resource("Db", database, "db-1"), _resource("Kept", bucket, "kept")],
            "duet-dev-service": [],
        }
    )
    template = {
        "Resources": {
            "Db": {"Type": database, "DeletionPolicy": "Snapshot"},
            "Kept": {"Type": bucket, "DeletionPolicy": "RetainExceptOnCreate"},
        }
    }
    lifted: list[dict[str, Any]] = []
    rds = SimpleNamespace(modify_db_instance=lambda **given: lifted.append(given))
    kept = destroy(
        fake_aws(cloudformation=cloudformation, rds=rds),
        [a_stack("duet-dev-network"), a_stack("duet-dev-data", template=template), a_stack("duet-dev-service")],
        Progress(as_json=True, stream=io.StringIO()),
    )
    assert [name for call, name in cloudformation.calls if call == "delete"] == ["duet-dev-service", "duet-dev-data"]
    assert kept == ["AWS::RDS::DBInstance db-1 (a last snapshot)", "AWS::S3::Bucket kept (as it is)"]
    assert lifted == [{"DBInstanceIdentifier": "db-1", "DeletionProtection": False, "ApplyImmediately": True}]
