"""Something that is made at its first use and shared from then on, by all threads."""

import threading
from collections.abc import Callable


class Once[T]:
    """Decorates a function without arguments: it runs once, even when several threads call it first at the same time.

    functools.cache would let each of them run it, and each go on with a thing of its own.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self.__doc__ = make.__doc__
        self._make = make
        self._lock = threading.RLock()
        self._made: list[T] = []

    def __call__(self) -> T:
        """The thing."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def cache_clear(self) -> None:
        """Let the next call make it again."""
        with self._lock:
            self._made.clear()
