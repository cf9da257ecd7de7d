"""Calls through the running twin, made as roles and users: what each statement opens is shut without it."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from twin.core.world import World
from twin.keeper_control import start, stop

from tests.twin.services.iam.conftest import ACCOUNT, Estate, allow, document, trust
from tests.twin.support import Twin

type Json = dict[str, Any]


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    """The error's code and text."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def session(role: str) -> str:
    """The ARN of the session that acts."""
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/one"


def test_an_object_is_shut_without_its_statement(estate: Estate, bucket: str) -> None:
    reads = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/photos/*")
    role = estate.role(reads, allow("s3:PutObject", f"arn:aws:s3:::{bucket}/photos/*"))
    s3 = estate.acting("s3", role)
    assert s3.get_object(Bucket=bucket, Key="photos/1")["Body"].read() == b"private"
    s3.put_object(Bucket=bucket, Key="photos/2", Body=b"new")
    estate.let(role, reads)
    assert refused(s3.put_object, Bucket=bucket, Key="photos/2", Body=b"newer") == (
        "AccessDenied",
        f"User: {session(role)} is not authorized to perform: s3:PutObject on resource: "
        f'"arn:aws:s3:::{bucket}/photos/2" because no identity-based policy allows the s3:PutObject action',
    )
    assert refused(s3.get_object, Bucket=bucket, Key="static/1")[0] == "AccessDenied"
    # Who may not list is not told that nothing is there.
    assert "s3:ListBucket" in refused(s3.get_object, Bucket=bucket, Key="photos/none")[1]
    estate.let(role, reads, allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"))
    assert refused(s3.get_object, Bucket=bucket, Key="photos/none")[0] == "NoSuchKey"


def test_a_secret_is_shut_without_its_statement(estate: Estate, twin: Twin) -> None:
    secrets = twin.client("secretsmanager")
    arn = secrets.create_secret(Name=f"word-{uuid.uuid4().hex[:8]}", SecretString="open sesame")["ARN"]
    role = estate.role(allow("secretsmanager:GetSecretValue", arn))
    acting = estate.acting("secretsmanager", role)
    assert acting.get_secret_value(SecretId=arn)["SecretString"] == "open sesame"
    assert acting.get_secret_value(SecretId=arn.rsplit(":", 1)[1][:-7])["SecretString"] == "open sesame"
    estate.let(role)
    assert refused(acting.get_secret_value, SecretId=arn) == (
        "AccessDeniedException",
        f"User: {session(role)} is not authorized to perform: secretsmanager:GetSecretValue on resource: {arn} "
        "because no identity-based policy allows the secretsmanager:GetSecretValue action",
    )
    policy = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/{role}"},
              "Action": "secretsmanager:GetSecretValue", "Resource": "*"}  # fmt: skip
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=document(policy))
    assert acting.get_secret_value(SecretId=arn)["SecretString"] == "open sesame"
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def test_a_queue_opens_by_the_role_or_by_its_own_policy(estate: Estate, twin: Twin) -> None:
    sqs = twin.client("sqs")
    url = sqs.create_queue(QueueName=f"jobs-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    role = estate.role(allow("sqs:SendMessage", arn))
    acting = estate.acting("sqs", role)
    acting.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "one"}])
    estate.let(role)
    assert refused(acting.send_message, QueueUrl=url, MessageBody="two") == (
        "AccessDenied",
        f"User: {session(role)} is not authorized to perform: sqs:sendmessage on resource: {arn} because no "
        "identity-based policy allows the sqs:sendmessage action",
    )
    opened = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/{role}"},
              "Action": "sqs:SendMessage", "Resource": arn}  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(opened)})
    acting.send_message(QueueUrl=url, MessageBody="three")
    sqs.delete_queue(QueueUrl=url)


def test_a_topic_speaks_its_own_words(estate: Estate, twin: Twin) -> None:
    arn = twin.client("sns").create_topic(Name=f"news-{uuid.uuid4().hex[:8]}")["TopicArn"]
    role = estate.role(allow("sns:Publish", arn))
    acting = estate.acting("sns", role)
    acting.publish(TopicArn=arn, Message="one")
    estate.let(role)
    code, message = refused(acting.publish, TopicArn=arn, Message="two")
    assert (code, f"perform: SNS:Publish on resource: {arn} because no identity-based" in message) == (
        "AuthorizationError",
        True,
    )
    twin.client("sns").delete_topic(TopicArn=arn)


def test_a_role_is_passed_only_by_whom_may(estate: Estate) -> None:
    passed = estate.role(trusted=trust(Service="ecs-tasks.amazonaws.com"))
    arn = f"arn:aws:iam::{ACCOUNT}:role/{passed}"
    passes = allow("iam:PassRole", arn, Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}})
    role = estate.role(allow("ecs:RegisterTaskDefinition"), passes)
    ecs = estate.acting("ecs", role)
    definition = {
        "family": "passed", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
        "memory": "512", "executionRoleArn": arn, "taskRoleArn": arn,
        "containerDefinitions": [{"name": "main", "image": f"{ACCOUNT}.dkr.ecr.ap-northeast-2.amazonaws.com/x"}],
    }  # fmt: skip
    ecs.register_task_definition(**definition)
    estate.let(role, allow("ecs:RegisterTaskDefinition"))
    assert refused(ecs.register_task_definition, **definition) == (
        "AccessDeniedException",
        f"User: {session(role)} is not authorized to perform: iam:PassRole on resource: {arn} because no "
        "identity-based policy allows the iam:PassRole action",
    )


def test_a_trust_policy_says_who_becomes_the_role(estate: Estate) -> None:
    closed = estate.role(trusted=trust(Service="ecs-tasks.amazonaws.com"))
    code, message = refused(estate.assume, role=closed)
    arn = f"arn:aws:iam::{ACCOUNT}:role/{closed}"
    root = f"arn:aws:iam::{ACCOUNT}:root"
    assert (code, message) == (
        "AccessDenied",
        f"User: {root} is not authorized to perform: sts:AssumeRole on resource: {arn}",
    )
    assert refused(estate.assume, role="none")[0] == "AccessDenied"
    with_id = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole",
               "Condition": {"StringEquals": {"sts:ExternalId": "42"}}}  # fmt: skip
    guarded = estate.role(trusted=document(with_id))
    assert refused(estate.assume, role=guarded)[0] == "AccessDenied"
    assert estate.assume(guarded, ExternalId="42")["SessionToken"]
    # A role becomes another by its own policy, where the other trusts the account.
    other = estate.role(allow("s3:ListAllMyBuckets"))
    first = estate.role(allow("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/{other}"))
    sts = estate.acting("sts", first)
    target = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{other}", "RoleSessionName": "two"}
    assert sts.assume_role(**target)["AssumedRoleUser"]["Arn"].endswith(f"{other}/two")
    estate.let(first)
    assert refused(sts.assume_role, **target)[0] == "AccessDenied"


def test_boundary_session_and_denials_limit(estate: Estate, twin: Twin, bucket: str) -> None:
    iam, everything = twin.client("iam"), allow("s3:*")
    boundary = iam.create_policy(
        PolicyName=f"limit-{uuid.uuid4().hex[:8]}", PolicyDocument=document(allow("s3:PutObject"))
    )["Policy"]["Arn"]
    role = estate.role(everything, boundary=boundary)
    what = {"Bucket": bucket, "Key": "photos/1"}
    assert "no permissions boundary allows" in refused(estate.acting("s3", role).get_object, **what)[1]
    iam.create_policy_version(PolicyArn=boundary, PolicyDocument=document(everything), SetAsDefault=True)
    s3 = estate.acting("s3", role)
    s3.get_object(**what)
    narrow = estate.acting("s3", role, Policy=document(allow("s3:PutObject")))
    assert "no session policy allows" in refused(narrow.get_object, **what)[1]
    by_arn = estate.acting("s3", role, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonSQSFullAccess"}])
    assert "no session policy allows" in refused(by_arn.get_object, **what)[1]
    shut = {"Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}  # fmt: skip
    over_http = {**shut, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    twin.client("s3").put_bucket_policy(Bucket=bucket, Policy=document(over_http))
    s3.get_object(**what)
    twin.client("s3").put_bucket_policy(Bucket=bucket, Policy=document(shut))
    assert refused(s3.get_object, **what)[1].endswith("with an explicit deny in a resource-based policy")
    assert refused(twin.client("s3").get_object, **what)[0] == "AccessDenied", (
        "the account too, but for the policy itself"
    )
    twin.client("s3").delete_bucket_policy(Bucket=bucket)
    estate.let(role, everything, {**allow("s3:GetObject"), "Effect": "Deny"})
    assert refused(s3.get_object, **what)[1].endswith("with an explicit deny in an identity-based policy")
    iam.delete_role_permissions_boundary(RoleName=role)
    for version in iam.list_policy_versions(PolicyArn=boundary)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=boundary, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=boundary)


def test_a_key_must_itself_allow(estate: Estate, twin: Twin) -> None:
    kms, root = twin.client("kms"), {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=f"alias/{key}", TargetKeyId=key)
    role = estate.role(allow(["kms:Encrypt", "kms:Decrypt"], f"arn:aws:kms:*:*:key/{key}"))
    acting = estate.acting("kms", role)
    hidden = acting.encrypt(KeyId=f"alias/{key}", Plaintext=b"x")["CiphertextBlob"]
    assert acting.decrypt(CiphertextBlob=hidden)["Plaintext"] == b"x"
    assert refused(kms.describe_key, KeyId=str(uuid.uuid4()))[0] == "NotFoundException"
    rest = {"Effect": "Allow", "Principal": root, "NotAction": "kms:Encrypt", "Resource": "*"}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(rest))
    code, message = refused(acting.encrypt, KeyId=key, Plaintext=b"x")
    assert (code, message.endswith("because no resource-based policy allows the kms:Encrypt action")) == (
        "AccessDeniedException",
        True,
    )
    kms.delete_alias(AliasName=f"alias/{key}")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def test_a_secret_under_a_key_of_ones_own_asks_the_key_too(estate: Estate, twin: Twin) -> None:
    kms, secrets = twin.client("kms"), twin.client("secretsmanager")
    key = kms.create_key()["KeyMetadata"]
    arn = secrets.create_secret(Name=f"keyed-{uuid.uuid4().hex[:8]}", SecretString="x", KmsKeyId=key["KeyId"])["ARN"]
    reads = allow("secretsmanager:GetSecretValue", arn)
    role = estate.role(reads)
    acting = estate.acting("secretsmanager", role)
    assert f"perform: kms:Decrypt on resource: {key['Arn']}" in refused(acting.get_secret_value, SecretId=arn)[1]
    via = f"secretsmanager.{twin.world.region}.amazonaws.com"
    estate.let(role, reads, allow("kms:Decrypt", key["Arn"], Condition={"StringEquals": {"kms:ViaService": via}}))
    acting.get_secret_value(SecretId=arn)
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)


def test_a_template_in_a_bucket_is_read_with_the_rights_of_who_names_it(
    estate: Estate, twin: Twin, bucket: str
) -> None:
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}}
    twin.client("s3").put_object(Bucket=bucket, Key="photos/template.json", Body=json.dumps(template))
    stack = f"read-{uuid.uuid4().hex[:8]}"
    change = {
        "StackName": stack, "ChangeSetName": "one", "ChangeSetType": "CREATE",
        "TemplateURL": f"https://{bucket}.s3.{twin.world.region}.amazonaws.com/photos/template.json",
    }  # fmt: skip
    role = estate.role(allow("cloudformation:*"))
    acting = estate.acting("cloudformation", role)
    assert "s3:GetObject" in refused(acting.create_change_set, **change)[1]
    estate.let(role, allow("cloudformation:*"), allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    acting.create_change_set(**change)
    twin.client("cloudformation").delete_stack(StackName=stack)


def test_a_user_may_what_it_and_its_groups_hold(estate: Estate, twin: Twin) -> None:
    iam, name = twin.client("iam"), f"mina-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    s3 = estate.client("s3", key)
    denied = refused(s3.list_buckets)
    assert denied[1].startswith(f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: s3:ListAll")
    iam.create_group(GroupName=name)
    iam.put_group_policy(GroupName=name, PolicyName="own", PolicyDocument=document(allow("s3:ListAllMyBuckets")))
    iam.add_user_to_group(GroupName=name, UserName=name)
    s3.list_buckets()
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refused(s3.list_buckets)[0] == "InvalidAccessKeyId"
    iam.remove_user_from_group(GroupName=name, UserName=name)
    iam.delete_group_policy(GroupName=name, PolicyName="own")
    iam.delete_group(GroupName=name)
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def test_credentials_are_those_that_were_given(estate: Estate) -> None:
    role = estate.role(allow(["s3:ListAllMyBuckets", "sqs:ListQueues", "iam:ListRoles", "logs:*", "ecs:*"]))
    good = estate.assume(role)
    for service, call, arguments in (
        ("s3", "list_buckets", {}),
        ("sqs", "list_queues", {}),
        ("iam", "list_roles", {"PathPrefix": "/a b/"}),
        ("logs", "describe_log_groups", {}),
        ("ecs", "list_clusters", {}),
    ):
        getattr(estate.client(service, good), call)(**arguments)
        wrong = refused(getattr(estate.client(service, {**good, "SecretAccessKey": "x"}), call), **arguments)[0]
        assert wrong in ("SignatureDoesNotMatch", "InvalidSignatureException"), service
        token = refused(getattr(estate.client(service, {**good, "SessionToken": "x"}), call), **arguments)[0]
        strange = refused(getattr(estate.client(service, {**good, "AccessKeyId": "AKIAX"}), call), **arguments)[0]
        assert {token, strange} <= {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}, (
            service
        )
    # An access key that is another account's number is nobody's.
    assert refused(estate.client("sqs", {**good, "AccessKeyId": "111111111111"}).list_queues)[0] in (
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    )


def test_nobody_outside_is_taken_for_the_twin_itself(estate: Estate, twin: Twin, bucket: str) -> None:
    role = estate.role(allow("s3:ListAllMyBuckets"))
    s3 = estate.acting("s3", role)
    forged = {
        "x-localstack-data": '{"service_principal":"ecs-tasks"}',
        "X-LocalStack-Data": "{}",
        "x-moto-account-id": "111111111111",
    }
    s3.meta.events.register("before-send.s3.*", lambda request, **_: request.headers.update(forged))
    assert refused(s3.get_object, Bucket=bucket, Key="photos/1")[0] == "AccessDenied"
    request = urllib.request.Request(f"{twin.world.gateway_url}/{bucket}/photos/1", headers=forged)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    assert caught.value.code == 403
    caught.value.close()
    # Moto keeps the roles, and believes the header before all else.
    iam = twin.client("iam")
    iam.meta.events.register("before-send.iam.*", lambda request, **_: request.headers.update(forged))
    assert role in {one["RoleName"] for one in iam.list_roles(MaxItems=1000)["Roles"]}


def test_what_was_denied_and_what_was_used_is_told(estate: Estate, twin: Twin, bucket: str) -> None:
    role = estate.role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), allow("sqs:SendMessage"))
    s3 = estate.acting("s3", role)
    s3.get_object(Bucket=bucket, Key="photos/1")
    refused(s3.delete_object, Bucket=bucket, Key="photos/1")
    denied, used = _bin(twin, "iam", "denied"), _bin(twin, "iam", "used", role)
    assert f"{session(role)} is not authorized to perform: s3:DeleteObject" in denied
    assert f"used        1 x  s3:GetObject  on arn:aws:s3:::{bucket}/photos/1" in used
    assert "unused           sqs:SendMessage  on *  (own)" in used
    assert "unused           s3:GetObject" not in used
    told = json.loads(_bin(twin, "iam", "used", "--json"))
    assert any(one["arn"].endswith(role) for one in told["callers"])


def test_switched_off_nothing_is_decided(tmp_path: Path) -> None:
    environment = {
        "TWIN_STATE": str(tmp_path / "state"),
        "TWIN_ID": "5" if os.environ.get("TWIN_TEST_ID") != "5" else "4",
        "TWIN_IAM": "off",
    }
    here = World.from_environment(environment)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            start(here, timeout=90)
        off = Twin(here, environment)
        estate = Estate(off)
        role = estate.role(trusted=trust(Service="ecs-tasks.amazonaws.com"))
        estate.acting("sqs", role).list_queues()
        assert _bin(off, "iam", "denied").strip() == "TWIN_IAM is off: nothing is decided"
    finally:
        stop(here, timeout=60)


def _bin(twin: Twin, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "twin.cli", *arguments],
        env={**os.environ, **twin.environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout
