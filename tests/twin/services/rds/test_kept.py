"""What is copied outlives the twin: its end, and its violent end in the middle of a copy."""

import contextlib
import os
import secrets
import signal
from collections.abc import Iterator

import pytest
from twin.core.processes import ours
from twin.core.world import World
from twin.keeper_control import holder, start, stop

from tests.twin.services.rds.conftest import ZONES, Databases, Network
from tests.twin.support import Twin, eventually


@pytest.fixture
def own(here: World) -> Iterator[Databases]:
    """A twin of the test's own, which it may kill, with a network in it."""
    try:
        start(here, timeout=60)
        twin = Twin(here, {})
        ec2 = twin.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.79.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.79.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for n, zone in enumerate(ZONES)
        ]
        group = f"group-{secrets.token_hex(4)}"
        twin.client("rds").create_db_subnet_group(
            DBSubnetGroupName=group, DBSubnetGroupDescription="two zones", SubnetIds=subnets
        )
        yield Databases(twin, Network(group, subnets), [])
    finally:
        stop(here, timeout=60)


def test_snapshots_replicas_and_logs_outlive_an_end_and_a_kill(own: Databases) -> None:
    name = own.make(multi_az=False)
    with own.connect(name) as connection:
        connection.execute("create table moods (word text)")
        connection.execute("insert into moods values ('first')")
    replica, kept = own.replicate(name), own.keep(name)
    stop(own.twin.world, timeout=60)
    start(own.twin.world, timeout=60)
    own.available(name)
    own.available(replica)
    eventually(
        lambda: own.see(replica)["StatusInfos"], lambda infos: [one["Status"] for one in infos] == ["replicating"], 30
    )
    assert own.column(replica, "select word from moods") == ["first"]
    assert own.column(own.restore(kept), "select word from moods") == ["first"]

    with own.connect(name) as connection:
        connection.execute("insert into moods values ('second')")
    own.rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier="interrupted")
    # The control plane writes down what it was asked for when it is quiet.
    eventually(lambda: _knows(own, "interrupted"), bool, 30)
    keeper = holder(own.twin.world)
    assert keeper is not None
    for pid in [keeper, *ours(own.twin.world)]:
        # Some end with the first.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: holder(own.twin.world), lambda pid: pid is None, 10)
    start(own.twin.world, timeout=60)
    eventually(lambda: own.snapshot("interrupted")["Status"], lambda status: status == "available", 60)
    own.available(name)
    assert own.column(own.restore("interrupted"), "select word from moods order by word") == ["first", "second"]


def _knows(own: Databases, snapshot: str) -> bool:
    """Whether the snapshot of the control plane names the database's."""
    folder = own.twin.world.state / "snapshots"
    return any(snapshot.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())
