"""What the control plane knew is known again: after an orderly end, after a kill, and not from a spoiled snapshot."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from twin.core.certificates import authority
from twin.core.world import World
from twin.keeper_control import holder, start, stop

from tests.twin.support import Twin, eventually

TEMPLATE = """
Resources:
  Queue: {Type: "AWS::SQS::Queue", Properties: {QueueName: kept}}
Outputs:
  Url: {Value: !Ref Queue}
"""


@pytest.fixture
def running(here: World) -> Iterator[Twin]:
    start(here, timeout=60)
    yield Twin(here, {})
    stop(here, timeout=60)


def test_a_twin_that_was_killed_knows_what_its_last_snapshot_says_and_every_object(running: Twin) -> None:
    told = _tell(running)
    _snapshot(running)
    running.client("s3").put_object(Bucket="kept", Key="after", Body=b"the last snapshot")
    keeper = holder(running.world)
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    eventually(lambda: holder(running.world), lambda pid: pid is None, 10)
    start(running.world, timeout=60)
    _knows(running, told)
    assert running.client("s3").get_object(Bucket="kept", Key="after")["Body"].read() == b"the last snapshot"


def test_an_object_that_cannot_be_written_down_is_not_acknowledged(running: Twin) -> None:
    s3 = running.client("s3")
    s3.create_bucket(Bucket="lost", CreateBucketConfiguration={"LocationConstraint": running.world.region})
    running.world.directory("s3").joinpath("lost").write_text("where the bucket's folder would be")
    with pytest.raises(ClientError, match=r"InternalError.*could not be written to disk"):
        s3.put_object(Bucket="lost", Key="photo", Body=b"bytes")


def test_a_twin_that_was_stopped_knows_everything(running: Twin) -> None:
    told = _tell(running)
    stop(running.world, timeout=60)
    start(running.world, timeout=60)
    _knows(running, told)


def test_a_spoiled_snapshot_is_kept_aside_and_said_so(running: Twin) -> None:
    _tell(running)
    stop(running.world, timeout=60)
    folders = sorted((running.world.state / "snapshots").glob("snapshot-*"))
    for folder in folders:
        next(folder.glob("*.pickle")).write_bytes(b"spoiled")
    start(running.world, timeout=60)
    with pytest.raises(ClientError, match="does not exist"):
        running.client("cloudformation").describe_stacks(StackName="kept")
    said = (running.world.state / "events.jsonl").read_text()
    assert "cannot be read (it is not whole), kept as unreadable-" in said
    assert {path.name for path in (running.world.state / "snapshots").glob("unreadable-*")} >= {
        f"unreadable-{folder.name}" for folder in folders
    }


def _tell(twin: Twin) -> dict[str, Any]:
    """Let the twin know something of each kind that is hard to write down."""
    cloudformation = twin.client("cloudformation")
    cloudformation.create_change_set(
        StackName="kept", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=TEMPLATE
    )
    cloudformation.get_waiter("change_set_create_complete").wait(
        StackName="kept", ChangeSetName="first", WaiterConfig={"Delay": 1}
    )
    cloudformation.execute_change_set(StackName="kept", ChangeSetName="first")
    cloudformation.get_waiter("stack_create_complete").wait(StackName="kept", WaiterConfig={"Delay": 1})
    leaf = authority().issue("kept", ["127.0.0.1"], ["kept.localhost"])
    certificate = twin.client("acm").import_certificate(
        Certificate=leaf.cert_path.read_bytes(),
        PrivateKey=leaf.key_path.read_bytes(),
        CertificateChain=leaf.chain_path.read_bytes(),
    )["CertificateArn"]
    twin.client("ssm").put_parameter(Name="/kept/name", Value="value", Type="String")
    key = twin.client("kms").create_key()["KeyMetadata"]["KeyId"]
    hidden = twin.client("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    twin.client("s3").create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": twin.world.region})
    twin.client("s3").put_object(Bucket="kept", Key="folder/photo", Body=b"bytes", ContentType="image/png")
    twin.client("ecs").create_cluster(clusterName="kept")
    return {"certificate": certificate, "leaf": leaf.cert_path.read_text(), "hidden": hidden}


def _knows(twin: Twin, told: dict[str, Any]) -> None:
    stack = twin.client("cloudformation").describe_stacks(StackName="kept")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert twin.client("sqs").get_queue_url(QueueName="kept")["QueueUrl"] == stack["Outputs"][0]["OutputValue"]
    there = twin.client("acm").get_certificate(CertificateArn=told["certificate"])["Certificate"]
    assert there.strip() == told["leaf"].strip()
    assert twin.client("ssm").get_parameter(Name="/kept/name")["Parameter"]["Value"] == "value"
    assert twin.client("kms").decrypt(CiphertextBlob=told["hidden"])["Plaintext"] == b"secret"
    photo = twin.client("s3").get_object(Bucket="kept", Key="folder/photo")
    assert (photo["Body"].read(), photo["ContentType"]) == (b"bytes", "image/png")
    assert twin.client("ecs").describe_clusters(clusters=["kept"])["clusters"][0]["status"] == "ACTIVE"


def _snapshot(twin: Twin) -> None:
    """Wait for one that knows the last thing that was told."""
    folder: Path = twin.world.state / "snapshots"
    eventually(
        lambda: [path for path in folder.glob("snapshot-*/twin.services.ecs*") if b"cluster/kept" in path.read_bytes()],
        lambda found: found,
        15,
    )
