"""A policy document as the evaluation reads it: statements with their patterns compiled once.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

type Json = dict[str, Any]
type Context = Mapping[str, tuple[str, ...]]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_WITH_VARIABLES = "2012-10-17"
_LITERAL = {"*": r"\*", "?": r"\?", "$": r"\$"}


@dataclass(frozen=True)
class Condition:
    """One line of a Condition element. operator as written, key in lower case."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """One statement. resources, principals: None where the element is not there; principals are kind and name.

    actions: in lower case; written: as they stand.
    """

    allow: bool
    actions: tuple[str, ...]
    all_but_actions: bool
    resources: tuple[str, ...] | None
    all_but_resources: bool
    principals: tuple[tuple[str, str], ...] | None
    all_but_principals: bool
    conditions: tuple[Condition, ...]
    has_variables: bool
    written: tuple[str, ...]

    def names_action(self, action: str) -> bool:
        """Whether the statement speaks of the action; the case of letters does not matter."""
        lowered = action.lower()
        return any(glob(one).fullmatch(lowered) for one in self.actions) is not self.all_but_actions

    def names_resource(self, resource: str, context: Context) -> bool:
        """Whether the statement speaks of the resource; a pattern with a variable that has no value matches nothing."""
        if self.resources is None:
            return True
        found = any(self._matches(one, resource, context) for one in self.resources)
        return found is not self.all_but_resources

    def _matches(self, pattern: str, resource: str, context: Context) -> bool:
        if self.has_variables and "${" in pattern:
            expression = with_variables(pattern, context)
            return expression is not None and re.fullmatch(expression, resource, re.DOTALL) is not None
        return glob(pattern).fullmatch(resource) is not None


type Policy = tuple[Statement, ...]


@lru_cache(maxsize=4096)
def parse(document: str) -> Policy:
    """The statements of a document; the same text is read once. One that is not a policy holds no statement."""
    try:
        read = json.loads(document)
    except ValueError:
        return ()
    if not isinstance(read, dict):
        return ()
    has_variables = read.get("Version") == _WITH_VARIABLES
    return tuple(
        _statement(one, has_variables=has_variables) for one in listed(read.get("Statement")) if isinstance(one, dict)
    )


@lru_cache(maxsize=8192)
def glob(pattern: str) -> re.Pattern[str]:
    """The pattern in which `*` is any text and `?` any character."""
    return re.compile(_expression(pattern), re.DOTALL)


def with_variables(pattern: str, context: Context, *, wild: bool = True) -> str | None:
    """The regular expression of a pattern with `${…}`, and unless it is not `wild` with `*` and `?`; None where a
    variable has no value.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    plain = _expression if wild else re.escape
    made, end = "", 0
    for found in _VARIABLE.finditer(pattern):
        made += plain(pattern[end : found.start()])
        name, _, default = found[1].partition(",")
        key = name.strip()
        values = context.get(key.lower(), ())
        if key in _LITERAL:
            made += _LITERAL[key]
        elif len(values) == 1:
            made += re.escape(values[0])
        elif default:
            made += re.escape(default.strip().strip("'"))
        else:
            return None
        end = found.end()
    return made + plain(pattern[end:])


def listed(value: Any) -> list[Any]:
    """A value of a policy, where one may stand for a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _expression(pattern: str) -> str:
    return "".join(".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)


def _statement(read: Json, *, has_variables: bool) -> Statement:
    resources = read.get("Resource", read.get("NotResource"))
    principals = read.get("Principal", read.get("NotPrincipal"))
    return Statement(
        allow=read.get("Effect") == "Allow",
        actions=tuple(str(one).lower() for one in listed(read.get("Action", read.get("NotAction")))),
        all_but_actions="NotAction" in read,
        resources=None if resources is None else tuple(str(one) for one in listed(resources)),
        all_but_resources="NotResource" in read,
        principals=None if principals is None else tuple(_principals(principals)),
        all_but_principals="NotPrincipal" in read,
        conditions=tuple(_conditions(read.get("Condition") or {})),
        has_variables=has_variables,
        written=tuple(str(one) for one in listed(read.get("Action", read.get("NotAction")))),
    )


def _principals(read: Any) -> Iterable[tuple[str, str]]:
    if isinstance(read, str):
        yield "AWS", read
        return
    for kind, names in read.items() if isinstance(read, dict) else ():
        for name in listed(names):
            yield kind, str(name)


def _conditions(read: Any) -> Iterable[Condition]:
    for operator, keys in read.items() if isinstance(read, dict) else {str(read): {}}.items():
        if not isinstance(keys, dict) or not keys:
            # Not a condition: as an operator that nobody knows it opens nothing.
            yield Condition("", operator, ())
            continue
        for key, values in keys.items():
            yield Condition(operator, key.lower(), tuple(_text(one) for one in listed(values)))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
