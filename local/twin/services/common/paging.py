"""Lists in pages, as RDS and ElastiCache give them: by Marker and MaxRecords."""

from collections.abc import Sequence

from twin.services.common.api import Json, fault

LEAST, MOST = 20, 100


def page(key: str, items: Sequence[Json], request: Json) -> Json:
    """The part of `items` under `key` that the request's Marker and MaxRecords ask for, with the next part's marker."""
    size = int(request.get("MaxRecords") or MOST)
    if not LEAST <= size <= MOST:
        text = f"Invalid value {size} for MaxRecords. Must be between {LEAST} and {MOST}"
        raise fault("InvalidParameterValue", text)
    marker = str(request.get("Marker") or 0)
    if not marker.isdigit() or int(marker) > len(items):
        raise fault("InvalidParameterValue", "The request marker is invalid.")
    first = int(marker)
    more = {"Marker": str(first + size)} if first + size < len(items) else {}
    return {key: list(items[first : first + size]), **more}
