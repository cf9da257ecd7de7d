"""Which log events a filter pattern matches, and which datapoints they make."""

import json
from typing import Any

import pytest
from twin.services.logs.metrics import datapoints
from twin.services.logs.patterns import PatternError, parse

EVENT = json.dumps({"level": "ERROR", "latency": 12.5, "http": {"status": 503, "path": "/api/mood"}, "tags": ["a"]})


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("", True),
        ("ERROR", True),
        ("error", False),
        ("ERROR latency", True),
        ("ERROR -latency", False),
        ("?FATAL ?ERROR", True),
        ("?FATAL ?WARN", False),
        ('"/api/mood"', True),
        ('{ $.level = "ERROR" }', True),
        ("{ $.level = ERROR }", True),
        ('{ $.level != "ERROR" }', False),
        ('{ $.level = "ERR*" }', True),
        ("{ $.http.status >= 500 }", True),
        ("{ $.http.status = 503 }", True),
        ("{ $.http.status < 500 }", False),
        ("{ $.missing = 1 }", False),
        ('{ $.tags[0] = "a" }', True),
        ('{ ($.level = "ERROR") && ($.http.status = 200) }', False),
        ('{ ($.level = "ERROR") || ($.http.status = 200) }', True),
    ],
)
def test_a_pattern_matches(pattern: str, matches: bool) -> None:
    assert parse(pattern)(EVENT) is matches


def test_a_message_that_is_no_json_matches_no_selector() -> None:
    assert not parse("{ $.level = ERROR }")("ERROR in plain text")


@pytest.mark.parametrize("pattern", ["[ip, user]", "%\\d+%", "{ $.a IS NULL }", "{ $.a = 1 && $.b = 2 || $.c = 3 }"])
def test_what_is_not_matched_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        parse(pattern)


@pytest.mark.parametrize(
    ("transformation", "expected"),
    [
        ({"metricValue": "1"}, [{"Value": 1.0}]),
        ({"metricValue": "$.latency", "unit": "Milliseconds"}, [{"Value": 12.5, "Unit": "Milliseconds"}]),
        ({"metricValue": "$.missing"}, []),
        (
            {"metricValue": "1", "dimensions": {"Path": "$.http.path"}},
            [{"Value": 1.0, "Dimensions": [{"Name": "Path", "Value": "/api/mood"}]}],
        ),
        ({"metricValue": "1", "dimensions": {"Path": "$.missing"}}, []),
    ],
)
def test_a_matching_event_makes_a_datapoint(transformation: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    made = datapoints({"metricName": "Errors", **transformation}, [EVENT])
    assert made == [{"MetricName": "Errors", **one} for one in expected]
