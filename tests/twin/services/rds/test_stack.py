"""Databases that a template describes without naming them."""

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.twin.services.rds.conftest import PASSWORD, Databases
from tests.twin.support import delete, deploy, of, ref


@pytest.fixture
def stack(databases: Databases) -> Iterator[str]:
    name = f"databases-{time.time_ns():x}"
    yield name
    delete(databases.twin, name)


def instance(databases: Databases, **more: Any) -> dict[str, Any]:
    return of(
        "RDS::DBInstance",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage="20",
        MasterUsername="duet",
        MasterUserPassword=PASSWORD,
        DBSubnetGroupName=databases.network.group,
        **more,
    )


def test_what_replaces_an_unnamed_database_or_parameter_group_stands_beside_it(
    databases: Databases, stack: str
) -> None:
    wanted: dict[str, Any] = {
        "Resources": {
            "Parameters": of("RDS::DBParameterGroup", Family="postgres17", Description="of a test"),
            "Database": instance(
                databases, DBName="duet", DBParameterGroupName=ref("Parameters"), StorageEncrypted="true"
            ),
        },
        "Outputs": {"Database": {"Value": ref("Database")}, "Parameters": {"Value": ref("Parameters")}},
    }
    before = deploy(databases.twin, stack, wanted)
    renamed = copy.deepcopy(wanted)
    renamed["Resources"]["Database"]["Properties"]["DBName"] = "other"
    renamed["Resources"]["Parameters"]["Properties"]["Description"] = "another description"
    after = deploy(databases.twin, stack, renamed)
    assert not set(before.values()) & set(after.values())
    shown = databases.see(after["Database"])
    assert (shown["DBName"], shown["DBParameterGroups"][0]["DBParameterGroupName"]) == ("other", after["Parameters"])
    there = {one["DBInstanceIdentifier"] for one in databases.rds.describe_db_instances()["DBInstances"]}
    assert before["Database"] not in there


def test_a_zone_of_an_instance_that_stands_is_not_changed_in_silence(databases: Databases, stack: str) -> None:
    wanted = {"Resources": {"Database": instance(databases, AvailabilityZone="ap-northeast-2a")}}
    deploy(databases.twin, stack, wanted)
    wanted["Resources"]["Database"]["Properties"]["AvailabilityZone"] = "ap-northeast-2c"
    with pytest.raises(AssertionError, match="cannot change AvailabilityZone of an instance that stands"):
        deploy(databases.twin, stack, wanted)


def test_a_database_that_goes_leaves_a_snapshot_of_which_another_is_made(databases: Databases, stack: str) -> None:
    database = instance(databases, DBName="duet", BackupRetentionPeriod="1")
    outputs = {"Database": {"Value": ref("Database")}}
    # Without a policy a database has Snapshot, as on AWS.
    first = deploy(databases.twin, stack, {"Resources": {"Database": database}, "Outputs": outputs})["Database"]
    with databases.connect(first) as connection:
        connection.execute("create table moods as select 'first' as word")

    of_another = instance(databases, DBName="other") | {"UpdateReplacePolicy": "Snapshot", "DeletionPolicy": "Delete"}
    replaced = {"Resources": {"Database": of_another}, "Outputs": outputs}
    second = deploy(databases.twin, stack, replaced)["Database"]
    assert second != first
    kept = [one["DBSnapshotIdentifier"] for one in _snapshots(databases)]
    assert [one.rsplit("-", 1)[0] for one in kept] == [f"{stack}-snapshot-database"]

    restored = instance(databases, DBSnapshotIdentifier=kept[0]) | {"DeletionPolicy": "Snapshot"}
    restored["Properties"] |= {"MasterUserPassword": "another-password"}
    del restored["Properties"]["MasterUsername"]
    third = deploy(databases.twin, stack, {"Resources": {"Database": restored}, "Outputs": outputs})["Database"]
    assert third not in (first, second)
    with databases.connect(third, "another-password") as connection:
        assert connection.execute("select word from moods").fetchone() == ("first",)
        connection.execute("insert into moods values ('second')")
    assert len(_snapshots(databases)) == 1
    delete(databases.twin, stack)
    assert not databases.is_there(third)
    assert len(_snapshots(databases)) == 2


def test_a_replica_of_a_template_is_promoted_when_its_source_is_named_no_longer(
    databases: Databases, stack: str
) -> None:
    source = instance(databases, DBName="duet") | {"DeletionPolicy": "Delete"}
    replica = of(
        "RDS::DBInstance", DBInstanceClass="db.t4g.micro", Engine="postgres", SourceDBInstanceIdentifier=ref("Source")
    )
    wanted: dict[str, Any] = {
        "Resources": {"Source": source, "Replica": replica},
        "Outputs": {"Replica": {"Value": ref("Replica")}},
    }
    name = deploy(databases.twin, stack, wanted, 90)["Replica"]
    assert databases.see(name)["StatusInfos"][0]["Status"] == "replicating"
    del replica["Properties"]["SourceDBInstanceIdentifier"]
    replica["Properties"] |= {"AllocatedStorage": "20", "BackupRetentionPeriod": "2"}
    replica["DeletionPolicy"] = "Delete"
    assert deploy(databases.twin, stack, wanted, 90)["Replica"] == name
    seen = databases.see(name)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in seen
    assert seen["BackupRetentionPeriod"] == 2


def _snapshots(databases: Databases) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = databases.rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    return found
