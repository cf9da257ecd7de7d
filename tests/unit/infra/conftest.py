"""What tests of infra/ share: no credentials of this machine, an assembly written once, an AWS that is not there."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from moto import mock_aws

from infra.deploy.assembly import Stack
from infra.deploy.aws import Aws
from infra.settings import REGION, settings
from infra.synth import write

ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of somebody without credentials, settings or a reachable AWS."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "DUET_", "CDK_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An AWS of moto's, in memory, that is polled without waiting."""
    monkeypatch.setattr(Aws, "poll_seconds", 0.0)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield Aws(region=REGION)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of dev, by the CDK itself."""
    directory = tmp_path_factory.mktemp("assembly")
    write(settings("dev", domain="duet.example"), directory)
    return directory


def fake_aws(**clients: object) -> Aws:
    """An Aws whose clients are the given objects, polled without waiting; another client is an error."""
    checked = SimpleNamespace(
        region=REGION, endpoint=None, pause=lambda: None, check=lambda: None, interrupt=lambda: None, **clients
    )
    return cast(Aws, checked)


def a_stack(name: str = "duet-dev-data", **fields: Any) -> Stack:
    """A stack of an assembly, with what a test does not care about filled in."""
    given: dict[str, Any] = {
        "part": name.rsplit("-", 1)[-1],
        "template": {"Resources": {}},
        "template_url": "https://s3.example/bucket/key",
        "assets": (),
        "needs": (),
        "tags": {},
        "execution_role": None,
        "termination_protection": False,
        "bootstrap_version": 6,
        "paths": {},
        **fields,
    }
    return Stack(name=name, **given)
