"""A request held against its shape in the API's model, with the words in which AWS refuses one that does not fit.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from localstack.aws.spec import load_service


def complaint(service: str, operation: str, request: dict[str, Any]) -> str | None:
    """What is wrong with the request by its shape alone, None when nothing is."""
    found = list(_structure(_input(service, operation), request, ""))
    if not found:
        return None
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
    return count + "; ".join(found)


@cache
def _input(service: str, operation: str) -> StructureShape | None:
    return load_service(service).operation_model(operation).input_shape


def _structure(shape: StructureShape | None, value: dict[str, Any], at: str) -> Iterator[str]:
    if shape is None:
        return
    for name, member in shape.members.items():
        place = f"{at}.{_small(name)}" if at else _small(name)
        given = value.get(name)
        if given is not None:
            yield from _value(member, given, place)
        elif name in shape.required_members:
            yield f"Value null at '{place}' failed to satisfy constraint: Member must not be null"


def _value(shape: Shape, value: Any, at: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _structure(shape, value, at)
    elif isinstance(shape, ListShape):
        for place, one in enumerate(value, 1):
            yield from _value(shape.member, one, f"{at}.{place}.member")
    elif isinstance(shape, MapShape):
        for key, one in value.items():
            yield from _value(shape.value, one, f"{at}.{key}.member")
    else:
        for constraint in _scalar(shape, value):
            yield f"Value '{value}' at '{at}' failed to satisfy constraint: Member must {constraint}"


def _scalar(shape: Shape, value: Any) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if isinstance(shape, StringShape):
        if shape.enum and value not in shape.enum:
            yield f"satisfy enum value set: [{', '.join(shape.enum)}]"
        if low is not None and len(value) < low:
            yield f"have length greater than or equal to {low}"
        if high is not None and len(value) > high:
            yield f"have length less than or equal to {high}"
        if (pattern := shape.metadata.get("pattern")) and not _matches(pattern, value):
            yield f"satisfy regular expression pattern: {pattern}"
    elif shape.type_name in ("integer", "long"):
        if low is not None and value < low:
            yield f"have value greater than or equal to {low}"
        if high is not None and value > high:
            yield f"have value less than or equal to {high}"


def _matches(pattern: str, value: str) -> bool:
    # A model's pattern is Java's; one that Python does not read so is left to the operation.
    if r"\p{" in pattern or r"\u" in pattern:
        return True
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True


def _small(name: str) -> str:
    return name[0].lower() + name[1:]
