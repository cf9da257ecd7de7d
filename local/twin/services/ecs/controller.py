"""Keeps services and tasks as they are wanted: observe, decide, act, four times a second and whenever woken."""

import logging
import shutil
import time
import uuid
from typing import Any

from twin.core.addresses import book, loopback
from twin.core.loop import Loop, Slot, tend_each
from twin.core.status import register
from twin.core.timeline import emit
from twin.core.world import world
from twin.services.ecs import idempotency
from twin.services.ecs.decide import Action, Complete, Fail, Start, Steady, Stop, decide
from twin.services.ecs.interfaces import interfaces
from twin.services.ecs.metadata import add_routes
from twin.services.ecs.models import (
    LOCK,
    Container,
    Deployment,
    EcsStore,
    Rollout,
    Service,
    StopCode,
    Task,
    TaskStatus,
    store,
)
from twin.services.ecs.observe import see
from twin.services.ecs.placement import subnets_by_zone
from twin.services.ecs.runner import Running, finish, launch, log_file, observe, stop_containers
from twin.services.ecs.targets import Targets
from twin.services.network import registry

LOG = logging.getLogger(__name__)

CYCLE_SECONDS = 0.25
MOST_EVENTS = 100
# AWS keeps a stopped task for an hour: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html
STOPPED_SECONDS = 3600
THROTTLE_FREE, THROTTLE_MOST = 3, 27 * 60
SHUTDOWN_SECONDS = 1.5

_running: dict[str, Running] = {}


def start() -> None:
    """Take what the store wants as the aim; what ran in an earlier life of the twin has ended with it."""
    shutil.rmtree(world().state / "tasks", ignore_errors=True)
    with LOCK:
        for task in store(world().region).tasks.values():
            if task.status is not TaskStatus.STOPPED:
                task.stop(StopCode.INFRASTRUCTURE, "The twin was stopped")
                task.status, task.stopped_at = TaskStatus.STOPPED, time.time()
                for one in task.containers:
                    one.status, one.pid = TaskStatus.STOPPED, None
                book().release(task.id)
                if service := store(world().region).services.get(task.service):
                    service.steady = False
                    Targets(service, world().region).deregister(task)
    add_routes()
    register("services", status)
    registry.register("ecs", interfaces)
    _loop.start()


def stop() -> None:
    """End every container, all at once, within moments: what they would finish has no client any more."""
    _loop.stop()
    tasks = store(world().region).tasks
    for arn, running in list(_running.items()):
        for process in running.processes.values():
            process.signal(15)
        _running[arn] = running
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    for arn, running in list(_running.items()):
        left = max(0.0, deadline - time.monotonic())
        stop_containers(tasks[arn], running, dict.fromkeys(running.processes, left))


def wake() -> None:
    """Look again now."""
    _loop.wake()


def running(task: str) -> Running | None:
    """What runs of the task, None when nothing does."""
    return _running.get(task)


def _cycle() -> str | None:
    region = world().region
    kept = store(region)
    with LOCK:
        tasks, services = list(kept.tasks.values()), list(kept.services.values())
    tend_each(tasks, lambda task: _tend(task, kept, region))
    said = tend_each(services, lambda service: _serve(service, kept, region))
    _forget(kept)
    return "; ".join(said) or None


def _tend(task: Task, kept: EcsStore, region: str) -> None:
    """Start, watch or end one task; starting and ending take their time beside the loop."""
    if task.status is TaskStatus.STOPPED or _slot.busy(task.arn):
        return
    definition = kept.definitions[task.definition]
    service = kept.services.get(task.service)
    targets = Targets(service, region) if service else None
    if task.arn not in _running:
        _running[task.arn] = Running()
    running = _running[task.arn]
    observe(task, running)
    if task.desired is TaskStatus.STOPPED:
        gone = targets.deregister if targets else lambda _: False
        _slot.run(task.arn, lambda: finish(task, definition, running, gone))
    elif task.status is TaskStatus.PROVISIONING:
        into = targets.register if targets else lambda _: None
        _slot.run(task.arn, lambda: launch(task, definition, running, into, region))


