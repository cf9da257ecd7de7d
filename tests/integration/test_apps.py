"""CDK apps that are not the product's, in the style of AWS's samples, each deployed as it was synthesized and used."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.host import Host, a_host, eventually

pytestmark = pytest.mark.skipif(os.environ.get("TARGET", "twin") != "twin", reason="`bin/twin up --app` is the twin's")


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """The twin of these tests."""
    with a_host() as made:
        yield made


def test_two_services_share_a_balancer_by_path(host: Host) -> None:
    outputs = host.deployed("paths")
    balancer = next(one for one in host.status()["load_balancers"] if one["zones"])
    port = balancer["zones"][0]["port"]
    with httpx.Client(base_url=f"http://{outputs['Address']}:{port}") as visitor:
        assert visitor.get("/hello").text == "web /hello\n"
        assert visitor.get("/api/moods").text == "api /api/moods\n"
    assert host.status()["ready"]


def test_a_worker_and_its_sidecar_empty_a_queue(host: Host) -> None:
    outputs = host.deployed("worker")
    sqs, s3 = host.client("sqs"), host.client("s3")
    for body in ("poem.txt:so much depends upon", "nothing"):
        sqs.send_message(QueueUrl=outputs["QueueUrl"], MessageBody=body)
    eventually(lambda: _objects(s3, outputs["BucketName"]), lambda found: found == {"poem.txt": "4"}, 30)

    def rest() -> str:
        names = ["ApproximateNumberOfMessages"]
        got = sqs.get_queue_attributes(QueueUrl=outputs["RestUrl"], AttributeNames=names)
        return str(got["Attributes"]["ApproximateNumberOfMessages"])

    eventually(rest, lambda count: count == "1", 30)


def test_a_scheduled_task_leaves_its_reports(host: Host) -> None:
    outputs = host.deployed("report")
    s3 = host.client("s3")
    found = eventually(lambda: _objects(s3, outputs["BucketName"]), lambda found: len(found) >= 2, 30)
    assert set(found.values()) == {"weekly 32"}


def test_what_the_twin_does_not_make_is_named_before_anything_is_made(host: Host) -> None:
    done = host.up(host.synthesize("refused"))
    assert done.returncode == 1
    assert "Jobs (AWS::Batch::JobQueue): the twin does not make this type" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ("aws://123456789012/ap-northeast-2", "stack Paths is for account 123456789012, this twin is 000000000000"),
        ("aws://unknown-account/eu-west-1", "stack Paths is for region eu-west-1, this twin is ap-northeast-2"),
    ],
)
def test_an_app_for_another_place_is_refused(host: Host, tmp_path: Path, environment: str, said: str) -> None:
    elsewhere = shutil.copytree(host.synthesize("paths"), tmp_path / "elsewhere")
    manifest = elsewhere / "manifest.json"
    manifest.write_text(manifest.read_text().replace("aws://unknown-account/unknown-region", environment))
    done = host.up(elsewhere)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_folder_without_an_app_is_refused(host: Host) -> None:
    done = host.up(host.place)
    assert done.returncode == 1
    assert done.stderr == (
        f"twin: {host.place} holds no synthesized CDK app: run `cdk synth` and give its output directory\n"
    )


def _objects(s3: Any, bucket: str) -> dict[str, str]:
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}
