"""What a request asks to be made or changed, checked and put into the store."""

import time
from typing import Any

from twin.services.common.api import ACCOUNT, only
from twin.services.ecs import lookup
from twin.services.ecs.controller import new_deployment_id, new_task
from twin.services.ecs.errors import client_error, invalid, not_idempotent
from twin.services.ecs.models import Definition, Deployment, EcsStore, Service, Task
from twin.services.ecs.placement import subnets_by_zone

type Json = dict[str, Any]

PROVIDERS = ("FARGATE", "FARGATE_SPOT")
SERVICE_DONE = {
    "cluster", "serviceName", "taskDefinition", "loadBalancers", "desiredCount", "launchType", "clientToken",
    "capacityProviderStrategy", "platformVersion", "deploymentConfiguration", "networkConfiguration",
    "healthCheckGracePeriodSeconds", "schedulingStrategy", "deploymentController", "tags", "enableECSManagedTags",
    "propagateTags", "availabilityZoneRebalancing",
}  # fmt: skip
UPDATE_DONE = (SERVICE_DONE | {"service", "forceNewDeployment"}) - {"tags", "schedulingStrategy", "clientToken"}
TASK_DONE = {
    "cluster", "count", "taskDefinition", "launchType", "capacityProviderStrategy", "networkConfiguration", "overrides",
    "startedBy", "group", "tags", "clientToken", "platformVersion", "enableECSManagedTags", "propagateTags",
    "referenceId",
}  # fmt: skip
OVERRIDES_DONE = {"containerOverrides", "taskRoleArn", "executionRoleArn"}
# Sizes are recorded, as those of a task definition are.
CONTAINER_OVERRIDES_DONE = {"name", "command", "environment", "cpu", "memory", "memoryReservation"}
# What a deployment carries: changed, it is a new deployment.
DEPLOYED = ("networkConfiguration", "capacityProviderStrategy", "launchType", "platformVersion", "loadBalancers")
KEPT = (*DEPLOYED, "deploymentConfiguration", "healthCheckGracePeriodSeconds", "deploymentController",
        "enableECSManagedTags", "propagateTags", "availabilityZoneRebalancing")  # fmt: skip
MOST_TASKS = 10


def now() -> float:
    """The clock."""
    return time.time()


def tags(request: Json) -> dict[str, str]:
    """The tags of a request by key."""
    return {str(tag["key"]): str(tag.get("value", "")) for tag in request.get("tags") or []}


def capacity_providers(names: list[str] | None) -> list[str]:
    """The names, all of them Fargate's."""
    for name in names or []:
        if name not in PROVIDERS:
            raise invalid(f"The specified capacity provider '{name}' was not found.")
    return list(names or [])


def definition(kept: EcsStore, registered: Json, its_tags: dict[str, str], region: str) -> Definition:
    """Put the next revision of its family into the store."""
    family = registered["family"]
    revision = kept.revisions.get(family, 0) + 1
    kept.revisions[family] = revision
    arn = f"arn:aws:ecs:{region}:{ACCOUNT}:task-definition/{family}:{revision}"
    made = kept.definitions[arn] = Definition(arn, family, revision, registered, now(), tags=its_tags)
    return made


def new_service(kept: EcsStore, request: Json, region: str) -> Service:
    """Put a service into the store; raises what AWS raises for a request that is not well."""
    only("ecs", "CreateService", _asked(request), SERVICE_DONE)
    cluster = lookup.cluster(kept, request.get("cluster"))
    standing = lookup.service_or_none(kept, cluster, request["serviceName"])
    if standing is not None and standing.status != "INACTIVE":
        raise not_idempotent()
    if (request.get("schedulingStrategy") or "REPLICA") != "REPLICA":
        raise client_error("The twin does the scheduling strategy REPLICA.")
    if (request.get("deploymentController") or {}).get("type", "ECS") != "ECS":
        raise client_error("The twin does the deployment controller ECS.")
    settings = {name: request.get(name) for name in KEPT}
    settings["availabilityZoneRebalancing"] = settings["availabilityZoneRebalancing"] or "ENABLED"
    settings["deploymentConfiguration"] = _deployment_configuration(request.get("deploymentConfiguration") or {})
    if not request.get("taskDefinition"):
        raise invalid("TaskDefinition can not be blank.")
    known = lookup.definition(kept, request["taskDefinition"])
    _check(settings, known, region)
    arn = cluster.arn.replace(":cluster/", ":service/") + f"/{request['serviceName']}"
    first = Deployment(
        new_deployment_id(), known.arn, now(), now(), settings={name: settings[name] for name in DEPLOYED}
    )
    first.reason = f"ECS deployment {first.id} in progress."
    made = kept.services[arn] = Service(
        request["serviceName"], arn, cluster.arn, int(request.get("desiredCount") or 0), [first], settings, now()
    )
    made.tags = tags(request)
    return made


