"""What has a network interface, as the slices tell it, and EC2's networks: one view of both, a moment old at most."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from twin.core.addresses import OCTETS_PER_TWIN, RESERVED_AT_START, listening_port
from twin.core.world import world
from twin.services.network.models import Flow, Interface, Outside, Party, Picture, Way
from twin.services.network.picture import take
from twin.services.network.reach import reach

# As old as a view may be by which something is let through; what is not is decided by a new one.
FRESH_SECONDS = 0.2

type Observer = Callable[[], Iterable[Interface]]

_observers: dict[str, Observer] = {}


def register(slice_name: str, observe: Observer) -> None:
    """Let `observe` tell the interfaces of a slice; it is called often, on any thread, and must be quick."""
    _observers[slice_name] = observe


@dataclass(frozen=True)
class View:
    """Interfaces by loopback address, and the networks they are in. planned: those that something will have."""

    picture: Picture
    places: Mapping[str, Interface]
    planned: tuple[Interface, ...] = ()

    def interface(self, address: str) -> Interface | None:
        """Who has the address: a loopback one, or one of the emulated network."""
        if found := self.places.get(address):
            return found
        mine = (one for one in self.places.values() if str(one.address) == address and not one.public)
        return next(mine, None)

    def party(self, place: str) -> Party | None:
        """Who is at an address to which a container connects; None where nobody is."""
        if found := self.places.get(place):
            return found
        address = IPv4Address(place)
        if address.is_loopback or address.is_link_local or self.is_inside(address):
            return None
        return Outside(place, address)

    def is_inside(self, address: IPv4Address) -> bool:
        """Whether the address is one of a VPC."""
        return any(address in network for networks in self.picture.vpcs.values() for network in networks)

    def reach(self, source: Interface | Outside, target: Party, flow: Flow) -> Way:
        """The way from one to the other."""
        return reach(source, target, flow, self.picture)


_lock = threading.Lock()
_last: list[tuple[float, View]] = []


def view(*, now: bool = False) -> View:
    """The view; with `now` one that is taken after the call."""
    asked = time.monotonic()
    with _lock:
        if _last and _last[0][0] >= (asked if now else asked - FRESH_SECONDS):
            return _last[0][1]
        taken = time.monotonic()
        interfaces = [one for observe in list(_observers.values()) for one in observe()]
        picture = take(world().region)
        places = {place: one for one in interfaces for place in one.places}
        made = View(picture, places, tuple(_placed(one, picture) for one in interfaces if not one.places))
        _last[:] = [(taken, made)]
        return made


def _placed(planned: Interface, picture: Picture) -> Interface:
    """With an address that it may get."""
    subnet = picture.subnets.get(planned.subnet)
    return replace(planned, address=subnet.network[RESERVED_AT_START]) if subnet is not None else planned


def private(place: str) -> str:
    """The address of the emulated network that a loopback address stands for."""
    _, second, third, fourth = IPv4Address(place).packed
    return f"10.{(second - OCTETS_PER_TWIN * world().twin_id) % 256}.{third}.{fourth}"


def port_of(target: Party, port: int) -> int:
    """The port as AWS counts it, of one at which the target really listens."""
    ports = target.ports if isinstance(target, Interface) else ()
    return next((one for one in ports if listening_port(one) == port), port)
