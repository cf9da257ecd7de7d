"""A balancer's node in a zone: an Envoy of its own, told by plans."""

import contextlib
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from twin.core.addresses import loopback
from twin.core.errors import ProcessError
from twin.core.timeline import emit
from twin.core.world import world
from twin.engines.envoy import Endpoint, Envoy
from twin.engines.sieve import Sieve
from twin.services.elbv2.doors import Place, admitted
from twin.services.elbv2.envoy_config import NodePlan
from twin.services.elbv2.models import LoadBalancer, Zone

ADMIN_PORT = 9901

type Endpoints = Mapping[str, Sequence[Endpoint]]


class Node:
    """The Envoy of `balancer` in `zone`. Thread-safe; `failure` is why it does not serve what was last asked."""

    def __init__(self, balancer: LoadBalancer, zone: Zone) -> None:
        self.zone = zone
        self.failure: str | None = None
        self._name = balancer.name
        self._lock = threading.Lock()
        self._plan: NodePlan | None = None
        self._was_up = False
        self._vpc = balancer.vpc_id
        self._sieve: Sieve | None = None
        identifier = balancer.arn.rsplit("/", 1)[1]
        directory = world().directory("elbv2", identifier, zone.name)
        self.access_log = directory / "access.log"
        log = world().directory("logs") / f"elbv2-{balancer.name}-{zone.name}.log"
        self._envoy = Envoy(f"elbv2-{balancer.name}-{zone.name}", directory, (loopback(zone.address), ADMIN_PORT), log)

    @property
    def pid(self) -> int | None:
        """The Envoy's pid, None when it does not run."""
        return self._envoy.pid

    @property
    def up(self) -> bool:
        """Whether it runs and serves what was asked."""
        return self._envoy.pid is not None and self._plan is not None and self.failure is None

    def start(self, plan: NodePlan, endpoints: Endpoints) -> None:
        """Start the Envoy with the plan; slow. A plan it refuses becomes `failure`."""
        with self._lock:
            if self._was_up:
                emit("elbv2", self._name, f"the node in {self.zone.name} had died and starts again")
            # It serves nothing until it has confirmed the plan, whatever it served in its former life.
            self._plan = None
            try:
                self._apply(plan, endpoints)
                self._envoy.start()
                self._envoy.confirm()
            except ProcessError as error:
                self._fail(error)
            else:
                self._serve(plan)

    def update(self, plan: NodePlan, endpoints: Endpoints) -> None:
        """Put a plan in force in the running Envoy; a plan it refuses becomes `failure`, the former one serves on."""
        with self._lock:
            try:
                self._apply(plan, endpoints)
            except ProcessError as error:
                self._fail(error)
            else:
                self._serve(plan)

    def close_log(self) -> list[Path]:
        """Let the Envoy begin a new access log; the closed ones, also of former lives, to be delivered and removed."""
        with self._lock:
            if self.access_log.exists() and self.access_log.stat().st_size:
                self.access_log.rename(self.access_log.with_name(f"closed-{time.time_ns()}.log"))
                with contextlib.suppress(OSError):  # one that does not answer has died, and starts with a new file
                    self._envoy.reopen_logs()
            return list(self.access_log.parent.glob("closed-*.log"))

    def shut(self, places: Collection[Place], vpcs: Mapping[str, Sequence[IPv4Network]]) -> None:
        """Let these listeners answer nobody from outside the VPC, and all others everybody."""
        pid = self._envoy.pid
        if pid is None or (not places and self._sieve is None):
            return
        if self._sieve is None:
            self._sieve = Sieve(admitted(vpcs.get(self._vpc, ())))
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just died, and is seen to next
            self._sieve.keep(pid, places)

    def stop(self) -> None:
        """End the Envoy."""
        with self._lock:
            self._envoy.stop()

    def _apply(self, plan: NodePlan, endpoints: Endpoints) -> None:
        if plan == self._plan and self.failure is None:
            for cluster, members in endpoints.items():
                self._envoy.set_endpoints(cluster, members)
            return
        clusters = [self._envoy.cluster(name, **more) for name, more in plan.clusters.items()]
        self._envoy.apply(plan.listeners, clusters, endpoints)

    def _fail(self, error: ProcessError) -> None:
        if self.failure != str(error):
            emit("elbv2", self._name, f"the node in {self.zone.name}: {error}")
        self.failure = str(error)

    def _serve(self, plan: NodePlan) -> None:
        self._plan, self.failure, self._was_up = plan, None, True


def forget_directory(path: Path) -> None:
    """Remove the files of a balancer that is gone."""
    for child in sorted(path.rglob("*"), reverse=True):
        child.rmdir() if child.is_dir() else child.unlink()
    if path.exists():
        path.rmdir()
