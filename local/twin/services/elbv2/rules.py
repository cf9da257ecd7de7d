"""The operations on listener rules."""

from collections.abc import Collection
from dataclasses import replace

from twin.services.common.api import Json, Provider, RequestContext, only
from twin.services.elbv2 import controller, errors, registry
from twin.services.elbv2.actions import actions, condition_described, conditions, described
from twin.services.elbv2.listeners import check_groups
from twin.services.elbv2.models import LOCK, Rule, Snapshot, snapshot
from twin.services.elbv2.registry import operation

LOWEST_PRIORITY = 50_000


class Rules(Provider):
    """Create, describe, change, order, delete rules."""

    @operation("CreateRule")
    def create_rule(self, context: RequestContext, request: Json) -> Json:
        """Record the rule."""
        only("elbv2", "CreateRule", request, ("ListenerArn", "Conditions", "Priority", "Actions", "Tags"))
        store = registry.store(context)
        with LOCK:
            listener = registry.listener(context, request["ListenerArn"])
            rule = Rule(
                f"{listener.arn.replace(':listener/', ':listener-rule/')}/{registry.new_id()}",
                listener.arn,
                _priority(request["Priority"]),
                conditions(request["Conditions"]),
                actions(request["Actions"], store.groups),
                registry.tags_from(request),
            )
            if rule.priority in {other.priority for other in snapshot().rules_of(listener.arn)}:
                raise errors.priority_in_use(int(request["Priority"]))
            check_groups(snapshot(), listener, rule)
            need_room(snapshot(), listener.balancer_arn)
            store.rules[rule.arn] = rule
        controller.wake()
        return {"Rules": [_described(rule)]}

    @operation("DescribeRules")
    def describe_rules(self, context: RequestContext, request: Json) -> Json:
        """Those of a listener, or those named, the default rule last."""
        seen, arns = snapshot(), request.get("RuleArns") or []
        if arns:
            if not set(arns) <= set(seen.rules):
                raise errors.rules_not_found()
            found = [seen.rules[arn] for arn in dict.fromkeys(arns)]
        elif request.get("ListenerArn"):
            found = seen.rules_of(registry.listener(context, request["ListenerArn"]).arn)
        else:
            raise errors.validation("You must specify either listener rule ARNs or a listener ARN")
        part, marker = registry.page(found, request, lambda rule: rule.arn)
        return {"Rules": [_described(rule) for rule in part], **({"NextMarker": marker} if marker else {})}

    @operation("ModifyRule")
    def modify_rule(self, context: RequestContext, request: Json) -> Json:
        """Change conditions or actions."""
        only("elbv2", "ModifyRule", request, ("RuleArn", "Conditions", "Actions"))
        store = registry.store(context)
        with LOCK:
            rule = registry.rule(context, request["RuleArn"])
            if rule.priority is None:
                raise errors.not_permitted(f"Default rule '{rule.arn}' cannot be modified")
            if not (request.get("Conditions") or request.get("Actions")):
                raise errors.validation("Either conditions or actions must be specified")
            if request.get("Conditions"):
                rule = replace(rule, conditions=conditions(request["Conditions"]))
            if request.get("Actions"):
                rule = replace(rule, actions=actions(request["Actions"], store.groups))
            check_groups(snapshot(), registry.listener(context, rule.listener_arn), rule)
            store.rules[rule.arn] = rule
        controller.wake()
        return {"Rules": [_described(rule)]}

    @operation("DeleteRule")
    def delete_rule(self, context: RequestContext, request: Json) -> Json:
        """Forget the rule."""
        with LOCK:
            rule = registry.rule(context, request["RuleArn"])
            if rule.priority is None:
                raise errors.not_permitted(f"Default rule '{rule.arn}' cannot be deleted")
            del registry.store(context).rules[rule.arn]
        controller.wake()
        return {}

    @operation("SetRulePriorities")
    def set_rule_priorities(self, context: RequestContext, request: Json) -> Json:
        """Give rules other priorities, all at once."""
        wanted = {pair["RuleArn"]: _priority(pair["Priority"]) for pair in request["RulePriorities"] if len(pair) > 1}
        given = [pair.get("Priority") for pair in request["RulePriorities"]]
        for priority in given:
            if given.count(priority) > 1:
                raise errors.validation(f"Priority '{priority}' was provided multiple times")
        store = registry.store(context)
        with LOCK:
            changed = [replace(registry.rule(context, arn), priority=priority) for arn, priority in wanted.items()]
            for rule in changed:
                if store.rules[rule.arn].priority is None:
                    raise errors.not_permitted(f"Default rule '{rule.arn}' priority cannot be modified")
            for listener in {rule.listener_arn for rule in changed}:
                kept = [r.priority for r in snapshot().rules_of(listener) if r.arn not in wanted]
                _need_distinct([*kept, *(r.priority for r in changed if r.listener_arn == listener)])
            store.rules.update({rule.arn: rule for rule in changed})
        controller.wake()
        return {"Rules": [_described(rule) for rule in changed]}


def _priority(value: object) -> int:
    priority = int(str(value))
    if not 1 <= priority <= LOWEST_PRIORITY:
        raise errors.validation(f"Priority '{priority}' must be between 1 and {LOWEST_PRIORITY}")
    return priority


def need_room(seen: Snapshot, balancer_arn: str) -> None:
    """Refuse a rule that is one too many; the default rules do not count."""
    rules = [rule for listener in seen.listeners_of(balancer_arn) for rule in seen.rules_of(listener.arn)]
    if sum(rule.priority is not None for rule in rules) >= registry.limit("rules"):
        raise errors.too_many_rules()


def _need_distinct(priorities: Collection[int | None]) -> None:
    seen: set[int] = set()
    for priority in priorities:
        if priority is not None and priority in seen:
            raise errors.priority_in_use(priority)
        seen.add(priority or 0)


def _described(rule: Rule) -> Json:
    return {
        "RuleArn": rule.arn,
        "Priority": "default" if rule.priority is None else str(rule.priority),
        "Conditions": [condition_described(condition) for condition in rule.conditions],
        "Actions": described(rule.actions, order=rule.priority is not None),
        "IsDefault": rule.priority is None,
    }
