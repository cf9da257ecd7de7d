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


@pytest.mark.parametrize(("name", "provider"), [("prod", "FARGATE"), ("twin", "FARGATE"), ("dev", "FARGATE_SPOT")])
def test_spot_is_for_dev(environments: dict[str, Environment], name: str, provider: str) -> None:
    strategy = environments[name].only("AWS::ECS::Service").properties["CapacityProviderStrategy"]
    assert [each["CapacityProvider"] for each in strategy] == [provider]


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
    assert redirect["RedirectConfig"] == {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"}


def test_the_balancer_drops_bad_headers_and_logs(environment: Environment) -> None:
    balancer = environment.only("AWS::ElasticLoadBalancingV2::LoadBalancer").properties
    attributes = {each["Key"]: each["Value"] for each in balancer["LoadBalancerAttributes"]}
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["deletion_protection.enabled"] == str(environment.settings.keep_data).lower()
    assert len(balancer["Subnets"]) == len(ZONES)


def test_targets_are_asked_and_leave_in_peace(environment: Environment) -> None:
    group = environment.only("AWS::ElasticLoadBalancingV2::TargetGroup").properties
    assert group["HealthCheckPath"] == "/healthz"
    assert group["HealthCheckTimeoutSeconds"] < group["HealthCheckIntervalSeconds"]
    attributes = {each["Key"]: each["Value"] for each in group["TargetGroupAttributes"]}
    assert int(attributes["deregistration_delay.timeout_seconds"]) < min(
        container["StopTimeout"] for container in _containers(environment)
    )


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
