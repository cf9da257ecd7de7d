"""Why a task stopped, in its own last words."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.deploy.tasks import last_lines, why_service_failed, why_stopped
from tests.unit.infra.conftest import fake_aws


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        (
            {"stoppedReason": "Essential container in task exited", "containers": [{"name": "app", "exitCode": 1}]},
            "Essential container in task exited; container app exited with 1",
        ),
        (
            {"containers": [{"name": "app", "exitCode": 137, "reason": "OutOfMemoryError: killed"}]},
            "container app exited with 137 (OutOfMemoryError: killed)",
        ),
        (
            {"stoppedReason": "Task failed to start", "containers": [{"name": "app", "reason": "CannotPull: no"}]},
            "Task failed to start; CannotPull: no",
        ),
        (
            {"stoppedReason": "the same", "containers": [{"reason": "the same"}, {"reason": "the same"}]},
            "the same",
        ),
        ({}, ""),
    ],
)
def test_why_a_task_stopped(task: dict[str, Any], sentence: str) -> None:
    assert why_stopped(task) == sentence  # type: ignore[arg-type]  # a part of the stub's shape


def _ecs(**answers: object) -> SimpleNamespace:
    container = {
        "name": "app",
        "logConfiguration": {"options": {"awslogs-group": "group", "awslogs-stream-prefix": "web"}},
    }
    definition = {"taskDefinition": {"containerDefinitions": [container, {"name": "quiet"}]}}
    return SimpleNamespace(
        **{name: lambda answer=answer, **_: answer for name, answer in answers.items()},
        describe_task_definition=lambda **_: definition,
    )


def test_the_last_lines_come_from_the_stream_of_the_task() -> None:
    asked: list[dict[str, Any]] = []

    def get_log_events(**given: Any) -> dict[str, Any]:
        asked.append(given)
        return {"events": [{"message": "Traceback\n"}, {"message": " "}, {"message": "KeyError: 'X'"}]}

    aws = fake_aws(ecs=_ecs(), logs=SimpleNamespace(get_log_events=get_log_events))
    task: Any = {"taskArn": "arn:aws:ecs:x:1:task/cluster/abc", "taskDefinitionArn": "arn"}
    assert last_lines(aws, task) == ["Traceback", "KeyError: 'X'"]
    assert [each["logStreamName"] for each in asked] == ["web/app/abc"]


def test_a_task_that_never_started_has_no_lines() -> None:
    def get_log_events(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetLogEvents")

    aws = fake_aws(ecs=_ecs(), logs=SimpleNamespace(get_log_events=get_log_events))
    task: Any = {"taskArn": "task/abc", "taskDefinitionArn": "arn"}
    assert last_lines(aws, task) == []


def test_a_service_tells_its_circuit_breakers_reason_and_its_latest_task() -> None:
    deployments = [{"rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start"}]
    tasks = [
        {"taskArn": "t/1", "stoppedAt": datetime(2026, 1, 1, tzinfo=UTC), "stoppedReason": "the first"},
        {"taskArn": "t/2", "stoppedAt": datetime(2026, 1, 2, tzinfo=UTC), "stoppedReason": "the second"},
        {"taskArn": "t/3"},
    ]
    ecs = _ecs(
        describe_services={"services": [{"deployments": deployments}]},
        list_tasks={"taskArns": ["t/1", "t/2", "t/3"]},
        describe_tasks={"tasks": tasks},
    )
    aws = fake_aws(ecs=ecs, logs=SimpleNamespace(get_log_events=lambda **_: {"events": []}))
    assert why_service_failed(aws, cluster="c", service="s") == "tasks failed to start | the second"


def test_a_service_without_a_breakers_reason_tells_its_latest_trouble() -> None:
    events = [{"message": "has started 1 tasks"}, {"message": "(service s) was unable to place a task"}]
    ecs = _ecs(describe_services={"services": [{"events": events}]}, list_tasks={"taskArns": []})
    assert why_service_failed(fake_aws(ecs=ecs), cluster="c", service="s") == events[1]["message"]


def test_a_service_that_cannot_be_asked_is_no_second_failure() -> None:
    def gone(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ClusterNotFoundException", "Message": "gone"}}, "DescribeServices")

    aws = fake_aws(ecs=SimpleNamespace(describe_services=gone))
    assert why_service_failed(aws, cluster="c", service="s").startswith("(the service cannot be asked: ")
