"""Access logs: a node that was killed in the middle of a line must not keep the others' requests from the bucket."""

import re
from typing import Any

import pytest
from twin.services.elbv2.access_log_lines import FIELDS, Known, line, noted


def test_a_line_that_was_cut_short_is_passed_over() -> None:
    whole = "\x1f".join([*("1" for _ in list(FIELDS)[:-1]), "end"])
    assert noted(whole) == {**dict.fromkeys(FIELDS, "1"), "end": "end"}
    assert noted(whole[:-1]) is None
    assert noted(whole[:9] + whole) is None
    assert noted("") is None


SEEN = {
    "start": "1795625718.532410", "client": "10.0.0.9:43424", "target": "10.0.1.5:8080", "cluster": "targetgroup.web.1",
    "to_target": 1, "first_byte": 21, "whole": 24, "status": 200, "details": "via_upstream", "flags": "-",
    "received": 120, "sent": 300, "method": "GET", "scheme": "https", "host": "shop.example", "path": "/a?b=c",
    "protocol": "HTTP/1.1", "agent": "curl/8", "cipher": "TLS_AES_128_GCM_SHA256", "tls": "TLSv1.3",
    "server_name": "shop.example", "trace": "Root=1-6b0712f6-e7a7488fffcba646dafc3e57", "priority": 5,
    "action": "forward", "certificate": "arn:default", "certified": "shop.example,www.shop.example", "connection": 42,
}  # fmt: skip
KNOWN = Known({"targetgroup.web.1": "arn:web"}, {"shop.example,www.shop.example": "arn:shop"})
NAMES = (
    "type", "time", "elb", "client", "target", "request_time", "target_time", "response_time", "elb_status",
    "target_status", "received", "sent", "request", "agent", "cipher", "protocol", "group", "trace", "domain",
    "certificate", "priority", "created", "actions", "redirect", "error", "targets", "target_statuses",
    "classification", "classification_reason", "conn_trace", "transformed_host", "transformed_uri", "transform",
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {},
            {
                "type": "https", "time": "2026-11-25T16:55:18.556410Z", "created": "2026-11-25T16:55:18.532410Z",
                "elb": "app/web/1", "target": "10.0.1.5:8080", "request_time": "0.001", "target_time": "0.020",
                "response_time": "0.003", "elb_status": "200", "target_status": "200", "group": "arn:web",
                "request": "GET https://shop.example:443/a?b=c HTTP/1.1", "domain": "shop.example",
                "certificate": "arn:shop", "priority": "5", "actions": "forward", "redirect": "-",
                "targets": "10.0.1.5:8080", "target_statuses": "200", "transform": "-",
            },
        ),
        ({"certified": None}, {"certificate": "arn:default"}),
        ({"protocol": "HTTP/2"}, {"type": "h2"}),
        ({"upgrade": "websocket", "status": 101}, {"type": "wss", "elb_status": "101"}),
        ({"tls": None, "scheme": "http"}, {"type": "http", "request": "GET http://shop.example:80/a?b=c HTTP/1.1"}),
        (
            {"status": 0, "flags": "DC", "details": "downstream_remote_disconnect"},
            {"elb_status": "460", "target_status": "-", "request_time": "-1", "target_time": "-1"},
        ),
        (
            {"status": 504, "flags": "SI", "details": "stream_idle_timeout"},
            {"elb_status": "504", "target_status": "-", "response_time": "-1", "target": "10.0.1.5:8080"},
        ),
        (
            {"status": 463, "details": "lua_response", "target": None},
            {"elb_status": "463", "target": "-", "actions": "-"},
        ),
        (
            {"status": 301, "details": "lua_response", "action": "redirect", "location": "https://b/", "target": None},
            {"elb_status": "301", "actions": "redirect", "redirect": "https://b/", "target_status": "-"},
        ),
        ({"agent": 'a "b" \\'}, {"agent": r"a \x22b\x22 \x5c"}),
        (
            {"action": None, "host": None, "priority": None, "status": 400, "target": None},
            {"elb_status": "400", "actions": "-", "priority": "-", "request": "GET https://-:443/a?b=c HTTP/1.1"},
        ),
    ],
)  # fmt: skip
def test_a_line_is_that_of_aws(change: dict[str, Any], expected: dict[str, str]) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html"""
    made = line({**SEEN, **change}, "app/web/1", KNOWN)
    fields = re.findall(r'"([^"]*)"|(\S+)', made)
    found = dict(zip(NAMES, (quoted or bare for quoted, bare in fields), strict=True))
    assert {name: found[name] for name in expected} == expected
