"""Whether a condition holds for what is known of a call.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from twin.services.iam.policies import Condition, Context, glob, with_variables

_ALL, _ANY = "ForAllValues:", "ForAnyValue:"
_IF_EXISTS = "IfExists"
_PARTS_OF_ARN = 6


def holds(condition: Condition, context: Context, known: frozenset[str]) -> bool | None:
    """Whether it holds; None where the twin cannot know: an unknown operator, or a key that AWS would fill in and the
    twin does not. `known` are the keys that the twin fills in, a family of keys by its name with a slash."""
    quantifier, _, operator = condition.operator.rpartition(":")
    quantifier = f"{quantifier}:" if quantifier else ""
    if quantifier not in ("", _ALL, _ANY) or not is_known(condition.key, known):
        return None
    values = context.get(condition.key)
    if operator == "Null":
        return (values is None) == (condition.values[:1] == ("true",))
    optional = operator.endswith(_IF_EXISTS)
    found = _TESTS.get(operator.removesuffix(_IF_EXISTS))
    if found is None:
        return None
    test, negated = found
    if not values:
        return quantifier == _ALL or (quantifier == "" and (optional or negated)) or (optional and quantifier == _ANY)

    def good(value: str) -> bool:
        return any(test(value, wanted, context) for wanted in condition.values) is not negated

    # A key of several values without a quantifier: some value must match, and none may where the operator negates.
    every = quantifier == _ALL or (quantifier == "" and negated)
    return all(map(good, values)) if every else any(map(good, values))


def is_known(key: str, known: frozenset[str]) -> bool:
    """Whether the twin fills in the key where AWS would."""
    return key in known or f"{key.partition('/')[0]}/" in known


def _string(value: str, wanted: str, context: Context) -> bool:
    if "${" in wanted:
        expression = with_variables(wanted, context, wild=False)
        return expression is not None and re.fullmatch(expression, value, re.DOTALL) is not None
    return value == wanted


def _string_any_case(value: str, wanted: str, context: Context) -> bool:
    return _string(value.lower(), wanted.lower(), context)


def _like(value: str, wanted: str, context: Context) -> bool:
    if "${" in wanted:
        expression = with_variables(wanted, context)
        return expression is not None and re.fullmatch(expression, value, re.DOTALL) is not None
    return glob(wanted).fullmatch(value) is not None


def _arn(value: str, wanted: str, context: Context) -> bool:
    """Each of the six parts by itself: a `*` does not reach over a colon into the next."""
    ours, theirs = value.split(":", _PARTS_OF_ARN - 1), wanted.split(":", _PARTS_OF_ARN - 1)
    return len(ours) == len(theirs) and all(_like(one, other, context) for one, other in zip(ours, theirs, strict=True))


def _bool(value: str, wanted: str, _: Context) -> bool:
    return value.lower() == wanted.lower()


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str, Context], bool]:
    def test(value: str, wanted: str, _: Context) -> bool:
        try:
            return compare(float(value), float(wanted))
        except ValueError:
            return False

    return test


def _date(compare: Callable[[float, float], bool]) -> Callable[[str, str, Context], bool]:
    def test(value: str, wanted: str, _: Context) -> bool:
        ours, theirs = _moment(value), _moment(wanted)
        return ours is not None and theirs is not None and compare(ours, theirs)

    return test


@lru_cache(maxsize=512)
def _moment(text: str) -> float | None:
    """Seconds since 1970, from those or from ISO 8601."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _address(value: str, wanted: str, _: Context) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _comparisons() -> dict[str, Callable[[float, float], bool]]:
    return {
        "LessThan": lambda ours, theirs: ours < theirs,
        "LessThanEquals": lambda ours, theirs: ours <= theirs,
        "GreaterThan": lambda ours, theirs: ours > theirs,
        "GreaterThanEquals": lambda ours, theirs: ours >= theirs,
    }


def _is(ours: float, theirs: float) -> bool:
    return ours == theirs


# Each operator: the test of one value against one of the policy's, and whether it negates.
_TESTS: dict[str, tuple[Callable[[str, str, Context], bool], bool]] = {
    "StringEquals": (_string, False),
    "StringNotEquals": (_string, True),
    "StringEqualsIgnoreCase": (_string_any_case, False),
    "StringNotEqualsIgnoreCase": (_string_any_case, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnEquals": (_arn, False),
    "ArnLike": (_arn, False),
    "ArnNotEquals": (_arn, True),
    "ArnNotLike": (_arn, True),
    "Bool": (_bool, False),
    "BinaryEquals": (_string, False),
    "IpAddress": (_address, False),
    "NotIpAddress": (_address, True),
    "NumericEquals": (_number(_is), False),
    "NumericNotEquals": (_number(_is), True),
    "DateEquals": (_date(_is), False),
    "DateNotEquals": (_date(_is), True),
    **{f"Numeric{name}": (_number(compare), False) for name, compare in _comparisons().items()},
    **{f"Date{name}": (_date(compare), False) for name, compare in _comparisons().items()},
}
