"""What is undone after a failure, what makes another resource, what a template may refer to: without a twin."""

from typing import Any

import pytest
from twin.services.cloudformation.functions import cidr, length, to_json_string
from twin.services.cloudformation.references import unresolved
from twin.services.cloudformation.replacement import replaces
from twin.services.cloudformation.rollback import Did, Step, Undo, plan

type Json = dict[str, Any]


def has_id(_type: str, model: Json) -> bool:
    return "Id" in model


def made(name: str, *, ok: bool = True, model: Json | None = None) -> Step:
    asked = {"Size": 1}
    return Step(Did.CREATED, name, "T", asked, {**asked, "Id": name} if model is None else model, ok)


def changed(name: str, *, ok: bool = True) -> Step:
    return Step(Did.UPDATED, name, "T", {"Size": 2}, {"Size": 2, "Id": name}, ok)


FORMER = {"a": {"SpecifiedProperties": {"Size": 1}, "Properties": {"Size": 1, "Id": "a"}}}


def test_what_was_made_goes_in_the_reverse_order() -> None:
    undone = plan([made("a"), made("b")], {}, has_id, frozenset())
    assert [(undo.name, undo.wanted) for undo in undone] == [("b", None), ("a", None)]


def test_a_failed_creation_goes_too_when_it_has_made_something() -> None:
    half = made("a", ok=False)
    nothing = made("b", ok=False, model={})
    only_named = Step(Did.CREATED, "c", "T", {"Id": "taken"}, {"Id": "taken"}, ok=False)
    assert [undo.name for undo in plan([half, nothing, only_named], {}, has_id, frozenset())] == ["a"]


def test_a_retained_resource_stays_after_a_failed_creation_of_its_stack() -> None:
    assert plan([made("a")], {}, has_id, frozenset("a")) == [Undo("a", "T", {"Size": 1, "Id": "a"}, kept=True)]


def test_what_changed_is_put_back_before_what_is_new_goes() -> None:
    undone = plan([made("n"), changed("a")], FORMER, has_id, frozenset())
    assert undone == [
        Undo("a", "T", {"Size": 2, "Id": "a"}, {"Size": 1}),
        Undo("n", "T", {"Size": 1, "Id": "n"}),
    ]


def test_a_failed_change_is_put_back_as_if_it_had_come_true() -> None:
    (undo,) = plan([changed("a", ok=False)], FORMER, has_id, frozenset())
    assert undo.standing == {"Size": 2, "Id": "a"}
    assert undo.wanted == {"Size": 1}


@pytest.mark.parametrize(
    ("before", "after", "replaced"),
    [
        ({"Name": "a", "Size": 1}, {"Name": "a", "Size": 2}, False),
        ({"Name": "a"}, {"Name": "b"}, True),
        ({"Name": "a"}, {}, True),
        ({"Port": 80}, {"Port": "80"}, False),
        ({"Outer": {"Inner": 1}}, {"Outer": {"Inner": 2}}, True),
        ({"Outer": {"Inner": 1, "Other": 1}}, {"Outer": {"Inner": 1, "Other": 2}}, False),
    ],
)
def test_only_another_value_of_a_fixed_property_replaces(before: Json, after: Json, replaced: bool) -> None:
    assert replaces(["/properties/Name", "/properties/Port", "/properties/Outer/Inner"], before, after) is replaced


def test_attributes_and_exports_must_be_there() -> None:
    template = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"VpcId": {"Fn::ImportValue": "gone"}, "GroupName": {"Fn::GetAtt": ["Queue", "Arn"]}},
            },
        },
        "Outputs": {"A": {"Value": {"Fn::GetAtt": "Queue.Nope"}}, "B": {"Value": {"Fn::ImportValue": "there"}}},
    }
    assert unresolved(template, {"there"}) == [
        "Template error: resource Queue does not support attribute type Nope in Fn::GetAtt",
        "No export named gone found.",
    ]


def test_functions() -> None:
    assert cidr(["10.0.0.0/16", "3", "8"]) == ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]
    assert length([1, 2]) == 2
    assert to_json_string({"a": [1, "b"]}) == '{"a":[1,"b"]}'
    with pytest.raises(ValueError, match="does not hold 9 blocks"):
        cidr(["10.0.0.0/30", 9, 1])
