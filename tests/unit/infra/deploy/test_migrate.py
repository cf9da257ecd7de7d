"""The migration: once per image and database, and a failure keeps the release away."""

from types import SimpleNamespace
from typing import Any

import pytest

from infra.deploy.aws import Aws
from infra.deploy.migrate import migrate
from infra.errors import DeployError

RELEASE = {
    "ClusterName": "cluster",
    "MigrationTaskDefinitionArn": "arn:definition",
    "MigrationSubnets": "subnet-a,subnet-b",
    "MigrationSecurityGroup": "sg-task",
}


class FakeEcs:
    """A cluster whose one-off tasks end with `exit_code`, at the second look."""

    def __init__(self, *, exit_code: int | None = 0, failures: list[dict[str, str]] | None = None) -> None:
        self.started: list[dict[str, Any]] = []
        self.running: list[str] = []
        self._exit_code = exit_code
        self._failures = failures
        self._looks = 0

    def list_tasks(self, **_: object) -> dict[str, Any]:
        return {"taskArns": self.running}

    def run_task(self, **given: Any) -> dict[str, Any]:
        self.started.append(given)
        return {"tasks": [] if self._failures else [{"taskArn": "task/1"}], "failures": self._failures or []}

    def describe_tasks(self, **_: object) -> dict[str, Any]:
        self._looks += 1
        if self._looks < 2:
            return {"tasks": [{"lastStatus": "RUNNING"}]}
        container = {"name": "app"} if self._exit_code is None else {"name": "app", "exitCode": self._exit_code}
        return {"tasks": [{"lastStatus": "STOPPED", "stoppedReason": "it ended", "containers": [container]}]}

    def describe_task_definition(self, **_: object) -> dict[str, Any]:
        return {"taskDefinition": {"containerDefinitions": []}}


def _migrate(aws: Aws, ecs: FakeEcs, *, digest: str = "sha256:1", database: str = "db-1") -> str:
    aws.__dict__["ecs"] = ecs
    return migrate(aws, environment="dev", digest=digest, release=RELEASE, database=database)


def test_a_migration_runs_once_for_an_image_and_a_database(aws: Aws) -> None:
    ecs = FakeEcs()
    assert _migrate(aws, ecs) == "migrated"
    assert _migrate(aws, ecs) == "unchanged"
    assert _migrate(aws, ecs, digest="sha256:2") == "migrated"
    assert _migrate(aws, ecs, digest="sha256:2", database="db-2") == "migrated"
    assert len(ecs.started) == 3


def test_it_runs_where_the_tasks_run(aws: Aws) -> None:
    ecs = FakeEcs()
    _migrate(aws, ecs)
    assert ecs.started[0]["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-a", "subnet-b"],
        "securityGroups": ["sg-task"],
        "assignPublicIp": "DISABLED",
    }
    assert ecs.started[0]["taskDefinition"] == "arn:definition"


@pytest.mark.parametrize(("exit_code", "words"), [(1, "it ended; container app exited with 1"), (None, "it ended")])
def test_a_failure_is_told_and_tried_again_the_next_time(aws: Aws, exit_code: int | None, words: str) -> None:
    with pytest.raises(DeployError, match=f"the migration failed, the release in service is untouched: {words}"):
        _migrate(aws, FakeEcs(exit_code=exit_code))
    assert _migrate(aws, FakeEcs()) == "migrated"


def test_a_task_that_cannot_be_placed_is_told(aws: Aws) -> None:
    with pytest.raises(DeployError, match="the migration could not be started: no capacity"):
        _migrate(aws, FakeEcs(failures=[{"reason": "no capacity"}]))


def test_the_migration_of_an_interrupted_run_ends_first(aws: Aws) -> None:
    ecs = FakeEcs()
    ecs.running = ["task/0"]
    looked: list[list[str]] = []

    def describe_tasks(**given: Any) -> dict[str, Any]:
        looked.append(given["tasks"])
        return ecs.describe_tasks(**given)

    spied = SimpleNamespace(list_tasks=ecs.list_tasks, run_task=ecs.run_task, describe_tasks=describe_tasks)
    _migrate(aws, spied)  # type: ignore[arg-type]  # has what is called
    assert looked[:2] == [["task/0"], ["task/0"]]
    assert looked[-1] == ["task/1"]
