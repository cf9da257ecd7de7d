"""Holds requests for the moment in which a snapshot is taken, and knows whether anything has changed since the last."""

import re
import threading
import time
from typing import Any

HOLD_SECONDS = 30
_READING = re.compile(r"^(Get|List|Describe|Head|BatchGet|Lookup|Query|Scan|Validate|Estimate|Simulate|Filter|Select)")
# They come all the time and are worth no snapshot of their own.
_STREAMS = {"PutLogEvents", "PutMetricData", "CreateLogStream"}
# Their objects are written down at once (see objects.py).
_OBJECTS = {"PutObject", "PostObject", "CompleteMultipartUpload", "UploadPart", "CopyObject", "DeleteObject"}


class Gate:
    """Requests from outside pass it; while it is closed they wait, at most HOLD_SECONDS."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False
        self.changes = 0
        self.last_change = time.monotonic()

    def enter(self, _chain: Any, context: Any, _response: Any) -> None:
        """The first handler of a request."""
        if context.is_internal_call or context.request.path.startswith(("/_localstack", "/_twin")):
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._closed, timeout=HOLD_SECONDS)
            self._inside += 1
            context.passed_the_gate = True

    def note(self, _chain: Any, context: Any, _response: Any) -> None:
        """A handler of every response: counts what may have changed something."""
        operation = getattr(context, "operation", None)
        if operation is None or _READING.match(operation.name) or operation.name in _STREAMS | _OBJECTS:
            return
        self.changes += 1
        self.last_change = time.monotonic()

    def leave(self, _chain: Any, context: Any, _response: Any) -> None:
        """The last handler of a request."""
        if getattr(context, "passed_the_gate", False):
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def close(self, timeout: float) -> bool:
        """Let no request in and wait for those inside; whether all have left within `timeout` seconds."""
        with self._changed:
            self._closed = True
            return self._changed.wait_for(lambda: self._inside == 0, timeout=timeout)

    def open(self) -> None:
        """Let requests in again."""
        with self._changed:
            self._closed = False
            self._changed.notify_all()
