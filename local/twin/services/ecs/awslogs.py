"""The awslogs driver: what a container prints becomes events of its log stream, within a second.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
"""

import contextlib
import logging
import os
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from botocore.exceptions import ClientError

from twin.services.common.api import client
from twin.services.common.on_behalf import Session, require

LOG = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
MOST_EVENTS = 1000
LONGEST_EVENT = 256 * 1024 - 26
MOST_BYTES = 4 << 20


@dataclass(frozen=True)
class Stream:
    """Where a container's lines go, written by the execution role."""

    execution: Session
    group: str
    name: str

    @property
    def _itself(self) -> dict[str, str]:
        return {"logGroupName": self.group, "logStreamName": self.name}

    def open(self, *, create_group: bool) -> None:
        """Make the stream; raises ClientError when the group is not there and may not be made."""
        logs = client("logs", self.execution.region)
        if create_group:
            require(self.execution, "logs", "CreateLogGroup", {"logGroupName": self.group})
            with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
                logs.create_log_group(logGroupName=self.group)
        require(self.execution, "logs", "CreateLogStream", self._itself)
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=self.group, logStreamName=self.name)

    def put(self, lines: list[tuple[int, str]]) -> None:
        """Append the lines, each with its time in milliseconds; as on AWS they are lost when the group is gone, or when
        the role may not write."""
        events = [{"timestamp": when, "message": text[:LONGEST_EVENT]} for when, text in lines if text]
        try:
            if events:
                require(self.execution, "logs", "PutLogEvents", self._itself)
                client("logs", self.execution.region).put_log_events(
                    logGroupName=self.group, logStreamName=self.name, logEvents=events
                )
        except ClientError as error:
            LOG.warning("log stream %s: %s", self.name, error)


class File:
    """What `bin/twin logs` shows of a container: its last lines, at most two files of MOST_BYTES."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, lines: list[tuple[int, str]]) -> None:
        """Append the lines; a full disk loses them, and nothing else."""
        try:
            if self._path.exists() and self._path.stat().st_size > MOST_BYTES:
                self._path.replace(self._path.with_suffix(".old"))
            with self._path.open("a") as file:
                file.writelines(f"{text}\n" for _, text in lines)
        except OSError as error:
            LOG.warning("%s: %s", self._path, error)


class Pump:
    """Reads a container's output until it ends and hands its lines on, in batches."""

    def __init__(self, output: IO[bytes], put: Callable[[list[tuple[int, str]]], None]) -> None:
        self._output = output
        self._put = put
        self._thread = threading.Thread(target=self._run, name="awslogs", daemon=True)
        self._thread.start()

    def finish(self, timeout: float = 2) -> None:
        """Wait until what the ended container printed has been handed on."""
        self._thread.join(timeout)

    def _run(self) -> None:
        descriptor = self._output.fileno()
        rest, waiting, flushed = b"", [], time.monotonic()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while True:
            ready = poll.poll(FLUSH_SECONDS * 1000)
            data = os.read(descriptor, 65536) if ready else b""
            if ready and not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            now = int(time.time() * 1000)
            waiting += [(now, line.decode(errors="replace").rstrip("\r")) for line in lines]
            if waiting and (time.monotonic() - flushed > FLUSH_SECONDS or len(waiting) >= MOST_EVENTS):
                self._put(waiting)
                waiting, flushed = [], time.monotonic()
        if rest:
            waiting.append((int(time.time() * 1000), rest.decode(errors="replace")))
        self._put(waiting)
        self._output.close()
