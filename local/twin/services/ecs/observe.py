"""A service as it is now, in one immutable snapshot for `decide`."""

from typing import Any

from twin.core.world import world
from twin.services.ecs.decide import DeploymentSeen, ServiceSeen, TaskSeen
from twin.services.ecs.models import LOCK, EcsStore, Service, Task, TaskStatus
from twin.services.ecs.targets import Targets

# Without a health check a task counts as healthy after this time in RUNNING.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
HEALTHY_AFTER_SECONDS = 40


def see(service: Service, kept: EcsStore, zones: tuple[str, ...], targets: Targets, now: float) -> ServiceSeen:
    """Take the snapshot; a balancer's word is asked for once."""
    health = targets.health() if targets.any else {}
    configuration = service.settings.get("deploymentConfiguration") or {}
    breaker = configuration.get("deploymentCircuitBreaker") or {}
    with LOCK:
        mine = [t for t in kept.tasks.values() if t.service == service.arn and t.desired is not TaskStatus.STOPPED]
        tasks = tuple(_task(task, health if targets.any else None, service, now) for task in mine)
        deployments = tuple(DeploymentSeen(d.id, d.rollout, d.failed, d.start_after) for d in service.deployments)
    return ServiceSeen(
        name=service.name,
        desired=service.desired,
        zones=zones,
        deployments=deployments,
        tasks=tasks,
        minimum_percent=int(configuration.get("minimumHealthyPercent", 100)),
        maximum_percent=int(configuration.get("maximumPercent", 200)),
        breaker=bool(breaker.get("enable")),
        rollback=bool(breaker.get("rollback")),
        rebalance=service.settings.get("availabilityZoneRebalancing") == "ENABLED",
        steady=service.steady,
    )


def _task(task: Task, health: dict[str, Any] | None, service: Service, now: float) -> TaskSeen:
    running = task.status is TaskStatus.RUNNING
    since = now - (task.started_at or now)
    if health is None:
        healthy, unhealthy, reason = running and since >= world().wait_scaled(HEALTHY_AFTER_SECONDS), False, ""
    else:
        seen = health.get(task.ip) or {}
        grace = world().wait_scaled(float(service.settings.get("healthCheckGracePeriodSeconds") or 0))
        healthy = running and seen.get("State") == "healthy"
        unhealthy = running and seen.get("State") == "unhealthy" and (task.was_healthy or since >= grace)
        reason = f"target-group {seen.get('TargetGroupArn')}) due to ({seen.get('Reason')}: {seen.get('Description')}"
    task.healthy = healthy
    if healthy and not task.was_healthy:
        task.was_healthy = True
        # A task that comes up well forgives those that did not.
        if deployment := service.deployment(task.deployment):
            deployment.failed = 0
    return TaskSeen(task.arn, task.deployment, task.zone, running, healthy, unhealthy, reason)
