"""Targets that speak TLS, HTTP/2 or gRPC: how they are checked and what reaches them."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest
from twin.core import addresses, certificates
from twin.core.certificates import Certificate
from twin.core.world import World
from twin.services.elbv2.decide import Outcome, Result
from twin.services.elbv2.health import Probe, ask
from twin.services.elbv2.models import HealthCheck

from tests.twin.services.elbv2.wire import Server, Wire, echo, forward, wire

type Serve = Callable[[socket.socket], None]
type Start = Callable[[str, Serve], Server]

SECURE = {"protocol": "HTTPS", "certificate_arn": "arn:own", "ssl_policy": "ELBSecurityPolicy-2016-08"}


@pytest.fixture
def leaf(here: World) -> Certificate:
    """A certificate for a name that nobody asks for: a balancer takes any of a target."""
    return certificates.authority().issue("leaf", [], ["elsewhere.example"])


@pytest.fixture
def node(here: World, tmp_path: Path, leaf: Certificate) -> Iterator[Wire]:
    """A node with a certificate."""
    with wire(tmp_path / "node") as made:
        made.certificates["arn:own"] = leaf
        yield made


@pytest.fixture
def server() -> Iterator[Start]:
    """Starts targets, which are closed after the test."""
    made: list[Server] = []

    def start(ip: str, serve: Serve) -> Server:
        made.append(Server(ip, serve))
        return made[-1]

    yield start
    for one in made:
        one.close()


def over_tls(serve: Serve, leaf: Certificate, *protocols: str) -> Serve:
    """The target, behind TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(leaf.cert_path, leaf.key_path)
    context.set_alpn_protocols(list(protocols))

    def secured(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as secure:
            serve(secure)

    return secured


def h2_target(status: str, grpc_status: str | None = None) -> Serve:
    """A target that speaks HTTP/2 alone; its body is the request's method, path and version."""

    def serve(connection: socket.socket) -> None:
        talk = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        talk.initiate_connection()
        connection.sendall(talk.data_to_send())
        asked: dict[int, str] = {}
        while data := connection.recv(65536):
            for event in talk.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    headers = {str(name): str(value) for name, value in event.headers or []}
                    asked[event.stream_id] = f"{headers[':method']} {headers[':path']}"
                elif isinstance(event, h2.events.StreamEnded):
                    talk.send_headers(event.stream_id, [(":status", status), ("content-type", "application/grpc")])
                    talk.send_data(event.stream_id, asked[event.stream_id].encode(), end_stream=grpc_status is None)
                    if grpc_status is not None:
                        talk.send_headers(event.stream_id, [("grpc-status", grpc_status)], end_stream=True)
            connection.sendall(talk.data_to_send())

    return serve


def probe(ip: str, version: str, matcher: str, *, secure: bool = False) -> Probe:
    return Probe(addresses.loopback(ip), 8080, f"{ip}:8080", "/AWS.ALB/healthcheck", matcher, 1, 2, secure, version)


def plain(connection: socket.socket) -> None:
    """A target that does not understand what it is told in another language than plain HTTP/1.1."""
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")


def silent(_: socket.socket) -> None:
    """A target that takes a connection and says nothing."""
    time.sleep(3)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize(
    ("asked", "result"),
    [
        (("HTTP2", h2_target("200"), "200"), Result(Outcome.PASSED, 200)),
        (("HTTP2", h2_target("503"), "200-299"), Result(Outcome.WRONG_CODE, 503)),
        (("GRPC", h2_target("200", "12"), "12"), Result(Outcome.PASSED, 12)),
        (("GRPC", h2_target("200", "0"), "12"), Result(Outcome.WRONG_CODE, 0)),
        (("GRPC", h2_target("200"), "12"), Result(Outcome.FAILED)),
    ],
)
def test_targets_of_http2_and_grpc_are_asked_in_their_own_language(
    leaf: Certificate, server: Start, asked: tuple[str, Serve, str], result: Result, secure: bool
) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""
    version, target, matcher = asked
    server("10.46.3.10", over_tls(target, leaf, "h2") if secure else target)
    assert asyncio.run(ask(probe("10.46.3.10", version, matcher, secure=secure))) == result


def test_a_check_tells_a_silent_target_from_one_that_speaks_another_protocol(leaf: Certificate, server: Start) -> None:
    server("10.46.3.11", plain)
    server("10.46.3.12", silent)
    server("10.46.3.13", over_tls(echo("secure"), leaf, "http/1.1"))
    assert asyncio.run(ask(probe("10.46.3.11", "HTTP2", "200"))).outcome is Outcome.FAILED
    assert asyncio.run(ask(probe("10.46.3.11", "HTTP1", "200", secure=True))).outcome is Outcome.FAILED
    assert asyncio.run(ask(probe("10.46.3.12", "GRPC", "200"))).outcome is Outcome.TIMED_OUT
    assert asyncio.run(ask(probe("10.46.3.13", "HTTP1", "200", secure=True))) == Result(Outcome.PASSED, 200)


def test_a_group_of_https_is_spoken_to_over_tls(node: Wire, leaf: Certificate, server: Start) -> None:
    targets = [server("10.46.3.20", over_tls(echo("secure"), leaf, "http/1.1"))]
    node.serve(forward(node.group("tls", targets, protocol="HTTPS", check=HealthCheck(protocol="HTTPS"))))
    assert node.json()["name"] == "secure"
    unencrypted = [server("10.46.3.21", plain)]
    node.serve(forward(node.group("plain", unencrypted, protocol="HTTPS")))
    assert node.ask().status == 502


def test_http2_comes_in_by_alpn_and_goes_out_where_the_group_says_so(node: Wire, server: Start) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#target-group-protocol-version"""
    one = node.group("one", [server("10.46.3.30", echo("one"))])
    two = node.group("two", [server("10.46.3.31", h2_target("200"))], version="HTTP2")
    grpc = node.group("grpc", [server("10.46.3.32", h2_target("200", "0"))], version="GRPC")
    paths = [(number, [{"Field": "path-pattern", "Values": [f"/{name}*"]}], forward(arn))
             for number, (name, arn) in enumerate({"two": two, "grpc": grpc}.items(), 1)]  # fmt: skip
    node.serve(forward(one), *paths, **SECURE)
    assert "HTTP/1.1" in node.ask_h2("GET", "/")["body"]
    assert node.ask_h2("GET", "/two/a")["body"] == "GET /two/a"
    called = node.ask_h2("POST", "/grpc.Service/Call", content_type="application/grpc")
    assert (called[":status"], called["grpc-status"], called["body"]) == ("200", "0", "POST /grpc.Service/Call")
    assert node.ask_h2("GET", "/grpc.Service/Call")[":status"] == "464"
    assert (node.ask_tls("/two/a"), node.ask_tls("/")) == (464, 200)
    node.serve(forward(one), attributes_={"routing.http2.enabled": "false"}, **SECURE)
    with node.secured("h2", "http/1.1") as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
