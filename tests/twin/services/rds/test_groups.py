"""Groups of parameters and of subnets, tags, lists: what is recorded, and what of it reaches the servers."""

from collections.abc import Callable

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.twin.services.rds.conftest import Databases, Network, set_parameter
from tests.twin.support import Twin, eventually


def test_a_dynamic_parameter_is_in_force_at_once_and_a_static_one_after_a_reboot(
    databases: Databases, parameter_group: Callable[..., str]
) -> None:
    group = parameter_group(log_min_duration_statement="500")
    name = databases.make(DBParameterGroupName=group)
    assert databases.ask(name, "show log_min_duration_statement") == "500ms"
    set_parameter(databases, group, "work_mem", "8192")
    eventually(lambda: databases.ask(name, "show work_mem"), lambda seen: seen == "8MB", 10)
    assert _applied(databases, name) == "in-sync"

    set_parameter(databases, group, "max_connections", "60", "pending-reboot")
    assert _applied(databases, name) == "pending-reboot"
    assert databases.ask(name, "show max_connections") == "100"
    databases.rds.reboot_db_instance(DBInstanceIdentifier=name)
    databases.in_sync(name)
    assert databases.ask(name, "show max_connections") == "60"
    assert _applied(databases, name) == "in-sync"

    user = databases.rds.describe_db_parameters(DBParameterGroupName=group, Source="user")["Parameters"]
    found = {one["ParameterName"]: (one["ParameterValue"], one["ApplyType"]) for one in user}
    assert found["max_connections"] == ("60", "static")
    assert found["work_mem"] == ("8192", "dynamic")
    databases.rds.reset_db_parameter_group(DBParameterGroupName=group, ResetAllParameters=True)
    eventually(lambda: databases.ask(name, "show work_mem"), lambda seen: seen == "4MB", 10)
    assert _applied(databases, name) == "pending-reboot"


def test_force_ssl_can_be_turned_off(databases: Databases, parameter_group: Callable[..., str]) -> None:
    group = parameter_group()
    name = databases.make(multi_az=False, DBParameterGroupName=group)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        databases.connect(name, sslmode="disable")
    set_parameter(databases, group, "rds.force_ssl", "0")
    eventually(lambda: _applied(databases, name), lambda seen: seen == "in-sync", 10)
    with databases.connect(name, sslmode="disable") as connection:
        assert not connection.pgconn.ssl_in_use


def test_another_group_waits_for_a_reboot(databases: Databases, parameter_group: Callable[..., str]) -> None:
    name = databases.make(multi_az=False)
    group = parameter_group(work_mem="8192")
    databases.rds.modify_db_instance(DBInstanceIdentifier=name, DBParameterGroupName=group, ApplyImmediately=True)
    assert _applied(databases, name) == "pending-reboot"
    assert databases.ask(name, "show work_mem") == "4MB"
    with pytest.raises(ClientError, match=f"still members of this parameter group {group}, so"):
        databases.rds.delete_db_parameter_group(DBParameterGroupName=group)
    databases.rds.reboot_db_instance(DBInstanceIdentifier=name)
    databases.available(name)
    assert databases.ask(name, "show work_mem") == "8MB"


def test_subnet_groups_need_two_zones_and_stay_while_they_are_lived_in(databases: Databases, network: Network) -> None:
    rds = databases.rds
    with pytest.raises(ClientError, match="Add subnets to cover at least 2 AZs") as refusal:
        rds.create_db_subnet_group(
            DBSubnetGroupName="one", DBSubnetGroupDescription="one", SubnetIds=network.subnets[:1]
        )
    assert refusal.value.response["Error"]["Code"] == "DBSubnetGroupDoesNotCoverEnoughAZs"
    databases.make(multi_az=False)
    with pytest.raises(ClientError, match="is still using it"):
        rds.delete_db_subnet_group(DBSubnetGroupName=network.group)


def test_tags_filters_and_pages(databases: Databases) -> None:
    name = databases.make(multi_az=False, Tags=[{"Key": "project", "Value": "duet"}])
    rds, seen = databases.rds, databases.see(name)
    arn = seen["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "environment", "Value": "test"}])
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["project"])
    assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "environment", "Value": "test"}]
    for key, value in (("db-instance-id", arn), ("dbi-resource-id", seen["DbiResourceId"])):
        found = rds.describe_db_instances(Filters=[{"Name": key, "Values": [value]}])["DBInstances"]
        assert [one["DBInstanceIdentifier"] for one in found] == [name]
    with pytest.raises(ClientError, match="Unrecognized filter name: colour"):
        rds.describe_db_instances(Filters=[{"Name": "colour", "Values": ["red"]}])


def test_lists_come_in_pages_and_say_what_runs(twin: Twin) -> None:
    rds = twin.client("rds")
    pages = rds.get_paginator("describe_db_parameters").paginate(
        DBParameterGroupName="default.postgres17", PaginationConfig={"PageSize": 50}
    )
    names = [one["ParameterName"] for page in pages for one in page["Parameters"]]
    assert len(names) == len(set(names)) > 300
    versions = rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"]
    assert [one["EngineVersion"].split(".")[0] for one in versions] == ["17"]
    assert rds.describe_db_engine_versions(Engine="mysql")["DBEngineVersions"] == []
    with pytest.raises(ClientError, match="Cannot modify a default parameter group"):
        rds.reset_db_parameter_group(DBParameterGroupName="default.postgres17", ResetAllParameters=True)
    with pytest.raises(ClientError, match=r"InvalidDBParameterGroupState.*Default DBParameterGroup cannot be deleted"):
        rds.delete_db_parameter_group(DBParameterGroupName="default.postgres17")


def _applied(databases: Databases, name: str) -> str:
    return str(databases.see(name)["DBParameterGroups"][0]["ParameterApplyStatus"])
