"""What a container prints when its log stream is slower than it is."""

import os
import threading
from collections.abc import Iterator

import pytest
from localstack.aws.api import CommonServiceException
from twin.services.ecs import awslogs
from twin.services.ecs.awslogs import Buffer, Line, Pump
from twin.services.ecs.definitions import buffer_bytes, checked

from tests.twin.support import eventually


class Slow:
    """A log stream that takes nothing until it is let go."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        self.got: list[str] = []

    def put(self, lines: list[Line]) -> None:
        """Take the lines, once that may be."""
        self.asked.set()
        assert self.go.wait(10)
        self.got += [text for _, text in lines]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """The stream; batches go out after a moment."""
    monkeypatch.setattr(awslogs, "FLUSH_SECONDS", 0.05)
    made = Slow()
    yield made
    made.go.set()


def test_non_blocking_loses_what_the_buffer_cannot_hold_and_keeps_nobody_waiting(slow: Slow) -> None:
    reading, writing = os.pipe()
    buffer = Buffer(100)
    pump = Pump(os.fdopen(reading, "rb"), slow.put, buffer)
    with os.fdopen(writing, "wb", buffering=0) as output:
        output.write(b"first\n")
        assert slow.asked.wait(5)
        for number in range(20_000):  # more than the pipe and the buffer hold
            output.write(f"line {number:05}\n".encode())
        eventually(lambda: buffer.lost, lambda lost: lost == 19_990, 5)
    slow.go.set()
    pump.finish()
    assert slow.got == ["first", *(f"line {number:05}" for number in range(10))]


def test_blocking_keeps_the_container_waiting_and_loses_nothing(slow: Slow) -> None:
    reading, writing = os.pipe()
    pump = Pump(os.fdopen(reading, "rb"), slow.put, Buffer(100, blocking=True))
    written = threading.Event()

    def print_much() -> None:
        with os.fdopen(writing, "wb", buffering=0) as output:
            for number in range(20_000):
                output.write(f"line {number:05}\n".encode())
        written.set()

    program = threading.Thread(target=print_much)
    program.start()
    assert not written.wait(0.5), "the program did not wait"
    slow.go.set()
    program.join(10)
    pump.finish(10)
    assert slow.got == [f"line {number:05}" for number in range(20_000)]


def test_a_line_without_end_is_cut_into_events(slow: Slow) -> None:
    slow.go.set()
    reading, writing = os.pipe()
    pump = Pump(os.fdopen(reading, "rb"), slow.put, Buffer())
    with os.fdopen(writing, "wb") as output:
        output.write(b"x" * (awslogs.LONGEST_EVENT + 70_000))
    pump.finish()
    assert [len(text) > awslogs.LONGEST_EVENT for text in slow.got] == [False, False]
    assert sum(map(len, slow.got)) == awslogs.LONGEST_EVENT + 70_000


@pytest.mark.parametrize(
    ("text", "size"), [(None, 10 << 20), ("25m", 25 << 20), ("4k", 4096), ("1G", 1 << 30), ("100", 100)]
)
def test_the_sizes_of_a_buffer(text: str | None, size: int) -> None:
    assert buffer_bytes({"max-buffer-size": text} if text else {}) == size


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"mode": "sometimes"}, "mode must be blocking or non-blocking, not sometimes"),
        ({"max-buffer-size": "much"}, "max-buffer-size is no size: much"),
        ({"mode": "blocking", "max-buffer-size": "1m"}, "for mode non-blocking only"),
        ({"awslogs-datetime-format": "%H"}, "does not do the awslogs option awslogs-datetime-format"),
    ],
)
def test_options_that_mean_nothing_are_refused_at_registration(more: dict[str, str], words: str) -> None:
    options = {"awslogs-group": "g", "awslogs-region": "r", "awslogs-stream-prefix": "p", **more}
    container = {"name": "main", "image": "i", "logConfiguration": {"logDriver": "awslogs", "options": options}}
    with pytest.raises(CommonServiceException, match=words):
        checked(
            {
                "family": "f", "cpu": "256", "memory": "512", "networkMode": "awsvpc", "executionRoleArn": "arn",
                "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [container],
            }
        )  # fmt: skip
