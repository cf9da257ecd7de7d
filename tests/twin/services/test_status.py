"""What LocalStack's own services hold is part of the twin's status."""

from tests.twin.support import Twin


def test_an_alarm_is_shown_with_the_state_it_has(twin: Twin) -> None:
    cloudwatch = twin.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="shown",
        Namespace="Test",
        MetricName="Heat",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        ActionsEnabled=False,
    )
    try:
        cloudwatch.set_alarm_state(AlarmName="shown", StateValue="ALARM", StateReason="a test")
        assert {"name": "shown", "state": "ALARM"} in twin.status()["alarms"]
    finally:
        cloudwatch.delete_alarms(AlarmNames=["shown"])
    assert "shown" not in [alarm["name"] for alarm in twin.status()["alarms"]]
