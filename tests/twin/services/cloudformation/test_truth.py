"""Stacks that fail, on a running twin: nothing is left of a failed creation, a failed update changes nothing."""

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.support import Twin, delete, deploy, eventually

type Json = dict[str, Any]

BROKEN = {
    "Type": "AWS::EC2::SecurityGroup",
    "Properties": {"GroupDescription": "of a VPC that is not there", "VpcId": "vpc-00000000000000000"},
}


@pytest.fixture
def stack(twin: Twin) -> Iterator[str]:
    """A stack's name; whatever stands under it is gone at the end."""
    name = f"truth-{time.time_ns():x}"
    yield name
    delete(twin, name)


def parameter(name: str, value: str) -> Json:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Name": name, "Type": "String", "Value": value}}


def change_set(twin: Twin, stack: str, template: Json, kind: str) -> Json:
    cloudformation, name = twin.client("cloudformation"), f"change-{time.time_ns()}"
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        ChangeSetType=kind,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    return eventually(
        lambda: cloudformation.describe_change_set(StackName=stack, ChangeSetName=name),
        lambda seen: seen["Status"] in ("CREATE_COMPLETE", "FAILED"),
        20,
    )


def execute(twin: Twin, stack: str, template: Json, kind: str) -> Json:
    cloudformation = twin.client("cloudformation")
    seen = change_set(twin, stack, template, kind)
    assert seen["Status"] == "CREATE_COMPLETE", seen["StatusReason"]
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=seen["ChangeSetName"])
    return eventually(
        lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0],
        lambda found: not found["StackStatus"].endswith("_IN_PROGRESS"),
        60,
    )


