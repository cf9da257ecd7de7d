"""A task that a rule of EventBridge starts again and again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.support import eventually

PROGRAM = "import os; print('hello', os.environ['WHOM'])"


@pytest.fixture(scope="module")
def role(estate: Any) -> Iterator[str]:
    """A role by which EventBridge may run tasks, and hand them their own roles."""
    iam = estate.twin.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": ["ecs:RunTask", "iam:PassRole"], "Resource": "*"}
    made = iam.create_role(RoleName="test-schedule", AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName="test-schedule", PolicyName="run", PolicyDocument=_document(may))
    yield made["Role"]["Arn"]
    iam.delete_role_policy(RoleName="test-schedule", PolicyName="run")
    iam.delete_role(RoleName="test-schedule")


@pytest.fixture
def rule(ground: Any) -> Iterator[str]:
    """A rule that is due every minute: every three seconds at the speed of these tests."""
    events = ground.twin.client("events")
    events.put_rule(Name="every-minute", ScheduleExpression="rate(1 minute)")
    yield "every-minute"
    _remove(events)


def test_a_scheduled_task_runs_each_time_with_the_rule_s_input(ground: Any, role: str, rule: str) -> None:
    events, definition = ground.twin.client("events"), ground.define(PROGRAM)
    family = definition.rsplit("/", 1)[1].split(":")[0]
    said = events.put_targets(Rule=rule, Targets=[_target(ground, role, definition)])
    assert said["FailedEntryCount"] == 0

    def stopped() -> list[str]:
        found: list[str] = ground.ecs.list_tasks(cluster=ground.cluster, family=family, desiredStatus="STOPPED")[
            "taskArns"
        ]
        return found

    arns = eventually(stopped, lambda found: len(found) >= 2, 30)
    assert ground.task(arns[0])["containers"][0]["exitCode"] == 0
    assert ground.log(arns[0]) == ["hello mina"]

    _remove(events)
    before = len(ground.ecs.list_tasks(cluster=ground.cluster, family=family, desiredStatus="STOPPED")["taskArns"])
    with pytest.raises(AssertionError):
        eventually(stopped, lambda found: len(found) > before + 1, 7)


def test_a_target_without_its_task_definition_or_role_is_refused(ground: Any, role: str, rule: str) -> None:
    events, target = ground.twin.client("events"), _target(ground, role, "any")
    for missing in ("EcsParameters", "RoleArn"):
        with pytest.raises(ClientError, match="is required"):
            events.put_targets(Rule=rule, Targets=[{name: value for name, value in target.items() if name != missing}])


def test_a_schedule_that_would_never_fire_is_refused(ground: Any) -> None:
    with pytest.raises(ClientError, match="Parameter ScheduleExpression is not valid"):
        ground.twin.client("events").put_rule(Name="never", ScheduleExpression="cron(0 20 * * * *)")


def _target(ground: Any, role: str, definition: str) -> dict[str, Any]:
    cluster = ground.ecs.describe_clusters(clusters=[ground.cluster])["clusters"][0]["clusterArn"]
    whom = {"name": "WHOM", "value": "mina"}
    return {
        "Id": "task",
        "Arn": cluster,
        "RoleArn": role,
        "Input": json.dumps({"containerOverrides": [{"name": "main", "environment": [whom]}]}),
        "EcsParameters": {
            "TaskDefinitionArn": definition,
            "LaunchType": "FARGATE",
            "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ground.subnets, "AssignPublicIp": "ENABLED"}},
        },
    }


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _remove(events: Any) -> None:
    names = [rule["Name"] for rule in events.list_rules(NamePrefix="every-minute")["Rules"]]
    if names:
        events.remove_targets(Rule="every-minute", Ids=["task"])
        events.delete_rule(Name="every-minute")
