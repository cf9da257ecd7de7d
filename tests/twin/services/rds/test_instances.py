"""Instances as their users see them: servers in two zones, TLS, what survives a killed process, what is refused."""

import os
import signal
import socket
from pathlib import Path

import psycopg
import pytest
from botocore.exceptions import ClientError
from twin.core.processes import descendants
from twin.tables import render_status

from tests.twin.services.rds.conftest import PASSWORD, ZONES, Databases
from tests.twin.support import eventually


def test_a_multi_az_instance_lives_in_two_zones_and_is_removed_without_a_trace(databases: Databases) -> None:
    name = databases.make()
    seen, nodes = databases.see(name), databases.nodes(name)
    assert {seen["AvailabilityZone"], seen["SecondaryAvailabilityZone"]} == set(ZONES)
    assert seen["MultiAZ"] is True
    assert seen["EngineVersion"].startswith("17.")
    assert nodes["standby"]["sync_state"] == "sync"
    assert nodes["primary"]["zone"] != nodes["standby"]["zone"]
    assert databases.events(name)[0] == "DB instance created."
    assert databases.ask(name, "select count(*) from pg_stat_replication") == 1

    address = (seen["Endpoint"]["Address"], seen["Endpoint"]["Port"])
    volume = databases.twin.world.state / "databases" / databases.twin.world.region / name
    assert volume.exists()
    databases.remove(name)
    assert not volume.exists()
    assert not [node for node in nodes.values() if Path(f"/proc/{node['pid']}").exists()]
    for where in [address, *((node["address"], node["port"]) for node in nodes.values())]:
        with socket.socket() as probe:
            assert probe.connect_ex(where) != 0, f"{where} still listens"


def test_tls_is_verified_and_plain_text_refused(databases: Databases) -> None:
    name = databases.make(multi_az=False)
    with databases.connect(name) as connection:
        assert connection.pgconn.ssl_in_use
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba.conf entry for host .* no encryption"):
        databases.connect(name, sslmode="disable")


def test_the_master_user_is_no_superuser_and_owns_its_database(databases: Databases) -> None:
    name = databases.make(multi_az=False)
    with databases.connect(name) as connection:
        rights = "select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user"
        assert connection.execute(rights).fetchone() == (False, True, True)
        connection.execute("create table moods (word text)")
        connection.execute("create role reader login password 'another-secret'")
        connection.execute("grant pg_monitor to reader")
        connection.execute("create database other")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("alter system set work_mem = '1MB'")


def test_a_killed_standby_comes_back_and_no_commit_waits_for_the_dead(databases: Databases) -> None:
    name = databases.make()
    with databases.connect(name) as connection:
        connection.execute("create table moods (word text)")
        killed = databases.nodes(name)["standby"]["pid"]
        os.kill(killed, signal.SIGKILL)
        connection.execute("insert into moods values ('calm')")
    nodes = eventually(lambda: databases.in_sync(name), lambda seen: seen["standby"]["pid"] not in (None, killed), 30)
    assert nodes["standby"]["sync_state"] == "sync"
    said = [line for line in _timeline(databases, name) if "standby" in line or "commits" in line]
    alone = next(n for n, line in enumerate(said) if "goes on alone" in line)
    assert "starts its standby" in said[alone + 1]
    assert "may be promoted" in said[-1]


