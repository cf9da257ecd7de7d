"""Gives each container an address of its own: what it binds and where it connects from is moved to that address.

A container believes that it listens on 0.0.0.0:8080; it listens on 127.20.1.17:8080. What it opens comes from
127.20.1.17. Its 127.0.0.1 is its own, as in a network namespace; an address of the emulated network (10.20.1.5) leads
to who has it. The kernel asks us about each bind and connect (see launcher.py); we change the address in the caller's
memory and let the call go on. https://man7.org/linux/man-pages/man2/seccomp_unotify.2.html

What a container's gate does not let through is dropped as in a network: the caller waits, as long as it cares to.
"""

import array
import contextlib
import errno
import fcntl
import ipaddress
import logging
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from twin.core.addresses import listening_port, loopback
from twin.core.once import Once
from twin.engines.blackhole import blackhole
from twin.engines.descriptors import duplicate

LOG = logging.getLogger(__name__)

LAUNCHER = Path(__file__).with_name("launcher.py")
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1
_REQUEST = struct.Struct("QIIiIQ6Q")
_ANSWER = struct.Struct("QqiI")
_BIND, _SENDTO = {49, 200}, {44, 206}
_IP_BIND_ADDRESS_NO_PORT = 24
_ANY, _LOCAL = ipaddress.IPv4Address("0.0.0.0"), ipaddress.IPv4Address("127.0.0.1")  # noqa: S104 - recognised, not used
_MAPPED = b"\0" * 10 + b"\xff\xff"
# How long a SYN is sent again and again: https://man7.org/linux/man-pages/man7/tcp.7.html (tcp_syn_retries)
_CONNECT_SECONDS = 127.0
_DNS = 53

# Whether a container's way is open: protocol (tcp or udp), loopback address, port.
type Gate = Callable[[str, str, int], bool]


@dataclass(frozen=True)
class Place:
    """Where a container is. address: its loopback address. outside: ports of 127.0.0.1 that it reaches.

    gate: asked about every connection to others; None lets everything through.
    """

    address: str
    outside: frozenset[int]
    gate: Gate | None = None

    def bound(self, address: bytes, port: int) -> tuple[bytes, int]:
        """Where a bind to `address` and `port` really goes, always to its own; port 0 stays any.

        Raises OSError for an address of others: of the machine, or of the emulated network.
        """
        asked = ipaddress.IPv4Address(address)
        if asked == _ANY or asked.is_loopback or _of_network(address) == self.address:
            return socket.inet_aton(self.address), listening_port(port) if port else 0
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL), str(asked))

    def connected(self, address: bytes, port: int) -> tuple[bytes, int]:
        """Where a connection to `address` and `port` really goes."""
        asked = ipaddress.IPv4Address(address)
        if _is_resolver(str(asked), port):
            return address, port
        if asked in (_ANY, _LOCAL) and port not in self.outside:
            return socket.inet_aton(self.address), listening_port(port)
        if found := _of_network(address):
            return socket.inet_aton(found), listening_port(port)
        return address, port

    def lets(self, protocol: str, address: str, port: int) -> bool:
        """Whether a connection to this real address may be opened."""
        mine = address == self.address or (address == str(_LOCAL) and port in self.outside)
        # No rule filters a VPC's resolver: https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
        if self.gate is None or mine or _is_resolver(address, port):
            return True
        return self.gate(protocol, address, port)


def _is_resolver(address: str, port: int) -> bool:
    return port == _DNS and address in _nameservers()


@cache
def _nameservers() -> frozenset[str]:
    """Those that the machine asks."""
    path = Path("/etc/resolv.conf")
    lines = path.read_text().splitlines() if path.exists() else []
    return frozenset(parts[1] for line in lines if (parts := line.split())[:1] == ["nameserver"] and len(parts) > 1)


def _of_network(address: bytes) -> str | None:
    """The loopback address of one of the emulated network."""
    return loopback(socket.inet_ntoa(address)) if address[0] == 10 else None  # noqa: PLR2004 - its first octet


