"""What never answers, and what answers only some: both as packets that get lost, not as refusals."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Network

import pytest
from twin.engines.blackhole import Blackhole
from twin.engines.sieve import Sieve

HOST = "127.247.7.1"
LISTENER = """
import socket, sys
kept = [socket.create_server((sys.argv[1], 0), backlog=64) for _ in range(2)]
print(*(one.getsockname()[1] for one in kept), flush=True)
sys.stdin.read()
"""


def reached(address: tuple[str, int], source: str = "127.0.0.1") -> bool:
    """Whether a connection is made; one that is refused is an error here."""
    with closing(socket.socket()) as made:
        made.bind((source, 0))
        made.settimeout(0.4)
        try:
            made.connect(address)
        except TimeoutError:
            return False
        return True


@pytest.fixture
def listener() -> Iterator[tuple[int, list[int]]]:
    """Another process that listens on two ports: its pid and they."""
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER, HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.pid, [int(word) for word in process.stdout.readline().split()]
        process.communicate("")


def test_a_blackhole_never_answers_by_either_protocol() -> None:
    with closing(Blackhole("127.247.7.2")) as hole:
        assert not reached(hole.address)
        assert not reached(hole.address)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as made:
            made.connect(hole.address)
            for _ in range(2000):
                made.send(b"x" * 512)
            made.settimeout(0.1)
            with pytest.raises(TimeoutError):
                made.recv(1)


def test_a_sieve_shuts_one_listener_of_a_process_to_all_but_the_admitted(listener: tuple[int, list[int]]) -> None:
    pid, (one, other) = listener
    sieve = Sieve([IPv4Network("127.20.0.0/16"), IPv4Network("127.30.4.0/24")])
    with closing(socket.create_connection((HOST, one))) as standing:
        sieve.keep(pid, {(HOST, one)})
        assert not reached((HOST, one))
        assert reached((HOST, other))
        for source, is_in in (("127.20.9.9", True), ("127.30.4.7", True), ("127.30.5.7", False)):
            assert reached((HOST, one), source) is is_in, source
        standing.sendall(b"what stands goes on")
        sieve.keep(pid, {(HOST, other)})
        assert reached((HOST, one))
        assert not reached((HOST, other))
        sieve.keep(pid, ())
        assert reached((HOST, other))


def test_a_sieve_that_admits_nobody(listener: tuple[int, list[int]]) -> None:
    pid, (one, _) = listener
    Sieve([]).keep(pid, {(HOST, one)})
    assert not reached((HOST, one))


def test_a_sieve_says_that_the_process_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert not os.path.exists(f"/proc/{process.pid}")
    with pytest.raises((FileNotFoundError, ProcessLookupError)):
        Sieve([]).keep(process.pid, {(HOST, 1)})
