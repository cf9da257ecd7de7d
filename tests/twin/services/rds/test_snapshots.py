"""Snapshots, restores, moments in time: real copies of real servers."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.services.rds.conftest import Databases
from tests.twin.support import eventually

type Json = dict[str, Any]


def test_a_snapshot_holds_the_rows_of_its_moment_and_an_instance_is_made_of_it(databases: Databases) -> None:
    name = databases.make()
    rds, snapshot = databases.rds, f"{name}-kept"
    with databases.connect(name) as connection:
        connection.execute("create table moods (word text)")
        connection.execute("insert into moods values ('before')")
    asked = rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)["DBSnapshot"]
    assert (asked["Status"], asked["SnapshotType"]) == ("creating", "manual")
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=snapshot, WaiterConfig={"Delay": 1})
    databases.available(name)
    with databases.connect(name) as connection:
        connection.execute("insert into moods values ('after')")
    restored = databases.restore(snapshot, MultiAZ=True)
    assert databases.column(restored, "select word from moods") == ["before"]
    assert databases.column(name, "select word from moods order by word") == ["after", "before"]
    assert f"Restored from snapshot {snapshot}." in databases.events(restored)
    with databases.connect(restored) as connection:
        connection.execute("insert into moods values ('own')")