def events(twin: Twin, stack: str) -> list[tuple[str, str, str]]:
    found = twin.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    told = [(e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", "")) for e in found]
    return list(reversed(told))


def resources(twin: Twin, stack: str) -> dict[str, tuple[str, str]]:
    found = twin.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {one["LogicalResourceId"]: (one["PhysicalResourceId"], one["ResourceStatus"]) for one in found}


def test_nothing_is_left_of_a_failed_creation(twin: Twin, stack: str) -> None:
    template = {
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.61.0.0/16"}},
            "Kept": {**parameter(f"/{stack}/kept", "1"), "DeletionPolicy": "Retain"},
            "Broken": {**BROKEN, "DependsOn": ["Vpc", "Kept"]},
            "Never": parameter(f"/{stack}/never", "x"),
        }
    }
    template["Resources"]["Never"]["Properties"]["Value"] = {"Ref": "Broken"}
    seen = execute(twin, stack, template, "CREATE")
    assert seen["StackStatus"] == "ROLLBACK_COMPLETE"
    assert seen["StackStatusReason"] == "The following resource(s) failed to create: [Broken]. "
    told = events(twin, stack)
    failed = [one for one in told if one[1].endswith("_FAILED")]
    assert [one[0] for one in failed] == ["Broken"]
    assert "InvalidVpcID.NotFound" in failed[0][2]
    assert ("Vpc", "DELETE_COMPLETE", "") in told
    assert ("Kept", "DELETE_SKIPPED", "") in told
    in_vpc = [{"Name": "cidr", "Values": ["10.61.0.0/16"]}]
    assert twin.client("ec2").describe_vpcs(Filters=in_vpc)["Vpcs"] == []
    with pytest.raises(ClientError, match="can not be updated"):
        change_set(twin, stack, template, "UPDATE")
    twin.client("ssm").delete_parameter(Name=f"/{stack}/kept")


def test_a_failed_update_puts_everything_back(twin: Twin, stack: str) -> None:
    before: Json = {
        "Resources": {
            "Text": parameter(f"/{stack}/text", "one"),
            "Moved": parameter(f"/{stack}/old-name", "x"),
            "Leaving": parameter(f"/{stack}/leaving", "x"),
        }
    }
    deploy(twin, stack, before)
    after = copy.deepcopy(before)
    after["Resources"]["Text"]["Properties"]["Value"] = "two"
    after["Resources"]["Moved"]["Properties"]["Name"] = f"/{stack}/new-name"
    del after["Resources"]["Leaving"]
    after["Resources"]["New"] = parameter(f"/{stack}/new", "x")
    after["Resources"]["Broken"] = {**BROKEN, "DependsOn": ["Text", "Moved", "New"]}
    assert execute(twin, stack, after, "UPDATE")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    found = twin.client("ssm").get_parameters_by_path(Path=f"/{stack}", Recursive=True)["Parameters"]
    assert {one["Name"]: one["Value"] for one in found} == {
        f"/{stack}/text": "one",
        f"/{stack}/old-name": "x",
        f"/{stack}/leaving": "x",
    }
    assert {name: one[0] for name, one in resources(twin, stack).items()} == {
        "Text": f"/{stack}/text",
        "Moved": f"/{stack}/old-name",
        "Leaving": f"/{stack}/leaving",
    }
    del after["Resources"]["Broken"]
    deploy(twin, stack, after)
    assert resources(twin, stack) == {
        "Text": (f"/{stack}/text", "UPDATE_COMPLETE"),
        "Moved": (f"/{stack}/new-name", "UPDATE_COMPLETE"),
        "New": (f"/{stack}/new", "CREATE_COMPLETE"),
    }


def test_a_rollback_that_failed_is_continued(twin: Twin, stack: str) -> None:
    subnets = {
        f"Subnet{number}": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "CidrBlock": f"10.62.{number}.0/24",
                "AvailabilityZone": f"ap-northeast-2{'ac'[number]}",
            },
        }
        for number in range(2)
    }
    before: Json = {
        "Resources": {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.62.0.0/16"}}, **subnets}
    }
    deploy(twin, stack, before)
    after = copy.deepcopy(before)
    after["Resources"]["Protected"] = {
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Properties": {
            "Scheme": "internal",
            "Subnets": [{"Ref": name} for name in subnets],
            "LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": "true"}],
        },
    }
    after["Resources"]["Broken"] = {**BROKEN, "DependsOn": "Protected"}
    seen = execute(twin, stack, after, "UPDATE")
    assert seen["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    assert seen["StackStatusReason"] == "The following resource(s) could not be rolled back: [Protected]. "
    cloudformation, elb = twin.client("cloudformation"), twin.client("elbv2")
    with pytest.raises(ClientError, match="can not be updated"):
        change_set(twin, stack, before, "UPDATE")
    arn = resources(twin, stack)["Protected"][0]
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}]
    )
    cloudformation.continue_update_rollback(StackName=stack)
    eventually(
        lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"],
        lambda status: status == "UPDATE_ROLLBACK_COMPLETE",
        20,
    )
    assert arn not in {one["LoadBalancerArn"] for one in elb.describe_load_balancers()["LoadBalancers"]}
    with pytest.raises(ClientError, match="can not continue rollback"):
        cloudformation.continue_update_rollback(StackName=stack)


def test_a_change_set_on_a_rolled_back_stack_leaves_its_status(twin: Twin, stack: str) -> None:
    before = {"Resources": {"Text": parameter(f"/{stack}/text", "one")}}
    deploy(twin, stack, before)
    broken = {"Resources": {**before["Resources"], "Broken": BROKEN}}
    assert execute(twin, stack, broken, "UPDATE")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    changed = {"Resources": {"Text": parameter(f"/{stack}/text", "two")}}
    assert change_set(twin, stack, changed, "UPDATE")["Status"] == "CREATE_COMPLETE"
    seen = twin.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    assert seen["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_what_is_not_there_is_refused_before_anything_is_made(twin: Twin, stack: str) -> None:
    queue = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {}}}
    missing = {"Resources": queue, "Outputs": {"X": {"Value": {"Fn::GetAtt": ["Queue", "Nope"]}}}}
    seen = change_set(twin, stack, missing, "CREATE")
    assert seen["Status"] == "FAILED"
    assert seen["StatusReason"] == "Template error: resource Queue does not support attribute type Nope in Fn::GetAtt"
    lost = {"Resources": queue, "Outputs": {"X": {"Value": {"Fn::ImportValue": "nobody-exports-this"}}}}
    assert change_set(twin, stack, lost, "CREATE")["StatusReason"] == "No export named nobody-exports-this found."


