"""What a client and a target meet at a balancer's node, case by case, drawn from AWS's pages named at each table."""

import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from twin.core import addresses
from twin.core.world import world
from twin.services.elbv2 import clusters
from twin.services.elbv2.models import TargetState

from tests.twin.services.elbv2.wire import Server, Wire, echo, fixed, forward, head, saying, wire

OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """One node for all tests of this file."""
    place = tmp_path_factory.mktemp("wire")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN_STATE", str(place / "state"))
        caches = (world, addresses.book)
        for cached in caches:
            cached.cache_clear()
        with wire(place / "node") as made:
            yield made
        for cached in caches:
            cached.cache_clear()


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Targets of a test; closed after it."""
    made: list[Server] = []
    yield made
    for server in made:
        server.close()


def names(node: Wire, times: int, path: str = "/", **headers: str) -> Counter[str]:
    """Which targets answered."""
    return Counter(str(node.json(path, headers)["name"]) for _ in range(times))


def three(node: Wire, servers: list[Server], **attributes: str) -> str:
    """A group of three targets that say their names."""
    servers += [Server(f"10.46.2.{number}", echo(f"t{number}")) for number in (10, 11, 12)]
    return node.group("three", servers, attributes={key.replace("__", "."): v for key, v in attributes.items()})


def reset(connection: socket.socket) -> None:
    """A target that answers a request with a reset."""
    head(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(connection: socket.socket) -> None:
    """A target that never answers."""
    head(connection)
    connection.recv(1)


BAD_TARGETS = {
    "resets": (reset, 502, "Bad Gateway"),
    "closes": (saying(""), 502, "Bad Gateway"),
    "speaks nonsense": (saying("what?\r\n\r\n"), 502, "Bad Gateway"),
    "sends a bad header": (saying("HTTP/1.1 200 OK\r\nbad header: x\r\n\r\n"), 502, "Bad Gateway"),
    "sends more than 32 K of headers": (saying(f"HTTP/1.1 200 OK\r\nx: {'a' * 33000}\r\n\r\n"), 502, "Bad Gateway"),
    "never answers": (hang, 504, "Gateway Time-out"),
}


@pytest.mark.parametrize("how", BAD_TARGETS)
def test_a_target_that_fails_is_told_as_aws_tells_it(node: Wire, servers: list[Server], how: str) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html"""
    serve, status, title = BAD_TARGETS[how]
    servers.append(Server("10.46.2.20", serve))
    node.serve(forward(node.group("bad", servers)), attributes_={"idle_timeout.timeout_seconds": "1"})
    answer = node.ask()
    assert (answer.status, answer.header("server"), answer.header("content-type")) == (
        status,
        "awselb/2.0",
        "text/html",
    )
    assert answer.body == (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )


def test_a_target_that_takes_no_connection_is_told_as_refused_or_late(
    node: Wire, servers: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.append(Server("10.46.2.21", echo("gone"), port=8081))
    servers[0].close()
    node.serve(forward(node.group("refusing", servers)))
    assert node.ask().status == 502
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 1)
    with socket.socket() as full, socket.socket() as first:
        full.bind((addresses.loopback("10.46.2.22"), 8080))
        full.listen(0)
        first.connect(full.getsockname())
        late = servers[0]
        late.ip, late.port = "10.46.2.22", 8080
        node.serve(forward(node.group("late", [late])))
        answer = node.ask()
    servers.clear()
    assert (answer.status, answer.header("server")) == (504, "awselb/2.0")


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([], 503),
        ([TargetState.UNUSED], 503),
        ([TargetState.UNHEALTHY], 200),
        ([TargetState.HEALTHY], 200),
        ([TargetState.INITIAL], 200),
    ],
)
def test_without_targets_it_is_unavailable_and_without_healthy_ones_it_fails_open(
    node: Wire, servers: list[Server], states: list[TargetState], status: int
) -> None:
    servers += [Server(f"10.46.2.{30 + number}", saying(OK)) for number in range(len(states))]
    node.serve(forward(node.group("some", dict(zip(servers, states, strict=True)))))
    answer = node.ask()
    assert answer.status == status
    assert ("503 Service Temporarily Unavailable" in answer.body) is (status == 503)


