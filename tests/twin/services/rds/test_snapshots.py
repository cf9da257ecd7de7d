"""Snapshots, restores, moments in time: real copies of real servers."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.services.rds.conftest import PASSWORD, Databases
from tests.twin.support import eventually

type Json = dict[str, Any]


def test_a_snapshot_holds_the_rows_of_its_moment_and_an_instance_is_made_of_it(databases: Databases) -> None:
    name = databases.make(CopyTagsToSnapshot=True, Tags=[{"Key": "project", "Value": "duet"}])
    rds, snapshot = databases.rds, f"{name}-kept"
    with databases.connect(name) as connection:
        connection.execute("create table moods (word text)")
        connection.execute("insert into moods values ('before')")
    asked = rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)["DBSnapshot"]
    assert (asked["Status"], asked["SnapshotType"], asked["PercentProgress"]) == ("creating", "manual", 0)
    assert databases.see(name)["DBInstanceStatus"] == "backing-up"
    seen = eventually(lambda: databases.snapshot(snapshot), lambda seen: seen["Status"] == "available", 30)
    assert (seen["MasterUsername"], seen["AllocatedStorage"], seen["TagList"]) == (
        "duet",
        20,
        [{"Key": "project", "Value": "duet"}],
    )
    databases.available(name)
    with databases.connect(name) as connection:
        connection.execute("insert into moods values ('after')")

    restored = databases.restore(snapshot, MultiAZ=True)
    assert databases.column(restored, "select word from moods") == ["before"]
    assert databases.column(name, "select word from moods order by word") == ["after", "before"]
    assert f"Restored from snapshot {snapshot}." in databases.events(restored)
    with databases.connect(restored) as connection:
        connection.execute("insert into moods values ('own')")
    told = rds.describe_events(SourceIdentifier=snapshot, SourceType="db-snapshot")["Events"]
    assert [one["Message"] for one in told] == ["Creating manual snapshot.", "Manual snapshot created."]

    folder = databases.twin.world.state / "database-backups" / databases.twin.world.region / "snapshots" / snapshot
    assert folder.exists()
    assert rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)["DBSnapshot"]["Status"] == "deleted"
    assert not folder.exists()


def test_a_server_that_is_killed_while_it_is_copied_is_copied_again(databases: Databases) -> None:
    name = databases.make(multi_az=False)
    with databases.connect(name) as connection:
        connection.execute("create table moods as select generate_series(1, 300000) as number")
    snapshot = f"{name}-kept"
    databases.rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)
    os.kill(databases.nodes(name)["primary"]["pid"], signal.SIGKILL)
    eventually(lambda: databases.snapshot(snapshot)["Status"], lambda status: status == "available", 60)
    databases.available(name)
    restored = databases.restore(snapshot)
    assert databases.ask(restored, "select count(*) from moods") == 300000


def test_the_last_snapshot_is_taken_before_the_instance_is_removed(databases: Databases) -> None:
    name, rds = databases.make(multi_az=False, BackupRetentionPeriod=0), databases.rds
    with databases.connect(name) as connection:
        connection.execute("create table moods as select 'last' as word")
    for wrong, text in (
        ({}, "FinalDBSnapshotIdentifier is required unless"),
        ({"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": "x"}, "when SkipFinalSnapshot is true"),
    ):
        with pytest.raises(ClientError, match=text) as refusal:
            rds.delete_db_instance(DBInstanceIdentifier=name, **wrong)
        assert refusal.value.response["Error"]["Code"] == "InvalidParameterCombination"
    final = f"{name}-final"
    rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=final)
    eventually(lambda: databases.is_there(name), lambda there: not there, 30)
    assert databases.snapshot(final)["Status"] == "available"
    restored = databases.restore(final, DeletionProtection=True)
    assert databases.column(restored, "select word from moods") == ["last"]
    assert databases.see(restored)["DeletionProtection"] is True


def test_a_stopped_instance_is_copied_as_it_lies(databases: Databases) -> None:
    name = databases.make(multi_az=False)
    with databases.connect(name) as connection:
        connection.execute("create table moods as select 'quiet' as word")
    databases.rds.stop_db_instance(DBInstanceIdentifier=name)
    eventually(lambda: databases.see(name)["DBInstanceStatus"], lambda status: status == "stopped", 20)
    snapshot = f"{name}-kept"
    databases.rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)
    eventually(lambda: databases.snapshot(snapshot)["Status"], lambda status: status == "available", 30)
    assert databases.see(name)["DBInstanceStatus"] == "stopped"
    assert databases.column(databases.restore(snapshot), "select word from moods") == ["quiet"]


def test_an_instance_is_restored_to_a_moment_and_to_the_latest(databases: Databases) -> None:
    name = databases.make(BackupRetentionPeriod=7)
    assert databases.events(name)[:3] == [
        "DB instance created.",
        "Backing up the DB instance.",
        "Finished DB instance backup.",
    ]
    with databases.connect(name) as connection:
        connection.execute("create table moods (word text)")
        connection.execute("insert into moods values ('wanted')")
        time.sleep(0.2)
        moment = connection.execute("select clock_timestamp()").fetchone()
        assert moment is not None
        time.sleep(0.2)
        connection.execute("insert into moods values ('mistake')")
        end = connection.execute("select clock_timestamp()").fetchone()
        assert end is not None
    eventually(
        lambda: databases.see(name).get("LatestRestorableTime"), lambda seen: seen is not None and seen > end[0], 60
    )
    earlier = databases.restore_to(name, RestoreTime=moment[0])
    assert databases.column(earlier, "select word from moods") == ["wanted"]
    assert f"Restored from DB instance {name} to {earlier}." in databases.events(earlier)
    latest = databases.restore_to(name, UseLatestRestorableTime=True, MultiAZ=True)
    assert databases.column(latest, "select word from moods order by word") == ["mistake", "wanted"]
    for instance in (earlier, latest):
        with databases.connect(instance) as connection:
            connection.execute("insert into moods values ('own')")

    rds = databases.rds
    cases: list[tuple[Json, str, str]] = [
        ({"RestoreTime": datetime.now(UTC) + timedelta(hours=1)}, "InvalidParameterValue", "a time later than"),
        ({"RestoreTime": datetime(2020, 1, 1, tzinfo=UTC)}, "InvalidParameterValue", "a time earlier than"),
        ({}, "InvalidParameterCombination", "Either RestoreTime or"),
        ({"RestoreTime": moment[0], "UseLatestRestorableTime": True}, "InvalidParameterCombination", "when UseLatest"),
    ]
    for arguments, code, text in cases:
        with pytest.raises(ClientError, match=text) as refusal:
            rds.restore_db_instance_to_point_in_time(
                SourceDBInstanceIdentifier=name, TargetDBInstanceIdentifier="another", **arguments
            )
        assert refusal.value.response["Error"]["Code"] == code


def test_automated_backups_outlive_an_instance_only_when_they_are_to(databases: Databases) -> None:
    name, rds = databases.make(multi_az=False), databases.rds
    with databases.connect(name) as connection:
        connection.execute("create table moods as select 'kept' as word")
    eventually(lambda: databases.see(name).get("LatestRestorableTime"), lambda seen: seen, 30)
    resource = databases.see(name)["DbiResourceId"]
    automated = rds.describe_db_snapshots(DBInstanceIdentifier=name, SnapshotType="automated")["DBSnapshots"]
    assert [one["DBSnapshotIdentifier"].startswith(f"rds:{name}-2") for one in automated] == [True]
    with pytest.raises(ClientError, match="Only manual snapshots may be deleted"):
        rds.delete_db_snapshot(DBSnapshotIdentifier=automated[0]["DBSnapshotIdentifier"])
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    eventually(lambda: databases.is_there(name), lambda there: not there, 30)
    kept = rds.describe_db_instance_automated_backups(DbiResourceId=resource)["DBInstanceAutomatedBackups"]
    assert [one["Status"] for one in kept] == ["retained"]
    again = f"{name}-again"
    rds.restore_db_instance_to_point_in_time(
        SourceDbiResourceId=resource, TargetDBInstanceIdentifier=again, UseLatestRestorableTime=True,
        DBSubnetGroupName=databases.network.group,
    )  # fmt: skip
    databases.made.append(again)
    databases.available(again)
    assert databases.column(again, "select word from moods") == ["kept"]
    rds.delete_db_instance_automated_backup(DbiResourceId=resource)
    state = databases.twin.world.state / "database-backups"
    assert not list(Path(state).rglob(f"*{resource}*"))
    assert rds.describe_db_snapshots(DbiResourceId=resource)["DBSnapshots"] == []


def test_backups_are_turned_off_and_on(databases: Databases) -> None:
    name, rds = databases.make(multi_az=False), databases.rds
    rds.modify_db_instance(DBInstanceIdentifier=name, BackupRetentionPeriod=0, ApplyImmediately=True)
    eventually(lambda: rds.describe_db_snapshots(DBInstanceIdentifier=name)["DBSnapshots"], lambda found: not found, 20)
    eventually(lambda: databases.ask(name, "show archive_command"), lambda command: command == "true", 20)
    assert "LatestRestorableTime" not in databases.see(name)
    with pytest.raises(ClientError, match="PointInTimeRestoreNotEnabled"):
        databases.restore_to(name, UseLatestRestorableTime=True)
    rds.modify_db_instance(DBInstanceIdentifier=name, BackupRetentionPeriod=3, ApplyImmediately=True)
    eventually(lambda: databases.see(name).get("LatestRestorableTime"), lambda seen: seen, 90)


def test_what_aws_refuses_of_snapshots(databases: Databases) -> None:
    name, rds = databases.make(multi_az=False), databases.rds
    snapshot = databases.keep(name)
    taken = {"DBInstanceIdentifier": name, "DBSnapshotIdentifier": snapshot}
    group = databases.network.group
    cases: list[tuple[Any, Json, str, str]] = [
        (rds.create_db_snapshot, taken, "DBSnapshotAlreadyExists", f"with the identifier {snapshot} already exists"),
        (rds.create_db_snapshot, taken | {"DBInstanceIdentifier": "no"}, "DBInstanceNotFound", "DBInstance no not"),
        (rds.create_db_snapshot, taken | {"DBSnapshotIdentifier": "-a"}, "InvalidParameterValue", "DBSnapshotIdent"),
        (rds.describe_db_snapshots, {"DBSnapshotIdentifier": "no"}, "DBSnapshotNotFound", "DBSnapshot no not found"),
        (rds.delete_db_snapshot, {"DBSnapshotIdentifier": "no"}, "DBSnapshotNotFound", "DBSnapshot no not found"),
        (rds.describe_db_snapshots, {"SnapshotType": "odd"}, "InvalidParameterValue", "Invalid snapshot type"),
        (rds.restore_db_instance_from_db_snapshot, taken, "DBInstanceAlreadyExists", "already exists"),
        (rds.restore_db_instance_from_db_snapshot,
         {"DBInstanceIdentifier": "new", "DBSnapshotIdentifier": "no"}, "DBSnapshotNotFound", "DBSnapshot no"),
        (rds.restore_db_instance_from_db_snapshot,
         {"DBInstanceIdentifier": "new", "DBSnapshotIdentifier": snapshot, "DBSubnetGroupName": group,
          "EnableIAMDatabaseAuthentication": True}, "NotImplemented", "EnableIAMDatabaseAuthentication"),
        (rds.delete_db_instance, {"DBInstanceIdentifier": name, "FinalDBSnapshotIdentifier": snapshot},
         "DBSnapshotAlreadyExists", snapshot),
        (rds.copy_db_snapshot,
         {"SourceDBSnapshotIdentifier": snapshot, "TargetDBSnapshotIdentifier": "two"}, "NotImplemented", "CopyDB"),
    ]  # fmt: skip
    for call, arguments, code, text in cases:
        with pytest.raises(ClientError, match=text) as refusal:
            call(**arguments)
        assert refusal.value.response["Error"]["Code"] == code
    assert databases.see(name)["DBInstanceStatus"] == "available"


def test_a_snapshot_knows_the_password_of_its_moment(databases: Databases) -> None:
    name = databases.make(multi_az=False)
    snapshot = databases.keep(name)
    databases.rds.modify_db_instance(
        DBInstanceIdentifier=name, MasterUserPassword="another-password", ApplyImmediately=True
    )
    databases.available(name)
    restored = databases.restore(snapshot)
    with databases.connect(restored, PASSWORD) as connection:
        connection.execute("select 1")
