"""Whether a change makes another resource: only where the value of a property that is fixed at creation differs.

Core takes a reference to anything that changes for a change: a tag of a VPC would replace all that stands in it.
"""

from collections.abc import Iterable
from typing import Any

type Json = dict[str, Any]


def replaces(create_only: Iterable[str], before: Json, after: Json) -> bool:
    """Whether any of the paths (/properties/Name, /properties/Outer/Inner) has another value after than before."""
    return any(_text(_at(before, path)) != _text(_at(after, path)) for path in create_only)


def _at(properties: Json, path: str) -> Any:
    found: Any = properties
    for part in path.removeprefix("/properties/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _text(value: Any) -> Any:
    """Templates write 8 and "8", true and "true" for the same."""
    if isinstance(value, dict):
        return {key: _text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_text(one) for one in value]
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None else str(value)
