"""Why a task stopped, in its own last words: what a failed migration or service is asked for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.deploy.aws import Aws

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef, ServiceTypeDef, TaskTypeDef

_LINES = 8
_TASKS = 5


def why_service_failed(aws: Aws, *, cluster: str, service: str) -> str:
    """Say why a service failed: the circuit breaker's reason, and the last lines of a task that stopped."""
    try:
        found = aws.ecs.describe_services(cluster=cluster, services=[service])["services"]
        stopped = _stopped(aws, cluster=cluster, service=service)
    except ClientError as error:
        return f"(the service cannot be asked: {error})"
    parts = [_deployment_reason(each) for each in found]
    if stopped is not None:
        parts += [why_stopped(stopped), *last_lines(aws, stopped)]
    return " | ".join(part for part in parts if part)


def why_stopped(task: "TaskTypeDef") -> str:
    """One sentence on why a task stopped, with its containers' exit codes."""
    exits = [
        f"container {each.get('name')} exited with {each['exitCode']}"
        + (f" ({each['reason']})" if each.get("reason") else "")
        for each in task.get("containers", [])
        if "exitCode" in each
    ]
    reasons = [each["reason"] for each in task.get("containers", []) if each.get("reason") and "exitCode" not in each]
    return "; ".join(dict.fromkeys([task.get("stoppedReason", ""), *exits, *reasons])).strip("; ")


def last_lines(aws: Aws, task: "TaskTypeDef") -> list[str]:
    """The last lines that a task's containers wrote to their logs; none where there are no logs."""
    arn = task.get("taskDefinitionArn", "")
    containers = aws.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"].get("containerDefinitions", [])
    task_id = task.get("taskArn", "").rsplit("/", 1)[-1]
    return [line for container in containers for line in _lines(aws, container, task_id)]


def _deployment_reason(service: "ServiceTypeDef") -> str:
    """The circuit breaker's reason, else the latest event that tells of a failure."""
    for deployment in service.get("deployments", []):
        if deployment.get("rolloutState") == "FAILED" and deployment.get("rolloutStateReason"):
            return deployment["rolloutStateReason"]
    for event in service.get("events", []):
        message = event.get("message", "")
        if "unable" in message or "failed" in message or "unhealthy" in message:
            return message
    return ""


def _stopped(aws: Aws, *, cluster: str, service: str) -> "TaskTypeDef | None":
    arns: Sequence[str] = aws.ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="STOPPED")["taskArns"]
    if not arns:
        return None
    tasks = aws.ecs.describe_tasks(cluster=cluster, tasks=list(arns)[:_TASKS])["tasks"]
    ended = [task for task in tasks if "stoppedAt" in task]
    return max(ended, key=lambda task: task["stoppedAt"]) if ended else next(iter(tasks), None)


def _lines(aws: Aws, container: "ContainerDefinitionOutputTypeDef", task_id: str) -> list[str]:
    options = container.get("logConfiguration", {}).get("options", {})
    group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
    if not group or not prefix:
        return []
    stream = f"{prefix}/{container.get('name')}/{task_id}"
    try:
        events = aws.logs.get_log_events(logGroupName=group, logStreamName=stream, limit=_LINES, startFromHead=False)
    except ClientError:
        return []  # a task that never started wrote no stream
    return [event.get("message", "").rstrip() for event in events["events"] if event.get("message", "").strip()]