def _serve(service: Service, kept: EcsStore, region: str) -> str | None:
    if service.status == "INACTIVE":
        return None
    _count_failures(service, kept)
    if service.status == "DRAINING":
        return _drain(service, kept)
    zones = subnets_by_zone(service.settings.get("networkConfiguration") or {}, region)
    now = time.time()
    actions = decide(see(service, kept, tuple(zones), Targets(service, region), now), now)
    with LOCK:
        return "; ".join(_act(action, service, kept, zones) for action in actions) or None


def _act(action: Action, service: Service, kept: EcsStore, zones: dict[str, list[str]]) -> str:
    match action:
        case Start(deployment, zone):
            subnets = zones[zone]
            chosen = service.deployment(deployment)
            assert chosen is not None
            made = new_task(
                kept,
                service.cluster,
                chosen.definition,
                chosen.settings,
                (zone, subnets[len(kept.tasks) % len(subnets)]),
            )
            made.service, made.deployment, made.started_by = service.arn, deployment, deployment
            made.group = f"service:{service.name}"
            made.tags = dict(service.tags) if service.settings.get("propagateTags") == "SERVICE" else {}
            service.steady = False
            sentence = f"has started 1 tasks: (task {made.id})."
        case Stop(arn, code, reason, failed):
            task = kept.tasks[arn]
            task.stop(code, reason)
            service.steady = False
            if failed and (chosen := service.deployment(task.deployment)) and not task.counted:
                chosen.failed += 1
                task.counted = True
            sentence = f"has stopped 1 running tasks: (task {task.id})."
            if failed:
                say(service, f"(task {task.id}) {reason}")
        case Complete(deployment):
            service.primary.rollout, service.primary.updated_at = Rollout.COMPLETED, time.time()
            service.primary.reason = f"ECS deployment {deployment} completed."
            service.deployments = [service.primary]
            sentence = f"(deployment {deployment}) deployment completed."
        case Fail(_, roll_back):
            sentence = _fail(service, roll_back=roll_back)
        case Steady():
            service.steady = True
            sentence = "has reached a steady state."
    say(service, sentence)
    wake()
    return f"(service {service.name}) {sentence}"


def _fail(service: Service, *, roll_back: bool) -> str:
    failed = service.primary
    failed.rollout, failed.updated_at = Rollout.FAILED, time.time()
    failed.reason = "ECS deployment circuit breaker: tasks failed to start."
    before = next((one for one in service.deployments[1:] if one.rollout is Rollout.COMPLETED), None)
    if roll_back and before is not None:
        again = Deployment(new_deployment_id(), before.definition, time.time(), time.time(), settings=before.settings)
        again.reason = f"ECS deployment circuit breaker: rolling back to deploymentId {before.id}."
        failed.reason += f" Rolling back to {before.id}."
        service.deployments.insert(0, again)
        return f"(deployment {failed.id}) deployment failed: tasks failed to start. Rolling back."
    return f"(deployment {failed.id}) deployment failed: tasks failed to start."


def _drain(service: Service, kept: EcsStore) -> str | None:
    with LOCK:
        left = [t for t in kept.tasks.values() if t.service == service.arn and t.status is not TaskStatus.STOPPED]
        for task in left:
            task.stop(StopCode.SCHEDULER, "Scaling activity initiated by deployment " + task.deployment)
        if left:
            return None
        service.status, service.deployments = "INACTIVE", service.deployments[:1]
        return f"(service {service.name}) is inactive"


def _count_failures(service: Service, kept: EcsStore) -> None:
    """Count tasks that ended without ever having been healthy, and put off the next start after a row of them.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html (its delays between none and
    27 minutes are not published: ours double from one second)
    """
    with LOCK:
        for task in kept.tasks.values():
            ended = task.desired is TaskStatus.STOPPED and task.stop_code in (
                StopCode.ESSENTIAL_EXITED, StopCode.FAILED_TO_START,
            )  # fmt: skip
            deployment = service.deployment(task.deployment) if task.service == service.arn else None
            if not ended or task.was_healthy or task.counted or deployment is None:
                continue
            task.counted = True
            deployment.failed += 1
            if deployment.failed > THROTTLE_FREE:
                delay = min(2 ** (deployment.failed - THROTTLE_FREE - 1), THROTTLE_MOST)
                deployment.start_after = time.time() + world().wait_scaled(delay)
                say(service, "is unable to consistently start tasks successfully.")


