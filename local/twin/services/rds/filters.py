"""The filters of RDS's lists."""

from collections.abc import Sequence

from twin.services.common.api import Json
from twin.services.rds import errors


def filters(request: Json, known: Sequence[str]) -> dict[str, set[str]]:
    """The request's filters by name; one that the action does not know is AWS's error."""
    found = {one["Name"]: set(one.get("Values") or ()) for one in request.get("Filters") or []}
    for name in found:
        if name not in known:
            raise errors.value(f"Unrecognized filter name: {name}")
    return found