def test_a_bucket_with_objects_keeps_its_stack(twin: Twin, stack: str) -> None:
    bucket = f"{stack}-bucket"
    deploy(twin, stack, {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}}}})
    s3, cloudformation = twin.client("s3"), twin.client("cloudformation")
    s3.put_object(Bucket=bucket, Key="precious", Body=b"x")
    cloudformation.delete_stack(StackName=stack)
    seen = eventually(
        lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0],
        lambda found: not found["StackStatus"].endswith("_IN_PROGRESS"),
        20,
    )
    assert seen["StackStatus"] == "DELETE_FAILED"
    assert seen["StackStatusReason"] == "The following resource(s) failed to delete: [Bucket]. "
    assert s3.get_object(Bucket=bucket, Key="precious")["Body"].read() == b"x"
    s3.delete_object(Bucket=bucket, Key="precious")


def test_functions_that_core_passes_on_are_computed(twin: Twin, stack: str) -> None:
    template = {
        "Resources": {"Text": parameter(f"/{stack}/text", "one")},
        "Outputs": {
            "Block": {"Value": {"Fn::Select": [1, {"Fn::Cidr": ["10.0.0.0/16", 4, 8]}]}},
            "Json": {"Value": {"Fn::ToJsonString": {"name": {"Ref": "Text"}}}},
            "Count": {"Value": {"Fn::Length": ["a", "b", "c"]}},
        },
    }
    outputs = deploy(twin, stack, template)
    assert outputs == {"Block": "10.0.1.0/24", "Json": f'{{"name":"/{stack}/text"}}', "Count": "3"}


def test_what_asks_for_a_snapshot_is_not_removed_where_none_can_be_taken(twin: Twin, stack: str) -> None:
    """The policy is the engine's, whatever the type: a parameter is quicker than a database."""
    cloudformation, ssm = twin.client("cloudformation"), twin.client("ssm")
    text, other = parameter(f"/{stack}/text", "one"), parameter(f"/{stack}/other", "x")
    kept = text | {"DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot"}
    both: Json = {"Resources": {"Text": kept, "Other": other}}
    deploy(twin, stack, both)
    kept["Properties"]["Value"] = "two"
    deploy(twin, stack, both)

    replaced = copy.deepcopy(both)
    replaced["Resources"]["Text"]["Properties"]["Name"] = f"/{stack}/moved"
    removed = {"Resources": {"Other": other}}
    for template, policy in ((replaced, "UpdateReplacePolicy"), (removed, "DeletionPolicy")):
        assert execute(twin, stack, template, "UPDATE")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        failed = [one for one in events(twin, stack) if one[1] == "UPDATE_FAILED"][-1]
        assert (failed[0], failed[2]) == (
            "Text",
            f"The twin takes no snapshots of AWS::SSM::Parameter, as {policy} Snapshot asks: "
            "set it to Retain or Delete",
        )

    cloudformation.delete_stack(StackName=stack)
    seen = eventually(
        lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0],
        lambda found: not found["StackStatus"].endswith("_IN_PROGRESS"),
        20,
    )
    assert seen["StackStatus"] == "DELETE_FAILED"
    assert "takes no snapshots of" in next(one for one in events(twin, stack) if one[1] == "DELETE_FAILED")[2]
    assert {ssm.get_parameter(Name=f"/{stack}/{name}")["Parameter"]["Value"] for name in ("text", "other")} == {
        "two",
        "x",
    }
    cloudformation.delete_stack(StackName=stack, RetainResources=["Text"])
    eventually(lambda: {one["name"] for one in twin.status()["stacks"]}, lambda names: stack not in names, 20)
    found = ssm.get_parameters_by_path(Path=f"/{stack}", Recursive=True)["Parameters"]
    assert [one["Name"] for one in found] == [f"/{stack}/text"]
    ssm.delete_parameter(Name=f"/{stack}/text")