def test_a_standby_that_hangs_is_parted_from_and_joins_again(databases: Databases) -> None:
    name = databases.make()
    with databases.connect(name) as connection:
        connection.execute("create table moods (word text)")
        hung = databases.nodes(name)["standby"]["pid"]
        group = [hung, *descendants(hung)]
        for pid in group:
            os.kill(pid, signal.SIGSTOP)
        try:
            connection.execute("insert into moods values ('patient')")
            seen = eventually(lambda: databases.see(name), lambda seen: "SecondaryAvailabilityZone" not in seen, 5)
            assert (seen["DBInstanceStatus"], seen["MultiAZ"]) == ("available", False)
            told = databases.twin.status()
            lacking = next(one["lacks"] for one in told["databases"] if one["id"] == name)
            assert lacking.startswith("no standby in sync in ap-northeast-2")
            assert lacking in render_status(told)
        finally:
            for pid in group:
                os.kill(pid, signal.SIGCONT)
    databases.in_sync(name)
    assert databases.see(name)["MultiAZ"] is True
    assert databases.ask(name, "select count(*) from moods") == 1
    with pytest.raises(ClientError, match=r"NotImplemented.*RebootDBInstance with ForceFailover"):
        databases.rds.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)
    assert databases.see(name)["DBInstanceStatus"] == "available"


def test_a_killed_primary_comes_back_with_its_rows(databases: Databases) -> None:
    name = databases.make()
    with databases.connect(name) as connection:
        connection.execute("create table moods (word text)")
        connection.execute("insert into moods values ('calm')")
    killed = databases.nodes(name)["primary"]["pid"]
    os.kill(killed, signal.SIGKILL)
    nodes = eventually(
        lambda: databases.nodes(name), lambda seen: seen["primary"]["pid"] not in (killed, None), seconds=15
    )
    databases.in_sync(name)
    assert nodes["primary"]["zone"] == databases.see(name)["AvailabilityZone"]
    assert databases.ask(name, "select word from moods") == "calm"
    assert "Recovery of the DB instance is complete." in databases.events(name)


def test_multi_az_is_turned_on_and_off(databases: Databases) -> None:
    name = databases.make(multi_az=False)
    assert set(databases.nodes(name)) == {"primary"}
    changed = databases.rds.modify_db_instance(DBInstanceIdentifier=name, MultiAZ=True, ApplyImmediately=True)
    assert changed["DBInstance"]["DBInstanceStatus"] == "modifying"
    assert changed["DBInstance"]["PendingModifiedValues"] == {"MultiAZ": True}
    assert changed["DBInstance"]["MultiAZ"] is False
    databases.in_sync(name)
    assert databases.see(name)["MultiAZ"] is True

    databases.rds.modify_db_instance(DBInstanceIdentifier=name, MultiAZ=False, ApplyImmediately=True)
    seen = databases.available(name)
    assert seen["MultiAZ"] is False
    assert "SecondaryAvailabilityZone" not in seen
    assert set(databases.nodes(name)) == {"primary"}
    assert databases.events(name)[-1] == (
        "Finished applying modification to convert to a standard (Single-AZ) DB instance."
    )


def test_what_is_put_off_waits_and_what_is_prompt_does_not(databases: Databases) -> None:
    name = databases.make(multi_az=False)
    changed = databases.rds.modify_db_instance(
        DBInstanceIdentifier=name, AllocatedStorage=30, MultiAZ=True, MasterUserPassword="another-password"
    )["DBInstance"]
    assert changed["AllocatedStorage"] == 20
    assert changed["PendingModifiedValues"]["AllocatedStorage"] == 30
    seen = databases.available(name)
    assert seen["PendingModifiedValues"] == {"AllocatedStorage": 30, "MultiAZ": True}
    with databases.connect(name, "another-password") as connection:
        connection.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        databases.connect(name, PASSWORD)
    databases.rds.modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True)
    databases.in_sync(name)
    assert databases.see(name)["AllocatedStorage"] == 30
    assert databases.see(name)["PendingModifiedValues"] == {}


def test_stop_and_start_keep_the_rows_and_the_address(databases: Databases) -> None:
    name = databases.make()
    before = databases.see(name)["Endpoint"]
    with databases.connect(name) as connection:
        connection.execute("create table moods (word text)")
    databases.rds.stop_db_instance(DBInstanceIdentifier=name)
    eventually(lambda: databases.see(name), lambda seen: seen["DBInstanceStatus"] == "stopped", 15)
    assert {node["pid"] for node in databases.nodes(name).values()} == {None}
    with pytest.raises(psycopg.OperationalError):
        databases.connect(name)
    databases.rds.start_db_instance(DBInstanceIdentifier=name)
    databases.in_sync(name)
    assert databases.see(name)["Endpoint"] == before
    assert databases.ask(name, "select count(*) from moods") == 0