@dataclass(frozen=True)
class _Call:
    """A system call that waits for its answer. binds, sends: which of the three it is."""

    pid: int
    number: int
    arguments: list[int]

    @property
    def binds(self) -> bool:
        return self.number in _BIND

    @property
    def sends(self) -> bool:
        return self.number in _SENDTO

    @property
    def name(self) -> tuple[int, int]:
        """Where the socket name lies in the caller's memory, and its length."""
        return (self.arguments[4], self.arguments[5]) if self.sends else (self.arguments[1], self.arguments[2])


@dataclass(frozen=True)
class _Answer:
    """What the caller gets: to go on, or this value or error. after: seconds for which it waits before."""

    value: int = 0
    error: int = 0
    go_on: bool = False
    after: float = 0.0

    def packed(self, number: int) -> bytes:
        """As the kernel takes it."""
        return _ANSWER.pack(number, self.value, -self.error, _CONTINUE if self.go_on else 0)


_GO_ON = _Answer(go_on=True)


class Supervisor:
    """One thread that answers the kernel for all containers."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._places: dict[int, Place] = {}
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, int, bytes]] = []
        threading.Thread(target=self._run, name="addressing", daemon=True).start()

    def admit(self, channel: socket.socket, place: Place) -> None:
        """Take the listener that the launcher sends over `channel`, and answer for it from now on.

        Raises OSError when the launcher ended without sending one.
        """
        with channel:
            message, control, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(4))
            if not message or not control:
                raise OSError("the launcher ended before its program began")
            descriptors = array.array("i")
            descriptors.frombytes(control[0][2][:4])
            with self._lock:
                self._places[descriptors[0]] = place
            self._poll.register(descriptors[0], select.EPOLLIN)
            channel.send(b"g")

    def _run(self) -> None:
        while True:
            for listener, happened in self._poll.poll(self._patience()):
                if happened & select.EPOLLIN:
                    self._serve(listener)
                if happened & (select.EPOLLHUP | select.EPOLLERR):
                    self._poll.unregister(listener)
                    with self._lock:
                        self._places.pop(listener, None)
                    self._waiting = [one for one in self._waiting if one[1] != listener]
                    os.close(listener)
            now = time.monotonic()
            for _, listener, packed in [one for one in self._waiting if one[0] <= now]:
                _send(listener, packed)
            self._waiting = [one for one in self._waiting if one[0] > now]

    def _patience(self) -> float | None:
        """Seconds until the next caller that waits is to be answered."""
        if not self._waiting:
            return None
        return max(0.0, min(at for at, _, _ in self._waiting) - time.monotonic())

    def _serve(self, listener: int) -> None:
        buffer = bytearray(_REQUEST.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, buffer)
        except OSError:
            return  # the caller was killed meanwhile
        number, pid, _, system_call, _, _, *arguments = _REQUEST.unpack(buffer)
        call = _Call(pid, system_call, arguments)
        try:
            answer = self._answer(call, self._places[listener])
        except OSError as error:
            LOG.log(
                logging.WARNING if call.binds else logging.DEBUG,
                "process %d: an address could not be moved: %s",
                pid,
                error,
            )
            # What is not moved would go where it says: perhaps to all of the machine's addresses, or past its gate.
            answer = _Answer(error=errno.EADDRNOTAVAIL if call.binds else errno.ENETUNREACH)
        except Exception:  # the edge of the thread that answers for all containers
            LOG.exception("process %d: a call could not be decided", pid)
            answer = _Answer(error=errno.ENETUNREACH)
        if answer.after:
            self._waiting.append((time.monotonic() + answer.after, listener, answer.packed(number)))
        else:
            _send(listener, answer.packed(number))

    def _answer(self, call: _Call, place: Place) -> _Answer:
        pointer, length = call.name
        memory = os.open(f"/proc/{call.pid}/mem", os.O_RDWR)
        try:
            name = os.pread(memory, min(length, 28), pointer)
            moved = _moved(name, place.bound if call.binds else place.connected)
            if moved is None:
                return _GO_ON
            if not call.binds:
                answer = _open(call, place, _place(moved))
                if not answer.go_on:
                    return answer
            if moved != name:
                os.pwrite(memory, moved, pointer)
        finally:
            os.close(memory)
        return _GO_ON


def _send(listener: int, packed: bytes) -> None:
    with contextlib.suppress(OSError):  # the caller may be gone
        fcntl.ioctl(listener, _SEND, bytearray(packed))


@Once
def supervisor() -> Supervisor:
    """The supervisor of this process."""
    return Supervisor()


def _moved(name: bytes, move: Callable[[bytes, int], tuple[bytes, int]]) -> bytes | None:
    """The socket name after `move`; None for one that is not of the Internet. Raises OSError for IPv6 elsewhere."""
    if len(name) < 8:  # noqa: PLR2004 - family, port, IPv4 address
        return None
    family = struct.unpack_from("=H", name)[0]
    port = struct.unpack_from("!H", name, 2)[0]
    if family == socket.AF_INET:
        address, port = move(name[4:8], port)
        return name[:2] + struct.pack("!H", port) + address + name[8:]
    if family == socket.AF_INET6 and len(name) >= 24:  # noqa: PLR2004 - up to the end of the address
        asked = name[8:24]
        if asked.startswith(_MAPPED):
            short = asked[12:]
        elif asked in (b"\0" * 16, b"\0" * 15 + b"\1"):
            short = _ANY.packed
        else:
            raise OSError(errno.EADDRNOTAVAIL, "IPv6 is not done", socket.inet_ntop(family, asked))
        address, port = move(short, port)
        return name[:2] + struct.pack("!H", port) + name[4:8] + _MAPPED + address + name[24:]
    return None


def _place(name: bytes) -> tuple[str, int]:
    """The IPv4 address and the port of a socket name."""
    address = name[4:8] if struct.unpack_from("=H", name)[0] == socket.AF_INET else name[20:24]
    return socket.inet_ntoa(address), struct.unpack_from("!H", name, 2)[0]


def _open(call: _Call, place: Place, target: tuple[str, int]) -> _Answer:
    """Let it come from the container's address, as from its network interface, or drop it where its gate is shut."""
    with socket.socket(fileno=_copy(call)) as copy:
        streams = copy.type == socket.SOCK_STREAM
        if call.sends and streams:
            return _GO_ON  # what is connected sends nowhere else
        if ipaddress.IPv4Address(target[0]).is_loopback and not _is_resolver(*target):
            _come_from(place.address, copy)
        if place.lets("tcp" if streams else "udp", *target):
            return _GO_ON
        return _dropped(call, copy, streams=streams)


