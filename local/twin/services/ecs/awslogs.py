"""The awslogs driver: what a container prints becomes events of its log stream, within a second.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from botocore.exceptions import BotoCoreError, ClientError

from twin.services.common.api import client
from twin.services.common.on_behalf import Session, require

LOG = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
MOST_EVENTS = 1000
LONGEST_EVENT = 256 * 1024 - 26
MOST_BYTES = 4 << 20
BUFFER_BYTES = 10 << 20

type Line = tuple[int, str]


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

    def put(self, lines: list[Line]) -> None:
        """Append the lines, each with its time in milliseconds; as on AWS they are lost when the group is gone, or when
        the role may not write."""
        events = [{"timestamp": when, "message": text[:LONGEST_EVENT]} for when, text in lines if text]
        try:
            if events:
                require(self.execution, "logs", "PutLogEvents", self._itself)
                client("logs", self.execution.region).put_log_events(
                    logGroupName=self.group, logStreamName=self.name, logEvents=events
                )
        except (ClientError, BotoCoreError) as error:
            LOG.warning("log stream %s: %s", self.name, error)


class File:
    """What `bin/twin logs` shows of a container: its last lines, at most two files of MOST_BYTES."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, lines: list[Line]) -> None:
        """Append the lines; a full disk loses them, and nothing else."""
        try:
            if self._path.exists() and self._path.stat().st_size > MOST_BYTES:
                self._path.replace(self._path.with_suffix(".old"))
            with self._path.open("a") as file:
                file.writelines(f"{text}\n" for _, text in lines)
        except OSError as error:
            LOG.warning("%s: %s", self._path, error)


class Buffer:
    """Lines between a container and where they are kept, at most `most` bytes of them.

    Full, it keeps the container waiting (mode blocking), or loses what comes (non-blocking).
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html
    """

    def __init__(self, most: int = BUFFER_BYTES, *, blocking: bool = False) -> None:
        self._most = most
        self._blocking = blocking
        self._changed = threading.Condition()
        self._lines: list[Line] = []
        self._bytes = 0
        self._closed = False
        self.lost = 0

    def put(self, lines: list[Line]) -> None:
        """Add the lines that there is room for, all of them when blocking; a line longer than the buffer goes alone."""
        with self._changed:
            for when, text in lines:
                if self._blocking:
                    self._changed.wait_for(lambda: self._bytes < self._most)
                elif self._bytes + len(text) > self._most:
                    self.lost += 1
                    continue
                self._lines.append((when, text))
                self._bytes += len(text)
                if self._full():
                    self._changed.notify_all()

    def take(self) -> list[Line] | None:
        """What has come within FLUSH_SECONDS, at most MOST_EVENTS lines; None when nothing will come any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._full(), FLUSH_SECONDS)
            taken, self._lines = self._lines[:MOST_EVENTS], self._lines[MOST_EVENTS:]
            self._bytes -= sum(len(text) for _, text in taken)
            self._changed.notify_all()
            return taken if taken or not self._closed else None

    def close(self) -> None:
        """Nothing will come any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _full(self) -> bool:
        return self._bytes >= self._most or len(self._lines) >= MOST_EVENTS


class Pump:
    """Reads a container's output until it ends, and hands its lines on from a buffer, in batches."""

    def __init__(self, output: IO[bytes], put: Callable[[list[Line]], None], buffer: Buffer) -> None:
        self._output = output
        self._put = put
        self._buffer = buffer
        self._sender = threading.Thread(target=self._send, name="awslogs", daemon=True)
        self._sender.start()
        threading.Thread(target=self._read, name="awslogs-read", daemon=True).start()

    def finish(self, timeout: float = 2) -> None:
        """Wait until what the ended container printed has been handed on."""
        self._sender.join(timeout)

    def _read(self) -> None:
        rest = b""
        while data := os.read(self._output.fileno(), 65536):
            *lines, rest = (rest + data).split(b"\n")
            while len(rest) > LONGEST_EVENT:
                lines, rest = [*lines, rest[:LONGEST_EVENT]], rest[LONGEST_EVENT:]
            now = int(time.time() * 1000)
            self._buffer.put([(now, line.decode(errors="replace").rstrip("\r")) for line in lines])
        if rest:
            self._buffer.put([(int(time.time() * 1000), rest.decode(errors="replace"))])
        self._buffer.close()
        self._output.close()

    def _send(self) -> None:
        told = 0
        while (lines := self._buffer.take()) is not None:
            if lines:
                self._put(lines)
            if self._buffer.lost > told:
                LOG.warning("%d lines of a container were lost: its log buffer was full", self._buffer.lost - told)
                told = self._buffer.lost
