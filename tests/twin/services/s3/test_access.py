"""Who may reach an object without credentials of an API call: nobody, but by a signed address or form, or a policy."""

import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.twin.support import Twin, eventually

ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::open/*"}


@pytest.fixture
def bucket(twin: Twin) -> Iterator[str]:
    s3, name = twin.client("s3"), f"doors-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": twin.world.region})
    s3.put_object(Bucket=name, Key="photo", Body=b"private")
    yield name
    for entry in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=entry["Key"])
    s3.delete_bucket(Bucket=name)


def test_the_plain_address_is_closed_until_a_policy_opens_it(twin: Twin, bucket: str) -> None:
    s3, plain = twin.client("s3"), f"{twin.world.gateway_url}/{bucket}/photo"
    assert _get(plain) == (403, "AccessDenied")
    assert _get(f"{twin.world.gateway_url}/{bucket}") == (403, "AccessDenied")
    policy = {"Statement": [{**ANYBODY, "Resource": f"arn:aws:s3:::{bucket}/*"}]}
    with pytest.raises(s3.exceptions.ClientError, match="blocked by the BlockPublicPolicy"):
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert _get(plain) == (200, "private")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    assert _get(plain) == (403, "AccessDenied")


def test_a_signed_address_opens_one_object_for_its_time(twin: Twin, bucket: str) -> None:
    address = _signer(twin).generate_presigned_url("get_object", {"Bucket": bucket, "Key": "photo"}, ExpiresIn=60)
    assert _get(address) == (200, "private")
    assert _get(address.replace("photo", "other")) == (403, "SignatureDoesNotMatch")
    short = _signer(twin).generate_presigned_url("get_object", {"Bucket": bucket, "Key": "photo"}, ExpiresIn=1)
    eventually(lambda: _get(short), lambda answer: answer == (403, "AccessDenied"), 5)
    stranger = _signer(twin, "stranger").generate_presigned_url("get_object", {"Bucket": bucket, "Key": "photo"})
    assert _get(stranger) == (403, "InvalidAccessKeyId")


def test_a_role_signs_with_its_own_secret(twin: Twin, bucket: str) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    iam, name = twin.client("iam"), f"signer-{bucket}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=_document(may))
    role = twin.client("sts").assume_role(RoleArn=f"arn:aws:iam::000000000000:role/{name}", RoleSessionName="one")[
        "Credentials"
    ]
    signer = _signer(twin, role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"])
    address = signer.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "photo"})
    assert _get(address) == (200, "private")
    wrong = _signer(twin, role["AccessKeyId"], "not its secret", role["SessionToken"])
    address = wrong.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "photo"})
    assert _get(address) == (403, "SignatureDoesNotMatch")
    address = signer.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "photo"})
    iam.delete_role_policy(RoleName=name, PolicyName="one")
    assert _get(address) == (403, "AccessDenied"), "the signer's policies count when the address is used"
    iam.delete_role(RoleName=name)


def test_a_form_uploads_what_was_signed_and_nothing_else(twin: Twin, bucket: str) -> None:
    form = _signer(twin).generate_presigned_post(
        bucket, "new", Fields={"Content-Type": "image/png"}, Conditions=[{"Content-Type": "image/png"}]
    )
    assert _post(form["url"], form["fields"])[0] == 204
    assert twin.client("s3").get_object(Bucket=bucket, Key="new")["Body"].read() == b"bytes"
    assert _post(form["url"], {**form["fields"], "key": "other"}) == (403, "AccessDenied")
    forged = {**form["fields"], "x-amz-signature": "0" * 64}
    assert _post(form["url"], forged) == (403, "SignatureDoesNotMatch")
    assert _post(form["url"], {"key": "new"}) == (403, "AccessDenied")


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _signer(twin: Twin, key: str = "test", secret: str = "test", token: str | None = None) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=twin.world.gateway_url,
        region_name=twin.world.region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


def _get(url: str) -> tuple[int, str]:
    """The status, and the body or the error's code."""
    return _sent(urllib.request.Request(url))


def _post(url: str, fields: dict[str, str]) -> tuple[int, str]:
    edge = uuid.uuid4().hex
    parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    parts.append(
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nbytes\r\n--{edge}--\r\n'
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    return _sent(urllib.request.Request(url, "".join(parts).encode(), headers))


def _sent(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return error.code, text.split("<Code>")[1].split("<")[0] if "<Code>" in text else text
