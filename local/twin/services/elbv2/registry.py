"""Finding what a request names: by ARN or by name, page by page; raises AWS's error when it is not there."""

import secrets
from collections.abc import Callable, Iterable, Sequence

from twin.services.common.api import Json, RequestContext, tag_list
from twin.services.elbv2 import errors
from twin.services.elbv2.models import Elbv2Store, Listener, LoadBalancer, Rule, TargetGroup, stores

PAGE = 400
ZONE_IDS = {"ap-northeast-2": "ZWKZPGTI48KDX", "us-east-1": "Z35SXDOTRQ7X7K"}


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
        raise errors.balancer_not_found(wanted)
    return found


def group(context: RequestContext, wanted: str) -> TargetGroup:
    """The target group with this ARN."""
    found = store(context).groups.get(wanted)
    if found is None:
        raise errors.group_not_found(wanted)
    return found


def listener(context: RequestContext, wanted: str) -> Listener:
    """The listener with this ARN."""
    found = store(context).listeners.get(wanted)
    if found is None:
        raise errors.listener_not_found(wanted)
    return found


def rule(context: RequestContext, wanted: str) -> Rule:
    """The rule with this ARN."""
    found = store(context).rules.get(wanted)
    if found is None:
        raise errors.rules_not_found()
    return found


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
