"""A request that is sent again with its clientToken makes nothing twice.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
A token counts within its cluster for 24 hours, and no longer than what it made is remembered.
"""

import copy
import time
from collections.abc import Callable, Iterable
from typing import Any

from twin.services.ecs import lookup
from twin.services.ecs.errors import conflict, invalid, not_idempotent
from twin.services.ecs.models import Answered, EcsStore

type Json = dict[str, Any]

DAY_SECONDS = 24 * 3600
LONGEST = {"RunTask": 64, "CreateService": 36}


def once(kept: EcsStore, operation: str, request: Json, make: Callable[[], Iterable[str]]) -> tuple[str, ...]:
    """The ARNs of what `make` makes for the request, or made when the same request came first.

    Raises what AWS raises when its token came with another request.
    """
    token = request.get("clientToken")
    if not token:
        return tuple(make())
    if len(token) > LONGEST[operation] or not all("!" <= sign <= "~" for sign in token):
        raise invalid(f"clientToken must have at most {LONGEST[operation]} ASCII characters in the range of 33-126.")
    key = (operation, lookup.cluster(kept, request.get("cluster")).arn, token)
    asked = {name: value for name, value in request.items() if value is not None}
    before = kept.answered.get(key)
    if before is None:
        made = tuple(make())
        kept.answered[key] = Answered(copy.deepcopy(asked), made, time.time())
        return made
    if before.asked != asked:
        raise conflict(before.made) if operation == "RunTask" else not_idempotent()
    return before.made


def forget(kept: EcsStore) -> None:
    """Drop the tokens that count no more."""
    horizon = time.time() - DAY_SECONDS
    living = kept.tasks.keys() | {arn for arn, service in kept.services.items() if service.status != "INACTIVE"}
    for key, one in list(kept.answered.items()):
        if one.at < horizon or living.isdisjoint(one.made):
            del kept.answered[key]