HOST = "Host: a\r\n"
BAD_REQUESTS = {
    "a malformed header": (f"GET / HTTP/1.1\r\n{HOST}bad header: x\r\n\r\n", 400),
    "no host": ("GET / HTTP/1.1\r\n\r\n", 400),
    "no HTTP": ("hello\r\n\r\n", 400),
    "two lengths": (f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    "a head of more than 64 K": (f"GET / HTTP/1.1\r\n{HOST}x: {'a' * 70000}\r\n\r\n", 400),
    "a path of more than 16 K": (f"GET /{'a' * 17000} HTTP/1.1\r\n{HOST}\r\n", 414),
    "an unknown transfer encoding": (f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip\r\n\r\n", 501),
    "TRACE": (f"TRACE / HTTP/1.1\r\n{HOST}\r\n", 405),
    "a head that does not end": (f"GET / HTTP/1.1\r\n{HOST}", 408),
    "a body that does not end": (f"POST / HTTP/1.1\r\n{HOST}Content-Length: 9\r\n\r\nabc", 408),
    "more than 30 forwarders": (f"GET / HTTP/1.1\r\n{HOST}X-Forwarded-For: {', '.join(['1.1.1.1'] * 31)}\r\n\r\n", 463),
    "30 forwarders": (f"GET / HTTP/1.1\r\n{HOST}X-Forwarded-For: {', '.join(['1.1.1.1'] * 30)}\r\n\r\n", 200),
    "HTTP/1.0 without a host": ("GET / HTTP/1.0\r\n\r\n", 200),
}


@pytest.mark.parametrize("what", BAD_REQUESTS)
def test_a_request_that_aws_refuses_is_refused_so(node: Wire, servers: list[Server], what: str) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html"""
    text, status = BAD_REQUESTS[what]
    servers.append(Server("10.46.2.40", echo("ok")))
    node.serve(forward(node.group("ok", servers)), attributes_={"idle_timeout.timeout_seconds": "1"})
    answer = node.raw(text)
    assert answer.status == status, answer
    assert answer.header("server") == (None if status == 200 else "awselb/2.0")
    assert status == 200 or answer.body.startswith(f"<html>\r\n<head><title>{status}")


def condition(field: str, config: str, *values: object, **more: object) -> dict[str, object]:
    return {"Field": field, config: {"Values": list(values), **more}}


def test_rules_are_tried_by_priority_and_all_conditions_must_hold(node: Wire) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""
    path = condition("path-pattern", "PathPatternConfig", "/a*")
    near = condition("path-pattern", "PathPatternConfig", "/near")
    node.serve(
        fixed("none", 404),
        (9, [path], fixed("path")),
        (1, [path, condition("host-header", "HostHeaderConfig", "*.one.example")], fixed("host")),
        (2, [path, condition("http-header", "HttpHeaderConfig", "a?c*", HttpHeaderName="X-Kind")], fixed("header")),
        (3, [path, condition("http-request-method", "HttpRequestMethodConfig", "PUT", "DELETE")], fixed("method")),
        (4, [path, condition("query-string", "QueryStringConfig", {"Key": "v", "Value": "1"})], fixed("query")),
        (5, [condition("source-ip", "SourceIpConfig", "10.0.0.0/8", "192.168.0.0/16")], fixed("far")),
        (6, [condition("source-ip", "SourceIpConfig", "127.0.0.0/8"), near], fixed("near")),
    )
    assert node.ask("/b").status == 404
    assert node.ask("/abc").body == "path"
    assert node.ask("/abc", {"Host": "X.One.Example"}).body == "host"
    assert node.ask("/abc", {"X-Kind": "AbCd"}).body == "header"
    assert node.ask("/abc", method="DELETE").body == "method"
    assert node.ask("/abc?w=2&v=1").body == "query"
    assert node.ask("/near").body == "near"
    fixed_one = node.ask("/abc")
    assert (fixed_one.header("server"), fixed_one.header("content-type")) == ("awselb/2.0", "text/plain")


def test_a_redirect_fills_in_what_came(node: Wire) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#redirect-actions"""
    config = {"Host": "new.#{host}", "Path": "/v2/#{path}", "Query": "from=old&#{query}", "Port": "8443",
              "Protocol": "HTTPS", "StatusCode": "HTTP_302"}  # fmt: skip
    node.serve({"Type": "redirect", "RedirectConfig": config})
    answer = node.ask("/page?a=b")
    assert answer.status == 302
    assert answer.header("location") == "https://new.wired.example:8443/v2/page?from=old&a=b"
    assert answer.header("server") == "awselb/2.0"
    assert "<h1>302 Found</h1>" in answer.body


def test_weights_share_requests_and_zero_gets_none(node: Wire, servers: list[Server]) -> None:
    servers += [Server(f"10.46.2.{50 + number}", echo(f"g{number}")) for number in range(3)]
    groups = [node.group(f"g{number}", [server]) for number, server in enumerate(servers)]
    node.serve(forward((groups[0], 3), (groups[1], 1), (groups[2], 0)))
    seen = names(node, 200)
    assert seen["g2"] == 0
    assert 110 < seen["g0"] < 190, seen
    node.serve(forward((groups[2], 0)))
    assert node.ask().status == 503


@pytest.mark.parametrize(
    ("attributes", "sent", "arrives"),
    [
        ({}, None, "127.0.0.1"),
        ({}, "9.9.9.9", "9.9.9.9, 127.0.0.1"),
        ({"routing.http.xff_header_processing.mode": "preserve"}, "9.9.9.9", "9.9.9.9"),
        ({"routing.http.xff_header_processing.mode": "preserve"}, None, None),
        ({"routing.http.xff_header_processing.mode": "remove"}, "9.9.9.9", None),
        ({"routing.http.xff_client_port.enabled": "true"}, "9.9.9.9", r"9.9.9.9, 127.0.0.1:\d+"),
    ],
)
def test_forwarded_headers_follow_the_attribute(
    node: Wire, servers: list[Server], attributes: dict[str, str], sent: str | None, arrives: str | None
) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html"""
    servers.append(Server("10.46.2.60", echo("ok")))
    node.serve(forward(node.group("ok", servers)), attributes_=attributes)
    headers = node.headers_at_target({"X-Forwarded-For": sent} if sent else {})
    seen = headers.get("x-forwarded-for")
    assert seen is None if arrives is None else seen is not None and re.fullmatch(arrives, seen)
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", "18080")
    assert not [name for name in headers if name.startswith(("x-twin", "x-envoy", "x-request-id"))]


ROOT = r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}"
SELF = r"Self=1-[0-9a-f]{8}-[0-9a-f]{24}"


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        (None, ROOT),
        ("Root=1-67891233-abcdef012345678912345678", rf"{SELF};Root=1-67891233-abcdef012345678912345678"),
        ("Root=1-67891233-abc;CalledFrom=app", rf"{SELF};Root=1-67891233-abc;CalledFrom=app"),
        ("Self=1-0-0;Root=1-67891233-abc;CalledFrom=app", rf"{SELF};Root=1-67891233-abc;CalledFrom=app"),
        ("Root=1-67891233-abc;Self=1-0-0", rf"{SELF};Root=1-67891233-abc"),
        ("Root=1-67891233-abc;Long=" + "a" * 7200, ROOT),
    ],
)
def test_the_trace_header_is_begun_or_carried_on(
    node: Wire, servers: list[Server], sent: str | None, arrives: str
) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html"""
    servers.append(Server("10.46.2.61", echo("ok")))
    node.serve(forward(node.group("ok", servers)))
    seen = node.headers_at_target({"X-Amzn-Trace-Id": sent} if sent else {})["x-amzn-trace-id"]
    assert re.fullmatch(arrives, seen), seen


def test_invalid_header_fields_are_dropped_where_that_is_asked_for(node: Wire, servers: list[Server]) -> None:
    servers.append(Server("10.46.2.62", echo("ok")))
    group = node.group("ok", servers)
    for drop in ("false", "true"):
        node.serve(forward(group), attributes_={"routing.http.drop_invalid_header_fields.enabled": drop})
        headers = node.headers_at_target({"x_odd": "1", "x-even": "2"})
        assert ("x_odd" in headers, headers["x-even"]) == (drop == "false", "2")


def test_a_cookie_binds_a_client_to_a_target_while_that_is_healthy(node: Wire, servers: list[Server]) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html"""
    group = three(node, servers, stickiness__enabled="true", stickiness__lb_cookie__duration_seconds="2")
    node.serve(forward(group))
    first = node.ask()
    assert set(first.cookies) == {"AWSALB", "AWSALBCORS"}
    value = first.cookies["AWSALB"].split(";")[0]
    form = r"[^;]+; Expires=\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT; Path=/"
    assert re.fullmatch(form, first.cookies["AWSALB"])
    assert re.fullmatch(form + "; SameSite=None", first.cookies["AWSALBCORS"])
    assert not [name for name, _ in first.headers if name.startswith("x-twin")]
    name = str(node.json_of(first)["name"])
    assert names(node, 12, Cookie=f"a=b; AWSALB={value}; c=d") == {name: 12}
    assert names(node, 12, Cookie=f"AWSALBCORS={value}") == {name: 12}
    assert "x-twin-session" not in node.headers_at_target({"Cookie": f"AWSALB={value}", "x-twin-session": "x"})
    assert len(names(node, 12, Cookie="AWSALB=nonsense")) == 3
    ill = {server: TargetState.UNHEALTHY if f"t{server.ip[-2:]}" == name else TargetState.HEALTHY for server in servers}
    node.serve(forward(node.group("three", ill, attributes=dict(node.groups[group].attributes))))
    assert name not in names(node, 12, Cookie=f"AWSALB={value}")
    three_again = node.group("three", servers, attributes=dict(node.groups[group].attributes))
    node.serve(forward(three_again))
    time.sleep(3.1)
    assert len(names(node, 12, Cookie=f"AWSALB={value}")) == 3


def test_an_application_cookie_binds_as_long_as_the_application_sets_it(node: Wire, servers: list[Server]) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html#application-based-stickiness"""
    servers += [Server(f"10.46.2.{70 + n}", echo(f"t{n}", set_cookie="app.id=7; Path=/")) for n in range(3)]
    sticky = {
        "stickiness.enabled": "true",
        "stickiness.type": "app_cookie",
        "stickiness.app_cookie.cookie_name": "app.id",
    }
    node.serve(forward(node.group("app", servers, attributes=sticky)))
    first = node.ask()
    assert set(first.cookies) == {"app.id", *(f"AWSALBAPP-{place}" for place in range(4))}
    assert all(first.cookies[f"AWSALBAPP-{place}"].startswith("_remove_; Expires=") for place in (1, 2, 3))
    value = first.cookies["AWSALBAPP-0"].split(";")[0]
    name = str(node.json_of(first)["name"])
    assert names(node, 12, Cookie=f"app.id=7; AWSALBAPP-0={value}") == {name: 12}
    assert len(names(node, 12, Cookie=f"AWSALBAPP-0={value}")) == 3
    servers.append(Server("10.46.2.79", echo("plain")))
    node.serve(forward(node.group("plain", servers[3:], attributes=sticky)))
    assert node.ask().cookies == {}


def test_a_cookie_binds_a_client_to_a_target_group(node: Wire, servers: list[Server]) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#target-group-stickiness"""
    servers += [Server(f"10.46.2.{80 + number}", echo(f"g{number}")) for number in range(4)]
    sticky = {"stickiness.enabled": "true"}
    blue = node.group("blue", servers[:2], attributes=sticky)
    green = node.group("green", servers[2:])
    among = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    node.serve(forward((blue, 1), (green, 1), **among))
    seen = set()
    for _ in range(12):
        first = node.ask()
        value, name = first.cookies["AWSALBTG"].split(";")[0], str(node.json_of(first)["name"])
        assert re.search("; SameSite=None$", first.cookies["AWSALBTGCORS"])
        mine = {"g0", "g1"} if name in ("g0", "g1") else {"g2", "g3"}
        assert ("AWSALB" in first.cookies) is (mine == {"g0", "g1"})
        assert set(names(node, 8, Cookie=f"AWSALBTG={value}")) == mine
        if "AWSALB" in first.cookies:
            both = f"AWSALBTG={value}; AWSALB={first.cookies['AWSALB'].split(';')[0]}"
            assert set(names(node, 8, Cookie=both)) == {name}
        seen |= mine
    assert seen == {"g0", "g1", "g2", "g3"}
    node.serve(forward((blue, 0), (green, 1), **among))
    assert set(names(node, 8, Cookie=f"AWSALBTG={value}")) == {"g2", "g3"}


def test_a_websocket_is_passed_on_both_ways_until_it_is_idle(node: Wire, servers: list[Server]) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html"""

    def upgrade(connection: socket.socket) -> None:
        assert any(line.lower() == "upgrade: websocket" for line in head(connection))
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        while data := connection.recv(100):
            connection.sendall(data.upper())

    servers.append(Server("10.46.2.90", upgrade))
    node.serve(forward(node.group("ws", servers)), attributes_={"idle_timeout.timeout_seconds": "1"})
    with node.connect() as client:
        asked = f"GET /chat HTTP/1.1\r\n{HOST}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        client.sendall(asked.encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 101")
        for word in (b"one", b"two", b"three"):
            time.sleep(0.6)
            client.sendall(word)
            assert client.recv(100) == word.upper()
        began = time.monotonic()
        assert client.recv(100) == b""
        assert 0.8 < time.monotonic() - began < 3


def test_a_client_that_leaves_is_logged_as_460(node: Wire, servers: list[Server]) -> None:
    """The status is AWS's word for it in the access log; the client is gone."""
    servers.append(Server("10.46.2.91", hang))
    node.serve(forward(node.group("hang", servers)))
    with node.connect() as client:
        client.sendall(f"GET /left HTTP/1.1\r\n{HOST}\r\n".encode())
        time.sleep(0.2)
    line = node.log_line("/left")
    assert line.split()[4:10] == [f"{servers[0].ip}:8080", "-1", "-1", "-1", "460", "-"]


def test_a_draining_target_ends_what_it_has_begun(node: Wire, servers: list[Server]) -> None:
    go, began = threading.Event(), threading.Event()

    def slow(connection: socket.socket) -> None:
        head(connection)
        began.set()
        go.wait(10)
        connection.sendall(OK.encode())

    servers += [Server("10.46.2.92", slow), Server("10.46.2.93", echo("stays"))]
    group = node.group("leaving", servers[:1])
    node.serve(forward(group))
    got: list[int] = []
    client = threading.Thread(target=lambda: got.append(node.ask().status))
    client.start()
    assert began.wait(5)
    node.group("leaving", {servers[0]: TargetState.DRAINING, servers[1]: TargetState.HEALTHY})
    node.serve(forward(group))
    assert names(node, 6) == {"stays": 6}
    go.set()
    client.join(10)
    assert got == [200]
