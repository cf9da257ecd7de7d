"""A cloud assembly as the CDK wrote it."""

import json
import shutil
from pathlib import Path

import pytest

from infra.deploy.assembly import Stack, read
from infra.errors import DeployError
from tests.unit.infra.conftest import ACCOUNT, a_stack

REGION = "ap-northeast-2"


@pytest.fixture
def stacks(written: Path) -> tuple[Stack, ...]:
    """The stacks of dev."""
    return read(written, account=ACCOUNT, region=REGION)


def test_each_stack_comes_after_those_it_needs(stacks: tuple[Stack, ...]) -> None:
    parts = [stack.part for stack in stacks]
    assert sorted(parts) == ["data", "network", "release", "service", "storage"]
    for before, after in (("network", "data"), ("data", "release"), ("storage", "release"), ("release", "service")):
        assert parts.index(before) < parts.index(after)
    assert {stack.part: stack.needs for stack in stacks}["network"] == ()


def test_places_are_filled_in_for_the_account_and_region(stacks: tuple[Stack, ...]) -> None:
    for stack in stacks:
        assert stack.template_url.startswith(
            f"https://s3.{REGION}.amazonaws.com/cdk-hnb659fds-assets-{ACCOUNT}-{REGION}/"
        )
        assert stack.execution_role == f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{REGION}"
        assert "${" not in "".join(f"{asset.bucket}/{asset.key}" for asset in stack.assets)


def test_the_template_itself_is_an_asset_at_its_url(stacks: tuple[Stack, ...]) -> None:
    for stack in stacks:
        (asset,) = stack.assets
        assert json.loads(asset.source.read_text()) == stack.template
        assert stack.template_url.endswith(f"/{asset.bucket}/{asset.key}")


def test_what_the_deployer_must_give_is_what_has_no_default(stacks: tuple[Stack, ...]) -> None:
    assert {stack.part: sorted(stack.parameters) for stack in stacks} == {
        "network": [],
        "data": [],
        "storage": [],
        "release": ["ImageDigest"],
        "service": ["CertificateArn", "ImageDigest"],
    }


def test_resources_are_shown_by_their_place_among_the_constructs(stacks: tuple[Stack, ...]) -> None:
    data = next(stack for stack in stacks if stack.part == "data")
    database = next(name for name, of in data.template["Resources"].items() if of["Type"] == "AWS::RDS::DBInstance")
    assert data.shown(database) == "Database/Instance"
    assert data.shown("Unknown") == "Unknown"


def test_tags_and_bootstrap_version_are_read(stacks: tuple[Stack, ...]) -> None:
    for stack in stacks:
        assert stack.tags == {"project": "duet", "environment": "dev"}
        assert stack.bootstrap_version >= 6
        assert not stack.termination_protection


def test_no_assembly_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=f"no cloud assembly in {tmp_path}: No such file or directory"):
        read(tmp_path, account=ACCOUNT, region=REGION)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dockerImages": {"x": {}}}, "has image assets"),
        (
            {"files": {"x": {"source": {"packaging": "zip", "path": "code"}, "destinations": {}}}},
            r"has a zip asset \(code",
        ),
    ],
)
def test_an_asset_that_only_the_cli_can_publish_is_named(
    written: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    changed = shutil.copytree(written, tmp_path / "changed")
    manifest = changed / "duet-dev-data.assets.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **change}))
    with pytest.raises(DeployError, match=message):
        read(changed, account=ACCOUNT, region=REGION)


def test_stacks_in_a_circle_are_named(written: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(written, tmp_path / "changed")
    manifest = json.loads((changed / "manifest.json").read_text())
    manifest["artifacts"]["duet-dev-network"].setdefault("dependencies", []).append("duet-dev-data")
    (changed / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DeployError, match="in a circle: duet-dev-data, duet-dev-network"):
        read(changed, account=ACCOUNT, region=REGION)


def test_a_parameter_with_a_default_is_not_asked_for() -> None:
    template = {"Parameters": {"Given": {"Type": "String"}, "BootstrapVersion": {"Default": "/x"}}}
    assert a_stack(template=template).parameters == ["Given"]
