"""What a task definition may say, without a twin."""

from typing import Any

import pytest
from localstack.aws.api import CommonServiceException
from twin.services.ecs.definitions import checked

LOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "g", "awslogs-region": "r", "awslogs-stream-prefix": "p"},
}


def definition(**container: Any) -> dict[str, Any]:
    return {
        "family": "app",
        "cpu": "256",
        "memory": "512",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "executionRoleArn": "arn:aws:iam::000000000000:role/runs",
        "containerDefinitions": [{"name": "app", "image": "x", **container}],
    }


def test_ports_get_their_defaults() -> None:
    (container,) = checked(definition(portMappings=[{"containerPort": 80}]))["containerDefinitions"]
    assert container["portMappings"] == [{"protocol": "tcp", "hostPort": 80, "containerPort": 80}]


@pytest.mark.parametrize(
    ("container", "named"),
    [
        ({"dockerLabels": {"a": "b"}}, "dockerLabels"),
        ({"portMappings": [{"containerPortRange": "80-90"}]}, "containerPortRange"),
        ({"logConfiguration": LOGS | {"secretOptions": [{"name": "a", "valueFrom": "b"}]}}, "secretOptions"),
    ],
)
def test_what_is_not_done_is_refused_by_name(container: dict[str, Any], named: str) -> None:
    with pytest.raises(CommonServiceException, match=f"the twin does not do {named}"):
        checked(definition(**container))
