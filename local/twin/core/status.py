"""What the rooms see right now, under one roof: each registers a function that observes."""

from collections.abc import Callable

_observers: dict[str, Callable[[], object]] = {}


def register(key: str, observe: Callable[[], object]) -> None:
    """Let `observe` answer for `key` of the status; it is called for each status and must be quick."""
    _observers[key] = observe


def collect() -> dict[str, object]:
    """Ask every observer once."""
    return {key: observe() for key, observe in _observers.items()}
