"""A request that is sent again with its clientToken, as a client does whose answer was lost."""

import time
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from twin.services.ecs import idempotency
from twin.services.ecs.models import Answered, EcsStore, Service, Task

from tests.twin.services.ecs.conftest import Ground

KEY = ("RunTask", "cluster", "token")


def test_the_same_token_and_request_runs_nothing_again(ground: Ground) -> None:
    asked: dict[str, Any] = {
        "cluster": ground.cluster, "taskDefinition": ground.define("pass"), "launchType": "FARGATE",
        "networkConfiguration": ground.network, "count": 2, "clientToken": "once",
    }  # fmt: skip
    first = [task["taskArn"] for task in ground.ecs.run_task(**asked)["tasks"]]
    assert [task["taskArn"] for task in ground.ecs.run_task(**asked)["tasks"]] == first
    with pytest.raises(ClientError, match="clientToken is already in use") as other:
        ground.ecs.run_task(**asked | {"count": 1})
    assert other.value.response["Error"]["Code"] == "ConflictException"
    assert other.value.response["resourceIds"] == first
    again = ground.ecs.run_task(**asked | {"clientToken": "twice"})["tasks"]
    assert {task["taskArn"] for task in again}.isdisjoint(first)
    with pytest.raises(ClientError, match="at most 64 ASCII characters"):
        ground.ecs.run_task(**asked | {"clientToken": "x" * 65})
    for arn in [*first, *(task["taskArn"] for task in again)]:
        ground.stopped(arn)


def test_the_same_token_and_request_is_the_same_service(ground: Ground) -> None:
    definition = ground.define("import time; time.sleep(300)")
    name = ground.serve(definition, count=0, clientToken="once")
    asked: dict[str, Any] = {
        "cluster": ground.cluster, "serviceName": name, "taskDefinition": definition, "launchType": "FARGATE",
        "networkConfiguration": ground.network, "desiredCount": 0, "clientToken": "once",
    }  # fmt: skip
    assert ground.ecs.create_service(**asked)["service"]["serviceArn"] == ground.service(name)["serviceArn"]
    for other in ({"desiredCount": 1}, {"clientToken": "twice"}):
        with pytest.raises(ClientError, match="Creation of service was not idempotent") as refused:
            ground.ecs.create_service(**asked | other)
        assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_a_token_counts_for_a_day_and_no_longer_than_what_it_made() -> None:
    kept = EcsStore()
    task, service = object.__new__(Task), object.__new__(Service)
    service.status = "ACTIVE"
    kept.tasks["task"], kept.services["service"] = task, service
    recent = Answered({}, ("task",), time.time())
    kept.answered |= {KEY: recent, ("CreateService", "cluster", "token"): replace(recent, made=("service",))}
    idempotency.forget(kept)
    assert len(kept.answered) == 2
    service.status = "INACTIVE"
    idempotency.forget(kept)
    assert list(kept.answered) == [KEY]
    kept.answered[KEY] = replace(recent, at=time.time() - idempotency.DAY_SECONDS - 1)
    idempotency.forget(kept)
    assert not kept.answered
