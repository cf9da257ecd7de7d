"""What the gateway answers about permissions, for `bin/twin iam`."""

import json
from typing import Any

from localstack.services.edge import ROUTER
from moto.iam.models import iam_backends
from werkzeug import Request, Response

from twin.core.world import world
from twin.services.common.api import ACCOUNT
from twin.services.iam.holdings import documents
from twin.services.iam.ledger import BOOK, Use
from twin.services.iam.unused import Grant, grants, seen

type Json = dict[str, Any]


def add_routes() -> None:
    """Add /_twin/iam/denied and /_twin/iam/used."""
    ROUTER.add("/_twin/iam/denied", _denied)
    ROUTER.add("/_twin/iam/used", _used)


def _denied(_request: Request, *_: object, **_more: object) -> Response:
    found = [
        {
            "caller": one.caller,
            "action": one.action,
            "resource": one.resource,
            "message": one.message,
            "not_judged": list(one.doubts),
            "first": one.first,
            "last": one.last,
            "times": one.times,
        }
        for one in BOOK.denials()
    ]
    return _json({"on": world().iam, "denied": found})


def _used(_request: Request, *_: object, **_more: object) -> Response:
    uses, backend = BOOK.uses(), iam_backends[ACCOUNT]["aws"]
    holders: list[Any] = [*list(backend.roles.values()), *list(backend.users.values())]
    shown = [_holder(one, uses.get(one.arn, {})) for one in sorted(holders, key=lambda one: str(one.name))]
    return _json({"on": world().iam, "callers": shown})


def _holder(held: Any, used: dict[str, Use]) -> Json:
    return {
        "arn": held.arn,
        "used": [
            {"action": action, "times": one.times, "last": one.last, "resources": list(one.resources)}
            for action, one in sorted(used.items())
        ],
        "may": [_grant(one, used) for name, text in documents(held) for one in grants(name, text)],
    }


def _grant(grant: Grant, used: dict[str, Use]) -> Json:
    return {
        "policy": grant.policy,
        "action": grant.action,
        "resources": list(grant.resources),
        "used": seen(grant, {action: list(one.resources) for action, one in used.items()}),
    }


def _json(content: object) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), 200, content_type="application/json")
