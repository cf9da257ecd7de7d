"""The loop of every controller, and the slots beside it."""

import logging
import threading
from collections.abc import Iterator

import pytest
from twin.core.loop import Loop, Slot

from tests.twin.support import eventually


@pytest.fixture
def ran() -> threading.Semaphore:
    """Counts the cycles that ran."""
    return threading.Semaphore(0)


@pytest.fixture
def loop(ran: threading.Semaphore) -> Iterator[Loop]:
    """A loop that runs only when it is woken."""
    made = Loop("test", ran.release, interval=3600)
    made.start()
    assert ran.acquire(timeout=5), "the first cycle runs at once"
    yield made
    made.stop()


def test_a_loop_runs_by_its_interval() -> None:
    ran = threading.Semaphore(0)
    loop = Loop("test", ran.release, interval=0.01)
    loop.start()
    assert all(ran.acquire(timeout=5) for _ in range(3))
    loop.stop()


def test_a_started_loop_is_not_started_twice(loop: Loop, ran: threading.Semaphore) -> None:
    loop.start()
    assert [thread.name for thread in threading.enumerate()].count("loop-test") == 1


def test_a_stopped_loop_runs_no_more(loop: Loop, ran: threading.Semaphore) -> None:
    loop.stop()
    loop.wake()
    assert not ran.acquire(timeout=0.1)
    assert "loop-test" not in [thread.name for thread in threading.enumerate()]


def test_stopping_waits_for_the_cycle_under_way() -> None:
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def cycle() -> None:
        begun.set()
        gate.wait(5)
        ended.set()

    loop = Loop("test", cycle, interval=3600)
    loop.start()
    assert begun.wait(5)
    stopping = threading.Thread(target=loop.stop)
    stopping.start()
    gate.set()
    stopping.join(5)
    assert ended.is_set()


def test_a_cycle_may_stop_its_own_loop() -> None:
    def cycle() -> None:
        loop.stop()

    loop = Loop("self", cycle, interval=0)
    loop.start()
    eventually(
        lambda: [thread.name for thread in threading.enumerate()], lambda names: "loop-self" not in names, seconds=5
    )


def test_what_a_cycle_did_is_logged_in_its_sentence(caplog: pytest.LogCaptureFixture) -> None:
    ran = threading.Semaphore(0)
    sentences: list[str | None] = ["promoted the standby", None]

    def cycle() -> str | None:
        ran.release()
        return sentences.pop(0) if sentences else None

    with caplog.at_level(logging.INFO, "twin.core.loop"):
        loop = Loop("db", cycle, interval=0.01)
        loop.start()
        assert all(ran.acquire(timeout=5) for _ in range(3))
        loop.stop()
    assert caplog.messages == ["db: promoted the standby"]


def test_a_slot_wakes_the_loop_when_its_action_is_done(loop: Loop, ran: threading.Semaphore) -> None:
    slot = Slot(loop)
    assert slot.run("db", lambda: "whatever")
    assert ran.acquire(timeout=5)
    assert not slot.busy("db")
    assert slot.error("db") is None


def test_an_error_is_forgotten_when_the_next_action_begins(loop: Loop, ran: threading.Semaphore) -> None:
    def fail() -> None:
        raise ValueError("no")

    slot = Slot(loop)
    slot.run("db", fail)
    assert ran.acquire(timeout=5)
    assert str(slot.error("db")) == "no"
    assert slot.error("other") is None
    slot.run("db", lambda: None)
    assert ran.acquire(timeout=5)
    assert slot.error("db") is None


def test_keys_do_not_wait_for_each_other(loop: Loop) -> None:
    gate = threading.Event()
    slot = Slot(loop)
    assert slot.run("one", lambda: gate.wait(5))
    assert slot.run("two", lambda: gate.wait(5))
    assert slot.busy("one")
    assert slot.busy("two")
    gate.set()
    eventually(lambda: slot.busy("one") or slot.busy("two"), lambda busy: not busy, seconds=5)
