"""Windows, places, parameters and what waits for a reboot: rules without a process."""

from datetime import UTC, datetime, timedelta

import pytest
from localstack.aws.api import CommonServiceException
from twin.services.rds import windows
from twin.services.rds.backups import expired, is_due
from twin.services.rds.models import Method, Parameter, ParameterGroup, Subnet
from twin.services.rds.parameters import FAMILY, at_once, checked
from twin.services.rds.placement import place
from twin.services.rds.volume import Record

SUBNETS = (Subnet("s1", "zone-a", "10.20.1.0/24"), Subnet("s2", "zone-c", "10.20.2.0/24"))


def test_the_maintenance_window_may_go_over_the_end_of_the_week() -> None:
    window = "sun:23:45-mon:00:15"
    assert windows.inside(window, datetime(2026, 11, 23, 0, 10, tzinfo=UTC))
    assert windows.inside(window, datetime(2026, 11, 22, 23, 50, tzinfo=UTC))
    assert not windows.inside(window, datetime(2026, 11, 23, 0, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    ("backup", "maintenance", "text"),
    [
        ("18:00-18:30", "sun:18:15-sun:18:45", "must not overlap"),
        ("23:45-00:30", "mon:00:00-mon:00:30", "must not overlap"),
        ("18:00-18:10", "sun:19:00-sun:19:30", "at least 30 minutes"),
        ("6pm", "sun:19:00-sun:19:30", "Invalid backup window format"),
        ("18:00-18:30", "x:19:00-sun:19:30", "Invalid maintenance window format"),
    ],
)
def test_windows_that_aws_refuses(backup: str, maintenance: str, text: str) -> None:
    with pytest.raises(CommonServiceException, match=text):
        windows.check(backup, maintenance)
    windows.check("18:00-18:30", "sun:18:30-sun:19:00")


def test_nodes_live_in_two_zones_and_stay_where_their_data_lies() -> None:
    assert {n: s.zone for n, s in place(SUBNETS, "", None).items()} == {"a": "zone-a", "b": "zone-c"}
    assert {n: s.zone for n, s in place(SUBNETS, "zone-c", None).items()} == {"a": "zone-c", "b": "zone-a"}
    turned = Record("b", None, {"a": "zone-c", "b": "zone-a"})
    assert {n: s.zone for n, s in place(SUBNETS, "", turned).items()} == {"a": "zone-c", "b": "zone-a"}
    moved = Record("a", None, {"a": "zone-b", "b": "zone-a"})
    assert {n: s.zone for n, s in place(SUBNETS, "", moved).items()} == {"b": "zone-a", "a": "zone-c"}


@pytest.mark.parametrize(
    ("name", "value", "method", "code", "text"),
    [
        ("no_such", "1", None, "InvalidParameterValue", "Could not find parameter with name: no_such"),
        ("listen_addresses", "*", None, "InvalidParameterValue", "The parameter listen_addresses cannot be modified."),
        ("fsync", "0", None, "InvalidParameterValue", "The parameter fsync cannot be modified."),
        ("max_connections", "50", Method.IMMEDIATE, "InvalidParameterCombination",
         "cannot use immediate apply method for static parameter"),
        ("work_mem", "1", None, "InvalidParameterValue",
         "Invalid parameter value: 1 for: work_mem allowed values are: 64-2147483647"),
        ("work_mem", "1MB", None, "InvalidParameterValue", "allowed values are: 64-2147483647"),
        ("log_statement", "some", None, "InvalidParameterValue", "Available values: none, ddl, mod, all"),
        ("rds.force_ssl", "2", None, "InvalidParameterValue", "allowed values are: 0,1"),
        ("rds.logical_replication", "1", None, "InvalidParameterValue", "Could not find parameter"),
        ("shared_preload_libraries", "pg_cron", None, "InvalidParameterValue", "the engine has no pg_cron"),
        ("shared_buffers", "{DBInstanceClassMemory/32768}", None, "NotImplemented", "formulas"),
    ],
)  # fmt: skip
def test_parameters_that_are_refused_by_name(
    name: str, value: str, method: Method | None, code: str, text: str
) -> None:
    with pytest.raises(CommonServiceException) as refusal:
        checked(name, value, method)
    assert refusal.value.code == code
    assert text in refusal.value.message


def test_what_waits_for_a_reboot_is_not_put_in_force_before() -> None:
    group = ParameterGroup("mine", "arn", FAMILY, "")
    group.parameters = {
        "work_mem": Parameter("8192", Method.IMMEDIATE),
        "max_connections": Parameter("50", Method.REBOOT),
        "log_statement": Parameter("ddl", Method.REBOOT),
    }
    assert at_once(group, {}, "mine") == {"work_mem": "8192"}
    booted = {"max_connections": "40", "max_worker_processes": "9", "log_lock_waits": "1"}
    wanted = {"work_mem": "8192", "max_connections": "40", "max_worker_processes": "9"}
    assert at_once(group, booted, "mine") == wanted
    assert at_once(group, booted, "another") == booted


NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("retention", "window", "taken", "is_so"),
    [
        (0, "11:45-12:15", [], False),
        (1, "03:00-03:30", [], True),
        (1, "03:00-03:30", [NOON - timedelta(days=3)], False),
        (1, "11:45-12:15", [NOON - timedelta(days=1)], True),
        (1, "11:45-12:15", [NOON - timedelta(minutes=10)], False),
        (1, "23:45-12:15", [NOON - timedelta(hours=10)], False),
        (1, "23:45-12:15", [NOON - timedelta(hours=20)], True),
    ],
)
def test_an_automated_snapshot_is_taken_first_and_then_daily(
    retention: int, window: str, taken: list[datetime], is_so: bool
) -> None:
    assert is_due(retention, window, taken, NOON) is is_so


def test_automated_snapshots_are_kept_as_long_as_is_said_and_the_last_for_ever() -> None:
    old, older, new = NOON - timedelta(days=4), NOON - timedelta(days=5), NOON - timedelta(days=1)
    assert expired(3, [older, old, new], NOON) == [older, old]
    assert expired(3, [older, old], NOON) == [older]
    assert expired(0, [older, new], NOON) == [older, new]
