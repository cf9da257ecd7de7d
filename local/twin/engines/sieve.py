"""Lets a listening socket of another process see no SYN but those from certain networks: the others time out.

A classic socket filter sits on the listener itself and drops in the kernel; connections that stand are left alone, and
each change holds for the next SYN. https://docs.kernel.org/networking/filter.html
"""

import ctypes
import os
import socket
import struct
from collections.abc import Collection, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from twin.engines.descriptors import duplicate

_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_LOAD_BYTE, _LOAD_WORD, _AND, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x20, 0x54, 0x15, 0x06
_FLAGS, _SYN, _SYN_OR_ACK = 13, 0x02, 0x12
_SOURCE = 0xFFF00000 + 12  # of the IP header: SKF_NET_OFF
_ALL = 0xFFFFFFFF
_LISTENS = "0A"

type Place = tuple[str, int]


class Sieve:
    """The listeners of one process after another (`pid`), as they are to be. One thread at a time."""

    def __init__(self, admitted: Sequence[IPv4Network]) -> None:
        self._admitted = admitted
        self._shut: dict[Place, str] = {}

    def keep(self, pid: int, shut: Collection[Place]) -> None:
        """Shut exactly these places to all but the admitted networks; raises OSError when that is not possible."""
        if not shut and not self._shut:
            return
        found = _listeners(pid, {*shut, *self._shut})
        for place in [place for place in self._shut if place not in shut]:
            if place in found:
                _set(pid, found[place][0], _SO_DETACH_FILTER, b"\0" * 4)
            del self._shut[place]
        for place in shut:
            if place in found and self._shut.get(place) != found[place][1]:
                _attach(pid, found[place][0], _program(self._admitted))
                self._shut[place] = found[place][1]


def _listeners(pid: int, places: Collection[Place]) -> dict[Place, tuple[int, str]]:
    """The descriptor and the inode of each listening socket that the process has at one of the places."""
    wanted = {f"{_hex(address)}:{port:04X}": (address, port) for address, port in places}
    inodes: dict[str, Place] = {}
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _LISTENS and fields[1] in wanted:
            inodes[f"socket:[{fields[9]}]"] = wanted[fields[1]]
    found: dict[Place, tuple[int, str]] = {}
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(entry.path)
        except FileNotFoundError:
            continue  # closed meanwhile
        if link in inodes:
            found[inodes[link]] = (int(entry.name), link)
    return found


def _hex(address: str) -> str:
    return f"{struct.unpack('=I', socket.inet_aton(address))[0]:08X}"


def _program(admitted: Sequence[IPv4Network]) -> list[tuple[int, int, int, int]]:
    """Drop a SYN without ACK whose source is in none of the networks; pass everything else."""
    lines = [(_LOAD_BYTE, 0, 0, _FLAGS), (_AND, 0, 0, _SYN_OR_ACK), (_JUMP_IF_EQUAL, 0, 3 * len(admitted) + 1, _SYN)]
    for left, network in zip(range(len(admitted), 0, -1), admitted, strict=True):
        lines += [
            (_LOAD_WORD, 0, 0, _SOURCE),
            (_AND, 0, 0, int(network.netmask)),
            (_JUMP_IF_EQUAL, 3 * (left - 1) + 1, 0, int(network.network_address)),
        ]
    return [*lines, (_RETURN, 0, 0, 0), (_RETURN, 0, 0, _ALL)]


def _attach(pid: int, descriptor: int, lines: list[tuple[int, int, int, int]]) -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    _set(pid, descriptor, _SO_ATTACH_FILTER, struct.pack("HxxxxxxP", len(lines), ctypes.addressof(code)))


def _set(pid: int, descriptor: int, option: int, value: bytes) -> None:
    with socket.socket(fileno=duplicate(pid, descriptor)) as copy:
        copy.setsockopt(socket.SOL_SOCKET, option, value)
