"""A network with two zones and a DB subnet group in it; databases are removed when their test has ended."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.twin.support import Twin, eventually

PASSWORD = "correct-horse-battery"
ZONES = ("ap-northeast-2a", "ap-northeast-2c")

type Json = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """What databases live in."""

    group: str
    subnets: list[str]


@dataclass
class Databases:
    """The databases of a test; `make` waits until one is available."""

    twin: Twin
    network: Network
    made: list[str]

    @property
    def rds(self) -> Any:
        """A client of RDS."""
        return self.twin.client("rds")

    def make(self, *, multi_az: bool = True, **more: Any) -> str:
        name = f"db-{secrets.token_hex(4)}"
        wanted: Json = {
            "DBInstanceClass": "db.t4g.micro",
            "Engine": "postgres",
            "AllocatedStorage": 20,
            "DBName": "duet",
            "MasterUsername": "duet",
            "MasterUserPassword": PASSWORD,
            "DBSubnetGroupName": self.network.group,
            "MultiAZ": multi_az,
        }
        self.rds.create_db_instance(DBInstanceIdentifier=name, **(wanted | more))
        self.made.append(name)
        self.available(name)
        return name

    def see(self, name: str) -> Json:
        """What DescribeDBInstances shows of it."""
        found: Json = self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return found

    def available(self, name: str, seconds: float = 30) -> Json:
        """Wait until it is available."""
        return eventually(lambda: self.see(name), lambda seen: seen["DBInstanceStatus"] == "available", seconds)

    def nodes(self, name: str) -> dict[str, Json]:
        """Its nodes by role, as the status shows them."""
        shown = next(one for one in self.twin.status()["databases"] if one["id"] == name)
        return {node["role"]: node for node in shown["nodes"]}

    def in_sync(self, name: str, seconds: float = 30) -> dict[str, Json]:
        """Wait until its standby is in sync and may be promoted."""
        found = eventually(
            lambda: next(one for one in self.twin.status()["databases"] if one["id"] == name),
            lambda one: one["secondary_zone"] and one["status"] == "available",
            seconds,
        )
        return {node["role"]: node for node in found["nodes"]}

    def connect(self, name: str, password: str = PASSWORD, **more: Any) -> psycopg.Connection:
        """Connect as the master user through the endpoint, the certificate verified."""
        endpoint = self.see(name)["Endpoint"]
        wanted: Json = {"sslmode": "verify-full", "sslrootcert": str(self.twin.world.state / "certs" / "ca.pem")}
        return psycopg.connect(
            host=endpoint["Address"], port=endpoint["Port"], user="duet", password=password, dbname="duet",
            connect_timeout=5, autocommit=True, **(wanted | more),
        )  # fmt: skip

    def ask(self, name: str, query: str) -> Any:
        """The first field of the query's first row."""
        with self.connect(name) as connection:
            row = connection.execute(query).fetchone()  # type: ignore[arg-type]
            return row[0] if row else None

    def column(self, name: str, query: str) -> list[Any]:
        """The first field of every row."""
        with self.connect(name) as connection:
            return [row[0] for row in connection.execute(query).fetchall()]  # type: ignore[arg-type]

    def snapshot(self, name: str) -> Json:
        """What DescribeDBSnapshots shows of it."""
        found: Json = self.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
        return found

    def keep(self, name: str, snapshot: str = "") -> str:
        """Take a snapshot of an instance and wait until it is there."""
        snapshot = snapshot or f"{name}-{secrets.token_hex(2)}"
        self.rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)
        eventually(lambda: self.snapshot(snapshot)["Status"], lambda status: status == "available", 30)
        self.available(name)
        return snapshot

    def restore(self, snapshot: str, **more: Any) -> str:
        """Make an instance of a snapshot and wait until it is available."""
        name = f"db-{secrets.token_hex(4)}"
        wanted: Json = {"DBSubnetGroupName": self.network.group}
        self.rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, **(wanted | more)
        )
        self.made.append(name)
        self.available(name)
        return name

    def restore_to(self, source: str, **more: Any) -> str:
        """Make an instance of another's moment and wait until it is available."""
        name = f"db-{secrets.token_hex(4)}"
        self.rds.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier=source,
            TargetDBInstanceIdentifier=name,
            DBSubnetGroupName=self.network.group,
            **more,
        )
        self.made.append(name)
        self.available(name)
        return name

    def replicate(self, source: str, **more: Any) -> str:
        """Make a read replica and wait until it is available."""
        name = f"db-{secrets.token_hex(4)}"
        self.rds.create_db_instance_read_replica(DBInstanceIdentifier=name, SourceDBInstanceIdentifier=source, **more)
        self.made.append(name)
        self.available(name)
        return name

    def events(self, name: str) -> list[str]:
        """What RDS tells of it."""
        listed = self.rds.describe_events(SourceIdentifier=name, SourceType="db-instance")["Events"]
        return [one["Message"] for one in listed]

    def remove(self, name: str) -> None:
        """Delete it and wait until it is gone."""
        self.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        eventually(lambda: self.is_there(name), lambda there: not there, 20)

    def is_there(self, name: str) -> bool:
        """Whether RDS knows it."""
        try:
            self.see(name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "DBInstanceNotFound":
                raise
            return False
        return True


@pytest.fixture(scope="session")
def network(twin: Twin) -> Iterator[Network]:
    ec2, rds = twin.client("ec2"), twin.client("rds")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for n, zone in enumerate(ZONES)
    ]
    name = f"group-{secrets.token_hex(4)}"
    rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription="two zones", SubnetIds=subnets)
    yield Network(name, subnets)
    rds.delete_db_subnet_group(DBSubnetGroupName=name)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


@pytest.fixture
def databases(twin: Twin, network: Network) -> Iterator[Databases]:
    found = Databases(twin, network, [])
    yield found
    for name in reversed(found.made):
        if found.is_there(name):
            found.rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)
            found.remove(name)
    for snapshot in found.rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]:
        found.rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"])


@pytest.fixture
def parameter_group(databases: Databases) -> Iterator[Callable[..., str]]:
    """A factory of parameter groups with what is set in them."""
    made: list[str] = []

    def make(**parameters: str) -> str:
        name = f"parameters-{secrets.token_hex(4)}"
        databases.rds.create_db_parameter_group(
            DBParameterGroupName=name, DBParameterGroupFamily="postgres17", Description="of a test"
        )
        made.append(name)
        for key, value in parameters.items():
            set_parameter(databases, name, key, value)
        return name

    yield make
    for name in list(databases.made):
        databases.remove(name)
        databases.made.remove(name)
    for name in made:
        databases.rds.delete_db_parameter_group(DBParameterGroupName=name)


def set_parameter(databases: Databases, group: str, key: str, value: str, method: str = "immediate") -> None:
    """Set one parameter."""
    given = [{"ParameterName": key, "ParameterValue": value, "ApplyMethod": method}]
    databases.rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=given)
