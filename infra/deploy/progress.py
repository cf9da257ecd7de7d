"""What a deployment tells while it runs: to a person, or as JSON lines to a program."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TextIO

from rich.console import Console
from rich.markup import escape

Status = Literal["started", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `seconds` counts from the step's start."""

    step: str
    status: Status
    seconds: float = 0.0
    detail: str = ""
    url: str = ""


class Progress:
    """Where steps report; steps of several threads may use one at once."""

    def __init__(self, *, as_json: bool, stream: TextIO | None = None) -> None:
        self._json = as_json
        self._stream = stream or sys.stdout
        self._console = Console(file=self._stream, highlight=False, soft_wrap=True)
        self._lock = threading.Lock()

    def tell(self, event: Event) -> None:
        """Write one event."""
        with self._lock:
            if self._json:
                line = {
                    "step": event.step,
                    "status": event.status,
                    "seconds": round(event.seconds, 2),
                    "detail": event.detail,
                    "url": event.url,
                }
                self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
                self._stream.flush()
            elif event.status != "started" or self._console.is_terminal:
                self._console.print(_human(event), markup=True)

    def say(self, text: str) -> None:
        """Write a line for people; programs get none."""
        if not self._json:
            with self._lock:
                self._console.print(text, markup=False)

    @contextmanager
    def step(self, name: str, *, alone: bool = False) -> Iterator["Step"]:
        """Report the beginning and the end of a step; a failure is reported and goes on.

        While a step runs `alone`, its failure is the program's last line too, and people read it there only.
        """
        step = Step(name, self)
        self.tell(Event(name, "started"))
        try:
            yield step
        except BaseException as error:
            text = str(error) or ("interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__)
            if self._json or not alone:
                self.tell(Event(name, "failed", step.seconds, text))
            raise
        self.tell(Event(name, "done", step.seconds, step.detail, step.url))


class Step:
    """A step under way: what it will say when it is done, and what it says meanwhile."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.name = name
        self.detail = ""
        self.url = ""
        self._progress = progress
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._began

    def note(self, detail: str) -> None:
        """Tell what the step is at."""
        self._progress.tell(Event(self.name, "started", self.seconds, detail))


def _human(event: Event) -> str:
    name = f"{event.step:<12}"
    detail = escape(event.detail)
    if event.status == "failed":
        return f"  [red]✗[/red] {name} {event.seconds:6.1f} s  {detail}"
    if event.status == "done":
        return f"  [green]✓[/green] {name} {event.seconds:6.1f} s  {detail}  {event.url}".rstrip()
    return f"  [dim]… {name} {event.seconds:6.1f} s  {detail}[/dim]"
