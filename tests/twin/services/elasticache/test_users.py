"""Users and user groups: who may come into a cache, and what each may do there, kept by the server itself."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from botocore.exceptions import ClientError

from tests.twin.services.elasticache.conftest import TOKEN, Caches, eventually
from tests.twin.services.elasticache.test_stack import _delete, _deploy

SECRET, OTHER = "the-secret-of-a-user-1", "the-secret-of-a-user-2"
CACHE = "for-users"


@pytest.fixture(scope="module")
def group(caches: Caches) -> Iterator[dict[str, Any]]:
    """A cache of two nodes for a reader and a writer."""
    client = caches.client()
    for name, access in (("reader", "on ~shown:* +@read +ping"), ("writer", "on ~* &* +@all")):
        client.create_user(
            UserId=name, UserName=name, Engine="valkey", AccessString=access, Passwords=[f"{SECRET}-{name}"]
        )
    client.create_user_group(UserGroupId="people", Engine="valkey", UserIds=["reader", "writer"])
    yield caches.create(CACHE, AuthToken=None, UserGroupIds=["people"])
    caches.delete(CACHE)
    client.delete_user_group(UserGroupId="people")
    for user in client.describe_users()["Users"]:
        client.delete_user(UserId=user["UserId"])


def test_each_user_may_do_what_his_access_string_says(caches: Caches, group: dict[str, Any]) -> None:
    assert (group["UserGroupIds"], group["AuthTokenEnabled"]) == (["people"], False)
    primary, reader = (group["NodeGroups"][0][name] for name in ("PrimaryEndpoint", "ReaderEndpoint"))
    assert _as(caches, primary, "writer", "SET", "shown:a", "1") is True
    assert _as(caches, primary, "writer", "SET", "hidden:a", "2") is True
    for endpoint in (primary, reader):
        eventually(lambda endpoint=endpoint: _as(caches, endpoint, "reader", "GET", "shown:a"), "1")
        assert _as(caches, endpoint, "reader", "GET", "hidden:a") == "NoPermissionError"
        assert _as(caches, endpoint, "reader", "SET", "shown:a", "x") == "NoPermissionError"
        assert _as(caches, endpoint, "reader", "GET", "shown:a", secret=OTHER) == "AuthenticationError"
        assert _as(caches, endpoint, "nobody", "PING") == "AuthenticationError"
        assert caches.say(endpoint, "PING", password=None) == "AuthenticationError"
    assert _as(caches, primary, "writer", "SHUTDOWN") == "NoPermissionError"


def test_a_change_counts_at_once_on_every_node(caches: Caches, group: dict[str, Any]) -> None:
    client, reader = caches.client(), group["NodeGroups"][0]["ReaderEndpoint"]
    client.modify_user(UserId="reader", AppendAccessString="~hidden:*", Passwords=[OTHER, f"{SECRET}-reader"])
    eventually(lambda: _as(caches, reader, "reader", "GET", "hidden:a", secret=OTHER), "2")
    (seen,) = client.describe_users(UserId="reader")["Users"]
    assert (seen["Authentication"], seen["UserGroupIds"]) == ({"Type": "password", "PasswordCount": 2}, ["people"])
    eventually(lambda: client.describe_user_groups()["UserGroups"][0]["Status"], "active")
    client.modify_user_group(UserGroupId="people", UserIdsToRemove=["reader"])
    eventually(lambda: _as(caches, reader, "reader", "PING"), "AuthenticationError")
    (team,) = client.describe_user_groups(UserGroupId="people")["UserGroups"]
    assert (team["UserIds"], team["ReplicationGroups"]) == (["writer"], [CACHE])
    client.modify_user_group(UserGroupId="people", UserIdsToAdd=["reader"])
    eventually(lambda: _as(caches, reader, "reader", "PING"), True)
    with pytest.raises(ClientError, match="InvalidUserGroupState"):
        client.delete_user_group(UserGroupId="people")


def test_a_cache_moves_from_a_token_to_users_and_back(caches: Caches, group: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html"""
    client = caches.client()
    endpoint = caches.create("mover", 1)["NodeGroups"][0]["PrimaryEndpoint"]
    with pytest.raises(ClientError, match="AuthTokenUpdateStrategy DELETE only"):
        client.modify_replication_group(ReplicationGroupId="mover", UserGroupIdsToAdd=["people"])
    with pytest.raises(ClientError, match="only when moving to a user group"):
        client.modify_replication_group(ReplicationGroupId="mover", AuthTokenUpdateStrategy="DELETE")
    client.modify_replication_group(
        ReplicationGroupId="mover",
        AuthTokenUpdateStrategy="DELETE",
        UserGroupIdsToAdd=["people"],
        ApplyImmediately=True,
    )
    eventually(lambda: _as(caches, endpoint, "writer", "PING"), True)
    assert caches.say(endpoint, "PING") == "AuthenticationError"
    caches.available("mover")
    client.modify_replication_group(
        ReplicationGroupId="mover", RemoveUserGroups=True, AuthToken=TOKEN, AuthTokenUpdateStrategy="SET"
    )
    eventually(lambda: caches.say(endpoint, "PING"), True)
    assert _as(caches, endpoint, "writer", "PING") == "AuthenticationError"
    assert "UserGroupIds" not in caches.available("mover")
    caches.delete("mover")


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"UserId": "reader"}, "UserAlreadyExists", "reader"),
        ({"UserId": "two--"}, "InvalidParameterValue", "UserId"),
        ({"UserName": "twin"}, "InvalidParameterValue", "UserName"),
        ({"Engine": "redis"}, "NotImplemented", "redis"),
        ({"AccessString": "on +nosuch"}, "InvalidParameterValue", "Unknown command"),
        ({"AccessString": "on ~* +@nosuch"}, "InvalidParameterValue", "Unknown command or category"),
        ({"AccessString": "on ~* +@all >password"}, "InvalidParameterValue", "password"),
        ({"AccessString": "on ~* +@all reset"}, "InvalidParameterValue", "reset"),
        ({"AccessString": "on ~* +@all +config|get"}, "InvalidParameterValue", "config"),
        ({"AccessString": "on (~* +@all)"}, "InvalidParameterValue", "rule"),
        ({"Passwords": ["short"]}, "InvalidParameterValue", "16 to 128"),
        ({"Passwords": None}, "InvalidParameterCombination", "password"),
        ({"Passwords": [SECRET] * 3}, "InvalidParameterCombination", "password"),
        ({"NoPasswordRequired": True, "Passwords": None}, "InvalidParameterCombination", "password"),
        ({"AuthenticationMode": {"Type": "iam"}, "Passwords": None}, "NotImplemented", "iam"),
    ],
)
@pytest.mark.usefixtures("group")
def test_a_user_who_cannot_be_is_refused(caches: Caches, more: dict[str, Any], code: str, said: str) -> None:
    asked = {"UserId": "new", "UserName": "new", "Engine": "valkey", "AccessString": "on ~* +@all"}
    wanted = asked | {"Passwords": [SECRET]} | more
    with pytest.raises(ClientError, match=said) as refused:
        caches.client().create_user(**{name: one for name, one in wanted.items() if one is not None})
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.usefixtures("group")
def test_a_user_group_that_cannot_be_is_refused(caches: Caches) -> None:
    client = caches.client()
    client.create_user(
        UserId="namesake", UserName="reader", Engine="valkey", AccessString="off", Passwords=[SECRET], Tags=[]
    )
    for arguments, code in (
        ({"UserGroupId": "people"}, "UserGroupAlreadyExists"),
        ({"UserIds": ["nobody"]}, "UserNotFound"),
        ({"UserIds": ["reader", "namesake"]}, "DuplicateUserName"),
        ({"Engine": "redis"}, "NotImplemented"),
    ):
        with pytest.raises(ClientError) as refused:
            client.create_user_group(**{"UserGroupId": "new", "Engine": "valkey", "UserIds": ["writer"]} | arguments)
        assert refused.value.response["Error"]["Code"] == code
    for more, code in (
        ({"UserGroupIds": ["nobody"], "AuthToken": None}, "UserGroupNotFound"),
        ({"UserGroupIds": ["people"]}, "InvalidParameterCombination"),
        (
            {"UserGroupIds": ["people"], "AuthToken": None, "TransitEncryptionEnabled": None},
            "InvalidParameterCombination",
        ),
    ):
        with pytest.raises(ClientError) as refused:
            caches.create("never", **more)
        assert refused.value.response["Error"]["Code"] == code


