"""Migrates the schema by a one-off task, between the stack that defines it and the service that needs it."""

import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.deploy.aws import Aws
from infra.deploy.tasks import last_lines, why_stopped
from infra.errors import DeployError

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskTypeDef

_STARTED_BY = "duet-deployer"
_MOST_SECONDS = 1800


def migrate(aws: Aws, *, environment: str, digest: str, release: Mapping[str, str], database: str) -> str:
    """Run the migration of the image `digest`, once per image and database; return what was done.

    `release` has the outputs of the release stack, `database` names the database, so that a new one is migrated too.
    Raises DeployError with the task's last lines when it fails; the service is not touched.
    """
    mark = hashlib.sha256(f"{digest} {database}".encode()).hexdigest()
    name = f"/duet/{environment}/migrated"
    if _marked(aws, name) == mark:
        return "unchanged"
    cluster = release["ClusterName"]
    _await_others(aws, cluster)
    task = _await_end(aws, cluster, _start(aws, cluster, release))
    codes = [container.get("exitCode") for container in task.get("containers", [])]
    if not codes or any(code != 0 for code in codes):
        words = " | ".join([why_stopped(task), *last_lines(aws, task)])
        raise DeployError(f"the migration failed, the release in service is untouched: {words}")
    aws.ssm.put_parameter(Name=name, Value=mark, Type="String", Overwrite=True)
    return "migrated"


def _marked(aws: Aws, name: str) -> str:
    try:
        return aws.ssm.get_parameter(Name=name)["Parameter"].get("Value", "")
    except aws.ssm.exceptions.ParameterNotFound:
        return ""


def _start(aws: Aws, cluster: str, release: Mapping[str, str]) -> str:
    try:
        answer = aws.ecs.run_task(
            cluster=cluster,
            taskDefinition=release["MigrationTaskDefinitionArn"],
            launchType="FARGATE",
            startedBy=_STARTED_BY,
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": release["MigrationSubnets"].split(","),
                    "securityGroups": [release["MigrationSecurityGroup"]],
                    "assignPublicIp": "DISABLED",
                }
            },
        )
    except ClientError as error:
        raise DeployError(f"the migration could not be started: {error}") from error
    if not answer["tasks"]:
        reasons = "; ".join(each.get("reason", "") for each in answer.get("failures", []))
        raise DeployError(f"the migration could not be started: {reasons or 'ECS gave no reason'}")
    return answer["tasks"][0].get("taskArn", "")


def _await_others(aws: Aws, cluster: str) -> None:
    """Let the migration of an interrupted run end: two at once would meet in the schema."""
    arns = aws.ecs.list_tasks(cluster=cluster, startedBy=_STARTED_BY, desiredStatus="RUNNING")["taskArns"]
    for arn in arns:
        _await_end(aws, cluster, arn)


def _await_end(aws: Aws, cluster: str, arn: str) -> "TaskTypeDef":
    deadline = time.monotonic() + _MOST_SECONDS
    status = "unknown"
    while time.monotonic() < deadline:
        tasks = aws.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        if tasks:
            status = tasks[0].get("lastStatus", "")
            if status == "STOPPED":
                return tasks[0]
        aws.pause()
    raise DeployError(f"the migration is still {status} after {_MOST_SECONDS // 60} min: {arn}")
