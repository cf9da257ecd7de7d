"""Caches as a stack makes, changes, replaces and deletes them."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.twin.services.elasticache.conftest import TOKEN, Caches, eventually, living

STACK = "cache-stack"
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Token": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"GenerateSecretString": {"ExcludePunctuation": True, "PasswordLength": 64}},
        },
        "Subnets": {"Type": "AWS::ElastiCache::SubnetGroup", "Properties": {"Description": "of a test"}},
        "Parameters": {
            "Type": "AWS::ElastiCache::ParameterGroup",
            "Properties": {
                "CacheParameterGroupFamily": "valkey8",
                "Description": "of a test",
                "Properties": {"maxmemory-policy": "volatile-lfu"},
            },
        },
        "Group": {
            "Type": "AWS::ElastiCache::ReplicationGroup",
            "Properties": {
                "AtRestEncryptionEnabled": True,
                "AuthToken": {"Fn::Join": ["", ["{{resolve:secretsmanager:", {"Ref": "Token"}, ":SecretString:::}}"]]},
                "AutomaticFailoverEnabled": True,
                "CacheNodeType": "cache.t4g.micro",
                "CacheParameterGroupName": {"Ref": "Parameters"},
                "CacheSubnetGroupName": {"Ref": "Subnets"},
                "Engine": "valkey",
                "EngineVersion": "8.1",
                "MultiAZEnabled": True,
                "NumCacheClusters": 2,
                "Port": 6379,
                "ReplicationGroupDescription": "of a test",
                "SnapshotRetentionLimit": 3,
                "SnapshotWindow": "17:00-18:00",
                "Tags": [{"Key": "project", "Value": "duet"}],
                "TransitEncryptionEnabled": True,
                "TransitEncryptionMode": "required",
            },
        },
    },
    "Outputs": {
        "Address": {"Value": {"Fn::GetAtt": ["Group", "PrimaryEndPoint.Address"]}},
        "Port": {"Value": {"Fn::GetAtt": ["Group", "PrimaryEndPoint.Port"]}},
        "Reader": {"Value": {"Fn::GetAtt": ["Group", "ReaderEndPoint.Address"]}},
        "Id": {"Value": {"Ref": "Group"}},
        "TokenArn": {"Value": {"Ref": "Token"}},
    },
}


@pytest.fixture(scope="module")
def template(caches: Caches) -> Iterator[dict[str, Any]]:
    made = copy.deepcopy(TEMPLATE)
    made["Resources"]["Subnets"]["Properties"]["SubnetIds"] = caches.subnets
    yield made
    _delete(caches)


def test_a_stack_makes_changes_replaces_and_deletes_a_cache(caches: Caches, template: dict[str, Any]) -> None:
    outputs = _deploy(caches, template)
    endpoint, token = _reach(caches, outputs)
    assert outputs["Id"].startswith("cache-stack-group-")
    assert outputs["Port"] == "6379"
    assert caches.say(endpoint, "SET", "a", "b", password=token) is True
    reader = endpoint | {"Address": outputs["Reader"]}
    eventually(lambda: caches.say(reader, "GET", "a", password=token), "b")
    assert _policy(caches, endpoint, token) == "volatile-lfu"

    resources = template["Resources"]
    resources["Parameters"]["Properties"]["Properties"] = {"timeout": "600"}
    properties = resources["Group"]["Properties"]
    properties |= {"NumCacheClusters": 3, "SnapshotRetentionLimit": 5, "Tags": [{"Key": "project", "Value": "two"}]}
    assert _deploy(caches, template) == outputs
    group = caches.describe(outputs["Id"])
    assert (len(group["MemberClusters"]), group["SnapshotRetentionLimit"]) == (3, 5)
    assert caches.client().list_tags_for_resource(ResourceName=group["ARN"])["TagList"] == properties["Tags"]
    assert _policy(caches, endpoint, token) == "volatile-lru"
    assert caches.say(endpoint, "GET", "a", password=token) == "b"

    # The same written another way, and fewer of them.
    del properties["NumCacheClusters"]
    properties |= {"ReplicasPerNodeGroup": 0, "AutomaticFailoverEnabled": False, "MultiAZEnabled": False}
    new = properties["AuthToken"] = "a-token-of-the-test-9999"
    _deploy(caches, template)
    group = caches.describe(outputs["Id"])
    assert (group["AutomaticFailover"], group["MemberClusters"]) == ("disabled", [f"{outputs['Id']}-001"])
    assert [caches.say(endpoint, "GET", "a", password=one) for one in (token, new)] == ["b", "b"]

    properties["Port"] = 6380
    replaced = _deploy(caches, template)
    assert replaced["Id"] != outputs["Id"]
    assert caches.say(_reach(caches, replaced)[0], "PING", password=new) is True
    eventually(lambda: [one["id"] for one in _caches(caches)], [replaced["Id"]])

    _delete(caches)
    assert (_caches(caches), living(caches.here.state / "elasticache")) == ([], [])


def test_what_asks_for_a_snapshot_leaves_one_and_another_begins_with_it(
    caches: Caches, template: dict[str, Any]
) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html"""
    name, made = "saved-stack", copy.deepcopy(template)
    group = made["Resources"]["Group"] | {"DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot"}
    made["Resources"] = {"Subnets": made["Resources"]["Subnets"], "Group": group}
    made["Outputs"] = {key: one for key, one in made["Outputs"].items() if key != "TokenArn"}
    properties = group["Properties"]
    properties |= {
        "AuthToken": TOKEN,
        "NumCacheClusters": 1,
        "AutomaticFailoverEnabled": False,
        "MultiAZEnabled": False,
        "ReplicationGroupId": "saved-by-stack",
        "SnapshottingClusterId": "saved-by-stack-001",
        "SnapshotRetentionLimit": 0,
    }
    del properties["CacheParameterGroupName"]
    outputs = _deploy(caches, made, name)
    assert caches.describe("saved-by-stack")["SnapshottingClusterId"] == "saved-by-stack-001"
    _say(caches, outputs, "SET", "key", "one")

    properties |= {"ReplicationGroupId": "saved-anew", "SnapshottingClusterId": "saved-anew-001"}
    outputs = _deploy(caches, made, name)
    eventually(lambda: [one["id"] for one in _caches(caches)], ["saved-anew"])
    (first,) = _snapshots(caches)
    assert first.startswith("saved-stack-snapshot-group-")
    assert _say(caches, outputs, "GET", "key") is None
    properties |= {"ReplicationGroupId": "saved-again", "SnapshotName": first}
    del properties["SnapshottingClusterId"]
    outputs = _deploy(caches, made, name)
    assert _say(caches, outputs, "GET", "key") == "one"

    _say(caches, outputs, "SET", "key", "two")
    _delete(caches, name)
    assert (_caches(caches), len(_snapshots(caches))) == ([], 3)
    last = caches.create("from-last", 1, SnapshotName=_snapshots(caches)[-1])
    assert caches.say(last["NodeGroups"][0]["PrimaryEndpoint"], "GET", "key") == "two"
    caches.delete("from-last")
    for snapshot in _snapshots(caches):
        caches.client().delete_snapshot(SnapshotName=snapshot)


