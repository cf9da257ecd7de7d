"""Steps run as soon as they may, several at once, and none after a failure."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait

import pytest

from infra.deploy.order import Task, ready, run_all
from infra.errors import DeployError


def _nothing() -> None:
    return


def test_what_may_start_is_what_has_all_it_needs() -> None:
    tasks = {
        task.name: task
        for task in (
            Task("a", _nothing),
            Task("b", _nothing, ("a",)),
            Task("c", _nothing),
            Task("d", _nothing, ("b", "c")),
        )
    }
    assert [task.name for task in ready(tasks, done=set(), started=set())] == ["a", "c"]
    assert [task.name for task in ready(tasks, done={"a"}, started={"a", "c"})] == ["b"]
    assert [task.name for task in ready(tasks, done={"a", "b", "c"}, started={"a", "b", "c"})] == ["d"]


def test_each_step_runs_once_after_what_it_needs() -> None:
    ran: list[str] = []
    tasks = [
        Task("last", lambda: ran.append("last"), ("middle",)),
        Task("middle", lambda: ran.append("middle"), ("first",)),
    ]
    run_all([*tasks, Task("first", lambda: ran.append("first"))], interrupt=_nothing)
    assert ran == ["first", "middle", "last"]


def test_steps_that_need_nothing_of_each_other_run_at_once() -> None:
    together = threading.Barrier(2, timeout=10)
    run_all([Task("a", lambda: _meet(together)), Task("b", lambda: _meet(together))], interrupt=_nothing)
    assert not together.broken


def test_after_a_failure_none_starts_those_under_way_end_and_the_first_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collected = threading.Event()
    looks: list[int] = []
    ended: list[str] = []

    def watched(running: Iterable[Future[None]], *, return_when: str) -> object:
        looks.append(1)
        if len(looks) == 2:
            collected.set()  # the first failure has been noted
        return wait(running, return_when=return_when)

    def fail() -> None:
        raise DeployError("the first")

    def slow() -> None:
        assert collected.wait(10)
        ended.append("slow")
        raise DeployError("the second")

    monkeypatch.setattr("infra.deploy.order.wait", watched)
    tasks = [Task("slow", slow), Task("fail", fail), Task("after", lambda: ended.append("after"), ("fail",))]
    with pytest.raises(DeployError, match="the first"):
        run_all(tasks, interrupt=_nothing)
    assert ended == ["slow"]


def test_an_interrupt_ends_the_waits_of_those_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = threading.Event()
    seen: list[bool] = []

    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("infra.deploy.order.wait", press)
    with pytest.raises(KeyboardInterrupt):
        run_all([Task("waits", lambda: seen.append(interrupted.wait(10)))], interrupt=interrupted.set)
    assert seen == [True]


@pytest.mark.parametrize(
    ("needs", "message"),
    [({"a": ("b",), "b": ("a",), "c": ()}, "in a circle: . → . → ."), ({"a": ("ghost",)}, "nothing does ghost")],
)
def test_what_cannot_be_ordered_starts_nothing(needs: dict[str, tuple[str, ...]], message: str) -> None:
    ran: list[str] = []
    with pytest.raises(DeployError, match=message):
        run_all([Task(name, _into(ran, name), of) for name, of in needs.items()], interrupt=_nothing)
    assert ran == []


def _into(ran: list[str], name: str) -> Callable[[], None]:
    return lambda: ran.append(name)


def _meet(barrier: threading.Barrier) -> None:
    barrier.wait()
