"""Tasks, roles, service and load balancer."""

import json
from typing import Any

import pytest

from infra.settings import ZONES
from tests.production.conftest import Environment

_SECRETS = {
    "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD", "REDIS_AUTH_TOKEN",
    "SECRET_KEY",
}  # fmt: skip
_PLAIN = {
    "RELEASE", "APP_ORIGIN", "REDIS_HOST", "REDIS_PORT", "REDIS_TLS", "MEDIA_BUCKET", "STATIC_BUCKET", "MAIL_SENDER",
    "DATABASE_SECRET_ARN", "AWS_REGION", "AWS_DEFAULT_REGION", "WEB_CONCURRENCY",
}  # fmt: skip


def _containers(environment: Environment) -> list[dict[str, Any]]:
    definitions = environment.of_type("AWS::ECS::TaskDefinition")
    assert len(definitions) == 2
    return [container for each in definitions for container in each.properties["ContainerDefinitions"]]


def _statements(environment: Environment, role: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in environment.of_type("AWS::IAM::Policy")
        if any(role in each["Ref"] for each in policy.properties["Roles"])
        for statement in policy.properties["PolicyDocument"]["Statement"]
    ]


def test_a_task_gets_its_configuration_plainly_and_its_secrets_injected(environment: Environment) -> None:
    for container in _containers(environment):
        assert {each["Name"] for each in container["Environment"]} == _PLAIN
        assert {each["Name"] for each in container["Secrets"]} == _SECRETS
        assert container["ReadonlyRootFilesystem"] is True
        assert container["LogConfiguration"]["LogDriver"] == "awslogs"
        assert 2 <= container["StopTimeout"] <= 120


def test_secrets_of_the_database_are_named_by_their_keys(environment: Environment) -> None:
    container = _containers(environment)[0]
    keys = {
        each["Name"]: each["ValueFrom"]["Fn::Join"][1][-1]
        for each in container["Secrets"]
        if each["Name"].startswith("DATABASE_")
    }
    assert keys == {
        "DATABASE_HOST": ":host::",
        "DATABASE_PORT": ":port::",
        "DATABASE_NAME": ":dbname::",
        "DATABASE_USER": ":username::",
        "DATABASE_PASSWORD": ":password::",
    }


def test_images_are_named_by_digest(environment: Environment) -> None:
    for container in _containers(environment):
        parts = container["Image"]["Fn::Join"][1]
        assert parts[-2:] == ["@", {"Ref": "ImageDigest"}]
    for part in ("release", "service"):
        assert environment.templates[part]["Parameters"]["ImageDigest"]["AllowedPattern"] == "^sha256:[0-9a-f]{64}$"


def test_the_migration_is_the_same_image_with_another_command(environment: Environment) -> None:
    migration = [each for each in environment.resources("release") if each.type == "AWS::ECS::TaskDefinition"]
    (container,) = migration[0].properties["ContainerDefinitions"]
    assert container["Command"] == ["alembic", "upgrade", "head"]


def test_the_task_role_may_do_what_the_app_does_and_no_more(environment: Environment) -> None:
    statements = {each["Sid"]: each for each in _statements(environment, "TaskRole")}
    assert {sid: each["Action"] for sid, each in statements.items()} == {
        "Photos": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        "StaticFiles": "s3:GetObject",
        "Mail": "ses:SendEmail",
        "DatabaseSecret": "secretsmanager:GetSecretValue",
    }
    assert json.dumps(statements["Photos"]["Resource"]).endswith('/photos/*"]]}')
    assert statements["Mail"]["Condition"] == {"StringEquals": {"ses:FromAddress": environment.settings.mail_sender}}


def test_the_task_role_reaches_its_own_bucket_prefixes_its_sender_and_the_databases_secret(
    environment: Environment,
) -> None:
    resources = {each["Sid"]: _flat(each["Resource"]) for each in _statements(environment, "TaskRole")}
    name = environment.settings.name
    place = "<AWS::AccountId>-ap-northeast-2"
    assert resources["Photos"] == f"arn:<AWS::Partition>:s3:::duet-{name}-media-{place}/photos/*"
    assert resources["StaticFiles"] == f"arn:<AWS::Partition>:s3:::duet-{name}-static-{place}/static/*"
    assert resources["Mail"].endswith(f":<AWS::AccountId>:identity/{environment.settings.domain}")
    assert "DatabaseInstanceSecretAttachment" in resources["DatabaseSecret"]


