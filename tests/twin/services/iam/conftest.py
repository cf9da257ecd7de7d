"""Roles and users of a test, with clients that call as them."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.twin.support import Twin

ACCOUNT = "000000000000"

type Json = dict[str, Any]


def document(*statements: Json) -> str:
    """A policy's text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> Json:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust(**principal: str) -> str:
    """A trust policy."""
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


@dataclass
class Estate:
    """Makes roles and users, which are gone after the test."""

    twin: Twin
    roles: list[str] = field(default_factory=list)

    @property
    def iam(self) -> Any:
        """IAM's client, as the account."""
        return self.twin.client("iam")

    def role(self, *statements: Json, trusted: str = "", boundary: str = "") -> str:
        """A role that may what the statements say, by one policy named `own`; its name."""
        name = f"role-{uuid.uuid4().hex[:8]}"
        more = {"PermissionsBoundary": boundary} if boundary else {}
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted or trust(AWS=ACCOUNT), **more)
        self.roles.append(name)
        if statements:
            self.let(name, *statements)
        return name

    def let(self, role: str, *statements: Json) -> None:
        """Replace what the role may."""
        if statements:
            self.iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document(*statements))
        else:
            self.iam.delete_role_policy(RoleName=role, PolicyName="own")

    def assume(self, role: str, **more: Any) -> Json:
        """Credentials of a session named `one`."""
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        found: Json = self.twin.client("sts").assume_role(RoleArn=arn, RoleSessionName="one", **more)["Credentials"]
        return found

    def client(self, service: str, credentials: Json) -> Any:
        """A client that calls with the credentials."""
        return boto3.client(
            service,
            endpoint_url=self.twin.world.gateway_url,
            region_name=self.twin.world.region,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def acting(self, service: str, role: str, **more: Any) -> Any:
        """A client that calls as the role."""
        return self.client(service, self.assume(role, **more))


@pytest.fixture
def estate(twin: Twin) -> Iterator[Estate]:
    """What makes them."""
    made = Estate(twin)
    yield made
    for name in made.roles:
        for policy in made.iam.list_role_policies(RoleName=name)["PolicyNames"]:
            made.iam.delete_role_policy(RoleName=name, PolicyName=policy)
        made.iam.delete_role(RoleName=name)


@pytest.fixture
def bucket(twin: Twin) -> Iterator[str]:
    """A bucket with an object `photos/1`."""
    s3, name = twin.client("s3"), f"gate-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": twin.world.region})
    s3.put_object(Bucket=name, Key="photos/1", Body=b"private")
    yield name
    s3.delete_bucket_policy(Bucket=name)
    for entry in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=entry["Key"])
    s3.delete_bucket(Bucket=name)
