"""Rules that hold for every template: AwsSolutions, nothing custom, nothing that only one cloud understands."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aws_cdk import Acknowledgment
from aws_cdk import aws_s3 as s3

from infra import app
from infra.components import acknowledged
from infra.errors import SynthError
from infra.settings import REGION, settings
from infra.stacks.storage import StorageStack
from infra.synth import write
from tests.production.conftest import DOMAIN, PARTS, Environment, walk

_SECRET_NAME = re.compile(r"(?i)password|passwd|secret|token|api_?key|private_?key")
# Names that only speak of a secret: where it is, and how it is made.
_NO_SECRETS = {
    "DATABASE_SECRET_ARN", "GenerateSecretString", "PasswordLength", "SecretId", "SecretStringTemplate", "Secrets",
}  # fmt: skip
# The control plane of the twin passes these on without evaluating them.
_NOT_EVERYWHERE = {"Fn::Cidr", "Fn::Length", "Fn::ToJsonString", "Fn::Transform"}
_NAMES_THAT_CLOUDFORMATION_CAN_GIVE = {
    "ClusterName", "DBInstanceIdentifier", "DBParameterGroupName", "GroupName", "LoadBalancerName", "LogGroupName",
    "Name", "ReplicationGroupId", "RepositoryName", "RoleName", "SecretName", "ServiceName", "CacheSubnetGroupName",
}  # fmt: skip


def test_aws_solutions_passes_and_only_these_rules_have_exceptions(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture has written the templates, so the pack passed; without the exceptions it names exactly these."""

    class Ignored:
        def acknowledge(self, *exceptions: Acknowledgment) -> None:
            assert all(len(each.reason) > 40 for each in exceptions)

    monkeypatch.setattr(acknowledged, "Validations", SimpleNamespace(of=lambda _: Ignored()))
    with pytest.raises(SynthError):
        write(environment.settings, tmp_path / "without")
    report = json.loads((tmp_path / "without" / "validation-report.json").read_text())
    (pack,) = (each for each in report["pluginReports"] if each["pluginName"] == "AwsSolutions")
    rules = {each["ruleName"].partition("[")[0].removeprefix("AwsSolutions-") for each in pack["violations"]}
    single = set() if environment.settings.database.multi_az else {"RDS3", "AEC4"}
    disposable = set() if environment.settings.keep_data else {"RDS10"}
    assert rules == {"EC23", "ECS2", "IAM5", "RDS11", "SMG4"} | single | disposable


def test_a_broken_rule_is_named_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(StorageStack):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            s3.Bucket(self, "Open")

    monkeypatch.setattr(app, "StorageStack", Careless)
    with pytest.raises(SynthError) as error:
        write(settings("dev", domain=DOMAIN), tmp_path / "careless")
    assert str(error.value).startswith("dev was not written: ")
    for rule in ("AwsSolutions-S1", "AwsSolutions-S10"):
        assert f"{rule} at duet-dev-storage/Open/Resource" in str(error.value)


def test_every_environment_has_all_its_stacks_in_one_region(environment: Environment) -> None:
    manifest = json.loads((environment.directory / "manifest.json").read_text())
    stacks = {
        name: each["environment"]
        for name, each in manifest["artifacts"].items()
        if each["type"] == "aws:cloudformation:stack"
    }
    assert stacks == {environment.settings.stack_name(part): f"aws://unknown-account/{REGION}" for part in PARTS}


def test_there_is_no_custom_resource_and_no_function(environment: Environment) -> None:
    types = {resource.type for resource in environment.resources()}
    assert not [type_ for type_ in types if type_.startswith(("Custom::", "AWS::CloudFormation::", "AWS::Lambda::"))]


def test_every_dynamic_reference_is_alone_in_its_string(environment: Environment) -> None:
    for value in walk(environment.templates):
        if isinstance(value, str):
            assert value.count("{{resolve:") <= 1, value
        if isinstance(value, dict) and "Fn::Join" in value:
            parts = "".join(part if isinstance(part, str) else "…" for part in value["Fn::Join"][1])
            if "{{resolve:" in parts:
                assert parts.startswith("{{resolve:")
                assert parts.endswith("}}")


def test_only_functions_that_every_cloud_evaluates_are_used(environment: Environment) -> None:
    used = {key for value in walk(environment.templates) if isinstance(value, dict) for key in value}
    assert not used & _NOT_EVERYWHERE


