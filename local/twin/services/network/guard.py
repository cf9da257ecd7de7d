"""Decides each connection that a container opens: who it is, who has the address, whether the way is open."""

import threading
import time

from twin.core.timeline import emit
from twin.services.network.models import Flow, Interface
from twin.services.network.registry import View, port_of, private, view

# The same refusal is told once in this time.
TELL_SECONDS = 60.0

_told: dict[tuple[str, str], float] = {}
_lock = threading.Lock()


def lets(source: str, protocol: str, address: str, port: int) -> bool:
    """Whether what is at the loopback address `source` may open this; what may not is told on the timeline.

    A refusal is decided by what holds at this very moment: one that was held up would wait for nothing.
    """
    if refusal(source, protocol, address, port, view()) is None:
        return True
    missing = refusal(source, protocol, address, port, view(now=True))
    if missing is None:
        return True
    _tell(*missing)
    return False


def refusal(source: str, protocol: str, address: str, port: int, seen: View) -> tuple[str, str] | None:
    """Why it may not, after the name of who asked; None when it may."""
    here = seen.places.get(source)
    if here is None:
        return source, f"{protocol} {port} to {address} was dropped: no network interface has {source}"
    target = seen.party(address)
    if target is None:
        where = private(address) if address.startswith("127.") else address
        return _of(here, f"{protocol} {port} to {where} was dropped: no network interface has that address")
    flow = Flow(protocol, port_of(target, port))
    way = seen.reach(here, target, flow)
    return _of(here, f"{flow} to {target} was dropped: {way.missing}") if way.missing else None


def tell(source: Interface, message: str) -> None:
    """Put on the timeline what was refused, not more than once a while."""
    _tell(source.owner, message)


def _of(source: Interface, message: str) -> tuple[str, str]:
    return source.owner, message


def _tell(owner: str, message: str) -> None:
    now = time.monotonic()
    with _lock:
        for key in [key for key, at in _told.items() if at < now - TELL_SECONDS]:
            del _told[key]
        if (owner, message) in _told:
            return
        _told[(owner, message)] = now
    emit("network", owner, message)
