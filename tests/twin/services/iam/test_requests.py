"""Which actions and ARNs a call is decided on."""

from typing import Any

import pytest
from localstack.aws.spec import load_service
from twin.services.iam.actions import needed, prefix
from twin.services.iam.arns import about, is_action
from twin.services.iam.callers import root
from twin.services.iam.requests import Call, decisions

SERVICES = (
    "acm", "application-autoscaling", "cloudformation", "cloudwatch", "ec2", "ecr", "ecs", "elasticache", "elbv2",
    "events", "iam", "kms", "lambda", "logs", "rds", "s3", "secretsmanager", "ses", "sesv2", "sns", "sqs", "ssm", "sts",
)  # fmt: skip
REGION = "ap-northeast-2"
HERE = f"{REGION}:000000000000"
ROLE = "arn:aws:iam::000000000000:role/task"


@pytest.mark.parametrize(
    ("name", "operation", "asked", "wanted"),
    [
        ("s3", "GetObject", {"Bucket": "b", "Key": "photos/1"}, [("s3:GetObject", "arn:aws:s3:::b/photos/1")]),
        ("s3", "HeadObject", {"Bucket": "b", "Key": "1"}, [("s3:GetObject", "arn:aws:s3:::b/1")]),
        (
            "s3",
            "GetObject",
            {"Bucket": "b", "Key": "1", "VersionId": "v"},
            [("s3:GetObjectVersion", "arn:aws:s3:::b/1")],
        ),
        ("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "p"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("s3", "ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
        ("s3", "UploadPart", {"Bucket": "b", "Key": "1"}, [("s3:PutObject", "arn:aws:s3:::b/1")]),
        (
            "s3",
            "CopyObject",
            {"Bucket": "b", "Key": "1", "CopySource": "a/x%20y"},
            [("s3:PutObject", "arn:aws:s3:::b/1"), ("s3:GetObject", "arn:aws:s3:::a/x y")],
        ),
        (
            "s3",
            "DeleteObjects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "1"}, {"Key": "2", "VersionId": "v"}]}},
            [("s3:DeleteObject", "arn:aws:s3:::b/1"), ("s3:DeleteObjectVersion", "arn:aws:s3:::b/2")],
        ),
        (
            "s3",
            "PutObject",
            {"Bucket": "b", "Key": "1", "Tagging": "a=b"},
            [("s3:PutObject", "arn:aws:s3:::b/1"), ("s3:PutObjectTagging", "arn:aws:s3:::b/1")],
        ),
        (
            "logs",
            "CreateLogStream",
            {"logGroupName": "/g", "logStreamName": "s"},
            [("logs:CreateLogStream", f"arn:aws:logs:{HERE}:log-group:/g:log-stream:s")],
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "/g"},
            [("logs:CreateLogGroup", f"arn:aws:logs:{HERE}:log-group:/g:log-stream:")],
        ),
        (
            "sqs",
            "SendMessageBatch",
            {"QueueUrl": "http://127.0.0.1:4566/000000000000/jobs"},
            [("sqs:SendMessage", f"arn:aws:sqs:{HERE}:jobs")],
        ),
        ("ssm", "GetParameter", {"Name": "/a/b"}, [("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/a/b")]),
        (
            "ses",
            "SendEmail",
            {"Source": "Duet <hello@duet.example>"},
            [("ses:SendEmail", f"arn:aws:ses:{HERE}:identity/duet.example")],
        ),
        ("ecr", "GetAuthorizationToken", {}, [("ecr:GetAuthorizationToken", "*")]),
        ("sts", "GetCallerIdentity", {}, []),
        (
            "ecs",
            "RunTask",
            {"cluster": "c", "taskDefinition": "f:3", "overrides": {"taskRoleArn": ROLE}},
            [("ecs:RunTask", f"arn:aws:ecs:{HERE}:task-definition/f:3"), ("iam:PassRole", ROLE)],
        ),
        (
            "ecs",
            "DescribeTasks",
            {"cluster": "c", "tasks": ["1", f"arn:aws:ecs:{HERE}:task/c/2"]},
            [
                ("ecs:DescribeTasks", f"arn:aws:ecs:{HERE}:task/c/1"),
                ("ecs:DescribeTasks", f"arn:aws:ecs:{HERE}:task/c/2"),
            ],
        ),
        (
            "elasticloadbalancing",
            "CreateListener",
            {"LoadBalancerArn": f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/app/a/1"},
            [("elasticloadbalancing:CreateListener", f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/app/a/1")],
        ),
        (
            "cloudformation",
            "CreateChangeSet",
            {"StackName": "none", "RoleARN": ROLE},
            [
                ("cloudformation:CreateChangeSet", f"arn:aws:cloudformation:{HERE}:stack/none/*"),
                ("iam:PassRole", ROLE),
            ],
        ),
        (
            "sts",
            "AssumeRole",
            {"RoleArn": ROLE, "Tags": [{"Key": "a", "Value": "b"}]},
            [("sts:AssumeRole", ROLE), ("sts:TagSession", ROLE)],
        ),
    ],
)
def test_a_call_is_decided_on_what_it_is_about(
    name: str, operation: str, asked: dict[str, Any], wanted: list[tuple[str, str]]
) -> None:
    found = [(one.action, one.resource) for one in decisions(Call(root(), name, operation, asked, REGION))]
    assert sorted(found) == sorted(wanted)


def test_what_a_request_does_not_name_is_a_star_where_it_must_be_named() -> None:
    assert about("ec2:CreateSecurityGroup", {"GroupName": "g", "VpcId": "vpc-1"}, REGION) == [
        f"arn:aws:ec2:{HERE}:security-group/*",
        f"arn:aws:ec2:{HERE}:vpc/vpc-1",
    ]
    assert about("ecs:ListClusters", {}, REGION) == ["*"]
    assert about("nothing:Known", {"Name": "x"}, REGION) == ["*"]


def test_who_takes_a_passed_role_is_known_to_conditions() -> None:
    call = Call(root(), "ecs", "RegisterTaskDefinition", {"family": "f", "executionRoleArn": ROLE}, REGION)
    passed = next(one for one in decisions(call) if one.action == "iam:PassRole")
    assert passed.context["iam:passedtoservice"] == ("ecs-tasks.amazonaws.com",)


def test_actions_have_the_names_of_aws_list() -> None:
    """Whatever a call is mapped to is a permission that AWS has; what is left over the twin does not do."""
    unknown = set()
    for service in SERVICES:
        model = load_service(service)
        name = prefix(service, model.metadata)
        for operation in model.operation_names:
            unknown |= {action for action in needed(name, operation, {}) if not is_action(action)}
    assert {one for one in unknown if not one.endswith("MetadataConfiguration")} == {
        "s3:CreateSession", "s3:ListDirectoryBuckets", "s3:RenameObject", "s3:WriteGetObjectResponse",
        "logs:GetLogObject", "ecr:ListImageReferrers", "iam:UpdateDelegationRequest",
        "cloudwatch:DescribeAlarmContributors",
    }  # fmt: skip
