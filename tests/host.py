"""A twin for apps and clients that are not the product's, and CDK apps to deploy into it."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.stage import REGION, REPOSITORY

APPS = Path(__file__).resolve().parent / "apps"
PYTHON = REPOSITORY / ".venv" / "bin" / "python"
CDK = REPOSITORY / "infra" / "node_modules" / ".bin" / "cdk"


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

    def start(self) -> None:
        """Start it without any stack."""
        command = "from twin.core.world import world; from twin.keeper_control import start; start(world(), 90)"
        subprocess.run(
            [REPOSITORY / "local" / ".venv" / "bin" / "python", "-c", command], env=self.environment, check=True
        )

    def status(self) -> dict[str, Any]:
        """What runs."""
        found: dict[str, Any] = json.loads(self.twin("status", "--json").stdout)
        return found

    @property
    def gateway(self) -> str:
        """Where its AWS API answers."""
        return f"http://127.0.0.1:{4566 + 100 * int(self.environment['TWIN_ID'])}"

    def client(self, service: str) -> Any:
        """A client of the twin."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, region_name=REGION, endpoint_url=self.gateway, **keys)  # type: ignore[call-overload]

    def tool(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a tool of AWS's that is told of the twin as of any other endpoint."""
        told = {"AWS_ENDPOINT_URL": self.gateway, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_PAGER": ""}
        docker = {"CDK_DOCKER": str(REPOSITORY / "bin" / "twin-docker")}
        return subprocess.run(
            command,
            env=self.environment | told | keys | docker,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def aws(self, *words: str) -> Any:
        """Call the AWS CLI, which must succeed, and return what it says."""
        done = self.tool(REPOSITORY / ".venv" / "bin" / "aws", *words, "--output", "json")
        assert done.returncode == 0, f"aws {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def cdk(self, command: str, app: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Call the CDK CLI for the app of the name."""
        return self.tool(CDK, command, "--app", str(self.synthesize(app)), "--no-color", "--no-notices", "--ci", *words)


@contextmanager
def a_host() -> Iterator[Host]:
    """The twin, gone with its data afterwards."""
    place = Path(tempfile.mkdtemp(prefix="twin-apps-"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TWIN_", "AWS_"))}
    own = {"TWIN_ID": os.environ.get("TWIN_COPY_ID", "7"), "TWIN_STATE": str(place / "state"), "TWIN_SPEED": "20"}
    made = Host(place, kept | own | {"PATH": f"{REPOSITORY}/.venv/bin:{os.environ['PATH']}"})
    try:
        yield made
    finally:
        made.twin("clean")
        shutil.rmtree(place, ignore_errors=True)


def eventually[T](look: Callable[[], T], good: Callable[[T], object], seconds: float) -> T:
    """Look until what is seen is good and return it; fail after `seconds` with what was last seen."""
    deadline = time.monotonic() + seconds
    while not good(seen := look()):
        assert time.monotonic() < deadline, f"after {seconds} s still {seen}"
        time.sleep(0.3)
    return seen
