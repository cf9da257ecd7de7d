"""What the gateway answers about the twin itself."""

import json
import os
import threading

from localstack.services.edge import ROUTER
from werkzeug import Request, Response

from twin.core.status import collect
from twin.core.world import world
from twin.services.network.explain import UnknownError, explain

_ready = threading.Event()


def add_routes() -> None:
    """Add /_twin/health, /_twin/status, /_twin/prune and /_twin/explain."""
    ROUTER.add("/_twin/health", _health)
    ROUTER.add("/_twin/status", _status)
    ROUTER.add("/_twin/prune", _prune, methods=["POST"])
    ROUTER.add("/_twin/explain", _explain)


def say_ready() -> None:
    """Let /_twin/health answer 200 from now on."""
    _ready.set()


def _health(_request: Request, *_arguments: object) -> Response:
    # The parent is the keeper: whoever has just started one knows by it whether a former life answers.
    return _json({"ready": _ready.is_set(), "keeper": os.getppid()}, 200 if _ready.is_set() else 503)


def _status(_request: Request, *_arguments: object) -> Response:
    return _json({"speed": world().speed, **collect()}, 200)


def _prune(_request: Request, *_arguments: object) -> Response:
    from twin.services.ecr.prune import prune  # noqa: PLC0415 - loaded where it is used

    return _json({"removed": prune()}, 200)


def _explain(request: Request, *_arguments: object) -> Response:
    try:
        ways = explain(request.args["source"], request.args["target"])
    except UnknownError as error:
        return _json({"error": str(error)}, 404)
    return _json([one.shown() for one in ways], 200)


def _json(content: object, status: int) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status, content_type="application/json")