def test_no_secret_stands_in_a_template(environment: Environment) -> None:
    for resource in environment.resources():
        assert "SecretString" not in resource.properties
        for name, value in _named(resource.properties):
            if _SECRET_NAME.search(name) and name not in _NO_SECRETS:
                assert not isinstance(value, str), f"{resource.logical_id}: {name}"
                assert "{{resolve:secretsmanager:" in json.dumps(value), f"{resource.logical_id}: {name}"
    for secret in environment.of_type("AWS::SecretsManager::Secret"):
        template = secret.properties["GenerateSecretString"].get("SecretStringTemplate", "{}")
        assert json.loads(template).keys() <= {"username"}
    for template in environment.templates.values():
        assert not [name for name in template.get("Parameters", {}) if _SECRET_NAME.search(name)]
        for output in template.get("Outputs", {}).values():
            assert "{{resolve:" not in json.dumps(output)


def test_nothing_looks_like_a_key_or_a_password(environment: Environment) -> None:
    for value in walk(environment.templates):
        if isinstance(value, str):
            assert not re.search(r"AKIA[0-9A-Z]{16}|-----BEGIN|://[^/\s]+:[^/\s]+@", value), value


def _named(value: object) -> Iterator[tuple[str, object]]:
    """Every property with its name, and every variable of a container with its."""
    for each in walk(value):
        if isinstance(each, dict):
            yield from each.items()
            if each.keys() == {"Name", "Value"}:
                yield str(each["Name"]), each["Value"]


def test_names_are_left_to_cloudformation_but_those_of_buckets(environment: Environment) -> None:
    for resource in environment.resources():
        if resource.type == "AWS::EC2::FlowLog":
            continue  # its LogGroupName names where it writes
        own = {name for name in resource.properties if name in _NAMES_THAT_CLOUDFORMATION_CAN_GIVE}
        reference = {name for name in own if isinstance(resource.properties[name], dict)}
        assert not own - reference, f"{resource.logical_id}: {own - reference}"


def test_everything_carries_the_environment(environment: Environment) -> None:
    tagged = [each for each in environment.resources() if isinstance(each.properties.get("Tags"), list)]
    assert len(tagged) > 20
    for resource in tagged:
        assert {"Key": "environment", "Value": environment.settings.name} in resource.properties["Tags"]


def test_the_twin_is_production_but_for_sizes_and_keeping(prod: Environment, twin: Environment) -> None:
    for part in prod.templates:
        ours = [(each.logical_id.lower().replace("prod", "twin"), each.type) for each in prod.resources(part)]
        its = [(each.logical_id.lower(), each.type) for each in twin.resources(part)]
        assert [type_ for _, type_ in ours] == [type_ for _, type_ in its]
    sizes = {"AllocatedStorage", "MaxAllocatedStorage", "DBInstanceClass", "CacheNodeType", "Cpu", "Memory"}
    keeping = {
        "DeletionProtection",
        "DeleteAutomatedBackups",
        "EmptyOnDelete",
        "RetentionInDays",
        "LifecycleConfiguration",
    }
    naming = {
        "Tags",
        "BucketName",
        "PolicyDocument",
        "Family",
        "ContainerDefinitions",
        "CorsConfiguration",
        "LoadBalancerAttributes",
    }
    for ours_, its_ in zip(prod.resources(), twin.resources(), strict=True):
        differing = {
            name
            for name in {*ours_.properties, *its_.properties}
            if _neutral(ours_.properties.get(name)) != _neutral(its_.properties.get(name))
        }
        assert differing <= sizes | keeping | naming, f"{its_.logical_id}: {differing}"


def _neutral(value: object) -> object:
    """A value without what an environment's name changes in it: imports and references."""
    if isinstance(value, dict):
        if value.keys() & {"Fn::ImportValue", "Ref", "Fn::GetAtt"}:
            return "reference"
        return {key: _neutral(each) for key, each in value.items()}
    return [_neutral(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["small", "prod"])
def test_what_is_meant_to_last_is_kept(environments: dict[str, Environment], name: str) -> None:
    kept = environments[name]
    database = kept.only("AWS::RDS::DBInstance")
    assert database.body["DeletionPolicy"] == "Snapshot"
    assert database.properties["DeletionProtection"] is True
    for bucket in kept.of_type("AWS::S3::Bucket"):
        assert bucket.body["DeletionPolicy"] == "RetainExceptOnCreate", "a failed first deployment must not keep names"
        assert bucket.body["UpdateReplacePolicy"] == "Retain"
    assert kept.only("AWS::ECR::Repository").body["DeletionPolicy"] == "Retain"
    manifest = json.loads((kept.directory / "manifest.json").read_text())
    stacks = [each for each in manifest["artifacts"].values() if each["type"] == "aws:cloudformation:stack"]
    assert len(stacks) == len(kept.templates)
    assert all(each["properties"]["terminationProtection"] for each in stacks)