def _forget(kept: EcsStore) -> None:
    horizon = time.time() - STOPPED_SECONDS
    with LOCK:
        for arn, task in list(kept.tasks.items()):
            if task.status is TaskStatus.STOPPED:
                _running.pop(arn, None)
                if (task.stopped_at or 0) < horizon:
                    del kept.tasks[arn]
                    for one in task.containers:
                        log = log_file(task, one.name)
                        log.unlink(missing_ok=True)
                        log.with_suffix(".old").unlink(missing_ok=True)
        idempotency.forget(kept)


def say(service: Service, sentence: str) -> None:
    """Add an event to the service, newest first, and to the timeline."""
    message = f"(service {service.name}) {sentence}"
    service.events.insert(0, {"id": str(uuid.uuid4()), "createdAt": time.time(), "message": message})
    del service.events[MOST_EVENTS:]
    emit("ecs", service.name, message)


def new_deployment_id() -> str:
    """An id as ECS makes them."""
    return f"ecs-svc/{uuid.uuid4().int % 10**19:019d}"


def new_task(
    kept: EcsStore, cluster: str, definition: str, settings: dict[str, object], place: tuple[str, str]
) -> Task:
    """Put a task into the store, to be started by the next cycle. place: zone and subnet."""
    known = kept.definitions[definition]
    number = uuid.uuid4().hex
    arn = f"{cluster.replace(':cluster/', ':task/')}/{number}"
    network: dict[str, Any] = (settings.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}  # type: ignore[attr-defined]
    containers = [
        Container(
            name=one["name"],
            arn=f"{arn.replace(':task/', ':container/')}/{uuid.uuid4()}",
            image=one["image"],
            runtime_id=f"{number}-{uuid.uuid4().int % 10**10:010d}",
            essential=bool(one.get("essential", True)),
        )
        for one in known.containers
    ]
    strategy: list[dict[str, str]] = settings.get("capacityProviderStrategy") or []  # type: ignore[assignment]
    made = Task(
        arn=arn,
        cluster=cluster,
        definition=definition,
        group=f"family:{known.family}",
        launch_type="FARGATE",
        capacity_provider=strategy[0]["capacityProvider"] if strategy else "",
        subnet=place[1],
        zone=place[0],
        security_groups=list(network.get("securityGroups") or []),
        public_ip=network.get("assignPublicIp") == "ENABLED",
        containers=containers,
        created_at=time.time(),
    )
    kept.tasks[arn] = made
    return made


def status() -> list[dict[str, object]]:
    """The services as `twin status` shows them."""
    kept = store(world().region)
    with LOCK:
        return [_shown(service, kept) for service in kept.services.values() if service.status != "INACTIVE"]


def _shown(service: Service, kept: EcsStore) -> dict[str, object]:
    tasks = [t for t in kept.tasks.values() if t.service == service.arn and t.status is not TaskStatus.STOPPED]
    ports = [group["containerPort"] for group in service.settings.get("loadBalancers") or []]
    return {
        "cluster": service.cluster.rsplit("/", 1)[1],
        "name": service.name,
        "desired": service.desired,
        "running": sum(task.status is TaskStatus.RUNNING for task in tasks),
        "pending": sum(task.started_at is None for task in tasks),
        "deployments": [
            {"id": one.id, "rollout": one.rollout.value, "failed": one.failed} for one in service.deployments
        ],
        "tasks": [
            {
                "arn": task.arn,
                "zone": task.zone,
                "ip": task.ip,
                "address": loopback(task.ip) if task.ip else "",
                "port": ports[0] if ports else None,
                "pid": next((one.pid for one in task.containers if one.pid), None),
                "status": task.status.value,
                "health": _health(task),
                "image": task.containers[0].image_digest,
                "started_at": task.started_at,
            }
            for task in tasks
        ],
    }


def _health(task: Task) -> str:
    """The balancer's word, or where there is none that it has run for a while, as last seen."""
    if task.desired is not TaskStatus.RUNNING or not (task.healthy or task.was_healthy):
        return "UNKNOWN"
    return "HEALTHY" if task.healthy else "UNHEALTHY"


_loop = Loop("ecs", _cycle, CYCLE_SECONDS)
_slot = Slot(_loop)
