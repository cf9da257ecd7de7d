"""Finding what a request names: by ARN or by name, page by page; raises AWS's error when it is not there."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from twin.services.common import api
from twin.services.common.api import Json, RequestContext, tag_list
from twin.services.common.shapes import complaint
from twin.services.elbv2 import errors
from twin.services.elbv2.models import Elbv2Store, Listener, LoadBalancer, Rule, TargetGroup, stores

PAGE = 400
ZONE_IDS = {"ap-northeast-2": "ZWKZPGTI48KDX", "us-east-1": "Z35SXDOTRQ7X7K"}
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
LIMITS = {
    "application-load-balancers": 50,
    "target-groups": 3000,
    "target-groups-per-application-load-balancer": 100,
    "targets-per-application-load-balancer": 1000,
    "listeners-per-application-load-balancer": 50,
    "rules-per-application-load-balancer": 100,
    "certificates-per-application-load-balancer": 25,
    "condition-values-per-alb-rule": 5,
    "condition-wildcards-per-alb-rule": 6,
    "target-groups-per-action-on-application-load-balancer": 5,
    "target-id-registrations-per-application-load-balancer": 1000,
}


def limit(what: str) -> int:
    """AWS's default quota for `what` of one balancer, or for what is counted by account or rule under its full name."""
    return LIMITS.get(f"{what}-per-application-load-balancer") or LIMITS[what]


def operation(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As `api.operation`; a request that does not fit its shape gets AWS's words and never reaches the method."""

    def mark(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def checked(self: Any, context: RequestContext, request: Json) -> Json:
            if text := complaint("elbv2", name, request):
                raise errors.validation(text)
            answer: Json = method(self, context, request)
            return answer

        return api.operation(name)(checked)

    return mark


def store(context: RequestContext) -> Elbv2Store:
    """The store of the caller's account and region."""
    found: Elbv2Store = stores[context.account_id][context.region]
    return found


def arn(context: RequestContext, rest: str) -> str:
    """The ARN of something of this API."""
    return f"arn:aws:elasticloadbalancing:{context.region}:{context.account_id}:{rest}"


def new_id() -> str:
    """The 16 hexadecimal digits at the end of each ARN."""
    return secrets.token_hex(8)


def balancer(context: RequestContext, request: Json) -> LoadBalancer:
    """The balancer that the request's LoadBalancerArn names."""
    wanted = request["LoadBalancerArn"]
    found = store(context).balancers.get(wanted)
    if found is None:
        _need_arn(wanted, "loadbalancer/app/", "load balancer")
        raise errors.balancer_not_found(wanted)
    return found


def group(context: RequestContext, wanted: str) -> TargetGroup:
    """The target group with this ARN."""
    found = store(context).groups.get(wanted)
    if found is None:
        _need_arn(wanted, "targetgroup/", "target group")
        raise errors.group_not_found(wanted)
    return found


def listener(context: RequestContext, wanted: str) -> Listener:
    """The listener with this ARN."""
    found = store(context).listeners.get(wanted)
    if found is None:
        _need_arn(wanted, "listener/app/", "listener")
        raise errors.listener_not_found(wanted)
    return found


def rule(context: RequestContext, wanted: str) -> Rule:
    """The rule with this ARN."""
    found = store(context).rules.get(wanted)
    if found is None:
        _need_arn(wanted, "listener-rule/app/", "listener rule")
        raise errors.rules_not_found()
    return found


def _need_arn(text: str, kind: str, called: str) -> None:
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[2] != "elasticloadbalancing" or not parts[5].startswith(kind):  # noqa: PLR2004
        raise errors.validation(f"'{text}' is not a valid {called} ARN")


def page[T](items: Sequence[T], request: Json, arn_of: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The part of `items` from the request's Marker on, PageSize long, and the marker of the next part."""
    size = int(request.get("PageSize") or PAGE)
    if not 1 <= size <= PAGE:
        raise errors.validation(f"Page size must be between 1 and {PAGE}")
    start, marker = 0, request.get("Marker")
    if marker:
        arns = [arn_of(item) for item in items]
        if marker not in arns:
            raise errors.validation(f"Marker '{marker}' is not valid")
        start = arns.index(marker)
    rest = items[start:]
    return list(rest[:size]), arn_of(rest[size]) if len(rest) > size else None


def tags_from(request: Json) -> dict[str, str]:
    """The request's Tags; a key given twice is AWS's error."""
    tags: dict[str, str] = {}
    for tag in request.get("Tags") or []:
        if tag["Key"] in tags:
            raise errors.duplicate_tag(tag["Key"])
        tags[tag["Key"]] = str(tag.get("Value") or "")
    return tags


def tagged(items: Iterable[tuple[str, dict[str, str]]]) -> list[Json]:
    """DescribeTags' answer."""
    return [{"ResourceArn": name, "Tags": tag_list(tags)} for name, tags in items]
