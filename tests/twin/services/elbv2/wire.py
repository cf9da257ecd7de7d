"""A balancer's node as clients meet it: a real Envoy told by `plan`, real targets, no control plane.

A test says which groups, rules and attributes there are and speaks to the node over a socket of its own.
"""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, TrailersReceived
from twin.core.addresses import listening_port, loopback
from twin.core.certificates import Certificate
from twin.engines.envoy import Endpoint, Envoy
from twin.services.elbv2 import attributes, decide
from twin.services.elbv2.access_log_lines import Known, line, noted
from twin.services.elbv2.actions import actions, conditions
from twin.services.elbv2.decide import Verdict
from twin.services.elbv2.envoy_config import Surroundings, plan
from twin.services.elbv2.models import (
    HealthCheck,
    Listener,
    LoadBalancer,
    Rule,
    Snapshot,
    Target,
    TargetGroup,
    TargetState,
    Zone,
)

type Json = dict[str, Any]
type Headers = list[tuple[str, str]]

ZONE = Zone("a", "subnet-a", "10.46.0.9")
BALANCER = "arn:aws:elasticloadbalancing:r:0:loadbalancer/app/wired/1"
OK = 200
PORT = 18080
LISTENER = "arn:aws:elasticloadbalancing:r:0:listener/app/wired/1/1"


@dataclass(frozen=True)
class Answer:
    """What a client got. headers: in their order, names in small letters."""

    status: int
    headers: Headers
    body: str

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def cookies(self) -> dict[str, str]:
        """What was set, by name: the whole text after the name."""
        set_ = [value for key, value in self.headers if key == "set-cookie"]
        return {text.partition("=")[0]: text.partition("=")[2] for text in set_}


