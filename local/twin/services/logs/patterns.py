"""Filter patterns of CloudWatch Logs: terms, and JSON selectors joined by && or ||.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
Patterns of space-delimited fields, regular expressions and nested parentheses are refused.
"""

import json
import operator
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

type Matcher = Callable[[str], bool]

_TERM = re.compile(r'(?P<mark>[-?]?)(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]+))')
_SELECTOR = re.compile(r'^\$(?P<path>[.\w\[\]-]+)\s*(?P<op>=|!=|<=|>=|<|>)\s*(?P<value>"[^"]*"|[^\s"]+)$')
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


class PatternError(ValueError):
    """A pattern that the twin does not match."""


def parse(pattern: str) -> Matcher:
    """What tells whether a message matches; raises PatternError naming the part that is not done."""
    text = pattern.strip()
    if text.startswith("{") and text.endswith("}"):
        return _json(text[1:-1].strip())
    if text.startswith(("[", "%")) or "%" in text:
        raise PatternError(f"The twin does not match the filter pattern {pattern}")
    return _terms(text)


def value_of(message: str, path: str) -> Any:
    """What a selector such as $.a.b[0] points to in a JSON message; None where there is nothing."""
    try:
        found = json.loads(message)
    except ValueError:
        return None
    for part in re.findall(r"[\w-]+", path.removeprefix("$")):
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def _terms(text: str) -> Matcher:
    terms = [(m["mark"], m["quoted"] if m["quoted"] is not None else m["bare"]) for m in _TERM.finditer(text)]
    must = [term for mark, term in terms if mark == ""]
    never = [term for mark, term in terms if mark == "-"]
    any_of = [term for mark, term in terms if mark == "?"]
    return lambda message: (
        all(term in message for term in must)
        and not any(term in message for term in never)
        and (not any_of or any(term in message for term in any_of))
    )


def _json(text: str) -> Matcher:
    for joint, together in (("||", any), ("&&", all)):
        if joint in text:
            if joint == "||" and "&&" in text:
                raise PatternError(f"The twin does not match a pattern with both && and ||: {text}")
            parts = [_selector(_bare(part)) for part in text.split(joint)]
            return lambda message, parts=parts, together=together: together(part(message) for part in parts)  # type: ignore[misc]
    return _selector(_bare(text))


def _bare(text: str) -> str:
    stripped = text.strip()
    return stripped[1:-1].strip() if stripped.startswith("(") and stripped.endswith(")") else stripped


def _selector(text: str) -> Matcher:
    found = _SELECTOR.match(text)
    if found is None:
        raise PatternError(f"The twin does not match the part {text!r} of a filter pattern")
    path, sign, wanted = found["path"], found["op"], found["value"]
    number = _number(wanted)
    if number is not None:
        return lambda message: _compares(value_of(message, path), sign, number)
    if sign not in ("=", "!="):
        raise PatternError(f"The twin does not match the part {text!r} of a filter pattern")
    term = wanted.strip('"')

    def matches(message: str) -> bool:
        value = value_of(message, path)
        return isinstance(value, str) and fnmatchcase(value, term) == (sign == "=")

    return matches


def _compares(value: Any, sign: str, wanted: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return _ORDER[sign](float(value), wanted)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
