"""What a template may say, without a twin: which types, which properties, down to nested ones."""

from types import SimpleNamespace
from typing import Any

import pytest
from twin.services.cloudformation.checks import complaints, retyped
from twin.services.cloudformation.core_types import CORE
from twin.services.cloudformation.paths import beyond, tree, within
from twin.services.cloudformation.registry import done, own
from twin.services.common.resources import Resource, retag
from twin.services.common.schemas import published, schema

type Json = dict[str, Any]


def complaint(kind: str, **properties: Any) -> list[str]:
    return complaints({"It": {"Type": kind, "Properties": properties}}, done())


def test_paths_name_a_property_a_part_of_it_or_each_element() -> None:
    named = tree(["Whole", "Part.Of", "Part.Of.It", "List.*.Name", "Map.*"])
    value = {
        "Whole": {"x": [1]},
        "Part": {"Of": {"It": 1, "Other": 2}, "Else": 1},
        "List": [{"Name": "a"}, {"Name": "b", "Size": 1}],
        "Map": {"any": {"thing": 1}},
        "New": 1,
        "Later": {"Ref": "Elsewhere"},
    }
    assert list(beyond(value, named)) == ["Later", "List.1.Size", "New", "Part.Else"]
    assert list(within(value, named)) == ["List.0.Name", "List.1.Name", "Map.any", "Part.Of", "Whole"]


def test_both_branches_of_a_condition_are_looked_at_and_what_is_known_later_is_not() -> None:
    named = tree(["List.*.Name"])
    either = {"List": {"Fn::If": ["Yes", [{"Name": "a"}], [{"Size": 1}]]}}
    assert list(beyond(either, named)) == ["List.0.Size"]
    assert list(beyond({"List": {"Fn::Split": [",", "a,b"]}}, named)) == []


@pytest.mark.parametrize("kind", ["AWS::SNS::Topic", "AWS::Ghost::Thing", "Custom::Thing"])
def test_a_type_that_nobody_makes_truly_is_refused(kind: str) -> None:
    assert complaint(kind, TopicName="x") == [f"It ({kind}): the twin does not make this type"]


def test_a_property_that_core_drops_is_refused() -> None:
    assert complaint("AWS::SSM::Parameter", Type="String", Value="x", AllowedPattern="y") == [
        "It (AWS::SSM::Parameter): the twin does not do the property AllowedPattern"
    ]


def test_a_nested_property_that_is_ignored_is_refused_by_its_path() -> None:
    container = {
        "Name": "app",
        "Image": "x",
        "DockerLabels": {"a": "b"},
        "LogConfiguration": {"LogDriver": "awslogs", "SecretOptions": [{"Name": "a", "ValueFrom": "b"}]},
    }
    assert complaint("AWS::ECS::TaskDefinition", ContainerDefinitions=[container]) == [
        f"It (AWS::ECS::TaskDefinition): the twin does not do the property ContainerDefinitions.0.{path}"
        for path in ("DockerLabels", "LogConfiguration.SecretOptions")
    ]


def test_read_only_properties_are_refused_nested_ones_too() -> None:
    endpoint = {"Address": "db.example", "Port": 5432}
    (told,) = complaint("AWS::RDS::DBInstance", Engine="postgres", Endpoint=endpoint)
    assert told == "It (AWS::RDS::DBInstance): Endpoint is read-only"
    secret = {"SecretArn": "arn:aws:secretsmanager:x"}
    told, *_ = complaint("AWS::RDS::DBInstance", Engine="postgres", MasterUserSecret={**secret, "KmsKeyId": "x"})
    assert told == "It (AWS::RDS::DBInstance): MasterUserSecret.SecretArn is read-only"


def test_a_resource_keeps_its_type() -> None:
    before, after = ({"Resources": {"It": {"Type": kind}}} for kind in ("AWS::S3::Bucket", "AWS::SQS::Queue"))
    (told,) = retyped(before, after)
    assert told.endswith("modifies resource type of the following resources: [It]")
    assert retyped(before, before) == retyped({}, after) == []


@pytest.mark.parametrize("kind", sorted({*own(), *CORE} & set(published())))
def test_what_a_type_claims_to_do_is_what_aws_knows(kind: str) -> None:
    described = schema(kind)
    unknown = [path for path in done()[kind] if not _known(described, [described], path.split("."))]
    assert unknown == []


def _known(described: Json, nodes: list[Json], path: list[str]) -> bool:
    """Whether the schema has the path; a property may be described in several places."""
    found = []
    for node in nodes:
        one = described["definitions"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
        found += [one, *(part for word in ("anyOf", "oneOf", "allOf") for part in one.get(word, []))]
    if not path:
        return True
    inner = [one["items"] if path[0] == "*" else one["properties"][path[0]] for one in found if _has(one, path[0])]
    return bool(inner) and _known(described, inner, path[1:])


def _has(node: Json, name: str) -> bool:
    return "items" in node if name == "*" else name in node.get("properties", {})


@pytest.mark.parametrize(
    ("kind", "fixed"),
    [
        ("AWS::RDS::DBInstance", "DBName"),
        ("AWS::RDS::DBParameterGroup", "Family"),
        ("AWS::ElastiCache::ParameterGroup", "CacheParameterGroupFamily"),
        ("AWS::ElastiCache::ReplicationGroup", "Port"),
    ],
)
def test_what_replaces_a_resource_has_another_name_and_a_redeployed_one_the_same(kind: str, fixed: str) -> None:
    def name(stack: str, value: str) -> str:
        asked = SimpleNamespace(stack_name=stack, logical_resource_id="It", desired_state={fixed: value, "Tags": []})
        made: Resource = own()[kind]()
        return made.generated_name(asked, 40, lower=True, distinct=True)  # type: ignore[arg-type]

    assert name("duet", "a") == name("duet", "a")
    assert len({name("duet", "a"), name("duet", "b"), name("other", "a")}) == 3
    assert "--" not in name("two--hyphens", "a")
    assert len(name("x" * 100, "a")) <= 40


def test_tags_are_changed_only_where_they_differ() -> None:
    calls: list[Any] = []
    one, two = (
        {"Tags": [{"Key": "a", "Value": value}, {"Key": key, "Value": "x"}]} for value, key in (("1", "b"), (2, "c"))
    )
    for model, before in ((one, one), (two, one), ({}, two)):
        retag(model, before, put=calls.append, take=calls.append)
    assert calls == [["b"], [{"Key": "a", "Value": "2"}, {"Key": "c", "Value": "x"}], ["a", "c"]]
