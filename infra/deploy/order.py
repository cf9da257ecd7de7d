"""Runs steps as soon as what they need is done, several at once, and stops at the first failure."""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from infra.errors import DeployError

MOST_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do once all of `needs` are done."""

    name: str
    run: Callable[[], None]
    needs: tuple[str, ...] = ()


def ready(tasks: Mapping[str, Task], *, done: set[str], started: set[str]) -> list[Task]:
    """The tasks that may start now, in the order given."""
    return [task for name, task in tasks.items() if name not in started and set(task.needs) <= done]


def run_all(tasks: list[Task], *, interrupt: Callable[[], None]) -> None:
    """Run `tasks`. After a failure none is started; those under way end, then the first failure is raised.

    When the user interrupts, `interrupt` is called so that tasks under way stop waiting. Raises DeployError before
    anything is started where tasks need what nothing does, or each other.
    """
    named = {task.name: task for task in tasks}
    if unknown := {need for task in tasks for need in task.needs} - named.keys():
        raise DeployError(f"nothing does {', '.join(sorted(unknown))}")
    try:
        TopologicalSorter({task.name: task.needs for task in tasks}).prepare()
    except CycleError as error:
        raise DeployError(f"steps need each other in a circle: {' → '.join(error.args[1])}") from error
    work = _Work(tasks=named)
    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="deploy") as pool:
        try:
            while work.start(pool):
                work.collect()
        except BaseException:  # raised on; those that still wait must be told first
            interrupt()
            raise
    if work.failure is not None:
        raise work.failure


@dataclass
class _Work:
    tasks: Mapping[str, Task]
    done: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    running: dict[Future[None], str] = field(default_factory=dict)
    failure: BaseException | None = None

    def start(self, pool: ThreadPoolExecutor) -> bool:
        """Start what may start; tell whether anything runs."""
        if self.failure is None:
            for task in ready(self.tasks, done=self.done, started=self.started):
                self.started.add(task.name)
                self.running[pool.submit(task.run)] = task.name
        return bool(self.running)

    def collect(self) -> None:
        """Wait until something ended, and note how."""
        for future in wait(self.running, return_when=FIRST_COMPLETED).done:
            name = self.running.pop(future)
            error = future.exception()
            if error is None:
                self.done.add(name)
            else:
                self.failure = self.failure or error