class Server:
    """A target that answers each connection by `serve`, called with the connected socket on a thread of its own."""

    def __init__(self, ip: str, serve: Callable[[socket.socket], None], port: int = 8080) -> None:
        self.ip, self.port = ip, port
        self._serve = serve
        self._socket = socket.create_server((loopback(ip), port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._serve(connection)
            except OSError:
                return

    def close(self) -> None:
        """Listen no more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def head(connection: socket.socket) -> list[str]:
    """The lines of the next request's head; empty when the connection has ended. A body is read and dropped."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return []
        data += more
    top, _, body = data.partition(b"\r\n\r\n")
    lines = top.decode("latin-1").split("\r\n")
    length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return lines


def echo(name: str, **headers: str) -> Callable[[socket.socket], None]:
    """A target that says its name and what came, as JSON; `headers` are added to its answers."""

    def serve(connection: socket.socket) -> None:
        while lines := head(connection):
            pairs = [tuple(line.split(": ", 1)) for line in lines[1:]]
            body = json.dumps({"name": name, "line": lines[0], "headers": pairs})
            more = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in headers.items())
            connection.sendall(f"HTTP/1.1 200 OK\r\n{more}content-length: {len(body)}\r\n\r\n{body}".encode())

    return serve


def saying(text: str) -> Callable[[socket.socket], None]:
    """A target that reads a request, sends the text as it is and ends the connection."""

    def serve(connection: socket.socket) -> None:
        if head(connection):
            connection.sendall(text.encode("latin-1"))

    return serve


@dataclass
class Wire:
    """The node. `serve` puts a balancer in force; `ask` and `raw` are clients."""

    envoy: Envoy
    log: Path
    groups: dict[str, TargetGroup] = field(default_factory=dict)
    states: dict[tuple[str, str, int], Verdict] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)

    def group(self, name: str, servers: Mapping[Server, TargetState] | Sequence[Server], **changes: Any) -> str:
        """A group of these targets, healthy where nothing else is said; its ARN. changes: to the group's fields."""
        arn = f"arn:aws:elasticloadbalancing:r:0:targetgroup/{name}/1"
        found = servers if isinstance(servers, Mapping) else dict.fromkeys(servers, TargetState.HEALTHY)
        targets = {
            (one.ip, one.port): Target(one.ip, one.port, "a", 0.0, 1e12 if state is TargetState.DRAINING else None)
            for one, state in found.items()
        }
        given = attributes.defaults(attributes.GROUP) | changes.pop("attributes", {})
        group = TargetGroup(arn, name, 8080, "vpc", HealthCheck(), given, targets)
        self.groups[arn] = replace(group, **changes)
        self.states |= {(arn, one.ip, one.port): Verdict(state) for one, state in found.items()}
        return arn

    def serve(
        self,
        default: Json,
        *rules: tuple[int, list[Json], Json],
        attributes_: Mapping[str, str] | None = None,
        **listener: Any,
    ) -> None:
        """Put in force: the default action, rules of priority, conditions and action, the balancer's attributes."""
        given = attributes.defaults(attributes.BALANCER) | dict(attributes_ or {})
        address = loopback("10.46.9.9")
        balancer = LoadBalancer(BALANCER, "wired", "internal", "vpc", address, (ZONE,), (), datetime.now(UTC), given)
        made = Listener(LISTENER, BALANCER, **{"protocol": "HTTP", "port": PORT, **listener})
        every = {"default": Rule("default", LISTENER, None, (), actions([default], self.groups))}
        for priority, if_, then in rules:
            kept = (conditions(if_), actions([then], self.groups))
            every[str(priority)] = Rule(f"rule-{priority}", LISTENER, priority, *kept)
        snapshot = Snapshot({BALANCER: balancer}, self.groups, {LISTENER: made}, every)
        around = Surroundings(self.certificates, self.log)
        orders = plan(snapshot, balancer, ZONE, around)
        clusters = [self.envoy.cluster(name, **more) for name, more in orders.clusters.items()]
        by_cluster = {group.cluster: group for group in self.groups.values()}
        endpoints = {name: self.endpoints(by_cluster[name]) for name in orders.clusters}
        self.envoy.apply(orders.listeners, clusters, endpoints)

    def endpoints(self, group: TargetGroup) -> list[Endpoint]:
        """Where the group's requests go."""
        return decide.endpoints(group, self.states)

    def connect(self) -> socket.socket:
        """A client's connection."""
        return socket.create_connection((loopback(ZONE.address), listening_port(PORT)), 10)

    def ask(
        self, path: str = "/", headers: Mapping[str, str] | None = None, method: str = "GET", body: bytes | None = None
    ) -> Answer:
        """Ask on a connection of its own."""
        connection = http.client.HTTPConnection(loopback(ZONE.address), listening_port(PORT), timeout=15)
        try:
            connection.request(method, path, body=body, headers={"Host": "wired.example", **(headers or {})})
            got = connection.getresponse()
            return Answer(got.status, [(k.lower(), v) for k, v in got.getheaders()], got.read().decode())
        finally:
            connection.close()

    def raw(self, text: str | bytes) -> Answer:
        """Send the bytes as they are, and read one answer until its end."""
        with self.connect() as connection:
            connection.sendall(text.encode("latin-1") if isinstance(text, str) else text)
            got = http.client.HTTPResponse(connection)
            got.begin()
            return Answer(got.status, [(k.lower(), v) for k, v in got.getheaders()], got.read().decode())

    def secured(self, *protocols: str) -> ssl.SSLSocket:
        """A client's connection over TLS, offering the protocols."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(list(protocols))
        return context.wrap_socket(self.connect(), server_hostname="wired.example")

    def ask_tls(self, path: str) -> int:
        """The status of an answer over HTTP/1.1 and TLS."""
        with self.secured("http/1.1") as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: wired.example\r\n\r\n".encode())
            got = http.client.HTTPResponse(connection)
            got.begin()
            return got.status

    def ask_h2(self, method: str, path: str, **headers: str) -> dict[str, str]:
        """The headers and trailers of an answer over HTTP/2, with the body as `body`."""
        told: dict[str, str] = {"body": ""}
        with self.secured("h2", "http/1.1") as connection:
            assert connection.selected_alpn_protocol() == "h2"
            talk = H2Connection(H2Configuration(header_encoding="utf-8"))
            talk.initiate_connection()
            fixed_ones = [(":method", method), (":scheme", "https"), (":authority", "wired.example"), (":path", path)]
            given = [(name.replace("_", "-"), value) for name, value in headers.items()]
            talk.send_headers(1, fixed_ones + given, end_stream=True)
            ended = False
            while not ended:
                connection.sendall(talk.data_to_send())
                for event in talk.receive_data(connection.recv(65536)):
                    if isinstance(event, ResponseReceived | TrailersReceived):
                        told |= {str(name): str(value) for name, value in event.headers or []}
                    elif isinstance(event, DataReceived):
                        told["body"] += (event.data or b"").decode()
                    ended = ended or isinstance(event, StreamEnded)
        return told

    def json(self, path: str = "/", headers: Mapping[str, str] | None = None) -> Json:
        """What an echoing target said."""
        return self.json_of(self.ask(path, headers))

    @staticmethod
    def json_of(answer: Answer) -> Json:
        """The body of an answer that must have done."""
        assert answer.status == OK, answer
        found: Json = json.loads(answer.body)
        return found

    def headers_at_target(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What an echoing target got, names in small letters."""
        return {name.lower(): value for name, value in self.json("/", headers)["headers"]}

    def log_line(self, path: str) -> str:
        """The line of AWS's access log for the last request for `path`, once the node has written it."""
        deadline = time.monotonic() + 5
        while not (found := [one for one in self.logged() if one["path"] == path]):
            assert time.monotonic() < deadline, f"nothing of {path} in {self.log}"
            time.sleep(0.1)
        known = Known({group.cluster: group.arn for group in self.groups.values()})
        return line(found[-1], "app/wired/1", known)

    def logged(self) -> list[dict[str, str]]:
        """What the node wrote into its access log, after it has had the time to."""
        return [one for text in self.log.read_text().splitlines() if (one := noted(text)) is not None]


def forward(*arns: str | tuple[str, int], **more: Any) -> Json:
    """A forward action to the groups, each with a weight where one is given."""
    pairs = [(arn, 1) if isinstance(arn, str) else arn for arn in arns]
    parts = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in pairs]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": parts, **more}}


def fixed(text: str, status: int = 200) -> Json:
    """A fixed response."""
    config = {"StatusCode": str(status), "ContentType": "text/plain", "MessageBody": text}
    return {"Type": "fixed-response", "FixedResponseConfig": config}


@contextmanager
def wire(directory: Path) -> Iterator[Wire]:
    """A node that runs, without a balancer yet."""
    envoy = Envoy("wired", directory, (loopback(ZONE.address), 9901), directory.parent / "wired.log")
    envoy.start()
    try:
        yield Wire(envoy, directory / "access.log")
    finally:
        envoy.stop()
