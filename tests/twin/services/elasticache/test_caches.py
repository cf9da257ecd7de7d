"""Real caches: over two zones, by TLS and token alone, again there after each node's death and the twin's own."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from botocore.exceptions import ClientError
from twin.keeper_control import start, stop

from tests.twin.services.elasticache.conftest import TOKEN, Caches, eventually, living

SECOND = "a-token-of-the-test-0002"
THIRD = "a-token-of-the-test-0003"


@pytest.fixture(scope="module")
def pair(caches: Caches) -> Iterator[dict[str, Any]]:
    """A primary and a replica in two zones, with parameters of their own."""
    client = caches.client()
    client.create_cache_parameter_group(
        CacheParameterGroupName="pair", CacheParameterGroupFamily="valkey9", Description="of a test"
    )
    yield caches.create("pair", CacheParameterGroupName="pair")
    caches.delete("pair")
    client.delete_cache_parameter_group(CacheParameterGroupName="pair")


def test_the_nodes_are_in_two_zones_and_what_is_written_is_read_at_the_reader(
    caches: Caches, pair: dict[str, Any]
) -> None:
    shard = pair["NodeGroups"][0]
    members = shard["NodeGroupMembers"]
    assert [(one["CacheClusterId"], one["CurrentRole"], one["PreferredAvailabilityZone"][-1]) for one in members] == [
        ("pair-001", "primary", "a"),
        ("pair-002", "replica", "c"),
    ]
    assert (pair["AutomaticFailover"], pair["MultiAZ"], pair["AuthTokenEnabled"]) == ("enabled", "enabled", True)
    assert caches.say(shard["PrimaryEndpoint"], "SET", "오늘", "좋음") is True
    eventually(lambda: caches.say(shard["ReaderEndpoint"], "GET", "오늘"), "좋음")
    assert caches.say(shard["ReaderEndpoint"], "SET", "a", "b") == "ReadOnlyError"
    for member in members:
        eventually(lambda member=member: caches.say(member["ReadEndpoint"], "GET", "오늘"), "좋음")


def test_only_tls_and_the_token_come_in(caches: Caches, pair: dict[str, Any]) -> None:
    shard = pair["NodeGroups"][0]
    endpoints = [shard["PrimaryEndpoint"], *(member["ReadEndpoint"] for member in shard["NodeGroupMembers"])]
    for endpoint in endpoints:
        assert caches.say(endpoint, "PING", password="not-the-token-at-all") == "AuthenticationError"
        assert caches.say(endpoint, "PING", password=None) == "AuthenticationError"
        with caches.connect(endpoint, tls=False) as plain, pytest.raises(redis.ConnectionError):
            plain.ping()
    assert caches.say(shard["PrimaryEndpoint"], "CONFIG", "GET", "dir") == "NoPermissionError"
    assert caches.say(shard["PrimaryEndpoint"], "SHUTDOWN") == "NoPermissionError"


def test_the_api_shows_the_engine_that_runs(caches: Caches, pair: dict[str, Any]) -> None:
    shown = caches.client().describe_cache_clusters(CacheClusterId="pair-002", ShowCacheNodeInfo=True)["CacheClusters"]
    running = caches.say(pair["NodeGroups"][0]["PrimaryEndpoint"], "INFO", "server")
    assert isinstance(running, dict)
    assert (shown[0]["Engine"], shown[0]["EngineVersion"]) == ("valkey", running["valkey_version"])
    assert shown[0]["CacheNodes"][0]["SourceCacheNodeId"] == "pair-001"
    versions = caches.client().describe_cache_engine_versions(Engine="valkey")["CacheEngineVersions"]
    assert [one["EngineVersion"] for one in versions] == [running["valkey_version"]]


def test_a_killed_replica_comes_back_and_is_no_failover_meanwhile(caches: Caches, pair: dict[str, Any]) -> None:
    shard = pair["NodeGroups"][0]
    assert caches.say(shard["PrimaryEndpoint"], "SET", "session", "kept") is True
    pid = caches.observed("pair")["nodes"][1]["pid"]
    os.kill(pid, signal.SIGSTOP)  # dead would come back too quickly to be seen
    eventually(lambda: caches.describe("pair")["AutomaticFailover"], "enabling")
    seen, replica = caches.describe("pair"), caches.client().describe_cache_clusters(CacheClusterId="pair-002")
    assert (seen["Status"], seen["MultiAZ"]) == ("modifying", "disabled")
    assert replica["CacheClusters"][0]["CacheClusterStatus"] == "modifying"
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: caches.observed("pair")["nodes"][1]["pid"] not in (None, pid), True)
    seen = caches.available("pair")
    assert (seen["AutomaticFailover"], seen["MultiAZ"]) == ("enabled", "enabled")
    assert [one["CurrentRole"] for one in seen["NodeGroups"][0]["NodeGroupMembers"]] == ["primary", "replica"]
    eventually(lambda: caches.say(shard["ReaderEndpoint"], "GET", "session"), "kept")
    assert caches.observed("pair")["nodes"][1]["link"] == "up"
    events = caches.client().describe_events(SourceIdentifier="pair-002", SourceType="cache-cluster")["Events"]
    told = [one["Message"] for one in events]
    assert told[-2:] == ["Recovering cache nodes 0001", "Finished recovery for cache nodes 0001"]


def test_a_node_that_does_not_answer_is_replaced(caches: Caches, pair: dict[str, Any]) -> None:
    pid = caches.observed("pair")["nodes"][1]["pid"]
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: caches.observed("pair")["nodes"][1]["pid"] not in (None, pid), True, 30)
    caches.available("pair")


def test_the_endpoints_come_back_when_their_envoy_was_killed(caches: Caches, pair: dict[str, Any]) -> None:
    endpoint = pair["NodeGroups"][0]["PrimaryEndpoint"]
    (pid,) = _named(str(caches.here.state / "envoy" / "tcp-front" / "bootstrap.json"))
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: caches.say(endpoint, "PING"), True)


def test_events_are_told_by_time(caches: Caches, pair: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    told = caches.client().describe_events(StartTime=now - timedelta(minutes=30), EndTime=now)["Events"]
    assert "Replication group pair created" in [one["Message"] for one in told]
    assert caches.client().describe_events(EndTime=now - timedelta(minutes=30), Duration=5)["Events"] == []


def test_a_parameter_is_in_force_on_every_node(caches: Caches, pair: dict[str, Any]) -> None:
    client = caches.client()
    for member in pair["NodeGroups"][0]["NodeGroupMembers"]:
        assert _memory(caches, member)["maxmemory_policy"] == "volatile-lru"
        assert _memory(caches, member)["maxmemory"] == 536_870_912 * 3 // 4
    client.modify_cache_parameter_group(
        CacheParameterGroupName="pair",
        ParameterNameValues=[{"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lfu"}],
    )
    caches.available("pair")
    for member in pair["NodeGroups"][0]["NodeGroupMembers"]:
        assert _memory(caches, member)["maxmemory_policy"] == "allkeys-lfu"
    shown = client.describe_cache_parameters(CacheParameterGroupName="pair", Source="user")["Parameters"]
    assert [(one["ParameterName"], one["ParameterValue"]) for one in shown] == [("maxmemory-policy", "allkeys-lfu")]
    for name, value in (("no-such-thing", "1"), ("databases", "4"), ("maxmemory-policy", "never"), ("timeout", "x")):
        with pytest.raises(ClientError, match=f"InvalidParameterValue.*{name}"):
            client.modify_cache_parameter_group(
                CacheParameterGroupName="pair",
                ParameterNameValues=[{"ParameterName": name, "ParameterValue": value}],
            )
    told = client.describe_events(SourceIdentifier="pair-002", SourceType="cache-cluster")["Events"]
    assert told[-1]["Message"] == "Updated parameter maxmemory-policy to allkeys-lfu"
    client.reset_cache_parameter_group(CacheParameterGroupName="pair", ResetAllParameters=True)
    caches.available("pair")
    assert _memory(caches, pair["NodeGroups"][0]["NodeGroupMembers"][1])["maxmemory_policy"] == "volatile-lru"


def test_replicas_come_and_go(caches: Caches, pair: dict[str, Any]) -> None:
    client = caches.client()
    grown = client.increase_replica_count(ReplicationGroupId="pair", NewReplicaCount=2, ApplyImmediately=True)
    assert grown["ReplicationGroup"]["Status"] == "modifying"
    third = caches.available("pair")["NodeGroups"][0]["NodeGroupMembers"][2]
    told = client.describe_events(SourceIdentifier="pair-003", SourceType="cache-cluster")["Events"]
    assert [one["Message"] for one in told] == [
        "Cache cluster created",
        f"Added cache node 0001 in availability zone {third['PreferredAvailabilityZone']}",
    ]
    assert caches.say(third["ReadEndpoint"], "GET", "session") == caches.say(
        pair["NodeGroups"][0]["PrimaryEndpoint"], "GET", "session"
    )
    client.decrease_replica_count(ReplicationGroupId="pair", NewReplicaCount=1, ApplyImmediately=True)
    assert caches.available("pair")["MemberClusters"] == ["pair-001", "pair-002"]
    assert not (caches.here.state / "elasticache" / "pair" / "003").exists()
    assert _refused(third["ReadEndpoint"])
    client.increase_replica_count(ReplicationGroupId="pair", NewReplicaCount=2, ApplyImmediately=True)
    caches.available("pair")
    client.decrease_replica_count(
        ReplicationGroupId="pair", NewReplicaCount=1, ReplicasToRemove=["pair-003"], ApplyImmediately=True
    )
    caches.available("pair")
    assert len(living(caches.here.state / "elasticache" / "pair")) == 2
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        client.decrease_replica_count(ReplicationGroupId="pair", NewReplicaCount=0, ApplyImmediately=True)


def test_a_token_is_rotated_without_cutting_anyone(caches: Caches) -> None:
    group = caches.create("rotated")
    primary = group["NodeGroups"][0]["PrimaryEndpoint"]
    with caches.connect(primary) as connected:
        connected.ping()
        _rotate(caches, SECOND, "ROTATE")
        assert [caches.say(primary, "PING", password=one) for one in (TOKEN, SECOND)] == [True, True]
        _rotate(caches, SECOND, "SET")
        assert [caches.say(primary, "PING", password=one) for one in (TOKEN, SECOND)] == ["AuthenticationError", True]
        assert connected.ping()
    caches.available("rotated")
    with pytest.raises(ClientError, match="only after ROTATE"):
        _rotate(caches, THIRD, "SET")
    with pytest.raises(ClientError, match=r"InvalidParameterCombination.*only when moving to a user group"):
        _rotate(caches, THIRD, "DELETE")
    pid = caches.observed("rotated")["nodes"][0]["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: caches.observed("rotated")["nodes"][0]["pid"] not in (None, pid), True)
    caches.available("rotated")
    assert caches.say(primary, "PING", password=SECOND) is True
    caches.delete("rotated")


def test_without_encryption_there_is_none(caches: Caches) -> None:
    group = caches.create(
        "plain", 1, TransitEncryptionEnabled=None, AuthToken=None, PreferredCacheClusterAZs=["ap-northeast-2c"]
    )
    shard = group["NodeGroups"][0]
    assert (group["TransitEncryptionEnabled"], group["AuthTokenEnabled"]) == (False, False)
    assert shard["NodeGroupMembers"][0]["PreferredAvailabilityZone"] == "ap-northeast-2c"
    for endpoint in (shard["PrimaryEndpoint"], shard["ReaderEndpoint"], shard["NodeGroupMembers"][0]["ReadEndpoint"]):
        with caches.connect(endpoint, None, tls=False) as client:
            assert client.ping()
    caches.delete("plain")


def test_a_version_for_which_the_program_stands_is_recorded(caches: Caches) -> None:
    caches.create("older", 1, EngineVersion="8.1")
    client = caches.client()

    def shown() -> tuple[str, str]:
        node = client.describe_cache_clusters(CacheClusterId="older-001")["CacheClusters"][0]
        return node["EngineVersion"], node["CacheParameterGroup"]["CacheParameterGroupName"]

    running = client.describe_cache_engine_versions()["CacheEngineVersions"][0]["EngineVersion"]
    assert shown() == (running, "default.valkey8")
    client.modify_replication_group(ReplicationGroupId="older", EngineVersion="9.1", ApplyImmediately=True)
    assert shown() == (running, "default.valkey9")
    with pytest.raises(ClientError, match="Expected a parameter group of family valkey9"):
        client.modify_replication_group(ReplicationGroupId="older", CacheParameterGroupName="default.valkey8")
    caches.delete("older")


def test_deleting_leaves_no_process_no_port_no_directory(caches: Caches) -> None:
    group = caches.create("gone")
    shard = group["NodeGroups"][0]
    data = caches.here.state / "elasticache" / "gone"
    assert len(living(data)) == 2
    caches.delete("gone")
    assert (living(data), data.exists()) == ([], False)
    assert not list((caches.here.state / "certs").glob("*gone*"))
    ends = [shard["PrimaryEndpoint"], shard["ReaderEndpoint"], *(m["ReadEndpoint"] for m in shard["NodeGroupMembers"])]
    for endpoint in ends:
        eventually(lambda endpoint=endpoint: _refused(endpoint), True, 5)
    assert "gone" not in (caches.here.state / "addresses.json").read_text()
    with pytest.raises(ClientError, match="ReplicationGroupNotFoundFault"):
        caches.describe("gone")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"TransitEncryptionEnabled": False}, "InvalidParameterValue"),
        ({"AuthToken": "short"}, "InvalidParameterValue"),
        ({"AuthToken": "with spaces and @ signs"}, "InvalidParameterValue"),
        ({"NumCacheClusters": 1}, "InvalidParameterCombination"),
        ({"AutomaticFailoverEnabled": False}, "InvalidParameterCombination"),
        ({"NumCacheClusters": 7}, "NodeQuotaForClusterExceeded"),
        ({"PreferredCacheClusterAZs": ["ap-northeast-2a"]}, "InvalidParameterCombination"),
        ({"PreferredCacheClusterAZs": ["ap-northeast-2a", "ap-northeast-2a"]}, "InvalidParameterCombination"),
        ({"PreferredCacheClusterAZs": ["ap-northeast-2a", "ap-northeast-2b"]}, "InvalidParameterValue"),
        ({"EngineVersion": "99.1"}, "InvalidParameterCombination"),
        ({"EngineVersion": "8.1", "CacheParameterGroupName": "pair"}, "InvalidParameterCombination"),
        ({"Engine": "redis"}, "NotImplemented"),
        ({"CacheNodeType": "cache.x9.huge"}, "NotImplemented"),
        ({"TransitEncryptionMode": "preferred"}, "NotImplemented"),
        ({"UserGroupIds": ["people"]}, "InvalidParameterCombination"),
        ({"CacheSubnetGroupName": "nowhere"}, "CacheSubnetGroupNotFoundFault"),
        ({"CacheParameterGroupName": "nothing"}, "CacheParameterGroupNotFound"),
        ({"ReplicationGroupId": "pair"}, "ReplicationGroupAlreadyExists"),
        ({"SecurityGroupIds": ["sg-12345678"]}, "InvalidParameterValue"),
        ({"ReplicationGroupId": "two--hyphens"}, "InvalidParameterValue"),
    ],
)
@pytest.mark.usefixtures("pair")
def test_what_cannot_be_is_refused(caches: Caches, more: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        caches.create("never", **more)
    assert refused.value.response["Error"]["Code"] == code
    assert "never" not in str(caches.client().describe_replication_groups()["ReplicationGroups"])


def test_what_the_twin_does_not_do_is_refused_by_name(caches: Caches, pair: dict[str, Any]) -> None:
    client = caches.client()
    with pytest.raises(ClientError, match="elasticache:CompleteMigration"):
        client.complete_migration(ReplicationGroupId="pair")
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*Please use CreateReplicationGroup API"):
        client.create_cache_cluster(CacheClusterId="alone", Engine="valkey")
    for engine in ("redis", "memcached"):
        with pytest.raises(ClientError, match=f"NotImplemented.*{engine}"):
            client.create_cache_cluster(CacheClusterId="alone", Engine=engine)
    with pytest.raises(ClientError, match="LogDeliveryConfigurations"):
        client.modify_replication_group(
            ReplicationGroupId="pair", LogDeliveryConfigurations=[{"LogType": "slow-log", "Enabled": True}]
        )


def test_everything_is_there_again_after_the_twin_was_stopped(caches: Caches, pair: dict[str, Any]) -> None:
    shard = pair["NodeGroups"][0]
    caches.client().add_tags_to_resource(ResourceName=pair["ARN"], Tags=[{"Key": "kept", "Value": "yes"}])
    caches.say(shard["PrimaryEndpoint"], "SET", "log-in", "still there")
    assert stop(caches.here, timeout=30)
    assert living(caches.here.state / "elasticache") == []
    assert _refused(shard["PrimaryEndpoint"])
    start(caches.here, timeout=60)
    group = caches.available("pair")
    assert group["NodeGroups"][0]["PrimaryEndpoint"] == shard["PrimaryEndpoint"]
    assert caches.say(shard["PrimaryEndpoint"], "GET", "log-in") == "still there"
    eventually(lambda: caches.say(shard["ReaderEndpoint"], "GET", "log-in"), "still there")
    tags = caches.client().list_tags_for_resource(ResourceName=pair["ARN"])["TagList"]
    assert tags == [{"Key": "kept", "Value": "yes"}]


def _memory(caches: Caches, member: dict[str, Any]) -> dict[str, Any]:
    with caches.connect(member["ReadEndpoint"]) as client:
        return dict(client.info("memory"))


def _rotate(caches: Caches, token: str, strategy: str) -> None:
    caches.available("rotated")
    caches.client().modify_replication_group(
        ReplicationGroupId="rotated", AuthToken=token, AuthTokenUpdateStrategy=strategy, ApplyImmediately=True
    )
    caches.available("rotated")


def _named(argument: str) -> list[int]:
    """The pids of the processes that were given the argument."""
    found = []
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and argument in Path(f"/proc/{entry.name}/cmdline").read_text().split("\0"):
                found.append(int(entry.name))
    return found


def _refused(endpoint: dict[str, Any]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((endpoint["Address"], endpoint["Port"])) != 0
