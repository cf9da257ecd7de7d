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