def change_service(kept: EcsStore, service: Service, request: Json, region: str) -> None:
    """Change the wishes of a service; what a deployment carries begins a new one."""
    only("ecs", "UpdateService", _asked(request), UPDATE_DONE)
    changed = {name: request[name] for name in KEPT if request.get(name) is not None}
    if "deploymentConfiguration" in changed:
        changed["deploymentConfiguration"] = _deployment_configuration(changed["deploymentConfiguration"])
    settings = service.settings | changed
    wanted = request.get("taskDefinition") or service.primary.definition
    known = lookup.definition(kept, wanted)
    _check(settings, known, region)
    deployed = {name: settings[name] for name in DEPLOYED}
    service.settings, service.steady = settings, False
    if request.get("desiredCount") is not None:
        service.desired = int(request["desiredCount"])
    if (
        known.arn != service.primary.definition
        or deployed != service.primary.settings
        or request.get("forceNewDeployment")
    ):
        made = Deployment(new_deployment_id(), known.arn, now(), now(), settings=deployed)
        made.reason = f"ECS deployment {made.id} in progress."
        service.deployments.insert(0, made)


def new_tasks(kept: EcsStore, request: Json, region: str) -> list[Task]:
    """Put standalone tasks into the store."""
    only("ecs", "RunTask", _asked(request), TASK_DONE)
    only("ecs", "RunTask, overrides", request.get("overrides") or {}, OVERRIDES_DONE)
    count = int(request.get("count") or 1)
    if not 1 <= count <= MOST_TASKS:
        raise invalid("Invalid task count")
    cluster = lookup.cluster(kept, request.get("cluster"))
    known = lookup.definition(kept, request["taskDefinition"])
    names = {one["name"] for one in known.containers}
    for override in (request.get("overrides") or {}).get("containerOverrides") or []:
        only("ecs", "RunTask, containerOverrides", override, CONTAINER_OVERRIDES_DONE)
        if override.get("name") not in names:
            raise invalid(
                f"Override for container named {override.get('name')} is not a container in the TaskDefinition."
            )
    zones = subnets_by_zone(request.get("networkConfiguration") or {}, region)
    made = []
    for number in range(count):
        zone = list(zones)[number % len(zones)]
        task = new_task(kept, cluster.arn, known.arn, request, (zone, zones[zone][0]))
        task.overrides = request.get("overrides") or {}
        task.started_by = request.get("startedBy") or ""
        task.group = request.get("group") or task.group
        task.tags = tags(request)
        made.append(task)
    return made


def _asked(request: Json) -> Json:
    """The request without what asks for nothing."""
    return {name: value for name, value in request.items() if (name, value) != ("enableExecuteCommand", False)}


def _deployment_configuration(given: Json) -> Json:
    honoured = ("deploymentCircuitBreaker", "maximumPercent", "minimumHealthyPercent", "alarms", "strategy")
    only("ecs", "deploymentConfiguration", given, honoured)
    if (given.get("alarms") or {}).get("enable"):
        raise client_error("The twin does not do deployment alarms.")
    if given.get("strategy", "ROLLING") != "ROLLING":
        raise client_error(f"The twin does rolling deployments, not {given['strategy']}.")
    only("ecs", "deploymentCircuitBreaker", given.get("deploymentCircuitBreaker") or {}, ("enable", "rollback"))
    breaker = {"enable": False, "rollback": False, **(given.get("deploymentCircuitBreaker") or {})}
    return {"maximumPercent": 200, "minimumHealthyPercent": 100, **given, "deploymentCircuitBreaker": breaker}


def _check(settings: Json, known: Definition, region: str) -> None:
    subnets_by_zone(settings.get("networkConfiguration") or {}, region)
    strategy = settings.get("capacityProviderStrategy") or []
    capacity_providers([entry["capacityProvider"] for entry in strategy])
    if len(strategy) > 1:
        raise client_error("The twin does a capacityProviderStrategy of one provider.")
    for group in settings.get("loadBalancers") or []:
        only("ecs", "loadBalancers", group, ("targetGroupArn", "containerName", "containerPort"))
        container = next((one for one in known.containers if one["name"] == group.get("containerName")), None)
        if container is None:
            raise invalid(f"The container {group.get('containerName')} does not exist in the task definition.")
        if int(group.get("containerPort") or 0) not in [port["containerPort"] for port in container["portMappings"]]:
            raise invalid(
                f"The container {container['name']} did not have a container port {group.get('containerPort')} defined."
            )
