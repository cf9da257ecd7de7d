"""Snapshots: real RDB files, by hand, of each day, at the end; and caches that begin with them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from twin.keeper_control import start, stop

from tests.twin.services.elasticache.conftest import Caches, eventually

SAVED = "saved"
MAGIC = (b"VALKEY", b"REDIS")


@pytest.fixture(scope="module")
def group(caches: Caches) -> Iterator[dict[str, Any]]:
    """A primary and a replica."""
    yield caches.create(SAVED)
    caches.delete(SAVED)
    for snapshot in caches.client().describe_snapshots()["Snapshots"]:
        caches.client().delete_snapshot(SnapshotName=snapshot["SnapshotName"])


def test_a_snapshot_is_an_rdb_file_of_all_there_is_and_a_cache_begins_with_it(
    caches: Caches, group: dict[str, Any]
) -> None:
    client = caches.client()
    _write(caches, group, "first")
    made = client.create_snapshot(SnapshotName="By-Hand", ReplicationGroupId=SAVED, Tags=[{"Key": "a", "Value": "b"}])
    assert made["Snapshot"]["SnapshotStatus"] == "creating"
    snapshot = _whole(caches, "by-hand")
    caches.available(SAVED)
    assert (snapshot["SnapshotSource"], snapshot["ReplicationGroupId"], snapshot["NumNodeGroups"]) == (
        "manual",
        SAVED,
        1,
    )
    assert (snapshot["Engine"], snapshot["CacheNodeType"]) == ("valkey", "cache.t4g.micro")
    (node,) = snapshot["NodeSnapshots"]
    assert (node["CacheClusterId"], node["CacheSize"]) == (f"{SAVED}-002", "1 MB")
    assert client.list_tags_for_resource(ResourceName=snapshot["ARN"])["TagList"] == [{"Key": "a", "Value": "b"}]
    assert _file(caches, "by-hand").startswith(MAGIC)
    told = client.describe_events(SourceIdentifier=f"{SAVED}-002", SourceType="cache-cluster")["Events"]
    assert (
        told[-1]["Message"]
        == f"Snapshot succeeded for snapshot with ID 'by-hand' of replication group with ID '{SAVED}'"
    )

    _write(caches, group, "second")
    restored = caches.create("restored", SnapshotName="by-hand", CacheNodeType=None, Engine=None)
    assert restored["CacheNodeType"] == "cache.t4g.micro"
    assert _read(caches, restored) == "first"
    for member in restored["NodeGroups"][0]["NodeGroupMembers"]:
        eventually(lambda member=member: caches.say(member["ReadEndpoint"], "GET", "key"), "first")
    _write(caches, restored, "third")
    client.delete_snapshot(SnapshotName="by-hand")
    _restart(caches)
    caches.available(SAVED)
    assert _read(caches, caches.available("restored")) == "third", "the snapshot is the beginning, not each start's"
    caches.delete("restored")


def test_a_snapshot_of_a_node_is_told_of_it(caches: Caches, group: dict[str, Any]) -> None:
    client = caches.client()
    caches.available(SAVED)
    client.create_snapshot(SnapshotName="of-node", CacheClusterId=f"{SAVED}-001")
    snapshot = _whole(caches, "of-node")
    assert snapshot["CacheClusterId"] == f"{SAVED}-001"
    assert "ReplicationGroupId" not in snapshot
    assert snapshot["PreferredAvailabilityZone"].endswith("a")
    told = client.describe_events(SourceIdentifier=f"{SAVED}-001", SourceType="cache-cluster")["Events"][-1]
    assert told["Message"] == (
        f"Snapshot succeeded for snapshot with ID 'of-node' of cache cluster with ID '{SAVED}-001'"
    )
    found = client.describe_snapshots(CacheClusterId=f"{SAVED}-001", SnapshotSource="user")["Snapshots"]
    assert [one["SnapshotName"] for one in found] == ["of-node"]
    assert client.describe_snapshots(SnapshotSource="system")["Snapshots"] == []
    client.delete_snapshot(SnapshotName="of-node")


def test_a_snapshot_is_copied_and_exported(caches: Caches, group: dict[str, Any]) -> None:
    client, s3 = caches.client(), caches.client("s3")
    caches.available(SAVED)
    client.create_snapshot(SnapshotName="original", ReplicationGroupId=SAVED)
    _whole(caches, "original")
    client.copy_snapshot(SourceSnapshotName="original", TargetSnapshotName="copy")
    client.delete_snapshot(SnapshotName="original")
    assert _whole(caches, "copy")["SnapshotSource"] == "manual"
    s3.create_bucket(Bucket="exports", CreateBucketConfiguration={"LocationConstraint": caches.here.region})
    for bucket, reason in (("nowhere", "The S3 bucket nowhere does not exist"), ("exports", "")):
        arguments = {"SourceSnapshotName": "copy", "TargetSnapshotName": "out", "TargetBucket": bucket}
        if reason:
            with pytest.raises(ClientError, match=f"InvalidParameterValue.*{reason}"):
                client.copy_snapshot(**arguments)
        else:
            client.copy_snapshot(**arguments)
    assert s3.get_object(Bucket="exports", Key="out-0001.rdb")["Body"].read() == _file(caches, "copy")
    with pytest.raises(ClientError, match=r"already contains an object with key out-0001\.rdb"):
        client.copy_snapshot(SourceSnapshotName="copy", TargetSnapshotName="out", TargetBucket="exports")
    client.delete_snapshot(SnapshotName="copy")


def test_the_last_snapshot_has_all_that_was_written_before_the_end(caches: Caches) -> None:
    client = caches.client()
    group = caches.create("ending")
    _write(caches, group, "last words")
    client.delete_replication_group(ReplicationGroupId="ending", FinalSnapshotIdentifier="final")
    assert caches.describe("ending")["Status"] == "deleting"
    eventually(lambda: caches.observed("ending"), {}, 30)
    assert _whole(caches, "final")["NodeSnapshots"][0]["CacheClusterId"] == "ending-001"
    again = caches.create("ending", 1, SnapshotName="final")
    assert _read(caches, again) == "last words"
    caches.delete("ending")
    client.delete_snapshot(SnapshotName="final")


def test_the_day_s_snapshot_is_taken_in_its_window_and_goes_with_its_cache(caches: Caches) -> None:
    client, now = caches.client(), datetime.now(UTC)
    later, past = (f"{now + timedelta(minutes=m):%H:%M}-{now + timedelta(minutes=m + 61):%H:%M}" for m in (120, -30))
    caches.create("daily", 1, SnapshotRetentionLimit=2, SnapshotWindow=later)
    assert client.describe_snapshots(ReplicationGroupId="daily")["Snapshots"] == []
    client.modify_replication_group(
        ReplicationGroupId="daily", SnapshotWindow=past, SnapshottingClusterId="daily-001", ApplyImmediately=True
    )
    eventually(lambda: _automatic(caches), ["available"], 20)
    (snapshot,) = client.describe_snapshots(SnapshotSource="system")["Snapshots"]
    assert snapshot["SnapshotName"].startswith(f"automatic.daily-001-{datetime.now(UTC):%Y-%m-%d}-")
    assert (snapshot["CacheClusterId"], snapshot["SnapshotRetentionLimit"]) == ("daily-001", 2)
    group = caches.available("daily")
    assert (group["SnapshottingClusterId"], group["SnapshotWindow"]) == ("daily-001", past)
    _restart(caches)
    caches.available("daily")
    assert _automatic(caches) == ["available"], "one a day"
    caches.delete("daily")
    assert _automatic(caches) == []
    assert not list((caches.here.state / "elasticache-snapshots").glob("automatic*"))


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("create_snapshot", {"SnapshotName": "x", "ReplicationGroupId": "nobody"}, "ReplicationGroupNotFoundFault"),
        ("create_snapshot", {"SnapshotName": "x", "CacheClusterId": "nobody-001"}, "CacheClusterNotFound"),
        ("create_snapshot", {"SnapshotName": "x"}, "InvalidParameterCombination"),
        ("create_snapshot", {"SnapshotName": "two--", "ReplicationGroupId": SAVED}, "InvalidParameterValue"),
        ("create_snapshot", {"SnapshotName": "x", "ReplicationGroupId": SAVED, "KmsKeyId": "k"}, "NotImplemented"),
        ("copy_snapshot", {"SourceSnapshotName": "no", "TargetSnapshotName": "x"}, "SnapshotNotFoundFault"),
        ("delete_snapshot", {"SnapshotName": "no"}, "SnapshotNotFoundFault"),
        ("describe_snapshots", {"SnapshotName": "no"}, "SnapshotNotFoundFault"),
        ("describe_snapshots", {"SnapshotSource": "me"}, "InvalidParameterValue"),
        (
            "modify_replication_group",
            {"ReplicationGroupId": SAVED, "SnapshotWindow": "10:00-10:30"},
            "InvalidParameterValue",
        ),
        ("modify_replication_group", {"ReplicationGroupId": SAVED, "SnapshotWindow": "noon"}, "InvalidParameterValue"),
        (
            "modify_replication_group",
            {"ReplicationGroupId": SAVED, "SnapshotRetentionLimit": 36},
            "InvalidParameterValue",
        ),
        (
            "modify_replication_group",
            {"ReplicationGroupId": SAVED, "SnapshottingClusterId": "other-001"},
            "CacheClusterNotFound",
        ),
    ],
)
@pytest.mark.usefixtures("group")
def test_what_cannot_be_is_refused(caches: Caches, operation: str, arguments: dict[str, Any], code: str) -> None:
    caches.available(SAVED)
    with pytest.raises(ClientError) as refused:
        getattr(caches.client(), operation)(**arguments)
    assert refused.value.response["Error"]["Code"] == code


def test_what_is_there_is_not_overwritten(caches: Caches, group: dict[str, Any]) -> None:
    client = caches.client()
    caches.available(SAVED)
    client.create_snapshot(SnapshotName="taken", ReplicationGroupId=SAVED)
    _whole(caches, "taken")
    caches.available(SAVED)
    with pytest.raises(ClientError, match="SnapshotAlreadyExistsFault"):
        client.create_snapshot(SnapshotName="taken", ReplicationGroupId=SAVED)
    with pytest.raises(ClientError, match="SnapshotAlreadyExistsFault"):
        client.copy_snapshot(SourceSnapshotName="taken", TargetSnapshotName="taken")
    with pytest.raises(ClientError, match="SnapshotAlreadyExistsFault"):
        client.delete_replication_group(ReplicationGroupId=SAVED, FinalSnapshotIdentifier="taken")
    assert caches.describe(SAVED)["Status"] == "available"
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*Snapshot not found: no-such"):
        caches.create("never", SnapshotName="no-such")


def _write(caches: Caches, group: dict[str, Any], value: str) -> None:
    """Write a value, and wait until every replica has it."""
    shard = group["NodeGroups"][0]
    assert caches.say(shard["PrimaryEndpoint"], "SET", "key", value) is True
    for member in shard["NodeGroupMembers"]:
        eventually(lambda member=member: caches.say(member["ReadEndpoint"], "GET", "key"), value)


def _read(caches: Caches, group: dict[str, Any]) -> object:
    return caches.say(group["NodeGroups"][0]["PrimaryEndpoint"], "GET", "key")


def _whole(caches: Caches, name: str) -> dict[str, Any]:
    def snapshot() -> dict[str, Any]:
        found: dict[str, Any] = caches.client().describe_snapshots(SnapshotName=name)["Snapshots"][0]
        return found

    eventually(lambda: snapshot()["SnapshotStatus"], "available", 20)
    return snapshot()


def _automatic(caches: Caches) -> list[str]:
    found = caches.client().describe_snapshots(SnapshotSource="system")["Snapshots"]
    return [one["SnapshotStatus"] for one in found]


def _file(caches: Caches, name: str) -> bytes:
    return (caches.here.state / "elasticache-snapshots" / f"{name}.rdb").read_bytes()


def _restart(caches: Caches) -> None:
    assert stop(caches.here, timeout=30)
    start(caches.here, timeout=60)