def test_a_stack_makes_a_cache_for_users(caches: Caches) -> None:
    user = {"UserId": "by-stack", "UserName": "by-stack", "Engine": "valkey", "AccessString": "on ~* +@all"}
    template: dict[str, Any] = {
        "Resources": {
            "User": {"Type": "AWS::ElastiCache::User", "Properties": {**user, "Passwords": [f"{SECRET}-by-stack"]}},
            "People": {
                "Type": "AWS::ElastiCache::UserGroup",
                "Properties": {"UserGroupId": "team", "Engine": "valkey", "UserIds": [{"Ref": "User"}]},
            },
            "Cache": {
                "Type": "AWS::ElastiCache::ReplicationGroup",
                "Properties": {
                    "ReplicationGroupDescription": "of a test",
                    "Engine": "valkey",
                    "CacheNodeType": "cache.t4g.micro",
                    "CacheSubnetGroupName": caches.subnet_group,
                    "NumCacheClusters": 1,
                    "TransitEncryptionEnabled": True,
                    "UserGroupIds": [{"Ref": "People"}],
                },
            },
        },
        "Outputs": {"Address": {"Value": {"Fn::GetAtt": ["Cache", "PrimaryEndPoint.Address"]}}},
    }
    endpoint = {"Address": _deploy(caches, template, "users")["Address"], "Port": 6379}
    assert _as(caches, endpoint, "by-stack", "SET", "a", "1") is True
    template["Resources"]["User"]["Properties"]["AccessString"] = "on ~* +@read"
    _deploy(caches, template, "users")
    eventually(lambda: _as(caches, endpoint, "by-stack", "SET", "a", "2"), "NoPermissionError")
    properties = template["Resources"]["Cache"]["Properties"]
    del properties["UserGroupIds"]
    properties["AuthToken"] = TOKEN
    _deploy(caches, template, "users")
    eventually(lambda: caches.say(endpoint, "GET", "a"), "1")
    _delete(caches, "users")


def _as(caches: Caches, endpoint: dict[str, Any], user: str, *command: str, secret: str = "") -> object:
    """Say one command as the user; an error is what comes back."""
    client = caches.connect(endpoint, None)
    client.connection_pool.connection_kwargs |= {"username": user, "password": secret or f"{SECRET}-{user}"}
    try:
        with client:
            return client.execute_command(*command)
    except redis.RedisError as error:
        return type(error).__name__
