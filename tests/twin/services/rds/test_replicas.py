"""Read replicas: what follows, what is seen of it, what becomes of it alone."""

import os
import signal

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.twin.services.rds.conftest import Databases
from tests.twin.support import eventually


def test_a_replica_follows_reads_and_is_promoted(databases: Databases) -> None:
    name, rds = databases.make(), databases.rds
    with databases.connect(name) as connection:
        connection.execute("create table moods (word text)")
        connection.execute("insert into moods values ('first')")
    replica = databases.replicate(name)
    seen = databases.see(replica)
    assert seen["ReadReplicaSourceDBInstanceIdentifier"] == name
    assert seen["StatusInfos"] == [{"StatusType": "read replication", "Normal": True, "Status": "replicating"}]
    assert databases.see(name)["ReadReplicaDBInstanceIdentifiers"] == [replica]
    with databases.connect(name) as connection:
        connection.execute("insert into moods values ('second')")
    eventually(
        lambda: databases.column(replica, "select word from moods order by word"),
        lambda words: words == ["first", "second"],
        20,
    )
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), databases.connect(replica) as connection:
        connection.execute("insert into moods values ('no')")

    os.kill(databases.nodes(name)["primary"]["pid"], signal.SIGKILL)
    eventually(lambda: databases.events(replica), lambda told: "Replication has stopped." in told, 30)
    databases.in_sync(name)
    with databases.connect(name) as connection:
        connection.execute("insert into moods values ('third')")
    os.kill(databases.nodes(replica)["primary"]["pid"], signal.SIGKILL)
    databases.available(replica)
    eventually(lambda: _rows(databases, replica), lambda count: count == 3, 30)

    for call in (rds.stop_db_instance, lambda **named: rds.delete_db_instance(FinalDBSnapshotIdentifier="x", **named)):
        with pytest.raises(ClientError, match=r"read replica|replica instance"):
            call(DBInstanceIdentifier=replica)
    with pytest.raises(ClientError, match=r"InvalidDBInstanceState.*not a read replica"):
        rds.promote_read_replica(DBInstanceIdentifier=name)
    rds.promote_read_replica(DBInstanceIdentifier=replica, BackupRetentionPeriod=2)
    seen = databases.available(replica, 60)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in seen
    assert seen["BackupRetentionPeriod"] == 2
    assert databases.see(name)["ReadReplicaDBInstanceIdentifiers"] == []
    with databases.connect(replica) as connection:
        connection.execute("insert into moods values ('own')")
    assert _rows(databases, replica) == 4
    assert _rows(databases, name) == 3


def test_replicas_of_a_deleted_source_stand_by_themselves(databases: Databases) -> None:
    name = databases.make(multi_az=False)
    with databases.connect(name) as connection:
        connection.execute("create table moods as select 'first' as word")
    replica = databases.replicate(name)
    eventually(lambda: _rows(databases, replica), lambda count: count == 1, 20)
    databases.remove(name)
    eventually(
        lambda: databases.see(replica),
        lambda seen: seen["DBInstanceStatus"] == "available" and "ReadReplicaSourceDBInstanceIdentifier" not in seen,
        60,
    )
    with databases.connect(replica) as connection:
        connection.execute("insert into moods values ('own')")


def test_replicas_that_are_not_made(databases: Databases) -> None:
    name = databases.make(multi_az=False, BackupRetentionPeriod=0)
    with pytest.raises(ClientError, match=r"InvalidDBInstanceState.*Automated backups are not enabled"):
        databases.replicate(name)
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        databases.replicate("nobody")
    with pytest.raises(ClientError, match=r"NotImplemented.*MultiAZ of a read replica"):
        databases.replicate(name, MultiAZ=True)


def _rows(databases: Databases, name: str) -> int:
    """How many rows there are; -1 while the server does not say."""
    try:
        return int(databases.ask(name, "select count(*) from moods"))
    except psycopg.Error:
        return -1
