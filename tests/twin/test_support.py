"""What `bin/twin support` says of an app, and docs/limits.md of everything, without a running twin."""

import json
from pathlib import Path
from typing import Any

import pytest
from twin import cli, limits
from twin.core.world import REPOSITORY, World
from twin.services.cloudformation.registry import done
from twin.services.slices import APIS

type Json = dict[str, Any]

BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "b", "LoggingConfiguration": {}}}
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}}
TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}}
CACHE = {
    "Type": "AWS::ElastiCache::ReplicationGroup",
    "Properties": {"ReplicationGroupDescription": "of a test", "KmsKeyId": "k", "LogDeliveryConfigurations": []},
}


@pytest.fixture
def assembly(tmp_path: Path, here: World) -> Path:
    made = tmp_path / "cdk.out"
    made.mkdir()
    return made


def synthesize(
    assembly: Path, stacks: dict[str, Json], environment: str = "aws://unknown-account/unknown-region"
) -> Path:
    """What `cdk synth` would write for stacks of these resources."""
    artifacts = {}
    for name, resources in stacks.items():
        (assembly / f"{name}.template.json").write_text(json.dumps({"Resources": resources}))
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": environment,
            "properties": {"templateFile": f"{name}.template.json"},
        }
    (assembly / "manifest.json").write_text(json.dumps({"version": "1", "artifacts": artifacts}))
    return assembly


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["support", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_an_app_that_is_done_is_told_by_what_it_has(assembly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synthesize(assembly, {"one": {"A": QUEUE, "B": QUEUE}, "two": {"C": BUCKET}})
    code, out, err = told(capsys, str(assembly))
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "one  (2 resources)",
        "  AWS::SQS::Queue × 2",
        "    real      QueueName",
        "",
        "two  (1 resource)",
        "  AWS::S3::Bucket",
        "    real      BucketName",
        "    recorded  LoggingConfiguration",
        "",
        "3 resources of 2 types in 2 stacks: 3 properties for real, 1 recorded only, 0 refused",
        "`up` would take it: every type and every property is done; values are judged when they are deployed.",
    ]


def test_what_is_refused_is_named(assembly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synthesize(assembly, {"one": {"A": TOPIC, "B": TOPIC, "C": CACHE, "D": {"Fn::ForEach": []}, "E": []}})
    code, out, _ = told(capsys, str(assembly))
    assert code == 1
    assert "    refused   the twin does not make this type (× 2)" in out
    assert "    refused   the twin does not do the property LogDeliveryConfigurations" in out
    assert "    recorded  KmsKeyId" in out
    assert "  refused   E is no resource with a type" in out
    assert out.splitlines()[-1] == "`up` would not take it: 5 things are refused, as told above."


def test_both_branches_of_a_condition_and_each_element_of_a_list_count(
    assembly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "10.0.0.0/8"}] * 2
    group = {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {
            "GroupDescription": "x",
            "SecurityGroupIngress": {"Fn::If": ["Yes", rules, [{"IpProtocol": "-1", "SourceSecurityGroupName": "g"}]]},
        },
    }
    synthesize(assembly, {"one": {"A": group}})
    code, out, _ = told(capsys, str(assembly), "--json")
    report = json.loads(out)
    (kind,) = report["templates"][0]["kinds"]
    assert (code, report["taken"]) == (1, False)
    assert kind["real"]["SecurityGroupIngress.*.IpProtocol"] == 1
    assert any("SecurityGroupIngress.*.SourceSecurityGroupName" in text for text in kind["refused"])
    assert report["totals"]["resources"] == 1


def test_an_app_for_another_region_is_refused(assembly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synthesize(assembly, {"one": {"A": QUEUE}}, "aws://000000000000/eu-west-1")
    code, out, _ = told(capsys, str(assembly))
    assert code == 1
    assert "stack one is for region eu-west-1" in out


def test_stacks_of_a_stage_are_told_too(assembly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner = assembly / "assembly-Prod"
    inner.mkdir()
    synthesize(inner, {"inside": {"A": QUEUE}})
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": inner.name}}
    (assembly / "manifest.json").write_text(json.dumps({"artifacts": {"Prod": nested}}))
    code, out, _ = told(capsys, str(assembly))
    assert code == 0
    assert out.startswith("inside  (1 resource)")


@pytest.mark.parametrize(
    ("manifest", "template", "reason"),
    [
        (None, None, "holds no synthesized CDK app"),
        ("no json", None, "is no JSON"),
        ("[]", None, "holds no JSON object"),
        ("{}", None, "it names no artifacts"),
        ('{"artifacts": {}}', None, "holds an app without a stack"),
        ('{"artifacts": {"a": 1}}', None, "it names no artifacts"),
        ('{"artifacts": {"a": {"type": "aws:cloudformation:stack"}}}', None, "the stack a has no template file"),
        ("stack", None, "is named by the app and not there"),
        ("stack", "\x00\xff", "is no JSON"),
        ("stack", "[]", "holds no JSON object"),
    ],
)
def test_what_is_no_app_is_one_plain_line(
    assembly: Path, capsys: pytest.CaptureFixture[str], manifest: str | None, template: str | None, reason: str
) -> None:
    if manifest == "stack":
        synthesize(assembly, {"one": {}})
        (assembly / "one.template.json").unlink()
    elif manifest is not None:
        (assembly / "manifest.json").write_text(manifest)
    if template is not None:
        (assembly / "one.template.json").write_bytes(template.encode("latin-1"))
    code, out, err = told(capsys, str(assembly))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert reason in err


def test_nothing_given_is_one_plain_line(here: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys) == (1, "", "twin: support needs the directory that `cdk synth` wrote, or --markdown\n")


def test_the_page_of_limits_is_what_the_code_says(here: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Made anew by `bin/twin support --markdown > docs/limits.md`."""
    code, out, _ = told(capsys, "--markdown")
    assert code == 0
    assert out == (REPOSITORY / "docs" / "limits.md").read_text()


def test_the_page_tells_of_every_type_and_every_api() -> None:
    page = limits.markdown()
    assert [name for name in done() if f"| `{name}` |" not in page] == []
    assert [name for name in APIS if f"| {name} |" not in page] == []
    assert "`ContainerDefinitions.*.{" in page
