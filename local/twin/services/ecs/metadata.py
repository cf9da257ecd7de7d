"""What a container asks of 169.254.170.2 on Fargate: its role's credentials and what it is part of.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
"""

import hmac
import json
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from localstack.services.edge import ROUTER
from werkzeug import Request, Response

from twin.core.world import world
from twin.services.common.api import client
from twin.services.ecs.models import LOCK, Container, Definition, Task, TaskStatus, store

CREDENTIAL_SECONDS = 3600

type Json = dict[str, Any]


def add_routes() -> None:
    """Let the gateway answer under /_twin/tasks/."""
    ROUTER.add("/_twin/tasks/<task>/credentials", _credentials)
    ROUTER.add("/_twin/tasks/<task>/v4/<container>", _metadata)
    ROUTER.add("/_twin/tasks/<task>/v4/<container>/task", _task_metadata)


def _credentials(request: Request, *_: object, task: str, **_more: object) -> Response:
    """Credentials of the task's role, to the task alone: it carries the token that only it was given."""
    found = _find(task)
    given = request.headers.get("Authorization", "")
    if found is None or not _is_its(found[0], given):
        return _json({"code": "AccessDenied", "message": "credentials are given to the task alone"}, 403)
    role = found[0].overrides.get("taskRoleArn") or found[1].registered.get("taskRoleArn")
    if not role:
        return _json({"code": "NoRole", "message": "the task definition names no task role"}, 404)
    try:
        answer = client("sts", world().region).assume_role(
            RoleArn=role,
            RoleSessionName=task[:64],
            DurationSeconds=CREDENTIAL_SECONDS,
            _ServicePrincipal="ecs-tasks.amazonaws.com",
        )
    except ClientError as error:
        return _json({"code": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}, 500)
    made = answer["Credentials"]
    return _json(
        {
            "RoleArn": role,
            "AccessKeyId": made["AccessKeyId"],
            "SecretAccessKey": made["SecretAccessKey"],
            "Token": made["SessionToken"],
            "Expiration": made["Expiration"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )


def _is_its(task: Task, given: str) -> bool:
    """Whether the token is the task's; one that has not been given its token yet, or has ended, has none."""
    ended = task.status is TaskStatus.STOPPED
    return bool(task.token) and not ended and hmac.compare_digest(given.encode(), task.token.encode())


def _metadata(_request: Request, *_: object, task: str, container: str) -> Response:
    found = _find(task)
    seen = next((one for one in found[0].containers if one.name == container), None) if found else None
    return _json(_container(seen, *found)) if found and seen else _json({"error": "no such container"}, 404)


def _task_metadata(_request: Request, *_: object, task: str, **_more: object) -> Response:
    found = _find(task)
    if found is None:
        return _json({"error": "no such task"}, 404)
    seen, definition = found
    registered = definition.registered
    return _json(
        {
            "Cluster": seen.cluster,
            "TaskARN": seen.arn,
            "ServiceName": seen.service.rsplit("/", 1)[-1],
            "Family": definition.family,
            "Revision": str(definition.revision),
            "DesiredStatus": seen.desired.value,
            "KnownStatus": seen.status.value,
            "Limits": {"CPU": int(registered["cpu"]) / 1024, "Memory": int(registered["memory"])},
            "AvailabilityZone": seen.zone,
            "LaunchType": seen.launch_type,
            "Containers": [_container(one, seen, definition) for one in seen.containers],
        }
    )


def _container(one: Container, task: Task, definition: Definition) -> Json:
    started = task.started_at or task.created_at
    return {
        "DockerId": one.runtime_id,
        "Name": one.name,
        "DockerName": one.name,
        "Image": one.image,
        "ImageID": one.image_digest,
        "Labels": {
            "com.amazonaws.ecs.cluster": task.cluster,
            "com.amazonaws.ecs.container-name": one.name,
            "com.amazonaws.ecs.task-arn": task.arn,
            "com.amazonaws.ecs.task-definition-family": definition.family,
            "com.amazonaws.ecs.task-definition-version": str(definition.revision),
        },
        "DesiredStatus": task.desired.value,
        "KnownStatus": one.status.value,
        "ExitCode": one.exit_code,
        "CreatedAt": datetime.fromtimestamp(task.created_at, UTC).isoformat(),
        "StartedAt": datetime.fromtimestamp(started, UTC).isoformat(),
        "Type": "NORMAL",
        "ContainerARN": one.arn,
        "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": [task.ip]}],
    }


def _find(task_id: str) -> tuple[Task, Definition] | None:
    kept = store(world().region)
    with LOCK:
        task = next((one for one in kept.tasks.values() if one.id == task_id), None)
        return (task, kept.definitions[task.definition]) if task else None


def _json(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content), status, content_type="application/json")
