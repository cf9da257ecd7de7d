"""The types of Logs and CloudWatch on a running twin: what a template says is what the APIs tell."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.twin.support import Twin, delete, deploy, eventually

type Json = dict[str, Any]


@pytest.fixture
def stack(twin: Twin) -> Iterator[str]:
    name = f"logs-{time.time_ns():x}"
    yield name
    delete(twin, name)


def template(name: str, **more: Json) -> Json:
    group = {"LogGroupName": f"/{name}/app", "RetentionInDays": 7, "Tags": [{"Key": "a", "Value": "b"}]}
    metric = {"MetricName": "Errors", "MetricNamespace": name, "MetricValue": "1"}
    return {
        "Resources": {
            "Group": {"Type": "AWS::Logs::LogGroup", "Properties": group},
            "Other": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{name}/other"}},
            "Filter": {
                "Type": "AWS::Logs::MetricFilter",
                "Properties": {
                    "LogGroupName": {"Ref": "Group"},
                    "FilterPattern": '{ $.level = "ERROR" }',
                    "MetricTransformations": [metric],
                },
            },
            "Policy": {
                "Type": "AWS::Logs::ResourcePolicy",
                "Properties": {"PolicyName": name, "PolicyDocument": json.dumps({"Statement": []})},
            },
            "Board": {
                "Type": "AWS::CloudWatch::Dashboard",
                "Properties": {"DashboardName": name, "DashboardBody": json.dumps({"widgets": []})},
            },
            "Alarm": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "AlarmName": name,
                    "Namespace": name,
                    "MetricName": "Errors",
                    "Statistic": "Sum",
                    "Period": "60",
                    "EvaluationPeriods": "1",
                    "Threshold": "3",
                    "ComparisonOperator": "GreaterThanThreshold",
                    "TreatMissingData": "notBreaching",
                },
            },
            **more,
        }
    }


def errors(twin: Twin, namespace: str) -> float:
    now = datetime.now(UTC)
    found = twin.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName="Errors",
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def put(twin: Twin, group: str, *messages: str) -> None:
    logs = twin.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def test_what_the_template_says_is_there_and_changes_in_place(twin: Twin, stack: str) -> None:
    wanted = template(stack)
    deploy(twin, stack, wanted)
    logs, cloudwatch = twin.client("logs"), twin.client("cloudwatch")
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"/{stack}/app")["logGroups"]
    assert group["retentionInDays"] == 7
    assert logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"] == {"a": "b"}
    assert stack in {one["policyName"] for one in logs.describe_resource_policies()["resourcePolicies"]}
    assert json.loads(cloudwatch.get_dashboard(DashboardName=stack)["DashboardBody"]) == {"widgets": []}
    wanted["Resources"]["Group"]["Properties"] |= {"RetentionInDays": 30, "Tags": [{"Key": "c", "Value": "d"}]}
    wanted["Resources"]["Alarm"]["Properties"]["Threshold"] = "5"
    wanted["Resources"]["Board"]["Properties"]["DashboardBody"] = json.dumps({"widgets": [], "start": "-PT1H"})
    deploy(twin, stack, wanted)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"/{stack}/app")["logGroups"]
    assert group["retentionInDays"] == 30
    assert logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"] == {"c": "d"}
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[stack])["MetricAlarms"]
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (5.0, "notBreaching")
    assert "start" in json.loads(cloudwatch.get_dashboard(DashboardName=stack)["DashboardBody"])


def test_a_filter_counts_the_events_of_its_own_group_only(twin: Twin, stack: str) -> None:
    deploy(twin, stack, template(stack))
    failure, success = json.dumps({"level": "ERROR"}), json.dumps({"level": "INFO"})
    put(twin, f"/{stack}/other", failure, failure, failure)
    put(twin, f"/{stack}/app", failure, success, failure)
    assert eventually(lambda: errors(twin, stack), lambda count: count, 10) == 2.0


def test_a_pattern_that_is_not_matched_fails_the_stack_with_its_name(twin: Twin, stack: str) -> None:
    wanted = template(stack)
    wanted["Resources"]["Filter"]["Properties"]["FilterPattern"] = "[ip, user]"
    with pytest.raises(AssertionError, match="does not match the filter pattern"):
        deploy(twin, stack, wanted)
    assert twin.client("logs").describe_log_groups(logGroupNamePrefix=f"/{stack}")["logGroups"] == []
