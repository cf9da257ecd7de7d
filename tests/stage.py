"""A deployed stage, as tests reach it: by its URL and by the AWS API. The twin and AWS are asked in the same way.

TARGET=twin (the default): the twin that runs, else one started for the tests and stopped after them.
TARGET=aws: the stage named by STAGE, with the credentials of the caller.
"""

import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

REPOSITORY = Path(__file__).resolve().parents[1]
REGION = "ap-northeast-2"
STARTING_SECONDS = 600


@dataclass(frozen=True)
class Stage:
    """Where the app answers. authority: the CA file that signed its certificate, None for a public one."""

    name: str
    url: str
    authority: Path | None = None
    settings: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A boto3 client of the account that the stage is in."""
        addressing = {"addressing_style": "path"} if "endpoint_url" in self.settings else {}
        config = Config(s3=addressing)  # type: ignore[arg-type]
        return boto3.client(service, region_name=REGION, config=config, **self.settings)  # type: ignore[call-overload]

    def outputs(self, part: str) -> dict[str, str]:
        """What a stack of the stage gives out."""
        found = self.client("cloudformation").describe_stacks(StackName=f"duet-{self.name}-{part}")["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}

    def environment(self, **more: str) -> dict[str, str]:
        """What a command line of AWS runs with to speak of the stage."""
        if "endpoint_url" not in self.settings:
            return {**os.environ, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, **more}
        return {
            "PATH": f"{REPOSITORY}/.venv/bin:{os.environ['PATH']}",
            "HOME": str(REPOSITORY / "reports"),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.settings["endpoint_url"],
            "AWS_ACCESS_KEY_ID": self.settings["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.settings["aws_secret_access_key"],
            **more,
        }

    def trust(self) -> ssl.SSLContext:
        """What a client of the app verifies its certificate by."""
        return ssl.create_default_context(cafile=str(self.authority) if self.authority else None)

    def visitor(self, **more: Any) -> httpx.Client:
        """Somebody at a browser of their own; to be closed."""
        return httpx.Client(base_url=self.url, verify=self.trust(), timeout=20, **more)


def bin_twin(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the twin's command."""
    return subprocess.run(
        [REPOSITORY / "bin" / "twin", *arguments], capture_output=True, text=True, check=False, timeout=STARTING_SECONDS
    )


def seen() -> dict[str, Any]:
    """What `bin/twin status --json` says."""
    said = bin_twin("status", "--json")
    found: dict[str, Any] = json.loads(said.stdout)
    return found


@contextmanager
def stage() -> Iterator[Stage]:
    """The stage that TARGET names. A twin that had to be started is stopped again; its data stays."""
    target = os.environ.get("TARGET", "twin")
    if target == "aws":
        yield _on_aws()
        return
    if target != "twin":
        raise ValueError(f"TARGET must be twin or aws, not {target}")
    ran = seen()["ready"]
    if not ran:
        started = bin_twin("up")
        assert started.returncode == 0, f"the twin did not come up: {started.stdout}{started.stderr}"
    try:
        yield twin_stage()
    finally:
        if not ran:
            bin_twin("down")


def twin_stage() -> Stage:
    """The stage of the twin that runs."""
    now = seen()
    assert now["ready"], f"the twin is not ready: {now}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    settings = {"endpoint_url": now["endpoints"]["aws"], **keys}
    return Stage("twin", now["endpoints"]["app"], Path(now["certificate_authority"]), settings)


def _on_aws() -> Stage:
    name = os.environ.get("STAGE", "")
    url = os.environ.get("APP_URL", "")
    assert name, "TARGET=aws needs STAGE: the environment that was deployed, for example STAGE=dev"
    assert url.startswith("https://"), "TARGET=aws needs APP_URL: where the stage answers, https://…"
    return Stage(name, url)
