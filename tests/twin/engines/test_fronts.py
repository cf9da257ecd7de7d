"""Valkey behind endpoints that end TLS, and endpoints that move what stands behind them."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from twin.core.addresses import loopback
from twin.core.certificates import authority
from twin.core.errors import ProcessError
from twin.core.processes import Process, ours
from twin.core.world import World
from twin.engines import valkey
from twin.engines.envoy import Envoy
from twin.engines.tcp_front import TcpFront
from twin.engines.valkey import Node

ENDPOINT = "10.20.9.9"
NO_RETRY = {"retry": Retry(NoBackoff(), 0)}
PASSWORD = 'twelve "quoted" characters'


@pytest.fixture
def front(here: World, tmp_path: Path) -> Iterator[TcpFront]:
    envoy = Envoy("endpoints", tmp_path / "envoy", (loopback("10.20.9.4"), 9901), tmp_path / "envoy.log")
    front = TcpFront(envoy)
    yield front
    front.stop()


@pytest.fixture
def started(here: World, tmp_path: Path) -> Iterator[Callable[..., tuple[Node, Process]]]:
    processes: list[Process] = []

    def start(name: str, address: str, follows: Node | None = None) -> tuple[Node, Process]:
        leader = (follows.address, follows.port) if follows else None
        node = Node(name, tmp_path / name, tmp_path / f"{name}.log", loopback(address), 6379, PASSWORD, leader)
        processes.append(valkey.start(node))
        return node, processes[-1]

    yield start
    for process in processes:
        process.kill()


def test_a_cache_is_reached_by_tls_and_password_alone(
    front: TcpFront, started: Callable[..., tuple[Node, Process]]
) -> None:
    node, _ = started("a", "10.20.3.6")
    endpoint = loopback(ENDPOINT)
    front.route("cache", endpoint, 6379, [(node.address, node.port)], authority().issue("cache", [endpoint], []))
    trust = {"ssl": True, "ssl_ca_certs": str(authority().ca_path), "socket_timeout": 2, **NO_RETRY}
    with redis.Redis(endpoint, password=PASSWORD, **trust) as client:
        assert client.set("오늘", "좋음")
    with redis.Redis(endpoint, **trust) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    with redis.Redis(endpoint, password="wrong", **trust) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    with (
        redis.Redis(endpoint, password=PASSWORD, socket_timeout=2, **NO_RETRY) as client,
        pytest.raises(redis.ConnectionError),
    ):
        client.ping()


def test_a_replica_follows_and_a_restart_forgets_nothing(started: Callable[..., tuple[Node, Process]]) -> None:
    primary, process = started("a", "10.20.3.6")
    replica, _ = started("b", "10.20.4.6", follows=primary)
    with valkey.client(primary) as client:
        client.set("session", "kept")
    _eventually(lambda: valkey.replication(replica)["master_link_status"], "up")
    with valkey.client(replica) as client:
        _eventually(lambda: client.get("session"), "kept")
    valkey.stop(process)
    started("a", "10.20.3.6")
    with valkey.client(primary) as client:
        assert client.get("session") == "kept"


def test_a_cache_is_known_as_the_twin_s_own(here: World, started: Callable[..., tuple[Node, Process]]) -> None:
    _, process = started("a", "10.20.3.6")
    assert ours(here) == {process.pid}


def test_an_endpoint_moves_while_it_is_used(front: TcpFront) -> None:
    one, two = _Answering(loopback("10.20.3.7"), b"one"), _Answering(loopback("10.20.4.7"), b"two")
    endpoint = loopback(ENDPOINT)
    front.route("db", endpoint, 5432, [(one.address, 5432)])
    assert _hear(endpoint) == b"one"
    front.route("db", endpoint, 5432, [(two.address, 5432)])
    _eventually(lambda: _hear(endpoint), b"two", seconds=2)
    front.route("db", endpoint, 5432, [])
    _eventually(lambda: _hear(endpoint), b"", seconds=2)
    front.remove("db")
    _eventually(lambda: _refused(endpoint), True, seconds=5)
    one.close()
    two.close()


def test_a_taken_port_is_an_error_and_the_others_go_on(front: TcpFront) -> None:
    one = _Answering(loopback("10.20.3.7"), b"one")
    endpoint = loopback(ENDPOINT)
    front.route("db", endpoint, 5432, [(one.address, 5432)])
    with pytest.raises(ProcessError, match="envoy endpoints refused its lds"):
        front.route("other", one.address, 5432, [(one.address, 5432)])
    assert _hear(endpoint) == b"one"
    one.close()


def test_a_refused_change_leaves_the_former_route(front: TcpFront) -> None:
    one, two = _Answering(loopback("10.20.3.7"), b"one"), _Answering(loopback("10.20.4.7"), b"two")
    endpoint = loopback(ENDPOINT)
    front.route("db", endpoint, 5432, [(one.address, 5432)])
    with pytest.raises(ProcessError, match="envoy endpoints refused its lds"):
        front.route("db", two.address, 5432, [(two.address, 5432)])
    assert _hear(endpoint) == b"one"
    front.stop()
    assert front.keep()
    assert _hear(endpoint) == b"one"
    front.route("db", endpoint, 5432, [(two.address, 5432)])
    _eventually(lambda: _hear(endpoint), b"two", seconds=2)
    front.remove("db")
    _eventually(lambda: _refused(endpoint), True, seconds=5)
    one.close()
    two.close()


def test_an_envoy_that_died_comes_back_with_its_endpoints(front: TcpFront) -> None:
    one = _Answering(loopback("10.20.3.7"), b"one")
    endpoint = loopback(ENDPOINT)
    front.route("db", endpoint, 5432, [(one.address, 5432)])
    assert not front.keep()
    front.stop()
    assert _refused(endpoint)
    assert front.keep()
    assert _hear(endpoint) == b"one"
    one.close()


class _Answering:
    """A server that says its word to whoever connects."""

    def __init__(self, address: str, word: bytes) -> None:
        self.address = address
        self._socket = socket.create_server((address, 5432))
        threading.Thread(target=self._serve, args=(word,), daemon=True).start()

    def _serve(self, word: bytes) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.sendall(word)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _hear(address: str) -> bytes:
    try:
        with socket.create_connection((address, 5432), timeout=2) as connection:
            return connection.recv(10)
    except (ConnectionError, ssl.SSLError):
        return b""


def _refused(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, 5432)) != 0


def _eventually(see: Callable[[], object], wanted: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while (seen := see()) != wanted:
        assert time.monotonic() < deadline, f"wanted {wanted}, last saw {seen}"
        time.sleep(0.02)
