"""CDK apps that are not the product's, in the style of AWS's samples, each deployed as it was synthesized and used."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from tests.stage import REGION, REPOSITORY

APPS = Path(__file__).resolve().parents[1] / "apps"
PYTHON = REPOSITORY / ".venv" / "bin" / "python"
pytestmark = pytest.mark.skipif(os.environ.get("TARGET", "twin") != "twin", reason="`bin/twin up --app` is the twin's")


@dataclass(frozen=True)
class Host:
    """A twin for apps, twenty times as fast as AWS. place: where apps are synthesized."""

    place: Path
    environment: dict[str, str]

    def synthesize(self, name: str) -> Path:
        """Let the app of the name be written as a cloud assembly, unless it has been."""
        out = self.place / name
        if out.exists():
            return out
        environment = self.environment | {"CDK_OUTDIR": str(out)}
        subprocess.run([PYTHON, "app.py"], cwd=APPS / name, env=environment, check=True, capture_output=True)
        return out

    def up(self, app: Path) -> subprocess.CompletedProcess[str]:
        """Deploy it."""
        return self.twin("up", "--app", str(app))

    def twin(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the twin's command."""
        return subprocess.run(
            [REPOSITORY / "bin" / "twin", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def deployed(self, name: str) -> dict[str, str]:
        """Synthesize and deploy; the outputs of its stack."""
        done = self.up(self.synthesize(name))
        assert done.returncode == 0, done.stdout + done.stderr
        stack = self.client("cloudformation").describe_stacks(StackName=name.capitalize())["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def status(self) -> dict[str, Any]:
        """What runs."""
        found: dict[str, Any] = json.loads(self.twin("status", "--json").stdout)
        return found

    def client(self, service: str) -> Any:
        """A client of the twin."""
        gateway = f"http://127.0.0.1:{4566 + 100 * int(self.environment['TWIN_ID'])}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, region_name=REGION, endpoint_url=gateway, **keys)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """The twin, gone with its data afterwards."""
    place = Path(tempfile.mkdtemp(prefix="twin-apps-"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TWIN_", "AWS_"))}
    own = {"TWIN_ID": os.environ.get("TWIN_COPY_ID", "7"), "TWIN_STATE": str(place / "state"), "TWIN_SPEED": "20"}
    made = Host(place, kept | own | {"PATH": f"{REPOSITORY}/.venv/bin:{os.environ['PATH']}"})
    yield made
    made.twin("clean")
    shutil.rmtree(place, ignore_errors=True)


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
    _eventually(lambda: _objects(s3, outputs["BucketName"]), lambda found: found == {"poem.txt": "4"}, 30)

    def rest() -> str:
        names = ["ApproximateNumberOfMessages"]
        got = sqs.get_queue_attributes(QueueUrl=outputs["RestUrl"], AttributeNames=names)
        return str(got["Attributes"]["ApproximateNumberOfMessages"])

    _eventually(rest, lambda count: count == "1", 30)


def test_a_scheduled_task_leaves_its_reports(host: Host) -> None:
    outputs = host.deployed("report")
    s3 = host.client("s3")
    found = _eventually(lambda: _objects(s3, outputs["BucketName"]), lambda found: len(found) >= 2, 30)
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


def _eventually[T](look: Callable[[], T], good: Callable[[T], bool], seconds: float) -> T:
    deadline = time.monotonic() + seconds
    while not good(seen := look()):
        assert time.monotonic() < deadline, f"after {seconds} s still {seen}"
        time.sleep(0.3)
    return seen
