"""Whether a template's properties are such as AWS takes and the twin does, found before anything is created."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft7Validator, ValidationError
from jsonschema.validators import extend

from twin.services.cloudformation.paths import beyond, is_intrinsic, tree, within
from twin.services.common.schemas import published, schema

MOST = 8

type Json = dict[str, Any]


def complaints(resources: Json, done: Mapping[str, frozenset[str]]) -> list[str]:
    """One line for each property of the template's `resources` that AWS would refuse or the twin does not do.

    done: the types that the twin makes, each with the paths of its properties that it does.
    """
    found: list[str] = []
    for logical_id, resource in sorted(resources.items()):
        type_name = str(resource.get("Type"))
        texts = refusals(type_name, resource.get("Properties") or {}, done)
        found += [f"{logical_id} ({type_name}): {text}" for text in texts]
    if len(found) > MOST:
        return [*found[:MOST], f"and {len(found) - MOST} more"]
    return found


def refusals(type_name: str, properties: Json, done: Mapping[str, frozenset[str]]) -> list[str]:
    """Why a resource of this type cannot have these properties, a sentence each."""
    if is_intrinsic(properties):
        return []
    if type_name not in done:
        return ["the twin does not make this type"]
    return [*_refused_by_aws(type_name, properties), *_not_done(type_name, properties, done[type_name])]


def retyped(before: Json, after: Json) -> list[str]:
    """AWS's sentence where a resource of the template `before` would become one of another type."""
    types, wanted = ({name: one.get("Type") for name, one in (template.get("Resources") or {}).items()}
                     for template in (before, after))  # fmt: skip
    changed = [name for name, kind in wanted.items() if types.get(name, kind) != kind]
    if not changed:
        return []
    text = "Update of resource type is not permitted. The new template modifies resource type of the following "
    return [f"{text}resources: [{', '.join(changed)}]"]


def _refused_by_aws(type_name: str, properties: Json) -> Iterator[str]:
    if type_name not in published():
        return
    yield from (f"{path} is read-only" for path in _read_only(type_name, properties))
    validator = _Validator(schema(type_name))
    for error in sorted(validator.iter_errors(properties), key=lambda error: list(map(str, error.path))):
        path = ".".join(str(part) for part in error.path)
        yield f"{path}: {error.message}" if path else error.message


def _not_done(type_name: str, properties: Json, done: frozenset[str]) -> Iterator[str]:
    told = _read_only(type_name, properties)
    for path in dict.fromkeys(beyond(properties, tree(done))):
        if path not in told:
            yield f"the twin does not do the property {path}"


def _read_only(type_name: str, properties: Json) -> list[str]:
    if type_name not in published():
        return []
    pointers = schema(type_name).get("readOnlyProperties", [])
    named = tree(pointer.removeprefix("/properties/").replace("/", ".") for pointer in pointers)
    return list(dict.fromkeys(within(properties, named)))


def _knowing_intrinsics(keyword: str) -> Any:
    check = Draft7Validator.VALIDATORS[keyword]

    def wrapped(validator: Any, value: Any, instance: Any, described: Json) -> Iterator[ValidationError]:
        if not is_intrinsic(instance):
            yield from check(validator, value, instance, described) or ()

    return wrapped


def _required(_validator: Any, names: list[str], instance: Any, _described: Json) -> Iterator[ValidationError]:
    if isinstance(instance, dict) and not is_intrinsic(instance):
        for name in names:
            if name not in instance:
                yield ValidationError(f"{name} is required")


def _closed(_validator: Any, allowed: Any, instance: Any, described: Json) -> Iterator[ValidationError]:
    if allowed is False and isinstance(instance, dict) and not is_intrinsic(instance):
        for name in sorted(set(instance) - set(described.get("properties", {}))):
            if not described.get("patternProperties"):
                yield ValidationError(f"{name} is no property that AWS knows")


def _text_number(check: type, instance: object) -> bool:
    try:
        check(str(instance))
    except ValueError:
        return False
    return not isinstance(instance, dict | list)


# CloudFormation takes "true" for true, "8" for 8 and 8 for "8".
_TYPES = Draft7Validator.TYPE_CHECKER.redefine_many(
    {
        "boolean": lambda _, instance: isinstance(instance, bool) or instance in ("true", "false", "True", "False"),
        "integer": lambda _, instance: not isinstance(instance, bool) and _text_number(int, instance),
        "number": lambda _, instance: not isinstance(instance, bool) and _text_number(float, instance),
        "string": lambda _, instance: isinstance(instance, str | int | float | bool),
    }
)
# Patterns of the schemas are Java's, lengths of numbers written as text mean nothing, formats are advice.
_UNCHECKED = ("pattern", "format", "minLength", "maxLength", "patternProperties", "uniqueItems", "minimum", "maximum")
_Validator = extend(
    Draft7Validator,
    {
        **{keyword: _knowing_intrinsics(keyword) for keyword in Draft7Validator.VALIDATORS if keyword != "$ref"},
        **{keyword: (lambda *_: ()) for keyword in _UNCHECKED},
        "required": _required,
        "additionalProperties": _closed,
    },
    type_checker=_TYPES,
)
