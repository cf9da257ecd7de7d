"""What follows from checks, and which requests a rule's conditions take: tables, without a process."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from twin.core.addresses import loopback
from twin.engines.envoy import Health
from twin.services.elbv2 import attributes, decide
from twin.services.elbv2.decide import CHECKING, NEW, Outcome, Result, Seen, Verdict
from twin.services.elbv2.health import matches
from twin.services.elbv2.matching import predicate, wildcard
from twin.services.elbv2.models import (
    HealthCheck,
    Listener,
    LoadBalancer,
    Rule,
    Snapshot,
    Target,
    TargetGroup,
    TargetState,
    Zone,
)

type Json = dict[str, Any]

PASS, FAIL = Result(Outcome.PASSED, 200), Result(Outcome.FAILED)
CHECK = HealthCheck(healthy_threshold=3, unhealthy_threshold=2)
WELL = Seen(TargetState.HEALTHY, 0, "", "")
ILL = Seen(TargetState.UNHEALTHY, 0, "Target.FailedHealthChecks", "Health checks failed")


def after(seen: Seen, *results: Result) -> Seen:
    for result in results:
        seen = decide.after_check(seen, result, CHECK)
    return seen


@pytest.mark.parametrize(
    ("before", "results", "state"),
    [
        (NEW, [PASS], TargetState.HEALTHY),
        (NEW, [FAIL], TargetState.INITIAL),
        (NEW, [FAIL, FAIL], TargetState.UNHEALTHY),
        (WELL, [FAIL], TargetState.HEALTHY),
        (WELL, [FAIL, FAIL], TargetState.UNHEALTHY),
        (WELL, [FAIL, PASS, FAIL], TargetState.HEALTHY),
        (ILL, [PASS, PASS], TargetState.UNHEALTHY),
        (ILL, [PASS, PASS, PASS], TargetState.HEALTHY),
        (ILL, [PASS, PASS, FAIL, PASS], TargetState.UNHEALTHY),
    ],
)
def test_each_way_has_its_threshold(before: Seen, results: list[Result], state: TargetState) -> None:
    assert after(before, *results).state is state


@pytest.mark.parametrize(
    ("result", "reason", "description"),
    [
        (
            Result(Outcome.WRONG_CODE, 503),
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [503]",
        ),
        (Result(Outcome.TIMED_OUT), "Target.Timeout", "Request timed out"),
        (FAIL, "Target.FailedHealthChecks", "Health checks failed"),
    ],
)
def test_the_reason_is_the_one_of_aws(result: Result, reason: str, description: str) -> None:
    seen = after(WELL, result, result)
    assert (seen.reason, seen.description) == (reason, description)


def test_a_target_that_is_being_checked_says_so() -> None:
    assert after(NEW, FAIL).reason == CHECKING.reason == "Elb.InitialHealthChecking"


def target(address: str, zone: str | None = "a", draining_until: float | None = None) -> Target:
    return Target(address, 8080, zone, 0.0, draining_until)


def group(*targets: Target, check: HealthCheck = CHECK, **changes: str) -> TargetGroup:
    defaults = attributes.defaults(attributes.GROUP)
    return TargetGroup("arn:g", "g", 8080, "vpc", check, {**defaults, **changes}, {one.key: one for one in targets})


@pytest.mark.parametrize(
    ("one", "zones", "check", "state", "reason"),
    [
        (target("10.0.0.4"), {"a"}, CHECK, TargetState.HEALTHY, None),
        (target("10.0.0.4"), None, CHECK, TargetState.UNUSED, "Target.NotInUse"),
        (target("10.0.0.4", "c"), {"a"}, CHECK, TargetState.UNUSED, "Target.NotInUse"),
        (target("192.168.0.4", None), {"a"}, CHECK, TargetState.HEALTHY, None),
        (
            target("10.0.0.4", draining_until=9.0),
            {"a"},
            CHECK,
            TargetState.DRAINING,
            "Target.DeregistrationInProgress",
        ),
        (target("10.0.0.4"), {"a"}, HealthCheck(enabled=False), TargetState.UNAVAILABLE, "Target.HealthCheckDisabled"),
    ],
)
def test_a_verdict_looks_at_registration_zone_and_checks(
    one: Target, zones: set[str] | None, check: HealthCheck, state: TargetState, reason: str | None
) -> None:
    verdict = decide.verdict(group(one, check=check), one, WELL, zones)
    assert (verdict.state, verdict.reason) == (state, reason)


def healths(asked: TargetGroup, states: Mapping[str, TargetState]) -> dict[str, Health]:
    known = {("arn:g", address, 8080): Verdict(state) for address, state in states.items()}
    by_loopback = {loopback(address): address for address in states}
    return {by_loopback[one.address]: one.health for one in decide.endpoints(asked, known)}


def test_requests_go_to_healthy_targets_and_to_all_when_there_is_none() -> None:
    two = group(target("10.0.0.4"), target("10.0.0.5"))
    one_well = {"10.0.0.4": TargetState.HEALTHY, "10.0.0.5": TargetState.UNHEALTHY}
    assert healths(two, one_well) == {"10.0.0.4": Health.HEALTHY, "10.0.0.5": Health.UNHEALTHY}
    none_well = dict.fromkeys(one_well, TargetState.UNHEALTHY)
    assert set(healths(two, none_well).values()) == {Health.HEALTHY}
    key = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count"
    wary = group(target("10.0.0.4"), target("10.0.0.5"), **{key: "2"})
    assert set(healths(wary, one_well).values()) == {Health.HEALTHY}


def test_a_draining_target_gets_nothing_new_and_goes_when_its_time_has_run() -> None:
    leaving = target("10.0.0.5", draining_until=100.0)
    both = group(target("10.0.0.4"), leaving)
    seen = healths(both, {"10.0.0.4": TargetState.HEALTHY, "10.0.0.5": TargetState.DRAINING})
    assert seen["10.0.0.5"] is Health.DRAINING
    assert decide.drained([both], 99.9) == {}
    assert decide.drained([both], 100.0) == {"arn:g": [leaving.key]}


def test_a_group_is_in_the_zones_of_the_balancer_that_uses_it() -> None:
    zones = tuple(Zone(name, f"subnet-{name}", "10.0.0.9") for name in ("a", "c"))
    balancer = LoadBalancer("arn:b", "b", "internal", "vpc", "127.0.0.9", zones, (), datetime.now(UTC), {})
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "arn:g", "Weight": 1}]}}
    rule = Rule("arn:r", "arn:l", None, (), (action,))
    listener = Listener("arn:l", "arn:b", "HTTP", 80)
    used = Snapshot({"arn:b": balancer}, {"arn:g": group()}, {"arn:l": listener}, {"arn:r": rule})
    assert decide.zones_of(used, group()) == {"a", "c"}
    assert decide.zones_of(Snapshot({}, {"arn:g": group()}, {}, {}), group()) is None


@pytest.mark.parametrize(
    ("matcher", "code", "taken"),
    [("200", 200, True), ("200", 204, False), ("200-299,301", 204, True), ("200-299,301", 302, False)],
)
def test_a_matcher_takes_codes_and_ranges(matcher: str, code: int, taken: bool) -> None:
    assert matches(matcher, code) is taken


def condition(field: str, name: str, *values: Any, **more: Any) -> Json:
    return {"Field": field, name: {"Values": list(values), **more}}


PATH = ("path-pattern", "PathPatternConfig")
HOST = ("host-header", "HostHeaderConfig")


@pytest.mark.parametrize(
    ("asked", "text", "taken"),
    [
        (condition(*PATH, "/img/*"), "/img/a/b.png?x=1", True),
        (condition(*PATH, "/img/*"), "/IMG/a", False),
        (condition(*PATH, "/a?c"), "/abc", True),
        (condition(*PATH, "/a*"), "/x?/a", False),
        (condition(*PATH, "/one", "/two"), "/two", True),
        (condition(*HOST, "*.duet.example"), "WWW.duet.example:8443", True),
        (condition(*HOST, "*.duet.example"), "duet.example", False),
        (condition("http-request-method", "HttpRequestMethodConfig", "GET"), "POST", False),
        (condition("query-string", "QueryStringConfig", {"Key": "v", "Value": "1*"}), "/p?a=2&v=12", True),
        (condition("query-string", "QueryStringConfig", {"Key": "v", "Value": "1*"}), "/p?vv=12", False),
        (condition("query-string", "QueryStringConfig", {"Value": "x"}), "/p?any=x", True),
        (condition("http-header", "HttpHeaderConfig", "*Mobile*", HttpHeaderName="User-Agent"), "a mobile b", True),
    ],
)
def test_a_condition_takes_a_request(asked: Json, text: str, taken: bool) -> None:
    regex = predicate([asked])["single_predicate"]["value_match"]["safe_regex"]["regex"]
    assert bool(re.fullmatch(regex, text)) is taken


def test_conditions_must_all_hold_and_wildcards_are_no_regular_expressions() -> None:
    both = predicate([condition(*PATH, "/a"), condition(*HOST, "b")])
    assert len(both["and_matcher"]["predicate"]) == 2
    assert re.fullmatch(wildcard("a.b+*"), "a.b+c")
    assert not re.fullmatch(wildcard("a.b"), "axb")
