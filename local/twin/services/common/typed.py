"""Values of templates, often written as text, as an API's shapes want them."""

from collections.abc import Callable, Mapping
from typing import Any

from twin.services.common.api import Json


def typed(api: Any, operation: str, parameters: Json) -> Json:
    """The parameters as the client `api` takes them for `operation`; what it does not know stays and is its error."""
    shape = api.meta.service_model.operation_model(operation).input_shape
    found: Json = _typed(parameters, shape)
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_CASTS: Mapping[str, Callable[[Any], object]] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda value: str(value).lower() == "true",
    "string": _text,
}


def _typed(value: Any, shape: Any) -> Any:
    """shape: botocore's, None where the API knows no such member."""
    kind = getattr(shape, "type_name", None)
    if isinstance(value, dict):
        inner = dict.fromkeys(value, shape.value) if kind == "map" else getattr(shape, "members", {})
        return {key: _typed(one, inner.get(key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_typed(one, getattr(shape, "member", None)) for one in value]
    cast = _CASTS.get(str(kind))
    return cast(value) if cast else value
