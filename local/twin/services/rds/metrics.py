"""Figures of instances in CloudWatch's namespace AWS/RDS, each minute, as they were measured.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
The processors and the memory are the machine's, which all instances share: they are not divided by instance class.
"""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from twin.core.loop import Loop, tend_each
from twin.core.processes import descendants
from twin.core.world import world
from twin.services.common.api import client
from twin.services.rds.database import Database
from twin.services.rds.decide import Seen
from twin.services.rds.models import Instance, Wish, all_instances

NAMESPACE = "AWS/RDS"
PERIOD_SECONDS, SHORTEST_SECONDS = 60.0, 1.0
GIB = 1 << 30
type Look = Callable[[Instance], tuple[Database | None, Seen]]

_TICKS = os.sysconf("SC_CLK_TCK")


class Figures:
    """Measures and puts. `look` gives what runs of an instance and how it was seen, None where nothing runs."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._used: dict[str, tuple[int, float, float]] = {}
        self.loop = Loop("rds-figures", self._cycle, max(world().wait_scaled(PERIOD_SECONDS), SHORTEST_SECONDS))

    def _cycle(self) -> None:
        tend_each(all_instances(), self._put)

    def _put(self, instance: Instance) -> None:
        database, seen = self._look(instance)
        if database is None or instance.wish is not Wish.RUN or not (seen.born and seen.answers):
            return
        data = [
            {"MetricName": name, "Unit": unit, "Value": value,
             "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": instance.identifier}]}
            for name, unit, value in self._measured(instance, database)
        ]  # fmt: skip
        client("cloudwatch", instance.region).put_metric_data(Namespace=NAMESPACE, MetricData=data)

    def _measured(self, instance: Instance, database: Database) -> list[tuple[str, str, float]]:
        sight, name = database.sight(), database.record.primary
        free = instance.recorded["AllocatedStorage"] * GIB - size_of(database.volume.data(name))
        found = [("FreeStorageSpace", "Bytes", float(free))]
        if sight is not None:
            found.append(("DatabaseConnections", "Count", float(sight.connections)))
            if sight.lag is not None:
                found.append(("ReplicaLag", "Seconds", sight.lag))
        if (share := self._processor(instance.arn, database.pid(name))) is not None:
            found.append(("CPUUtilization", "Percent", share))
        if (memory := _available()) is not None:
            found.append(("FreeableMemory", "Bytes", float(memory)))
        return found

    def _processor(self, arn: str, pid: int | None) -> float | None:
        """The share of the machine's processors since the last look at the same server."""
        if pid is None:
            return None
        now, used = time.monotonic(), seconds_used(pid)
        former, then, before = self._used.get(arn, (0, now, used))
        self._used[arn] = (pid, now, used)
        if former != pid or now <= then:
            return None
        return max(0.0, min(100.0, 100 * (used - before) / (now - then) / (os.cpu_count() or 1)))


def size_of(data: Path) -> int:
    """The bytes that a data directory takes on disk."""
    total = 0
    for root, _, names in os.walk(data):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
    return total


def seconds_used(pid: int) -> float:
    """The processor time of a server and all its processes, those included that have ended."""
    fields = [_stat(one) for one in (pid, *descendants(pid))]
    own = sum(int(one[11]) + int(one[12]) for one in fields if one)
    ended = int(fields[0][13]) + int(fields[0][14]) if fields[0] else 0
    return (own + ended) / _TICKS


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []


def _available() -> int | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None