def test_a_reboot_restarts_the_servers(databases: Databases) -> None:
    name = databases.make()
    before = databases.nodes(name)["primary"]["pid"]
    answer = databases.rds.reboot_db_instance(DBInstanceIdentifier=name)["DBInstance"]
    assert answer["DBInstanceStatus"] == "rebooting"
    databases.in_sync(name)
    assert databases.nodes(name)["primary"]["pid"] != before
    assert databases.events(name)[-2:] == ["DB instance shutdown.", "DB instance restarted."]


def test_what_aws_refuses(databases: Databases) -> None:
    name = databases.make(multi_az=False, DeletionProtection=True)
    rds = databases.rds
    cases = [
        (rds.delete_db_instance, {"SkipFinalSnapshot": True}, "InvalidParameterCombination", "Cannot delete protected"),
        (rds.reboot_db_instance, {"ForceFailover": True}, "InvalidParameterCombination", "ForceFailover cannot be"),
        (rds.start_db_instance, {}, "InvalidDBInstanceState", "is not stopped"),
        (rds.modify_db_instance, {"EngineVersion": "16.4"}, "InvalidParameterCombination", "upgrade target"),
        (rds.modify_db_instance, {"DBPortNumber": 5433}, "NotImplemented", "DBPortNumber"),
        (rds.modify_db_instance, {"MasterUserPassword": "short"}, "InvalidParameterValue", "shorter than 8"),
        (rds.modify_db_instance, {"PreferredBackupWindow": "18:00-18:15"}, "InvalidParameterValue", "30 minutes"),
        (rds.modify_db_instance, {"EnableIAMDatabaseAuthentication": True}, "NotImplemented",
         "EnableIAMDatabaseAuthentication"),
        (rds.switchover_read_replica, {}, "NotImplemented", "SwitchoverReadReplica"),
    ]  # fmt: skip
    for call, arguments, code, text in cases:
        with pytest.raises(ClientError, match=text) as refusal:
            call(DBInstanceIdentifier=name, **arguments)
        assert refusal.value.response["Error"]["Code"] == code
    assert databases.see(name)["DBInstanceStatus"] == "available"


@pytest.mark.parametrize(
    ("wanted", "code", "text"),
    [
        ({"Engine": "mysql"}, "NotImplemented", "engine mysql"),
        ({"EngineVersion": "16.4"}, "InvalidParameterCombination", "Cannot find version 16.4 for postgres"),
        ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue", "reserved word"),
        ({"MasterUserPassword": "with a space"}, "InvalidParameterValue", "Only printable ASCII"),
        ({"DBParameterGroupName": "none"}, "DBParameterGroupNotFound", "none"),
        ({"DBSubnetGroupName": "none"}, "DBSubnetGroupNotFoundFault", "none"),
        ({"AvailabilityZone": ZONES[0]}, "InvalidParameterCombination", "not valid for Multi-AZ"),
        ({"VpcSecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidParameterValue", "Invalid security group"),
        ({"ManageMasterUserPassword": True}, "NotImplemented", "ManageMasterUserPassword"),
        ({"AllocatedStorage": 5}, "InvalidParameterValue", "Invalid storage size"),
    ],
)
def test_instances_that_are_not_made(databases: Databases, wanted: dict[str, object], code: str, text: str) -> None:
    with pytest.raises(ClientError, match=text) as refusal:
        databases.make(**wanted)
    assert refusal.value.response["Error"]["Code"] == code


def _timeline(databases: Databases, name: str) -> list[str]:
    lines = (databases.twin.world.state / "events.jsonl").read_text().splitlines()
    return [line for line in lines if f'"{name}"' in line]
