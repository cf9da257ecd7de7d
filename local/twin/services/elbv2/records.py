"""The operations that only tell: tags, limits, security policies."""

from dataclasses import replace
from typing import Any

from twin.services.common.api import Json, Provider, RequestContext
from twin.services.elbv2 import errors, registry
from twin.services.elbv2.models import LOCK
from twin.services.elbv2.registry import operation
from twin.services.elbv2.tls_policies import POLICIES

MOST_TAGS = 50


class Records(Provider):
    """Tags of everything, limits, policies."""

    @operation("AddTags")
    def add_tags(self, context: RequestContext, request: Json) -> Json:
        """Add tags to, or change tags of, things."""
        new = registry.tags_from(request)
        with LOCK:
            for arn in request["ResourceArns"]:
                kind, item = _find(context, arn)
                tags = {**item.tags, **new}
                if len(tags) > MOST_TAGS:
                    raise errors.too_many_tags()
                kind[arn] = replace(item, tags=tags)
        return {}

    @operation("RemoveTags")
    def remove_tags(self, context: RequestContext, request: Json) -> Json:
        """Take tags from things."""
        gone = set(request["TagKeys"])
        with LOCK:
            for arn in request["ResourceArns"]:
                kind, item = _find(context, arn)
                kind[arn] = replace(item, tags={key: value for key, value in item.tags.items() if key not in gone})
        return {}

    @operation("DescribeTags")
    def describe_tags(self, context: RequestContext, request: Json) -> Json:
        """The tags of things."""
        with LOCK:
            found = [(arn, dict(_find(context, arn)[1].tags)) for arn in request["ResourceArns"]]
        return {"TagDescriptions": registry.tagged(found)}

    @operation("DescribeAccountLimits")
    def describe_account_limits(self, _context: RequestContext, request: Json) -> Json:
        """AWS's default quotas."""
        part, marker = registry.page(sorted(registry.LIMITS.items()), request, lambda limit: limit[0])
        listed = [{"Name": name, "Max": str(most)} for name, most in part]
        return {"Limits": listed, **({"NextMarker": marker} if marker else {})}

    @operation("DescribeSSLPolicies")
    def describe_ssl_policies(self, _context: RequestContext, request: Json) -> Json:
        """The policies that a listener may have, with protocols and ciphers."""
        names = request.get("Names") or list(POLICIES)
        for name in names:
            if name not in POLICIES:
                raise errors.policy_not_found(name)
        part, marker = registry.page(names, request, str)
        return {"SslPolicies": [_policy(name) for name in part], **({"NextMarker": marker} if marker else {})}


def _policy(name: str) -> Json:
    policy = POLICIES[name]
    return {
        "Name": name,
        "SslProtocols": list(policy.protocols),
        "Ciphers": [{"Name": cipher, "Priority": place} for place, cipher in enumerate(policy.ciphers, 1)],
        "SupportedLoadBalancerTypes": ["application"],
    }


def _find(context: RequestContext, arn: str) -> tuple[dict[str, Any], Any]:
    store = registry.store(context)
    kinds: dict[str, tuple[dict[str, Any], Exception]] = {
        ":loadbalancer/": (store.balancers, errors.balancer_not_found(arn)),
        ":targetgroup/": (store.groups, errors.group_not_found(arn)),
        ":listener/": (store.listeners, errors.listener_not_found(arn)),
        ":listener-rule/": (store.rules, errors.rules_not_found()),
    }
    for mark, (kind, missing) in kinds.items():
        if mark in arn:
            if arn not in kind:
                raise missing
            return kind, kind[arn]
    raise errors.validation(f"'{arn}' is not a valid load balancer ARN, target group ARN, listener ARN or rule ARN")
