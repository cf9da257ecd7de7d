"""Whether a task definition is such as Fargate runs, and with which defaults it is kept."""

import re
from collections.abc import Mapping
from typing import Any

from twin.services.common.api import only
from twin.services.ecs.errors import client_error

type Json = dict[str, Any]

# CPU units to the memory sizes in MiB that Fargate has for them.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size
SIZES = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
DONE = {
    "family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes",
    "requiresCompatibilities", "cpu", "memory", "tags", "runtimePlatform",
}  # fmt: skip
CONTAINER_DONE = {
    "name", "image", "cpu", "memory", "memoryReservation", "portMappings", "essential", "entryPoint", "command",
    "environment", "mountPoints", "secrets", "stopTimeout", "workingDirectory", "logConfiguration",
    "readonlyRootFilesystem", "user",
}  # fmt: skip
PORT_DONE = {"containerPort", "hostPort", "protocol", "name", "appProtocol"}
LOG_OPTIONS = {
    "awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group", "mode", "max-buffer-size",
}  # fmt: skip
LONGEST_STOP = 120
# https://docs.docker.com/engine/logging/configure/#configure-the-delivery-mode-of-log-messages-from-container-to-log-driver
# and, for what is taken where nothing is said,
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html
LOG_MODES = ("blocking", "non-blocking")
LOG_BUFFER = "10m"
_SIZE = re.compile(r"(?P<number>\d+)(?P<unit>[kmg]?)b?", re.IGNORECASE)
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30}


def checked(request: Json) -> Json:
    """The definition as ECS keeps it; raises ClientException in AWS's words, or names what the twin does not do."""
    only("ecs", "RegisterTaskDefinition", request, DONE)
    if request.get("networkMode") != "awsvpc" or "FARGATE" not in (request.get("requiresCompatibilities") or []):
        raise client_error("The twin runs tasks as Fargate does: networkMode awsvpc, requiresCompatibilities FARGATE.")
    _check_size(request)
    containers = request.get("containerDefinitions") or []
    if not containers:
        raise client_error("Container list cannot be empty.")
    if not any(container.get("essential", True) for container in containers):
        raise client_error("Invalid 'essential' setting for container. At least one container must be essential.")
    kept = {name: value for name, value in request.items() if name != "tags"}
    kept["containerDefinitions"] = [_container(container, request) for container in containers]
    for volume in request.get("volumes") or []:
        only("ecs", f"RegisterTaskDefinition, volume {volume.get('name')}", volume, {"name"})
    return {"volumes": [], "placementConstraints": [], "compatibilities": ["EC2", "FARGATE"]} | kept


def stop_timeout(container: Json) -> float:
    """Seconds between the stop signal and the kill."""
    return float(container.get("stopTimeout") or 30)


def buffer_bytes(options: Mapping[str, str]) -> int:
    """How much of a container's output may wait to be sent; raises ClientException for what is no size."""
    text = options.get("max-buffer-size") or LOG_BUFFER
    found = _SIZE.fullmatch(text)
    if found is None or not int(found["number"]):
        raise client_error(f"Log driver awslogs option max-buffer-size is no size: {text}")
    return int(found["number"]) << _UNITS[found["unit"].lower()]


def _check_size(request: Json) -> None:
    try:
        cpu, memory = int(request.get("cpu") or 0), int(request.get("memory") or 0)
    except ValueError:
        raise client_error("Invalid 'cpu' or 'memory' setting for task.") from None
    if memory not in SIZES.get(cpu, ()):
        raise client_error(
            "No Fargate configuration exists for given values: "
            f"{cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        )


def _container(container: Json, request: Json) -> Json:
    name = container.get("name")
    if not name or not container.get("image"):
        raise client_error("Container.name and Container.image should not be null or empty.")
    only("ecs", f"RegisterTaskDefinition, container {name}", container, CONTAINER_DONE)
    if float(container.get("stopTimeout") or 0) > LONGEST_STOP:
        raise client_error(f"Stop timeout for container {name} must be at most {LONGEST_STOP} seconds.")
    log = container.get("logConfiguration")
    if log:
        _check_log(str(name), log, request)
    if container.get("secrets") and not request.get("executionRoleArn"):
        raise client_error(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
        )
    for port in container.get("portMappings") or []:
        only("ecs", f"RegisterTaskDefinition, container {name}, portMappings", port, PORT_DONE)
    ports = [
        {"protocol": "tcp", "hostPort": port.get("containerPort"), **port} for port in container.get("portMappings", [])
    ]
    return {
        "cpu": 0, "essential": True, "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
        **container, "portMappings": ports,
    }  # fmt: skip


def _check_log(name: str, log: Json, request: Json) -> None:
    only("ecs", f"RegisterTaskDefinition, container {name}, logConfiguration", log, {"logDriver", "options"})
    if log.get("logDriver") != "awslogs":
        raise client_error(f"The twin does the log driver awslogs, not {log.get('logDriver')} (container {name}).")
    if not request.get("executionRoleArn"):
        raise client_error("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
    options = log.get("options") or {}
    if strange := sorted(set(options) - LOG_OPTIONS):
        raise client_error(f"The twin does not do the awslogs option {strange[0]} (container {name}).")
    mode = options.get("mode") or "non-blocking"
    if mode not in LOG_MODES:
        raise client_error(f"Log driver awslogs option mode must be blocking or non-blocking, not {mode}")
    if mode == "blocking" and "max-buffer-size" in options:
        raise client_error("Log driver awslogs option max-buffer-size is for mode non-blocking only")
    buffer_bytes(options)
    for wanted in ("awslogs-group", "awslogs-region", "awslogs-stream-prefix"):
        if not options.get(wanted):
            raise client_error(f"Log driver awslogs requires options: {wanted}")
