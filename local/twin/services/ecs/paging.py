"""Lists in pages, by nextToken."""

from typing import Any

from twin.services.ecs.errors import invalid

type Json = dict[str, Any]


def page(key: str, names: list[str], request: Json, size: int = 100) -> Json:
    """One page of `names` under `key`, at most the request's maxResults, with the token of the next if there is one."""
    try:
        first = int(request.get("nextToken") or 0)
    except ValueError:
        raise invalid("Invalid token") from None
    last = first + min(int(request.get("maxResults") or size), 100)
    more = {"nextToken": str(last)} if last < len(names) else {}
    return {key: names[first:last], **more}
