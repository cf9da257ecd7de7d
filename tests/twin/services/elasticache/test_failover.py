"""A replica takes over from a primary that was killed, that hangs, that is ended by TestFailover."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from twin.keeper_control import holder, start

from tests.twin.services.elasticache.conftest import Caches, eventually, living

NAME = "heirs"


@pytest.fixture
def group(caches: Caches) -> Iterator[dict[str, Any]]:
    """A primary and two replicas."""
    yield caches.create(NAME, 3)
    caches.delete(NAME)


def test_a_replica_takes_over_from_a_killed_primary(caches: Caches, group: dict[str, Any]) -> None:
    shard = group["NodeGroups"][0]
    _write(caches, group, "before")
    old = _pid(caches, 0)
    os.kill(old, signal.SIGKILL)
    eventually(lambda: caches.describe(NAME)["Status"], "modifying", 3)
    # Who only reads goes on meanwhile.
    assert caches.say(shard["ReaderEndpoint"], "GET", "key") == "before"
    eventually(lambda: caches.say(shard["PrimaryEndpoint"], "SET", "key", "after"), True, 10)

    after = caches.available(NAME)
    new = _primary(after)
    assert new in (f"{NAME}-002", f"{NAME}-003")
    assert after["NodeGroups"][0]["PrimaryEndpoint"] == shard["PrimaryEndpoint"]
    assert (after["AutomaticFailover"], after["MultiAZ"]) == ("enabled", "enabled")
    nodes = {node["id"]: node for node in caches.observed(NAME)["nodes"]}
    assert (nodes[f"{NAME}-001"]["role"], nodes[f"{NAME}-001"]["link"]) == ("replica", "up")
    assert len(living(caches.here.state / "elasticache" / NAME)) == 3
    for member in after["NodeGroups"][0]["NodeGroupMembers"]:
        eventually(lambda member=member: caches.say(member["ReadEndpoint"], "GET", "key"), "after")
    told = f"Failover from primary node {NAME}-001 to replica node {new} completed"
    assert told in _told(caches, NAME, "replication-group")
    assert told in _told(caches, new, "cache-cluster")
    assert _told(caches, f"{NAME}-001", "cache-cluster")[-2:] == [
        "Recovering cache nodes 0001",
        "Finished recovery for cache nodes 0001",
    ]


def test_a_primary_that_hangs_is_ended_before_a_replica_takes_over(caches: Caches, group: dict[str, Any]) -> None:
    _write(caches, group, "before")
    old = _pid(caches, 0)
    os.kill(old, signal.SIGSTOP)
    eventually(lambda: _primary(caches.describe(NAME)) not in ("", f"{NAME}-001"), True, 20)
    assert old not in living(caches.here.state / "elasticache" / NAME)
    after = caches.available(NAME)
    assert caches.say(after["NodeGroups"][0]["PrimaryEndpoint"], "GET", "key") == "before"


def test_what_took_over_is_still_the_primary_when_the_twin_was_killed(caches: Caches, group: dict[str, Any]) -> None:
    """No request has come since the failover, so that no snapshot knows of it."""
    os.kill(_pid(caches, 0), signal.SIGKILL)
    endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
    eventually(lambda: caches.say(endpoint, "SET", "key", "after"), True, 10)
    assert caches.say(endpoint, "WAITAOF", "1", "0", "3000")[0] == 1  # type: ignore[index]
    new = _primary(caches.available(NAME))
    keeper = holder(caches.here)
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    eventually(lambda: (holder(caches.here), living(caches.here.state / "elasticache")), (None, []), 20)
    start(caches.here, timeout=60)
    assert _primary(caches.available(NAME)) == new
    assert caches.say(endpoint, "GET", "key") == "after"


def test_a_failover_is_tested(caches: Caches, group: dict[str, Any]) -> None:
    client = caches.client()
    _write(caches, group, "before")
    old = _pid(caches, 0)
    with pytest.raises(ClientError, match=r"NodeGroupNotFoundFault.*0007"):
        client.test_failover(ReplicationGroupId=NAME, NodeGroupId="0007")
    answer = client.test_failover(ReplicationGroupId=NAME, NodeGroupId="0001")["ReplicationGroup"]
    assert answer["Status"] == "modifying"
    with pytest.raises(ClientError, match="InvalidReplicationGroupState"):
        client.test_failover(ReplicationGroupId=NAME, NodeGroupId="0001")
    after = caches.available(NAME)
    new = _primary(after)
    assert new != f"{NAME}-001"
    assert old not in living(caches.here.state / "elasticache" / NAME)
    assert caches.say(after["NodeGroups"][0]["PrimaryEndpoint"], "GET", "key") == "before"
    told = [one for one in _told(caches, NAME, "replication-group") if "Test" in one or "Failover" in one][-2:]
    assert told == [
        "Test Failover API called for node group 0001",
        f"Failover from primary node {NAME}-001 to replica node {new} completed",
    ]


@pytest.mark.parametrize("nodes", [1, 2])
def test_without_automatic_failover_a_killed_primary_comes_back_where_it_was(caches: Caches, nodes: int) -> None:
    name = f"stays-{nodes}"
    group = caches.create(name, nodes, AutomaticFailoverEnabled=False, MultiAZEnabled=False)
    assert (group["AutomaticFailover"], group["MultiAZ"]) == ("disabled", "disabled")
    endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
    caches.say(endpoint, "SET", "key", "kept")
    caches.say(endpoint, "WAITAOF", "1", "0", "3000")
    old = caches.observed(name)["nodes"][0]["pid"]
    os.kill(old, signal.SIGKILL)
    eventually(lambda: caches.observed(name)["nodes"][0]["pid"] not in (None, old), True)
    assert _primary(caches.available(name)) == f"{name}-001"
    assert caches.say(endpoint, "GET", "key") == "kept"
    with pytest.raises(ClientError, match="automatic failover"):
        caches.client().test_failover(ReplicationGroupId=name, NodeGroupId="0001")
    caches.delete(name)


def _write(caches: Caches, group: dict[str, Any], value: str) -> None:
    """Write a value, and wait until every replica has it."""
    shard = group["NodeGroups"][0]
    assert caches.say(shard["PrimaryEndpoint"], "SET", "key", value) is True
    for member in shard["NodeGroupMembers"]:
        eventually(lambda member=member: caches.say(member["ReadEndpoint"], "GET", "key"), value)


def _pid(caches: Caches, number: int) -> int:
    return int(caches.observed(NAME)["nodes"][number]["pid"])


def _primary(group: dict[str, Any]) -> str:
    members = group["NodeGroups"][0]["NodeGroupMembers"]
    return next((str(one["CacheClusterId"]) for one in members if one.get("CurrentRole") == "primary"), "")


def _told(caches: Caches, source: str, kind: str) -> list[str]:
    events = caches.client().describe_events(SourceIdentifier=source, SourceType=kind)["Events"]
    return [one["Message"] for one in events]