@pytest.mark.parametrize("part", ["release", "service"])
def test_an_execution_role_pulls_the_image_reads_the_injected_secrets_writes_the_log_and_no_more(
    environment: Environment, part: str
) -> None:
    (policy,) = (
        each
        for each in environment.resources(part)
        if each.type == "AWS::IAM::Policy" and "ExecutionRole" in each.properties["Roles"][0]["Ref"]
    )
    allowed = {
        tuple(_listed(each["Action"])): [_flat(resource) for resource in _listed(each["Resource"])]
        for each in policy.properties["PolicyDocument"]["Statement"]
    }
    log = allowed.pop(("logs:CreateLogStream", "logs:PutLogEvents"))
    secrets = allowed.pop(("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"))
    image = allowed.pop(("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"))
    assert allowed == {("ecr:GetAuthorizationToken",): ["*"]}
    assert len(log) == len(image) == 1
    assert "Logs" in log[0]
    assert "Images" in image[0]
    assert len(secrets) == 3
    for secret, name in zip(sorted(secrets), ("CacheAuthToken", "DatabaseInstanceSecret", "SecretKey"), strict=True):
        assert name in secret


def test_each_task_has_two_roles_that_only_tasks_may_take_and_the_migration_may_call_nothing(
    environment: Environment,
) -> None:
    definitions = environment.of_type("AWS::ECS::TaskDefinition")
    used = [
        each.properties[name]["Fn::GetAtt"][0] for each in definitions for name in ("TaskRoleArn", "ExecutionRoleArn")
    ]
    roles = {each.logical_id: each for each in environment.of_type("AWS::IAM::Role") if each.logical_id in used}
    assert len(set(used)) == len(roles) == 4
    for role in roles.values():
        (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert not role.properties.keys() & {"ManagedPolicyArns", "Policies"}
    with_policy = {
        each["Ref"] for policy in environment.of_type("AWS::IAM::Policy") for each in policy.properties["Roles"]
    }
    assert [name for name in roles if name not in with_policy and "MigrationDefinitionTaskRole" not in name] == []
    assert not [name for name in with_policy if "MigrationDefinitionTaskRole" in name]


def test_no_role_may_do_everything_anywhere(environment: Environment) -> None:
    for policy in environment.of_type("AWS::IAM::Policy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            assert "*" not in str(statement["Action"])
            if statement["Resource"] == "*":
                assert statement["Action"] == "ecr:GetAuthorizationToken"


def test_a_bad_release_is_rolled_back_and_a_good_one_never_leaves_a_gap(environment: Environment) -> None:
    service = environment.only("AWS::ECS::Service").properties
    assert service["DeploymentConfiguration"] == {
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "MaximumPercent": 200,
        "MinimumHealthyPercent": 100,
    }
    assert service["AvailabilityZoneRebalancing"] == "ENABLED"
    assert service["HealthCheckGracePeriodSeconds"] > 0
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert len(network["Subnets"]) == len(ZONES)
    assert all("private" in json.dumps(subnet) for subnet in network["Subnets"])


def test_the_service_waits_for_the_policies_of_both_roles(environment: Environment) -> None:
    waits_for = environment.only("AWS::ECS::Service").body["DependsOn"]
    assert [name for name in waits_for if "TaskRoleDefaultPolicy" in name]
    assert [name for name in waits_for if "ExecutionRoleDefaultPolicy" in name]


def test_the_image_comes_from_the_apps_own_repository(environment: Environment) -> None:
    exported = environment.templates["storage"]["Outputs"].values()
    repository = environment.only("AWS::ECR::Repository").logical_id
    uris = {
        each["Export"]["Name"]
        for each in exported
        if "Export" in each and each["Value"] == {"Fn::GetAtt": [repository, "RepositoryUri"]}
    }
    for container in _containers(environment):
        assert container["Image"]["Fn::Join"][1][0]["Fn::ImportValue"] in uris


@pytest.mark.parametrize(
    ("name", "size", "tasks", "log_days"),
    [
        ("prod", ("1024", "2048"), 2, 90),
        ("small", ("256", "512"), 2, 30),
        ("dev", ("256", "512"), 1, 7),
        ("twin", ("256", "512"), 2, 7),
    ],
)
def test_sizes(
    environments: dict[str, Environment], name: str, size: tuple[str, str], tasks: int, log_days: int
) -> None:
    environment = environments[name]
    for definition in environment.of_type("AWS::ECS::TaskDefinition"):
        assert (definition.properties["Cpu"], definition.properties["Memory"]) == size
        assert definition.properties["NetworkMode"] == "awsvpc"
        assert definition.properties["RequiresCompatibilities"] == ["FARGATE"]
    assert environment.only("AWS::ECS::Service").properties["DesiredCount"] == tasks
    retention = {each.properties["RetentionInDays"] for each in environment.of_type("AWS::Logs::LogGroup")}
    assert retention == {log_days}


@pytest.mark.parametrize(
    ("name", "provider"), [("prod", "FARGATE"), ("small", "FARGATE"), ("twin", "FARGATE"), ("dev", "FARGATE_SPOT")]
)
def test_spot_is_for_dev(environments: dict[str, Environment], name: str, provider: str) -> None:
    strategy = environments[name].only("AWS::ECS::Service").properties["CapacityProviderStrategy"]
    assert [each["CapacityProvider"] for each in strategy] == [provider]
    offered = environments[name].only("AWS::ECS::ClusterCapacityProviderAssociations").properties
    assert provider in offered["CapacityProviders"]
    assert "LaunchType" not in environments[name].only("AWS::ECS::Service").properties


def test_the_balancer_speaks_https_and_redirects_http(environment: Environment) -> None:
    listeners = {
        each.properties["Port"]: each.properties
        for each in environment.of_type("AWS::ElasticLoadBalancingV2::Listener")
    }
    assert listeners.keys() == {80, 443}
    assert listeners[443]["Protocol"] == "HTTPS"
    assert listeners[443]["Certificates"] == [{"CertificateArn": {"Ref": "CertificateArn"}}]
    assert listeners[443]["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-")
    (redirect,) = listeners[80]["DefaultActions"]
    (forward,) = listeners[443]["DefaultActions"]
    assert forward["Type"] == "forward"
    assert forward["TargetGroupArn"]["Ref"] == environment.only("AWS::ElasticLoadBalancingV2::TargetGroup").logical_id
    assert redirect["Type"] == "redirect"
    assert redirect["RedirectConfig"] == {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"}


def test_the_balancer_drops_bad_headers_and_logs(environment: Environment) -> None:
    balancer = environment.only("AWS::ElasticLoadBalancingV2::LoadBalancer").properties
    attributes = {each["Key"]: each["Value"] for each in balancer["LoadBalancerAttributes"]}
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["deletion_protection.enabled"] == str(environment.settings.keep_data).lower()
    assert attributes["access_logs.s3.prefix"] == "balancer"
    assert balancer["Scheme"] == "internet-facing"
    assert balancer["Type"] == "application"
    assert len(balancer["Subnets"]) == len(ZONES)
    assert all("public" in json.dumps(subnet) for subnet in balancer["Subnets"])


def test_targets_are_asked_and_leave_in_peace(environment: Environment) -> None:
    group = environment.only("AWS::ElasticLoadBalancingV2::TargetGroup").properties
    assert (group["TargetType"], group["Protocol"], group["Port"]) == ("ip", "HTTP", 8080)
    assert group["HealthCheckPath"] == "/healthz"
    assert group["Matcher"] == {"HttpCode": "200"}
    assert group["HealthCheckTimeoutSeconds"] < group["HealthCheckIntervalSeconds"]
    attributes = {each["Key"]: each["Value"] for each in group["TargetGroupAttributes"]}
    assert int(attributes["deregistration_delay.timeout_seconds"]) < min(
        container["StopTimeout"] for container in _containers(environment)
    )


def test_the_service_registers_its_container_behind_the_balancer(environment: Environment) -> None:
    (registered,) = environment.only("AWS::ECS::Service").properties["LoadBalancers"]
    assert (registered["ContainerName"], registered["ContainerPort"]) == ("app", 8080)
    (web,) = (
        container
        for each in environment.resources("service")
        if each.type == "AWS::ECS::TaskDefinition"
        for container in each.properties["ContainerDefinitions"]
    )
    assert web["Name"] == "app"
    assert web["PortMappings"] == [{"ContainerPort": 8080, "Protocol": "tcp"}]


def test_every_output_of_the_contract_is_there(environment: Environment) -> None:
    wanted = {
        "network": {"VpcId"},
        "data": {"DatabaseEndpoint", "DatabaseSecretArn", "CacheEndpoint"},
        "storage": {"StaticBucketName", "MediaBucketName", "RepositoryName", "RepositoryUri"},
        "release": {"ClusterName", "MigrationTaskDefinitionArn", "MigrationSubnets", "MigrationSecurityGroup"},
        "service": {"ServiceName", "LoadBalancerDnsName", "LoadBalancerArn"},
    }
    for part, names in wanted.items():
        assert names <= environment.templates[part]["Outputs"].keys()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _flat(value: Any) -> str:
    """A value of a template as one string: joined, references by their names."""
    if isinstance(value, str):
        return value
    (function, argument), *_ = value.items()
    if function == "Fn::Join":
        return "".join(map(_flat, argument[1]))
    return f"<{'.'.join(map(str, _listed(argument)))}>"
