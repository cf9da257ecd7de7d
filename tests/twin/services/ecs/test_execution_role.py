"""What is done at a task's start is done as its execution role: without a statement the task ends with AWS's reason."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.twin.services.ecs.conftest import GROUP, Ground
from tests.twin.support import eventually

type Json = dict[str, Any]
type Run = Callable[..., Json]

PROGRAM = "print('ran', flush=True)"
SERVICE = "ecs-tasks.amazonaws.com"


def trust(service: str) -> str:
    one = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [one]})


@pytest.fixture
def role(ground: Ground) -> Iterator[str]:
    iam, name = ground.twin.client("iam"), f"execution-{uuid.uuid4().hex[:8]}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(SERVICE))
    yield name
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


@pytest.fixture
def secret(ground: Ground) -> Iterator[str]:
    secrets = ground.twin.client("secretsmanager")
    arn = secrets.create_secret(Name=f"start-{uuid.uuid4().hex[:8]}", SecretString="hidden")["ARN"]
    yield arn
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def test_each_missing_statement_ends_the_task_with_its_reason(ground: Ground, role: str, secret: str) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html"""
    definition = ground.define(PROGRAM, secrets=[{"name": "WORD", "valueFrom": secret}])
    iam, here = ground.twin.client("iam"), f"{ground.twin.world.region}:000000000000"
    statements = {
        "ecr:GetAuthorizationToken": "*",
        "ecr:BatchGetImage": f"arn:aws:ecr:{here}:repository/test",
        "ecr:GetDownloadUrlForLayer": f"arn:aws:ecr:{here}:repository/test",
        "secretsmanager:GetSecretValue": secret,
        "logs:CreateLogStream": f"arn:aws:logs:{here}:log-group:{GROUP}:*",
        "logs:PutLogEvents": f"arn:aws:logs:{here}:log-group:{GROUP}:*",
    }
    before = {
        "ecr:GetAuthorizationToken": "ResourceInitializationError: unable to pull secrets or registry auth: execution "
        "resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): "
        "AccessDeniedException: ",
        "ecr:BatchGetImage": "CannotPullContainerError: ",
        "secretsmanager:GetSecretValue": "ResourceInitializationError: unable to pull secrets or registry auth: "
        "execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 "
        f"time(s): failed to fetch secret {secret} from secrets manager: AccessDeniedException: ",
        "logs:CreateLogStream": "ResourceInitializationError: failed to validate logger args: create stream has been "
        "retried 1 times: failed to create Cloudwatch log stream: AccessDeniedException: ",
    }

    def run(without: str) -> Json:
        kept = [{"Effect": "Allow", "Action": a, "Resource": r} for a, r in statements.items() if a != without]
        document = json.dumps({"Version": "2012-10-17", "Statement": kept})
        iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document)
        overrides = {"executionRoleArn": f"arn:aws:iam::000000000000:role/{role}"}
        return ground.run(definition, overrides=overrides)

    for action, reason in before.items():
        stopped = run(action)
        task = stopped["taskArn"].rsplit("/", 1)[1]
        denied = f"User: arn:aws:sts::000000000000:assumed-role/{role}/{task} is not authorized to perform: {action} on"
        assert stopped["stopCode"] == "TaskFailedToStart", stopped["stoppedReason"]
        assert stopped["stoppedReason"].startswith(reason), stopped["stoppedReason"]
        assert denied in stopped["stoppedReason"]
        assert stopped["stoppedReason"].endswith(f"because no identity-based policy allows the {action} action")
    whole = run("nothing")
    assert whole["stopCode"] == "EssentialContainerExited", whole["stoppedReason"]
    eventually(lambda: ground.log(whole["taskArn"]), lambda lines: lines == ["ran"], 10)
    silent = run("logs:PutLogEvents")
    assert silent["stopCode"] == "EssentialContainerExited", silent["stoppedReason"]
    assert ground.log(silent["taskArn"]) == []


def test_a_role_that_does_not_trust_tasks_starts_none(ground: Ground, role: str) -> None:
    ground.twin.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=trust("ec2.amazonaws.com"))
    arn = f"arn:aws:iam::000000000000:role/{role}"
    stopped = ground.run(ground.define(PROGRAM), overrides={"taskRoleArn": arn})
    assert stopped["stoppedReason"].startswith(f"ECS was unable to assume the role '{arn}' that was provided"), stopped
