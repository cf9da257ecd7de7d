"""What is kept, in the shapes of ECS's API."""

from datetime import UTC, datetime
from typing import Any

from twin.services.common.api import tag_list
from twin.services.ecs.models import Cluster, Container, Definition, Deployment, EcsStore, Service, Task, TaskStatus

type Json = dict[str, Any]

_WAITING = {TaskStatus.PROVISIONING, TaskStatus.PENDING, TaskStatus.ACTIVATING}


def tags(kept: dict[str, str]) -> list[Json]:
    """Tags as ECS lists them."""
    return tag_list(kept, "key", "value")


def cluster(seen: Cluster, store: EcsStore, include: list[str] | None = None) -> Json:
    """A cluster with its counts."""
    tasks = [task for task in store.tasks.values() if task.cluster == seen.arn]
    shown: Json = {
        "clusterArn": seen.arn,
        "clusterName": seen.name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": sum(task.status is TaskStatus.RUNNING for task in tasks),
        "pendingTasksCount": sum(task.status in _WAITING for task in tasks),
        "activeServicesCount": sum(s.cluster == seen.arn and s.status == "ACTIVE" for s in store.services.values()),
        "statistics": [],
        "tags": tags(seen.tags) if "TAGS" in (include or []) else [],
        "settings": seen.settings,
        "capacityProviders": seen.capacity_providers,
        "defaultCapacityProviderStrategy": seen.default_strategy,
    }
    if seen.configuration:
        shown["configuration"] = seen.configuration
    return shown


def definition(seen: Definition) -> Json:
    """A task definition."""
    shown = {
        **seen.registered,
        "taskDefinitionArn": seen.arn,
        "family": seen.family,
        "revision": seen.revision,
        "status": "ACTIVE" if seen.deregistered_at is None else "INACTIVE",
        "registeredAt": moment(seen.registered_at),
    }
    if seen.deregistered_at is not None:
        shown["deregisteredAt"] = moment(seen.deregistered_at)
    return shown


def service(seen: Service, store: EcsStore, include: list[str] | None = None) -> Json:
    """A service with its deployments and events."""
    tasks = [task for task in store.tasks.values() if task.service == seen.arn]
    settings = {name: value for name, value in seen.settings.items() if value not in (None, [])}
    return {
        **settings,
        "serviceArn": seen.arn,
        "serviceName": seen.name,
        "clusterArn": seen.cluster,
        "status": seen.status,
        "desiredCount": seen.desired,
        "runningCount": sum(task.status is TaskStatus.RUNNING for task in tasks),
        "pendingCount": sum(task.status in _WAITING for task in tasks),
        "taskDefinition": seen.primary.definition,
        "deployments": [deployment(one, seen, tasks) for one in seen.deployments],
        "events": [{**event, "createdAt": moment(event["createdAt"])} for event in seen.events],
        "createdAt": moment(seen.created_at),
        "schedulingStrategy": "REPLICA",
        "tags": tags(seen.tags) if "TAGS" in (include or []) else [],
    }


def deployment(seen: Deployment, of: Service, tasks: list[Task]) -> Json:
    """A deployment with the counts of its own tasks."""
    mine = [task for task in tasks if task.deployment == seen.id]
    return {
        "id": seen.id,
        "status": "PRIMARY" if seen is of.primary else "ACTIVE",
        "taskDefinition": seen.definition,
        "desiredCount": of.desired if seen is of.primary else 0,
        "pendingCount": sum(task.status in _WAITING for task in mine),
        "runningCount": sum(task.status is TaskStatus.RUNNING for task in mine),
        "failedTasks": seen.failed,
        "createdAt": moment(seen.created_at),
        "updatedAt": moment(seen.updated_at),
        "networkConfiguration": seen.settings.get("networkConfiguration") or {},
        "capacityProviderStrategy": seen.settings.get("capacityProviderStrategy") or [],
        "launchType": seen.settings.get("launchType"),
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "rolloutState": seen.rollout.value,
        "rolloutStateReason": seen.reason,
    }


def task(seen: Task, known: Definition | None, include: list[str] | None = None) -> Json:
    """A task."""
    registered = known.registered if known else {}
    details = [
        {"name": "subnetId", "value": seen.subnet},
        {"name": "networkInterfaceId", "value": f"eni-{seen.id[:17]}"},
        {"name": "privateIPv4Address", "value": seen.ip},
    ]
    attached = "ATTACHED" if seen.status in list(TaskStatus)[1:6] else "DELETED" if seen.stopped_at else "PRECREATED"
    shown: Json = {
        "taskArn": seen.arn,
        "clusterArn": seen.cluster,
        "taskDefinitionArn": seen.definition,
        "group": seen.group,
        "launchType": seen.launch_type,
        "capacityProviderName": seen.capacity_provider or None,
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "cpu": registered.get("cpu"),
        "memory": registered.get("memory"),
        "availabilityZone": seen.zone,
        "lastStatus": seen.status.value,
        "desiredStatus": seen.desired.value,
        "healthStatus": "UNKNOWN",
        "connectivity": "CONNECTED" if seen.started_at else None,
        "startedBy": seen.started_by or None,
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": [], **seen.overrides},
        "attachments": [
            {"id": seen.id, "type": "ElasticNetworkInterface", "status": attached,
             "details": details if seen.ip else details[:1]}
        ],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "containers": [container(one, seen) for one in seen.containers],
        "stopCode": seen.stop_code.value if seen.stop_code else None,
        "stoppedReason": seen.stopped_reason or None,
        "tags": tags(seen.tags) if "TAGS" in (include or []) else [],
        "version": 1,
        "enableExecuteCommand": False,
    }  # fmt: skip
    times = {
        "createdAt": seen.created_at, "startedAt": seen.started_at, "stoppingAt": seen.stopping_at,
        "stoppedAt": seen.stopped_at, "pullStartedAt": seen.pull_started_at, "pullStoppedAt": seen.pull_stopped_at,
    }  # fmt: skip
    shown |= {name: moment(value) for name, value in times.items() if value is not None}
    return {name: value for name, value in shown.items() if value is not None}


def container(seen: Container, of: Task) -> Json:
    """A container of a task."""
    shown: Json = {
        "containerArn": seen.arn,
        "taskArn": of.arn,
        "name": seen.name,
        "image": seen.image,
        "imageDigest": seen.image_digest or None,
        "runtimeId": seen.runtime_id,
        "lastStatus": seen.status.value,
        "exitCode": seen.exit_code,
        "reason": seen.reason or None,
        "networkBindings": [],
        "networkInterfaces": [{"attachmentId": of.id, "privateIpv4Address": of.ip}] if of.ip else [],
        "healthStatus": "UNKNOWN",
    }
    return {name: value for name, value in shown.items() if value is not None}


def moment(seconds: float) -> datetime:
    """A time of the clock as the API gives it."""
    return datetime.fromtimestamp(seconds, UTC)