def test_a_policy_that_is_changed_is_the_one_that_counts(twin: Twin, stack: str) -> None:
    kept = parameter(f"/{stack}/text", "one") | {"DeletionPolicy": "Snapshot"}
    deploy(twin, stack, {"Resources": {"Text": kept}})
    deploy(twin, stack, {"Resources": {"Text": kept | {"DeletionPolicy": "Delete"}}})
    delete(twin, stack)
    assert twin.client("ssm").get_parameters_by_path(Path=f"/{stack}", Recursive=True)["Parameters"] == []


def test_what_is_retained_but_on_creation_goes_with_a_failed_creation_only(twin: Twin, stack: str) -> None:
    ssm = twin.client("ssm")
    policies = {"Kept": "Retain", "Spared": "RetainExceptOnCreate"}
    made: Json = {
        name: parameter(f"/{stack}/{name}", "x") | {"DeletionPolicy": policy} for name, policy in policies.items()
    }
    broken = {"Broken": BROKEN | {"DependsOn": list(made)}}

    def standing() -> list[str]:
        found = ssm.get_parameters_by_path(Path=f"/{stack}", Recursive=True)["Parameters"]
        return sorted(one["Name"].rsplit("/", 1)[1] for one in found)

    assert execute(twin, stack, {"Resources": made | broken}, "CREATE")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert standing() == ["Kept"]
    delete(twin, stack)
    assert standing() == ["Kept"]
    ssm.delete_parameter(Name=f"/{stack}/Kept")

    first = {"Text": parameter(f"/{stack}/text", "x")}
    deploy(twin, stack, {"Resources": first})
    seen = execute(twin, stack, {"Resources": first | made | broken}, "UPDATE")
    assert seen["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert standing() == ["Kept", "text"]
    assert set(resources(twin, stack)) == {"Text"}
    ssm.delete_parameter(Name=f"/{stack}/Kept")

    deploy(twin, stack, {"Resources": first | made})
    delete(twin, stack)
    assert standing() == ["Kept", "Spared"]
    ssm.delete_parameters(Names=[f"/{stack}/Kept", f"/{stack}/Spared"])


def test_a_stack_that_is_made_and_changed_at_once_tells_the_truth_too(twin: Twin, stack: str) -> None:
    cloudformation = twin.client("cloudformation")

    def ask(operation: str, resources: Json, **more: Any) -> str:
        getattr(cloudformation, operation)(StackName=stack, TemplateBody=json.dumps({"Resources": resources}), **more)
        seen = eventually(
            lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0],
            lambda found: not found["StackStatus"].endswith("_IN_PROGRESS"),
            20,
        )
        return str(seen["StackStatus"])

    text = {"Text": parameter(f"/{stack}/text", "one")}
    with pytest.raises(ClientError, match="the twin does not make this type"):
        ask("create_stack", {"Odd": {"Type": "AWS::SNS::Topic", "Properties": {}}})
    assert stack not in {one["name"] for one in twin.status()["stacks"]}
    with pytest.raises(ClientError, match="does not do TimeoutInMinutes"):
        ask("create_stack", text, TimeoutInMinutes=1)
    assert ask("create_stack", text | {"Broken": BROKEN}) == "ROLLBACK_COMPLETE"
    delete(twin, stack)
    assert ask("create_stack", text) == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="already exists"):
        ask("create_stack", text)
    with pytest.raises(ClientError, match="Update of resource type is not permitted"):
        ask("update_stack", {"Text": {"Type": "AWS::SQS::Queue", "Properties": {}}})
    with pytest.raises(ClientError, match="No updates are to be performed"):
        ask("update_stack", text)
    assert ask("update_stack", text | {"Broken": BROKEN}) == "UPDATE_ROLLBACK_COMPLETE"
    text["Text"]["Properties"]["Value"] = "two"
    assert ask("update_stack", text) == "UPDATE_COMPLETE"
    cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName=stack)
    cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
