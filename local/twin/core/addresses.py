"""Which loopback address stands for which address of the emulated network.

On Linux all of 127.0.0.0/8 is loopback: every task, node and endpoint has an address of its own there,
without root, and nothing outside the machine reaches it.
"""

import json
import os
import socket
import threading
from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from itertools import islice
from pathlib import Path

from twin.core.atomic import write_atomic
from twin.core.errors import AddressError
from twin.core.once import Once
from twin.core.world import world

# A subnet's first four addresses and its last are reserved:
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
RESERVED_AT_START = 4
OCTETS_PER_TWIN = 32
ZONELESS_OCTET = 248
FIRST_ENDPOINT = 10
LOWEST_FREE_PORT = 1024
PRIVILEGED_SHIFT = 8000


def loopback(address: str, twin_id: int | None = None) -> str:
    """Return the loopback address on which what has `address` in the emulated network listens.

    10.20.1.17 is 127.20.1.17 for twin 0; each further twin has its second octet 32 higher, modulo 256.
    """
    number = world().twin_id if twin_id is None else twin_id
    _, second, third, fourth = IPv4Address(address).packed
    return f"127.{(second + OCTETS_PER_TWIN * number) % 256}.{third}.{fourth}"


@cache
def _may_bind_low_ports() -> bool:
    if os.geteuid() == 0:
        return True
    lowest = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    return lowest.exists() and int(lowest.read_text()) <= 80  # noqa: PLR2004 - HTTP, the lowest port a balancer uses


def listening_port(port: int) -> int:
    """Return the port on which a listener of `port` really listens: below 1024 it is 8000 higher
    unless this process may bind such ports."""
    return port if port >= LOWEST_FREE_PORT or _may_bind_low_ports() else port + PRIVILEGED_SHIFT


class AddressBook:
    """Hands out addresses and remembers them in the file `path`, so that an owner keeps its address.

    Thread-safe. Owners and endpoint names are free text, unique in the twin.
    """

    def __init__(self, path: Path, twin_id: int) -> None:
        self._path = path
        self._block = f"127.{ZONELESS_OCTET + twin_id}"
        self._lock = threading.Lock()
        self._book: dict[str, dict[str, str]] = {"enis": {}, "endpoints": {}}
        if path.exists():
            self._book = json.loads(path.read_text())

    def eni(self, subnet_id: str, cidr: str, owner: str) -> str:
        """Return the owner's address in the subnet, taking a free one of `cidr` the first time.

        Raises AddressError when the subnet has no free address left.
        """
        key = f"{subnet_id}/{owner}"
        network = IPv4Network(cidr)
        with self._lock:
            known = self._book["enis"].get(key)
            if known is not None and IPv4Address(known) in network:
                return known
            taken = set(self._book["enis"].values())
            for host in range(RESERVED_AT_START, network.num_addresses - 1):
                address = str(network[host])
                if address not in taken and _is_free(loopback(address)):
                    self._book["enis"][key] = address
                    self._save()
                    return address
        raise AddressError(f"subnet {subnet_id} ({cidr}) has no free address left")

    def release(self, owner: str) -> None:
        """Give back every subnet address of the owner; an unknown owner is no error."""
        with self._lock:
            mine = [key for key in self._book["enis"] if key.split("/", 1)[1] == owner]
            for key in mine:
                del self._book["enis"][key]
            if mine:
                self._save()

    def endpoint(self, name: str) -> str:
        """Return the zoneless loopback address of the endpoint `name`, the same one for ever.

        Raises AddressError when none is left.
        """
        with self._lock:
            known = self._book["endpoints"].get(name)
            if known is None:
                taken = set(self._book["endpoints"].values())
                known = next((address for address in self._zoneless() if address not in taken), None)
                if known is None:
                    raise AddressError(f"no address is left for the endpoint {name}")
                self._book["endpoints"][name] = known
                self._save()
            return known

    def first_endpoints(self, count: int) -> list[str]:
        """The first `count` addresses that endpoints get, for a certificate made before the endpoint is."""
        return list(islice(self._zoneless(), count))

    def free(self, name: str) -> None:
        """Give back the address of the endpoint `name`; an unknown name is no error."""
        with self._lock:
            if self._book["endpoints"].pop(name, None):
                self._save()

    def _zoneless(self) -> Iterator[str]:
        return (f"{self._block}.{n // 250}.{n % 250 + 1}" for n in range(FIRST_ENDPOINT, 60_000))

    def _save(self) -> None:
        write_atomic(self._path, json.dumps(self._book, indent=1, sort_keys=True))


def _is_free(address: str) -> bool:
    """Whether the machine lets us use the address at all (macOS needs an alias for each)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


@Once
def book() -> AddressBook:
    """The address book of this twin, shared by all rooms of the process."""
    here = world()
    return AddressBook(here.directory() / "addresses.json", here.twin_id)
