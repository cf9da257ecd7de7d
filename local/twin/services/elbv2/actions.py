"""Actions and conditions of rules: checked as AWS checks them, then kept with every default filled in."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

from twin.services.common.api import Json, only
from twin.services.elbv2 import errors
from twin.services.elbv2.models import TargetGroup

HEAVIEST = 999
MOST_VALUES = 5
MOST_WILDCARDS = 6
LONGEST_VALUE = 128
MOST_GROUPS = 5
LONGEST_STICKINESS = 604_800
_DONE = ("forward", "redirect", "fixed-response")
_CONFIG = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
_CONFIGS = {"forward": "ForwardConfig", "redirect": "RedirectConfig", "fixed-response": "FixedResponseConfig"}
_BY_REGEX = ("path-pattern", "host-header", "http-header")


def actions(asked: list[Json], groups: Mapping[str, TargetGroup]) -> tuple[Json, ...]:
    """The actions in their order; raises AWS's error for what AWS refuses and the twin's for what it does not do."""
    if not asked:
        raise errors.validation("You must specify actions")
    found = [_action(action, groups) for action in sorted(asked, key=lambda action: int(action.get("Order") or 0))]
    if len(found) > 1:
        raise errors.validation("You must specify exactly one of forward, redirect and fixed-response as an action")
    return tuple({**action, "Order": number} for number, action in enumerate(found, 1))


def described(kept: tuple[Json, ...], *, order: bool) -> list[Json]:
    """Actions as the API shows them; a default action carries no order unless several stand together."""
    return [{key: value for key, value in action.items() if order or key != "Order"} for action in kept]


def conditions(asked: list[Json]) -> tuple[Json, ...]:
    """The conditions, with the old form (Values beside Field) turned into the new."""
    if not asked:
        raise errors.validation("You must specify conditions")
    found = tuple(_condition(condition) for condition in asked)
    if sum(_count(condition) for condition in found) > MOST_VALUES:
        raise errors.too_many_values(MOST_VALUES)
    if sum(_wildcards(condition) for condition in found) > MOST_WILDCARDS:
        raise errors.validation(f"A rule can have at most {MOST_WILDCARDS} wildcards")
    for single in ("host-header", "path-pattern", "http-request-method", "source-ip"):
        if sum(condition["Field"] == single for condition in found) > 1:
            raise errors.validation(f"A rule can have only one '{single}' condition")
    return found


def condition_described(condition: Json) -> Json:
    """A condition as the API shows it: host and path carry their values in the old form too."""
    if condition["Field"] in ("host-header", "path-pattern"):
        return {**condition, "Values": condition[_CONFIG[condition["Field"]]].get("Values", [])}
    return condition


def _action(action: Json, groups: Mapping[str, TargetGroup]) -> Json:
    kind = action.get("Type")
    if kind in ("authenticate-oidc", "authenticate-cognito", "jwt-validation"):
        raise errors.not_done(f"actions of type {kind}")
    if kind not in _DONE:
        raise errors.validation(f"Action type '{kind}' must be one of '{', '.join(_DONE)}'")
    strange = [name for name in _CONFIGS.values() if action.get(name) and name != _CONFIGS[kind]]
    if strange or (kind != "forward" and action.get("TargetGroupArn")):
        raise errors.bad_action(f"An action of type '{kind}' cannot have {', '.join(strange) or 'TargetGroupArn'}")
    if kind == "forward":
        return _forward(action, groups)
    return _redirect(action) if kind == "redirect" else _fixed(action)


def _forward(action: Json, groups: Mapping[str, TargetGroup]) -> Json:
    config = action.get("ForwardConfig") or {}
    parts = config.get("TargetGroups") or []
    if not parts and action.get("TargetGroupArn"):
        parts = [{"TargetGroupArn": action["TargetGroupArn"]}]
    if not parts:
        raise errors.validation("A target group must be specified")
    stickiness = _stickiness(config.get("TargetGroupStickinessConfig") or {})
    if len(parts) > MOST_GROUPS:
        raise errors.validation(f"A forward action can have at most {MOST_GROUPS} target groups")
    shares: list[Json] = []
    for part in parts:
        arn, weight = part.get("TargetGroupArn"), part.get("Weight")
        if not arn:
            raise errors.validation("A target group must be specified")
        if arn in [share["TargetGroupArn"] for share in shares]:
            raise errors.validation(f"Target group '{arn}' was specified more than once")
        if arn not in groups:
            raise errors.group_not_found(arn)
        weight = 1 if weight is None else int(weight)
        if not 0 <= weight <= HEAVIEST:
            raise errors.validation(f"Weight '{weight}' must be between 0 and {HEAVIEST}")
        shares.append({"TargetGroupArn": arn, "Weight": weight})
    forward: Json = {
        "Type": "forward",
        "ForwardConfig": {"TargetGroups": shares, "TargetGroupStickinessConfig": stickiness},
    }
    return {**forward, "TargetGroupArn": shares[0]["TargetGroupArn"]} if len(shares) == 1 else forward


def _stickiness(asked: Json) -> Json:
    """How long a client stays with the target group that it met first."""
    if not asked.get("Enabled"):
        return {"Enabled": False}
    seconds = asked.get("DurationSeconds")
    if seconds is None or not 1 <= int(seconds) <= LONGEST_STICKINESS:
        raise errors.validation(
            f"Target group stickiness duration '{seconds}' must be between 1 and {LONGEST_STICKINESS} seconds"
        )
    return {"Enabled": True, "DurationSeconds": int(seconds)}


def _redirect(action: Json) -> Json:
    config = {key: value for key, value in (action.get("RedirectConfig") or {}).items() if value is not None}
    if config.get("StatusCode") not in ("HTTP_301", "HTTP_302"):
        raise errors.validation("A redirect action must have the status code HTTP_301 or HTTP_302")
    own = {"Protocol": "#{protocol}", "Host": "#{host}", "Port": "#{port}", "Path": "/#{path}", "Query": "#{query}"}
    filled = {**own, **config}
    if filled["Protocol"] not in ("HTTP", "HTTPS", "#{protocol}"):
        raise errors.validation(f"The redirect protocol '{filled['Protocol']}' is not valid")
    if not filled["Path"].startswith("/"):
        raise errors.validation("The redirect path must begin with '/'")
    if {key: filled[key] for key in own} == own:
        raise errors.redirect_loop()
    return {"Type": "redirect", "RedirectConfig": filled}


def _fixed(action: Json) -> Json:
    config = {key: value for key, value in (action.get("FixedResponseConfig") or {}).items() if value is not None}
    if not re.fullmatch(r"[245]\d\d", str(config.get("StatusCode"))):
        raise errors.validation("A fixed-response action must have a status code of the form 2XX, 4XX or 5XX")
    kinds = ("text/plain", "text/css", "text/html", "application/javascript", "application/json")
    if config.get("ContentType") and config["ContentType"] not in kinds:
        raise errors.validation(f"The content type '{config['ContentType']}' must be one of '{', '.join(kinds)}'")
    return {"Type": "fixed-response", "FixedResponseConfig": config}


def _condition(asked: Json) -> Json:
    field = asked.get("Field") or ""
    if field not in _CONFIG:
        known = ",".join(sorted(_CONFIG))
        raise errors.validation(f"Condition field '{field}' must be one of '[{known}]'")
    name = _CONFIG[field]
    config = dict(asked.get(name) or {})
    if asked.get("Values") and not config:
        config = {"Values": list(asked["Values"])}
    if asked.get("RegexValues"):
        config["RegexValues"] = list(asked["RegexValues"])
    allowed = {
        "Values",
        *(["RegexValues"] if field in _BY_REGEX else []),
        *(["HttpHeaderName"] if field == "http-header" else []),
    }
    only("elbv2", f"condition {field}", {**asked, **config}, {"Field", name, "Values", "RegexValues"} | allowed)
    if not config.get("Values") and not config.get("RegexValues"):
        raise errors.validation(f"A condition value must be specified for the field '{field}'")
    _check_values(field, config)
    return {"Field": field, name: config}


def _check_values(field: str, config: Json) -> None:
    for value in config.get("Values") or []:
        _check_value(field, value)
    if field == "http-header" and not re.fullmatch(
        r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}", config.get("HttpHeaderName") or ""
    ):
        raise errors.validation("A condition on a header must name a valid header")
    if field == "source-ip":
        for cidr in config["Values"]:
            try:
                ip_network(cidr)
            except ValueError:
                raise errors.validation(f"The source IP '{cidr}' is not a valid CIDR block") from None
    for regex in config.get("RegexValues") or []:
        try:
            re.compile(regex)
        except re.error:
            raise errors.validation(f"The regular expression '{regex}' is not valid") from None


def _check_value(field: str, value: Any) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""
    texts = [value.get("Key") or "", value.get("Value") or ""] if isinstance(value, dict) else [value]
    if isinstance(value, dict) and not value.get("Value"):
        raise errors.validation("A 'Value' must be specified in 'QueryStringKeyValuePair'")
    if max(map(len, texts)) > (40 if field == "http-request-method" else LONGEST_VALUE):
        limit = 40 if field == "http-request-method" else LONGEST_VALUE
        raise errors.validation(f"The '{field}' value is too long; the limit is '{limit}'")
    if field == "http-request-method" and not re.fullmatch(r"[A-Z_-]+", texts[0]):
        raise errors.validation(
            "The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore"
        )
    if not all(texts[-1:]):
        raise errors.validation("A condition value must be specified")


def _wildcards(condition: Json) -> int:
    if condition["Field"] in ("source-ip", "http-request-method"):
        return 0
    values = condition[_CONFIG[condition["Field"]]].get("Values") or []
    texts = [text for v in values for text in (v.values() if isinstance(v, dict) else [v])]
    return sum(text.count("*") + text.count("?") for text in texts)


def _count(condition: Json) -> int:
    config = condition[_CONFIG[condition["Field"]]]
    return len(config.get("Values") or []) + len(config.get("RegexValues") or [])