def _come_from(address: str, copy: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # One that the program has bound already stays as it is: at its own address, whatever it asked for.
        if copy.getsockname()[0] in (str(_ANY), "::"):
            copy.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            copy.bind((f"::ffff:{address}" if copy.family == socket.AF_INET6 else address, 0))


def _dropped(call: _Call, copy: socket.socket, *, streams: bool) -> _Answer:
    """What a caller sees of packets that get lost. Its own memory still says where it wanted to go."""
    if call.sends:
        return _Answer(value=call.arguments[2])
    host, port = blackhole().address
    nowhere = (f"::ffff:{host}" if copy.family == socket.AF_INET6 else host, port)
    if not streams:
        return _Answer(error=copy.connect_ex(nowhere))
    if fcntl.fcntl(copy.fileno(), fcntl.F_GETFL) & os.O_NONBLOCK:
        return _Answer(error=copy.connect_ex(nowhere))
    seconds, micros = struct.unpack("@ll", copy.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16))
    if limit := seconds + micros / 1e6:
        return _Answer(error=errno.EINPROGRESS, after=min(limit, _CONNECT_SECONDS))
    return _Answer(error=errno.ETIMEDOUT, after=_CONNECT_SECONDS)


def _copy(call: _Call) -> int:
    try:
        return duplicate(call.pid, call.arguments[0])
    except OSError:  # it was another thread than the process's first
        return duplicate(_leader(call.pid), call.arguments[0])


def _leader(thread: int) -> int:
    for line in Path(f"/proc/{thread}/status").read_text().splitlines():
        if line.startswith("Tgid:"):
            return int(line.split()[1])
    raise ProcessLookupError(thread)
