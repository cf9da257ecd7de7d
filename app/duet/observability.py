"""Logs as JSON lines, each with the request it belongs to; one line per request."""

import json
import logging
import re
import sys
import time
import uuid
from datetime import UTC, datetime
from http import HTTPStatus

from flask import Flask, Response, g, has_request_context, request

# The balancer's header; what does not look like it is not echoed into logs.
_TRACE = re.compile(r"^[\w=;.:\-]{1,256}$", re.ASCII)
_QUIET = ("/healthz", "/readyz")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and request_id, release, error where there are."""

    def __init__(self, release: str) -> None:
        super().__init__()
        self._release = release

    def format(self, record: logging.LogRecord) -> str:
        """Render the record; what cannot be JSON becomes text."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "release": self._release,
        }
        if has_request_context():
            line["request_id"] = request_id()
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line |= fields
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def request_id() -> str:
    """The balancer's trace id of this request, or one of our own."""
    if "request_id" not in g:
        given = request.headers.get("X-Amzn-Trace-Id", "")
        g.request_id = given if _TRACE.match(given) else uuid.uuid4().hex
    return str(g.request_id)


def init_app(app: Flask, release: str) -> None:
    """Send the app's logs to stdout as JSON and log each request."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(release))
    for name in (app.name, "duet"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.started = time.monotonic()


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    if request.path in _QUIET and response.status_code < HTTPStatus.BAD_REQUEST:
        return response
    fields = {
        "method": request.method,
        # Without the query, which may hold what is nobody's business.
        "path": request.path,
        "status": response.status_code,
        "milliseconds": round((time.monotonic() - g.get("started", time.monotonic())) * 1000, 1),
        "bytes": response.content_length,
        "client": request.remote_addr,
        "agent": request.user_agent.string[:200],
    }
    logging.getLogger("duet.access").info("%s %s", request.method, request.path, extra={"fields": fields})
    return response
