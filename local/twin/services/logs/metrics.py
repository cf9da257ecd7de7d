"""What metric filters make of log events. Core asks the filters of all groups about the events of each."""

from collections.abc import Iterable
from typing import Any

from localstack.services.logs.provider import LogsProvider, get_moto_logs_backend
from localstack.services.moto import call_moto

from twin.services.common.api import client
from twin.services.logs.patterns import PatternError, parse, value_of

type Json = dict[str, Any]

MOST = 1000


def install() -> None:
    """Let PutLogEvents publish what the group's own filters say."""
    LogsProvider.put_log_events = _put_log_events


def datapoints(transformation: Json, messages: Iterable[str]) -> list[Json]:
    """The datapoints that matching messages make: the value itself, a field of the message, or nothing."""
    made = []
    for message in messages:
        value = _value(str(transformation["metricValue"]), message)
        dimensions = {
            name: value_of(message, selector) for name, selector in (transformation.get("dimensions") or {}).items()
        }
        if value is None or any(one is None for one in dimensions.values()):
            continue
        datum: Json = {"MetricName": transformation["metricName"], "Value": value}
        if transformation.get("unit"):
            datum["Unit"] = transformation["unit"]
        if dimensions:
            datum["Dimensions"] = [{"Name": name, "Value": str(one)} for name, one in dimensions.items()]
        made.append(datum)
    return made


def _value(text: str, message: str) -> float | None:
    found = value_of(message, text) if text.startswith("$") else text
    try:
        return float(found)
    except (TypeError, ValueError):
        return None


def _put_log_events(
    _provider: Any,
    context: Any,
    log_group_name: str,
    log_stream_name: str,  # noqa: ARG001 - LocalStack's signature
    log_events: list[Json],
    **_more: Any,
) -> Any:
    answer = call_moto(context)
    backend = get_moto_logs_backend(context.account_id, context.region)
    messages = [str(event["message"]) for event in log_events]
    for one in backend.filters.metric_filters:
        if one.get("logGroupName") == log_group_name:
            _publish(one, messages, context.region)
    return answer


def _publish(one: Json, messages: list[str], region: str) -> None:
    try:
        matches = parse(one.get("filterPattern") or "")
    except PatternError:
        return  # put past CloudFormation, which refuses it
    matching = [message for message in messages if matches(message)]
    for transformation in one.get("metricTransformations") or []:
        found = datapoints(transformation, matching)
        if not found and messages and transformation.get("defaultValue") is not None:
            value = float(transformation["defaultValue"])
            found = [{"MetricName": transformation["metricName"], "Value": value}]
        for start in range(0, len(found), MOST):
            part = found[start : start + MOST]
            client("cloudwatch", region).put_metric_data(Namespace=transformation["metricNamespace"], MetricData=part)
