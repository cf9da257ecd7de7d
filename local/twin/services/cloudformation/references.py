"""Whether what a template refers to is there: attributes that a type has, values that other stacks export."""

from collections.abc import Iterator
from typing import Any

from twin.services.common.schemas import published, schema

type Json = dict[str, Any]

# Their attributes are what their template or their own code says.
_OPEN = ("AWS::CloudFormation::", "Custom::")


def unresolved(template: Json, exports: set[str]) -> list[str]:
    """AWS's sentence for each attribute that no type has and each import that no stack exports."""
    types = {name: str(one.get("Type")) for name, one in (template.get("Resources") or {}).items()}
    sentences = [
        *(text for one in _find("Fn::GetAtt", template) if (text := _missing_attribute(one, types))),
        *(text for one in _find("Fn::ImportValue", template) if (text := _missing_export(one, exports))),
    ]
    return list(dict.fromkeys(sentences))


def _missing_attribute(argument: Any, types: dict[str, str]) -> str | None:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if not (isinstance(parts, list) and all(isinstance(part, str) for part in parts) and len(parts) > 1):
        return None
    name, attribute = parts[0], ".".join(parts[1:])
    kind = types.get(name, "")
    if kind.startswith(_OPEN) or kind not in published():
        return None
    if attribute.split(".")[0] in schema(kind).get("properties", {}):
        return None
    return f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt"


def _missing_export(argument: Any, exports: set[str]) -> str | None:
    if not isinstance(argument, str) or argument in exports:
        return None
    return f"No export named {argument} found."


def _find(function: str, value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if set(value) == {function}:
            yield value[function]
        for one in value.values():
            yield from _find(function, one)
    elif isinstance(value, list):
        for one in value:
            yield from _find(function, one)
