"""Gives each container an address of its own: what it binds and where it connects from is moved to that address.

A container believes that it listens on 0.0.0.0:8080; it listens on 127.20.1.17:8080. What it opens comes from
127.20.1.17. Its 127.0.0.1 is its own, as in a network namespace; an address of the emulated network (10.20.1.5) leads
to who has it. The kernel asks us about each bind and connect (see launcher.py); we change the address in the caller's
memory and let the call go on. https://man7.org/linux/man-pages/man2/seccomp_unotify.2.html
"""

import array
import contextlib
import ctypes
import errno
import fcntl
import ipaddress
import logging
import os
import select
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twin.core.addresses import listening_port, loopback
from twin.core.once import Once

LOG = logging.getLogger(__name__)

LAUNCHER = Path(__file__).with_name("launcher.py")
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1
_REQUEST = struct.Struct("QIIiIQ6Q")
_ANSWER = struct.Struct("QqiI")
_BIND = {49, 200}
_PIDFD_GETFD = 438
_IP_BIND_ADDRESS_NO_PORT = 24
_ANY, _LOCAL = ipaddress.IPv4Address("0.0.0.0"), ipaddress.IPv4Address("127.0.0.1")  # noqa: S104 - recognised, not used
_MAPPED = b"\0" * 10 + b"\xff\xff"


@dataclass(frozen=True)
class Place:
    """Where a container is. address: its loopback address. outside: ports of 127.0.0.1 that it reaches."""

    address: str
    outside: frozenset[int]

    def bound(self, address: bytes, port: int) -> tuple[bytes, int]:
        """Where a bind to `address` and `port` really goes; port 0 stays any.

        Raises OSError for an address outside loopback: it would be one of the machine's own.
        """
        asked = ipaddress.IPv4Address(address)
        if asked in (_ANY, _LOCAL) or str(asked) == self.address:
            return socket.inet_aton(self.address), listening_port(port) if port else 0
        if not asked.is_loopback:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL), str(asked))
        return address, port

    def connected(self, address: bytes, port: int) -> tuple[bytes, int]:
        """Where a connection to `address` and `port` really goes."""
        asked = ipaddress.IPv4Address(address)
        if asked in (_ANY, _LOCAL) and port not in self.outside:
            return socket.inet_aton(self.address), listening_port(port)
        if address[0] == 10:  # noqa: PLR2004 - the emulated network's first octet
            return socket.inet_aton(loopback(str(asked))), listening_port(port)
        return address, port


class Supervisor:
    """One thread that answers the kernel for all containers."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._places: dict[int, Place] = {}
        self._lock = threading.Lock()
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
            for listener, happened in self._poll.poll():
                if happened & select.EPOLLIN:
                    self._serve(listener)
                if happened & (select.EPOLLHUP | select.EPOLLERR):
                    self._poll.unregister(listener)
                    with self._lock:
                        self._places.pop(listener, None)
                    os.close(listener)

    def _serve(self, listener: int) -> None:
        buffer = bytearray(_REQUEST.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, buffer)
        except OSError:
            return  # the caller was killed meanwhile
        number, pid, _, call, _, _, *arguments = _REQUEST.unpack(buffer)
        answer = _ANSWER.pack(number, 0, 0, _CONTINUE)
        try:
            self._move(pid, call in _BIND, self._places[listener], arguments)
        except OSError as error:
            LOG.warning("process %d: an address could not be moved: %s", pid, error)
            if call in _BIND:
                # What is not moved would listen where it says: perhaps on all of the machine's addresses.
                answer = _ANSWER.pack(number, 0, -errno.EADDRNOTAVAIL, 0)
        with contextlib.suppress(OSError):
            fcntl.ioctl(listener, _SEND, bytearray(answer))

    def _move(self, pid: int, binds: bool, place: Place, arguments: list[int]) -> None:
        descriptor, pointer, length = arguments[0], arguments[1], arguments[2]
        memory = os.open(f"/proc/{pid}/mem", os.O_RDWR)
        try:
            name = os.pread(memory, min(length, 28), pointer)
            moved = _moved(name, place.bound if binds else place.connected, binds=binds)
            if moved is None:
                return
            if moved != name:
                os.pwrite(memory, moved, pointer)
        finally:
            os.close(memory)
        if not binds and _is_loopback(moved):
            _come_from(place.address, pid, descriptor)


@Once
def supervisor() -> Supervisor:
    """The supervisor of this process."""
    return Supervisor()


def _moved(name: bytes, move: Callable[[bytes, int], tuple[bytes, int]], *, binds: bool) -> bytes | None:
    """The socket name after `move`; None for one that is not of the Internet. Raises OSError for a bind elsewhere."""
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
            if binds:
                raise OSError(errno.EADDRNOTAVAIL, "IPv6 is not done", socket.inet_ntop(family, asked))
            return name
        address, port = move(short, port)
        return name[:2] + struct.pack("!H", port) + name[4:8] + _MAPPED + address + name[24:]
    return None


def _is_loopback(name: bytes) -> bool:
    return struct.unpack_from("=H", name)[0] == socket.AF_INET and name[4] == _LOCAL.packed[0]


def _come_from(address: str, pid: int, descriptor: int) -> None:
    """Let the connection come from the container's address, as from its network interface."""
    leader = _leader(pid)
    pidfd = os.pidfd_open(leader)
    try:
        duplicate = _syscall(_PIDFD_GETFD, pidfd, descriptor, 0)
    finally:
        os.close(pidfd)
    with socket.socket(fileno=duplicate) as copy, contextlib.suppress(OSError):
        # One that the program has bound already stays as it is.
        if copy.getsockname()[0] == str(_ANY):
            copy.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            copy.bind((address, 0))


def _leader(thread: int) -> int:
    for line in Path(f"/proc/{thread}/status").read_text().splitlines():
        if line.startswith("Tgid:"):
            return int(line.split()[1])
    raise ProcessLookupError(thread)


def _syscall(number: int, *arguments: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
