"""What a service needs next, decided from one snapshot; nothing here touches a process or an API.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
"""

import math
from collections import Counter
from dataclasses import dataclass

from twin.services.ecs.models import Rollout, StopCode


@dataclass(frozen=True)
class TaskSeen:
    """A task that is wanted. healthy: running, and in the balancer's eyes well; unhealthy: known not to be."""

    arn: str
    deployment: str
    zone: str
    running: bool
    healthy: bool
    unhealthy: bool
    reason: str = ""


@dataclass(frozen=True)
class DeploymentSeen:
    """A deployment. start_after: when the next task may be started, in seconds of the clock."""

    id: str
    rollout: Rollout
    failed: int = 0
    start_after: float = 0


@dataclass(frozen=True)
class ServiceSeen:
    """A service as it is now; deployments newest first. zones: those it may use."""

    name: str
    desired: int
    zones: tuple[str, ...]
    deployments: tuple[DeploymentSeen, ...]
    tasks: tuple[TaskSeen, ...]
    minimum_percent: int = 100
    maximum_percent: int = 200
    breaker: bool = False
    rollback: bool = False
    rebalance: bool = False
    steady: bool = False


@dataclass(frozen=True)
class Start:
    """Start a task of the deployment in the zone."""

    deployment: str
    zone: str


@dataclass(frozen=True)
class Stop:
    """Stop the task."""

    task: str
    code: StopCode
    reason: str
    counts_as_failed: bool = False


@dataclass(frozen=True)
class Complete:
    """The deployment has all it wants."""

    deployment: str


@dataclass(frozen=True)
class Steady:
    """Say that the service has reached a steady state."""


@dataclass(frozen=True)
class Fail:
    """The deployment has failed."""

    deployment: str
    roll_back: bool


type Action = Start | Stop | Complete | Steady | Fail


def breaker_threshold(desired: int) -> int:
    """How many failed tasks end a deployment: half of what is desired, at least 3, at most 200.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
    """
    return min(200, max(3, math.ceil(0.5 * desired)))


def decide(service: ServiceSeen, now: float) -> list[Action]:
    """The actions that bring the service nearer to what is wanted, at most one for a task."""
    primary = service.deployments[0]
    if (
        service.breaker
        and primary.rollout is Rollout.IN_PROGRESS
        and primary.failed >= breaker_threshold(service.desired)
    ):
        return [Fail(primary.id, service.rollback)]
    new = [task for task in service.tasks if task.deployment == primary.id]
    old = [task for task in service.tasks if task.deployment != primary.id]
    starts = _starts(service, primary, new, now)
    stops = _stops(service, primary, new, old)
    if starts or stops:
        return [*starts, *stops]
    return _settled(service, primary, new, old)


def _starts(service: ServiceSeen, primary: DeploymentSeen, new: list[TaskSeen], now: float) -> list[Action]:
    if primary.rollout is Rollout.FAILED or now < primary.start_after or not service.zones:
        return []
    good = [task for task in new if not task.unhealthy]
    upper = max(math.floor(service.desired * service.maximum_percent / 100), service.desired and 1)
    number = min(service.desired - len(good), upper - len(service.tasks))
    count = Counter(dict.fromkeys(service.zones, 0))
    count.update(task.zone for task in good)
    if number <= 0 and _may_rebalance(service, good, count) and upper > len(service.tasks):
        number = 1
    starts: list[Action] = []
    for _ in range(max(0, number)):
        zone = min(service.zones, key=lambda zone: count[zone])
        count[zone] += 1
        starts.append(Start(primary.id, zone))
    return starts


def _may_rebalance(service: ServiceSeen, good: list[TaskSeen], count: Counter[str]) -> bool:
    """Whether a task more in the emptiest zone would even the zones out; only once all is steady.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
    """
    if not (service.rebalance and service.steady and len(good) == len(service.tasks) == service.desired):
        return False
    usable = [count[zone] for zone in service.zones]
    return all(task.healthy for task in good) and max(usable) - min(usable) > 1


def _stops(service: ServiceSeen, primary: DeploymentSeen, new: list[TaskSeen], old: list[TaskSeen]) -> list[Action]:
    lower = math.ceil(service.desired * service.minimum_percent / 100)
    stops: list[Action] = []
    well = [task for task in new if task.healthy]
    for task in new:
        if task.unhealthy and (len(well) >= service.desired or service.maximum_percent <= 100):  # noqa: PLR2004 - percent
            reason = f"Task failed ELB health checks in ({task.reason})"
            stops.append(Stop(task.arn, StopCode.SCHEDULER, reason, counts_as_failed=True))
    surplus = [task for task in new if not task.unhealthy]
    count = Counter(task.zone for task in surplus)
    while len(surplus) > service.desired:
        # The fullest zone gives first, and in it a task that is not healthy yet.
        victim = max(surplus, key=lambda task: (count[task.zone], not task.healthy))
        if victim.healthy and sum(task.healthy for task in surplus) <= service.desired and service.desired:
            break
        surplus.remove(victim)
        count[victim.zone] -= 1
        stops.append(Stop(victim.arn, StopCode.SCHEDULER, "Scaling activity initiated by deployment " + primary.id))
    # An old task serves as long as nothing is known against it: one that has just started, as all have after a
    # restart, must not go before a new one is healthy.
    serving = len(well) + sum(_serves(task) for task in old)
    for task in sorted(old, key=_serves):
        if _serves(task) and serving - 1 < lower:
            break
        serving -= _serves(task)
        stops.append(Stop(task.arn, StopCode.SCHEDULER, "Scaling activity initiated by deployment " + task.deployment))
    return stops


def _serves(task: TaskSeen) -> bool:
    return task.running and not task.unhealthy


def _settled(service: ServiceSeen, primary: DeploymentSeen, new: list[TaskSeen], old: list[TaskSeen]) -> list[Action]:
    if old or len(new) != service.desired or not all(task.healthy for task in new):
        return []
    if primary.rollout is Rollout.IN_PROGRESS:
        return [Complete(primary.id)]
    return [] if service.steady else [Steady()]
