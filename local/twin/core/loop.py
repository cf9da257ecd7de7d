"""The loop of every controller, and the slots in which slow actions run beside it."""

import logging
import threading
from collections.abc import Callable, Iterable

LOG = logging.getLogger(__name__)


class Loop:
    """Runs `cycle` every `interval` seconds (wall-clock), and at once when woken.

    `cycle` returns the sentence that tells what it did, or None when there was nothing to do.
    A cycle that raises is logged and runs again: what it observes next may have healed.
    """

    def __init__(self, name: str, cycle: Callable[[], str | None], interval: float) -> None:
        self.name = name
        self._cycle = cycle
        self._interval = interval
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread of the loop; a started loop is left as it is."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"loop-{self.name}", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Run the next cycle now."""
        self._woken.set()

    def stop(self, timeout: float = 10) -> None:
        """Let the current cycle end and run no other; wait for it at most `timeout` seconds."""
        self._stopped.set()
        self._woken.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                sentence = self._cycle()
            except Exception:  # the edge of the loop: what it sees next may have healed
                LOG.exception("%s: a cycle failed", self.name)
            else:
                if sentence:
                    LOG.info("%s: %s", self.name, sentence)
            self._woken.wait(self._interval)


def tend_each[T](items: Iterable[T], tend: Callable[[T], str | None]) -> list[str]:
    """Tend every item and return what was said; one that raises is logged, and does not keep the others waiting."""
    said = []
    for item in items:
        try:
            sentence = tend(item)
        except Exception:  # the others must not wait for this one
            LOG.exception("%s could not be tended", getattr(item, "arn", type(item).__name__))
            continue
        if sentence:
            said.append(sentence)
    return said


class Slot:
    """Runs at most one slow action per key beside the loop, and wakes the loop when it is done."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._running: dict[str, threading.Thread] = {}
        self._errors: dict[str, Exception] = {}

    def run(self, key: str, action: Callable[[], object]) -> bool:
        """Start `action` under `key`; return False, doing nothing, while one runs there."""
        with self._lock:
            if key in self._running:
                return False
            self._errors.pop(key, None)
            thread = threading.Thread(target=self._act, args=(key, action), name=f"slot-{key}", daemon=True)
            self._running[key] = thread
        thread.start()
        return True

    def busy(self, key: str) -> bool:
        """Whether an action runs under `key`."""
        with self._lock:
            return key in self._running

    def error(self, key: str) -> Exception | None:
        """What the last action under `key` raised, None if it ended well."""
        with self._lock:
            return self._errors.get(key)

    def _act(self, key: str, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:
            LOG.exception("%s: the action failed", key)
            with self._lock:
                self._errors[key] = error
        finally:
            with self._lock:
                del self._running[key]
            self._loop.wake()
