"""What the AWS API says of the deployed stage is what runs there."""

import json
import re
import subprocess
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import jmespath
import pytest

from tests.stage import REPOSITORY, Stage

ZONES = {"ap-northeast-2a", "ap-northeast-2c"}


def test_plain_http_is_sent_to_https(stage: Stage) -> None:
    host = urlsplit(stage.url).hostname
    ports = (80, 8080) if stage.authority else (80,)
    for port in ports:
        try:
            answer = httpx.get(f"http://{host}:{port}/log-in?a=1", timeout=5)
        except httpx.ConnectError:
            continue
        assert answer.status_code == 301
        assert answer.headers["location"].startswith("https://")
        assert answer.headers["location"].endswith("/log-in?a=1")
        return
    pytest.fail(f"nothing answers plain HTTP at {host}, ports {ports}")


def test_the_service_runs_its_tasks_in_both_zones_by_digest(stage: Stage) -> None:
    ecs, cluster = stage.client("ecs"), stage.outputs("release")["ClusterName"]
    service = ecs.describe_services(cluster=cluster, services=[stage.outputs("service")["ServiceName"]])["services"][0]
    assert service["runningCount"] == service["desiredCount"] >= 2
    arns = ecs.list_tasks(cluster=cluster, serviceName=service["serviceName"])["taskArns"]
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    assert {task["availabilityZone"] for task in tasks} == ZONES
    images = {container["image"] for task in tasks for container in task["containers"]}
    assert len(images) == 1
    assert re.search(r"@sha256:[0-9a-f]{64}$", images.pop())


def test_every_target_is_healthy(stage: Stage) -> None:
    elb = stage.client("elbv2")
    groups = elb.describe_target_groups(LoadBalancerArn=stage.outputs("service")["LoadBalancerArn"])["TargetGroups"]
    health = elb.describe_target_health(TargetGroupArn=groups[0]["TargetGroupArn"])["TargetHealthDescriptions"]
    assert [one["TargetHealth"]["State"] for one in health if one["TargetHealth"]["State"] != "draining"] == [
        "healthy",
        "healthy",
    ]


def test_the_database_has_a_standby_in_the_other_zone(stage: Stage) -> None:
    endpoint = stage.outputs("data")["DatabaseEndpoint"]
    instances = stage.client("rds").describe_db_instances()["DBInstances"]
    mine = next(one for one in instances if one["Endpoint"]["Address"] == endpoint)
    assert (mine["DBInstanceStatus"], mine["MultiAZ"], mine["StorageEncrypted"]) == ("available", True, True)
    assert {mine["AvailabilityZone"], mine["SecondaryAvailabilityZone"]} == ZONES
    assert mine["EngineVersion"].startswith("17.")


def test_the_cache_has_a_replica_in_the_other_zone(stage: Stage) -> None:
    endpoint = stage.outputs("data")["CacheEndpoint"]
    groups = stage.client("elasticache").describe_replication_groups()["ReplicationGroups"]
    mine = next(one for one in groups if one["NodeGroups"][0]["PrimaryEndpoint"]["Address"] == endpoint)
    assert (mine["Status"], mine["TransitEncryptionEnabled"], mine["AuthTokenEnabled"]) == ("available", True, True)
    members = mine["NodeGroups"][0]["NodeGroupMembers"]
    assert {one["PreferredAvailabilityZone"] for one in members} == ZONES
    assert mine["AutomaticFailover"] == "enabled"


def test_a_request_can_be_found_in_the_logs_by_its_trace(stage: Stage) -> None:
    root = f"Root=1-{int(time.time()):08x}-{'abcdef012345' * 2}"
    with stage.visitor() as anybody:
        assert anybody.get("/log-in", headers={"X-Amzn-Trace-Id": root}).status_code == 200
    logs = stage.client("logs")
    group = next(
        one["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for one in page["logGroups"]
        if f"duet-{stage.name}-release" in one["logGroupName"]
    )
    deadline = time.monotonic() + 30
    while not (found := _lines(logs, group, root)):
        assert time.monotonic() < deadline, f"no line of {group} names {root}"
        time.sleep(0.5)
    assert json.loads(found[0])["request_id"].endswith(root)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("rds describe-db-instances", "DBInstances[].DBInstanceIdentifier"),
        ("elasticache describe-replication-groups", "ReplicationGroups[].ReplicationGroupId"),
        ("elbv2 describe-load-balancers", "LoadBalancers[].LoadBalancerArn"),
        ("ecr describe-repositories", "repositories[].repositoryUri"),
        ("ecs list-clusters", "clusterArns[]"),
    ],
)
def test_the_command_lines_of_aws_see_what_boto3_sees(stage: Stage, words: str, names: str) -> None:
    service, operation = words.split()
    client = stage.client(service)
    seen = jmespath.search(names, getattr(client, operation.replace("-", "_"))())
    assert seen
    programs = ("aws", "awslocal") if "endpoint_url" in stage.settings else ("aws",)
    for program in programs:
        said = subprocess.run(
            [REPOSITORY / ".venv" / "bin" / program, *words.split(), "--query", names, "--output", "json"],
            env=stage.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout) == seen


def test_the_cdks_own_diff_finds_nothing_to_change(stage: Stage) -> None:
    cdk = REPOSITORY / "infra" / "node_modules" / ".bin" / "cdk"
    said = subprocess.run(
        [cdk, "diff", "--app", str(REPOSITORY / "cdk.out" / stage.name), "--all", "--fail"],
        cwd=REPOSITORY / "infra",
        env=stage.environment(DUET_ENVIRONMENT=stage.name),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Number of stacks with differences: 0" in said.stdout + said.stderr


def _lines(logs: Any, group: str, wanted: str) -> list[str]:
    events = logs.filter_log_events(logGroupName=group, filterPattern=f'"{wanted}"')["events"]
    return [event["message"] for event in events if wanted in event["message"]]
