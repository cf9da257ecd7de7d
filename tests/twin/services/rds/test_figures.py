"""What CloudWatch is told of instances."""

from datetime import UTC, datetime, timedelta

from tests.twin.services.rds.conftest import Databases
from tests.twin.support import eventually

GIB = 1 << 30


def test_figures_are_those_that_were_measured(databases: Databases) -> None:
    name = databases.make(multi_az=False)
    cloudwatch = databases.twin.client("cloudwatch")

    def highest(metric: str, statistic: str = "Maximum") -> float:
        now = datetime.now(UTC)
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName=metric,
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": name}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=[statistic],
        )["Datapoints"]
        return max((float(one[statistic]) for one in found), default=-1.0)

    with databases.connect(name) as one, databases.connect(name) as other:
        one.execute("create table numbers as select generate_series(1, 1000000) as number")
        other.execute("select count(*) from numbers a join numbers b using (number)")
        eventually(lambda: highest("DatabaseConnections"), lambda seen: seen >= 2, 40)
        eventually(lambda: highest("CPUUtilization"), lambda seen: seen > 0, 40)
    free = 20 * GIB - highest("FreeStorageSpace", "Minimum")
    assert 30 << 20 < 20 * GIB - highest("FreeStorageSpace") < GIB, f"{free} bytes are used"
    assert highest("FreeableMemory") > 1 << 20
    assert highest("ReplicaLag") == -1
