"""Whether a task's subnet has a way to what Fargate needs before the containers start; they all go by the task's ENI.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html
https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
"""

from collections.abc import Iterable

from twin.core.addresses import loopback
from twin.services.ecs.models import Definition, Json, Task
from twin.services.network.models import HTTPS, Flow, Interface, Service
from twin.services.network.registry import View, view

_PULL = "ResourceInitializationError: unable to pull secrets or registry auth: "
_CHECK = "Check your task network configuration."
_TEXTS = {
    "ecr.api": _PULL + "The task cannot pull registry auth from Amazon ECR: There is a connection issue between the "
    "task and Amazon ECR. " + _CHECK,
    "secretsmanager": _PULL + "unable to retrieve secret from asm: There is a connection issue between the task and "
    "AWS Secrets Manager. " + _CHECK,
    "ssm": _PULL + "unable to retrieve secrets from ssm: The task cannot pull secrets from AWS Systems Manager. There "
    "is a connection issue between the task and AWS Systems Manager Parameter Store. " + _CHECK,
    "ecr.dkr": "CannotPullContainerError: There is a connection issue between the task and the registry. " + _CHECK,
    "s3": "CannotPullContainerError: failed to copy the layers from Amazon S3: i/o timeout. " + _CHECK,
    "logs": "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch "
    "log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. "
    "Check your network configuration.",
}


def lacking(task: Task, definition: Definition, region: str) -> str | None:
    """The stoppedReason of a task that cannot reach what it needs, None for one that can."""
    seen = view(now=True)
    here = seen.places.get(loopback(task.ip))
    if here is None:
        return None
    return next((text for one in needs(definition.containers) if (text := _lost(one, here, seen, region))), None)


def needs(containers: list[Json]) -> Iterable[str]:
    """The APIs that are called before the containers start, in Fargate's order."""
    sources = [str(secret["valueFrom"]) for one in containers for secret in one.get("secrets") or []]
    yield "ecr.api"
    if any(":secretsmanager:" in source for source in sources):
        yield "secretsmanager"
    if any(":secretsmanager:" not in source for source in sources):
        yield "ssm"
    yield "ecr.dkr"
    yield "s3"
    if any((one.get("logConfiguration") or {}).get("logDriver") == "awslogs" for one in containers):
        yield "logs"


def _lost(name: str, here: Interface, seen: View, region: str) -> str | None:
    missing = seen.reach(here, Service(name, region), Flow("tcp", HTTPS)).missing
    return f"{_TEXTS[name]} Missing: {missing}." if missing else None
