"""Lists in pages, by Marker, and what is common to all lists of RDS."""

from collections.abc import Sequence

from twin.services.common.api import Json
from twin.services.rds import errors

LEAST, MOST = 20, 100


def page(key: str, items: Sequence[Json], request: Json) -> Json:
    """The part of `items` under `key` that the request's Marker and MaxRecords ask for, with the next part's marker."""
    size = int(request.get("MaxRecords") or MOST)
    if not LEAST <= size <= MOST:
        raise errors.value(f"Invalid value {size} for MaxRecords. Must be between {LEAST} and {MOST}")
    marker = str(request.get("Marker") or 0)
    if not marker.isdigit() or int(marker) > len(items):
        raise errors.value("The request marker is invalid.")
    first = int(marker)
    more = {"Marker": str(first + size)} if first + size < len(items) else {}
    return {key: list(items[first : first + size]), **more}


def filters(request: Json, known: Sequence[str]) -> dict[str, set[str]]:
    """The request's filters by name; one that the action does not know is AWS's error."""
    found = {one["Name"]: set(one["Values"]) for one in request.get("Filters") or []}
    for name in found:
        if name not in known:
            raise errors.value(f"Unrecognized filter name: {name}")
    return found


def tags_from(request: Json) -> dict[str, str]:
    """The request's Tags."""
    return {tag["Key"]: str(tag.get("Value") or "") for tag in request.get("Tags") or []}
