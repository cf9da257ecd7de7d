"""The balancer of the stage, as its clients and its API show it: nothing here knows what runs behind."""

import socket
import ssl
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.stage import Stage


@pytest.fixture
def listener(stage: Stage) -> tuple[Any, str]:
    """The API and the balancer's HTTPS listener."""
    elb = stage.client("elbv2")
    found = elb.describe_listeners(LoadBalancerArn=stage.outputs("service")["LoadBalancerArn"])["Listeners"]
    return elb, next(one["ListenerArn"] for one in found if one["Protocol"] == "HTTPS")


def connect(stage: Stage, *protocols: str) -> ssl.SSLSocket:
    """A connection to the stage over TLS."""
    place, context = urlsplit(stage.url), stage.trust()
    context.set_alpn_protocols(list(protocols))
    assert place.hostname
    plain = socket.create_connection((place.hostname, place.port or 443), 10)
    return context.wrap_socket(plain, server_hostname=place.hostname)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: a\r\nbad header: x\r\n\r\n", 400),
        (f"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {', '.join(['1.1.1.1'] * 31)}\r\n\r\n", 463),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_the_balancer_answers_what_no_target_should_see(stage: Stage, request_: str, status: int) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html"""
    with connect(stage, "http/1.1") as connection:
        connection.sendall(request_.encode())
        head = connection.recv(4096).decode("latin-1").lower()
    assert head.startswith(f"http/1.1 {status}"), head
    assert "server: awselb/2.0" in head


def test_clients_that_can_speak_http2_do(stage: Stage) -> None:
    with connect(stage, "h2", "http/1.1") as connection:
        assert connection.selected_alpn_protocol() == "h2"


def test_a_rule_is_in_force_once_it_is_made_and_until_it_is_deleted(stage: Stage, listener: tuple[Any, str]) -> None:
    elb, arn = listener
    path, text = f"/{uuid.uuid4().hex}", uuid.uuid4().hex
    answer = {"StatusCode": "418", "ContentType": "text/plain", "MessageBody": text}
    rule = elb.create_rule(
        ListenerArn=arn,
        Priority=4711,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": [f"{path}/*"]}}],
        Actions=[{"Type": "fixed-response", "FixedResponseConfig": answer}],
    )["Rules"][0]["RuleArn"]
    try:
        with stage.visitor() as anybody:
            met = anybody.get(f"{path}/x")
        assert (met.status_code, met.text, met.headers["server"]) == (418, text, "awselb/2.0")
    finally:
        elb.delete_rule(RuleArn=rule)
    with stage.visitor() as anybody:
        assert anybody.get(f"{path}/x").status_code != 418