def test_a_parameter_that_is_not_applied_fails_the_stack_by_its_name(caches: Caches) -> None:
    group = copy.deepcopy(TEMPLATE["Resources"]["Parameters"])
    group["Properties"]["Properties"] = {"rename-commands": "flushall x"}
    with pytest.raises(WaiterError):
        _deploy(caches, {"Resources": {"Parameters": group}}, "bad-parameters")
    events = caches.client("cloudformation").describe_stack_events(StackName="bad-parameters")["StackEvents"]
    assert "rename-commands" in str([one.get("ResourceStatusReason") for one in events])
    _delete(caches, "bad-parameters")


def _deploy(caches: Caches, template: dict[str, Any], name: str = STACK) -> dict[str, str]:
    """Deploy by a change set, as the deployer does, and return the outputs."""
    cloudformation = caches.client("cloudformation")
    stacks = cloudformation.describe_stacks()["Stacks"]
    kind = "UPDATE" if any(stack["StackName"] == name for stack in stacks) else "CREATE"
    made = cloudformation.create_change_set(
        StackName=name, ChangeSetName="change", ChangeSetType=kind, TemplateBody=json.dumps(template)
    )
    pace = {"Delay": 1, "MaxAttempts": 90}
    cloudformation.get_waiter("change_set_create_complete").wait(ChangeSetName=made["Id"], WaiterConfig=pace)
    cloudformation.execute_change_set(ChangeSetName=made["Id"])
    cloudformation.get_waiter(f"stack_{kind.lower()}_complete").wait(StackName=name, WaiterConfig=pace)
    outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs") or []
    return {one["OutputKey"]: one["OutputValue"] for one in outputs}


def _delete(caches: Caches, name: str = STACK) -> None:
    cloudformation = caches.client("cloudformation")
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def _reach(caches: Caches, outputs: dict[str, str]) -> tuple[dict[str, Any], str]:
    secret = caches.client("secretsmanager").get_secret_value(SecretId=outputs["TokenArn"])["SecretString"]
    return {"Address": outputs["Address"], "Port": int(outputs["Port"])}, secret


def _say(caches: Caches, outputs: dict[str, str], *command: str) -> object:
    return caches.say({"Address": outputs["Address"], "Port": int(outputs["Port"])}, *command)


def _snapshots(caches: Caches) -> list[str]:
    return [one["SnapshotName"] for one in caches.client().describe_snapshots()["Snapshots"]]


def _policy(caches: Caches, endpoint: dict[str, Any], token: str) -> str:
    with caches.connect(endpoint, token) as client:
        return str(client.info("memory")["maxmemory_policy"])


def _caches(caches: Caches) -> list[dict[str, Any]]:
    return [
        {"id": one["ReplicationGroupId"]} for one in caches.client().describe_replication_groups()["ReplicationGroups"]
    ]
