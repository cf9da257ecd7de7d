"""What outlives what: a row outlives the twin's end, its violent end, and the loss of what the control plane knew."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twin.core.processes import living
from twin.core.world import World
from twin.keeper_control import holder, start, stop

from tests.twin.services.rds.conftest import Databases, Network
from tests.twin.support import Twin, eventually

STACK = "kept"
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.78.0.0/16"}},
        **{
            f"Subnet{zone.upper()}": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {
                    "VpcId": {"Ref": "Network"},
                    "CidrBlock": f"10.78.{number}.0/24",
                    "AvailabilityZone": f"ap-northeast-2{zone}",
                },
            }
            for number, zone in enumerate("ac")
        },
        "Subnets": {
            "Type": "AWS::RDS::DBSubnetGroup",
            "Properties": {
                "DBSubnetGroupDescription": "two zones",
                "SubnetIds": [{"Ref": "SubnetA"}, {"Ref": "SubnetC"}],
            },
        },
        "Parameters": {
            "Type": "AWS::RDS::DBParameterGroup",
            "Properties": {
                "Description": "of a test",
                "Family": "postgres17",
                "Parameters": {"rds.force_ssl": "1", "log_min_duration_statement": "500"},
            },
        },
        "Secret": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {
                "GenerateSecretString": {
                    "SecretStringTemplate": json.dumps({"username": "duet"}),
                    "GenerateStringKey": "password",
                    "ExcludeCharacters": " %+~`#$&*()|[]{}:;<>?!'/@\"\\",
                }
            },
        },
        "Attached": {
            "Type": "AWS::SecretsManager::SecretTargetAttachment",
            "Properties": {
                "SecretId": {"Ref": "Secret"},
                "TargetId": {"Ref": "Instance"},
                "TargetType": "AWS::RDS::DBInstance",
            },
        },
        "Instance": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {
                "AllocatedStorage": "20",
                "DBInstanceClass": "db.t4g.micro",
                "DBName": "duet",
                "DBParameterGroupName": {"Ref": "Parameters"},
                "DBSubnetGroupName": {"Ref": "Subnets"},
                "Engine": "postgres",
                "EngineVersion": "17",
                "MasterUsername": {"Fn::Sub": "{{resolve:secretsmanager:${Secret}:SecretString:username}}"},
                "MasterUserPassword": {"Fn::Sub": "{{resolve:secretsmanager:${Secret}:SecretString:password::}}"},
                "MultiAZ": True,
                "Port": "5432",
            },
        },
    },
    "Outputs": {
        "Address": {"Value": {"Fn::GetAtt": ["Instance", "Endpoint.Address"]}},
        "Port": {"Value": {"Fn::GetAtt": ["Instance", "Endpoint.Port"]}},
        "Secret": {"Value": {"Ref": "Attached"}},
    },
}


@pytest.fixture
def own(here: World) -> Iterator[Databases]:
    """A twin of the test's own, which it may kill."""
    try:
        start(here, timeout=60)
        yield Databases(Twin(here, {}), Network("", []), [])
    finally:
        stop(here, timeout=60)


def test_rows_outlive_an_end_a_kill_and_the_loss_of_the_control_plane(own: Databases) -> None:
    outputs = _deploy(own, TEMPLATE)
    first = _secret(own, outputs)
    assert (first["host"], str(first["port"])) == (outputs["Address"], outputs["Port"])
    assert {name: first[name] for name in ("engine", "username", "dbname")} == {
        "engine": "postgres",
        "username": "duet",
        "dbname": "duet",
    }
    name = first["dbInstanceIdentifier"]
    assert name.startswith("kept-instance-")
    _write(own, first, "create table moods (word text)", "insert into moods values ('first')")

    stop(own.twin.world, timeout=60)
    assert not _processes(own.twin.world), "no process outlives the twin"
    start(own.twin.world, timeout=60)
    own.in_sync(name)
    _write(own, first, "insert into moods values ('second')")

    keeper = holder(own.twin.world)
    assert keeper is not None
    for pid in [keeper, *_processes(own.twin.world)]:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: holder(own.twin.world), lambda pid: pid is None, 10)
    start(own.twin.world, timeout=60)
    own.in_sync(name)
    _write(own, first, "insert into moods values ('third')")

    stop(own.twin.world, timeout=60)
    shutil.rmtree(own.twin.world.state / "snapshots")
    start(own.twin.world, timeout=60)
    assert own.twin.client("rds").describe_db_instances()["DBInstances"] == []
    again = _secret(own, _deploy(own, TEMPLATE))
    assert again["password"] != first["password"]
    assert (again["dbInstanceIdentifier"], again["host"]) == (name, first["host"])
    with own.connect(name, again["password"]) as connection:
        rows = connection.execute("select word from moods order by word").fetchall()
    assert rows == [("first",), ("second",), ("third",)]
    assert own.in_sync(name)["standby"]["sync_state"] == "sync"

    changed = json.loads(json.dumps(TEMPLATE))
    changed["Resources"]["Parameters"]["Properties"]["Parameters"] = {"work_mem": "8192"}
    changed["Resources"]["Instance"]["Properties"] |= {"MultiAZ": False, "AllocatedStorage": "30"}
    _deploy(own, changed, "UPDATE")
    seen = own.see(name)
    assert (seen["MultiAZ"], seen["AllocatedStorage"]) == (False, 30)
    with own.connect(name, again["password"]) as connection:
        assert connection.execute("show work_mem").fetchone() == ("8MB",)

    own.twin.client("cloudformation").delete_stack(StackName=STACK)
    eventually(lambda: own.is_there(name), lambda there: not there, 30)
    eventually(lambda: list((own.twin.world.state / "databases").rglob("PG_VERSION")), lambda found: not found, 10)


def _deploy(own: Databases, template: dict[str, Any], kind: str = "CREATE") -> dict[str, str]:
    """Deploy by change set, as the deployer does; return the outputs."""
    cloudformation = own.twin.client("cloudformation")
    made = cloudformation.create_change_set(
        StackName=STACK, ChangeSetName=f"set-{kind}", ChangeSetType=kind, TemplateBody=json.dumps(template)
    )["Id"]
    eventually(
        lambda: cloudformation.describe_change_set(ChangeSetName=made),
        lambda seen: seen["Status"] == "CREATE_COMPLETE",
        20,
    )
    cloudformation.execute_change_set(ChangeSetName=made)
    stack = eventually(
        lambda: cloudformation.describe_stacks(StackName=STACK)["Stacks"][0],
        lambda seen: not seen["StackStatus"].endswith("IN_PROGRESS"),
        60,
    )
    assert stack["StackStatus"] == f"{kind}_COMPLETE", stack.get("StackStatusReason")
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def _secret(own: Databases, outputs: dict[str, str]) -> dict[str, Any]:
    secrets = own.twin.client("secretsmanager")
    found: dict[str, Any] = json.loads(secrets.get_secret_value(SecretId=outputs["Secret"])["SecretString"])
    return found


def _write(own: Databases, secret: dict[str, Any], *statements: str) -> None:
    with own.connect(secret["dbInstanceIdentifier"], secret["password"]) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


def _processes(here: World) -> list[int]:
    """Every process of the twin."""
    mark, found = f"TWIN_MARK={here.marker}".encode(), []
    for pid in living():
        try:
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
        except OSError:
            continue
    return found
