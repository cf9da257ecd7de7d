"""What a caller outside could forge to be taken for the twin itself, or for another account: taken away at the door.

LocalStack marks its own calls by a header that anybody could send. Here it carries a word that only this process knows.
"""

import hmac
import json
import secrets
from typing import Any

from localstack.aws import connect
from localstack.aws.handlers import internal_requests

_WORD = secrets.token_urlsafe(24)
_FIELD = "twin"
_FORGED = ("x-localstack-", "x-moto-")


def install() -> None:
    """Sign what goes out from inside, and strip from what comes in whatever is not so signed."""
    connect.dump_dto = _dump
    internal_requests.InternalRequestParamsEnricher.__call__ = _enter


def _dump(data: Any) -> str:
    return json.dumps({**data, _FIELD: _WORD}, separators=(",", ":"))


def _enter(_self: Any, _chain: Any, context: Any, _response: Any) -> None:
    headers = context.request.headers
    told = _told(headers.get(connect.INTERNAL_REQUEST_PARAMS_HEADER))
    if told is not None:
        context.internal_request_params = told
        return
    for name in [name for name, _ in headers.items() if name.lower().startswith(_FORGED)]:
        del headers[name]


def _told(header: str | None) -> dict[str, Any] | None:
    """What one of our own says with its call; None for everybody else."""
    try:
        said = json.loads(header or "")
    except ValueError:
        return None
    if not isinstance(said, dict) or not hmac.compare_digest(str(said.pop(_FIELD, "")).encode(), _WORD.encode()):
        return None
    return said
