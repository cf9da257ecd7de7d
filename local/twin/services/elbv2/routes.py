"""The rules of a listener as Envoy's routes: what a request meets first, and what is done with it."""

from collections.abc import Mapping

from twin.core.addresses import listening_port
from twin.engines.envoy import Json, typed
from twin.services.elbv2.answers import own_headers, page
from twin.services.elbv2.attributes import listener_attributes
from twin.services.elbv2.matching import SOURCE_HEADER, predicate
from twin.services.elbv2.models import Listener, LoadBalancer, Rule, Snapshot, TargetGroup

_TYPE = "type.googleapis.com/envoy."
LUA = "envoy.filters.http.lua"
STICKY = "envoy.filters.http.stateful_session"
# What passes between our Lua and Envoy's filters; no client and no target ever sees them.
SHARE, SESSION, TARGET = "x-twin-share", "x-twin-session", "x-twin-target"
_INTERNAL = (
    SOURCE_HEADER, SHARE, SESSION, "x-envoy-external-address", "x-envoy-internal", "x-envoy-expected-rq-timeout-ms",
)  # fmt: skip
_TLS_HEADERS = {"tls_version": "%DOWNSTREAM_TLS_VERSION%", "tls_cipher_suite": "%DOWNSTREAM_TLS_CIPHER%"}


def routes(balancer: LoadBalancer, wanted: Listener, rules: list[Rule], snapshot: Snapshot) -> Json:
    """The route configuration of a listener; the default rule comes last."""
    matchers = [
        {"predicate": predicate(rule.conditions), "on_match": _on_match(balancer, wanted, rule, snapshot)}
        for rule in rules
        if rule.priority is not None
    ]
    last = next(rule for rule in rules if rule.priority is None)
    tree: Json = {"on_no_match": _on_match(balancer, wanted, last, snapshot)}
    if matchers:
        tree["matcher_list"] = {"matchers": matchers}
    return {
        "name": wanted.arn,
        "virtual_hosts": [{"name": "all", "domains": ["*"], "matcher": tree}],
        **_request_headers(balancer.attributes, wanted),
        "response_headers_to_add": _response_headers(wanted),
    }


def is_sticky(rule: Rule, snapshot: Snapshot) -> bool:
    """Whether some request that meets the rule is bound to a target or a target group by a cookie."""
    action = rule.actions[-1]
    return action["Type"] == "forward" and _sticky(action["ForwardConfig"], _shares(action, snapshot)) is not None


def _request_headers(attributes: Mapping[str, str], wanted: Listener) -> Json:
    added = [_header("x-forwarded-port", str(listening_port(wanted.port)))]
    if attributes["routing.http.x_amzn_tls_version_and_cipher_suite.enabled"] == "true" and wanted.protocol == "HTTPS":
        given = listener_attributes(wanted)
        for name, value in _TLS_HEADERS.items():
            own = given[f"routing.http.request.x_amzn_{name}.header_name"]
            added.append(_header(own.lower() or f"x-amzn-{name.replace('_', '-')}", value))
    return {"request_headers_to_add": added, "request_headers_to_remove": list(_INTERNAL)}


def _response_headers(wanted: Listener) -> list[Json]:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html"""
    prefix, suffix = "routing.http.response.", ".header_value"
    return [
        _header(key.removeprefix(prefix).removesuffix(suffix).replace("_", "-"), value.replace("%", "%%"))
        for key, value in sorted(listener_attributes(wanted).items())
        if key.startswith(prefix) and key.endswith(suffix) and value
    ]


def _header(name: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Json:
    return {"header": {"key": name, "value": value}, "append_action": action}


def _on_match(balancer: LoadBalancer, wanted: Listener, rule: Rule, snapshot: Snapshot) -> Json:
    action = rule.actions[-1]
    known = {"priority": rule.priority or 0, "action": action["Type"], "rule": rule.arn}
    route: Json = {"match": {"prefix": ""}, "metadata": {"filter_metadata": {"twin": known}}}
    told: Json = {}
    if action["Type"] == "forward":
        made, told = _forward(action, snapshot, wanted)
        route |= made
    elif action["Type"] == "redirect":
        ports = {listener.port for listener in snapshot.listeners_of(balancer.arn)}
        told = {"redirect": _redirect(action["RedirectConfig"], wanted, ports)}
        route["direct_response"] = {"status": 500}
    else:
        route |= _fixed(action["FixedResponseConfig"], wanted)
    if told:
        route["metadata"]["filter_metadata"][LUA] = told
    return {"action": {"name": "route", "typed_config": {"@type": f"{_TYPE}config.route.v3.Route", **route}}}


def _redirect(config: Json, wanted: Listener, ports: set[int]) -> Json:
    """What the Lua filter fills in. A port of this very balancer is named as the one on which it really listens."""
    port = config["Port"]
    if port.isdigit() and int(port) in ports and config["Host"] == "#{host}":
        port = str(listening_port(int(port)))
    return {
        "own_protocol": wanted.protocol.lower(),
        "own_port": str(listening_port(wanted.port)),
        "protocol": config["Protocol"],
        "host": config["Host"],
        "port": port,
        "path": config["Path"],
        "query": config["Query"],
        "status": config["StatusCode"].removeprefix("HTTP_"),
    }


def _fixed(config: Json, wanted: Listener) -> Json:
    response: Json = {"status": int(config["StatusCode"])}
    if config.get("MessageBody"):
        response["body"] = {"inline_string": config["MessageBody"]}
    kind = _header("content-type", config.get("ContentType") or "text/plain")
    return {"direct_response": response, "response_headers_to_add": [*own_headers(wanted), kind]}


def _shares(action: Json, snapshot: Snapshot) -> list[tuple[TargetGroup, int]]:
    """The groups that get requests, with their weights."""
    known = [
        (snapshot.groups[part["TargetGroupArn"]], int(part["Weight"]))
        for part in action["ForwardConfig"]["TargetGroups"]
        if part["TargetGroupArn"] in snapshot.groups
    ]
    return [(group, weight) for group, weight in known if weight > 0]


def _forward(action: Json, snapshot: Snapshot, wanted: Listener) -> tuple[Json, Json]:
    """The route, and what the Lua filter is told of it."""
    shares = _shares(action, snapshot)
    if not shares:
        body = {"status": 503, "body": {"inline_string": page(503)}}
        headers = [*own_headers(wanted), _header("content-type", "text/html")]
        return {"direct_response": body, "response_headers_to_add": headers}, {}
    told: Json = {"version": shares[0][0].version}
    # As AWS does, only what never reached a target is tried again.
    retry = {
        "retry_on": "connect-failure,refused-stream",
        "num_retries": 2,
        "retry_back_off": {"base_interval": "0.002s", "max_interval": "0.010s"},
        "retry_host_predicate": [
            typed("previous", "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate", {})
        ],
        "host_selection_retry_max_attempts": 5,
    }
    where: Json = {"timeout": "0s", "retry_policy": retry}
    if len(shares) == 1:
        where["cluster"] = shares[0][0].cluster
    else:
        clusters = [{"name": group.cluster, "weight": weight} for group, weight in shares]
        where["weighted_clusters"] = {"clusters": clusters}
    route: Json = {"route": where}
    if sticky := _sticky(action["ForwardConfig"], shares):
        told["sticky"] = sticky
        route |= _session()
        if len(shares) > 1:
            where["weighted_clusters"]["header_name"] = SHARE
    return route, told


def _sticky(config: Json, shares: list[tuple[TargetGroup, int]]) -> Json | None:
    """What the Lua filter binds by cookies: to a group for `group_seconds`, to a target for its group's `seconds`."""
    groups = [{"cluster": group.cluster, "weight": weight, **_binds(group)} for group, weight in shares]
    among = config["TargetGroupStickinessConfig"]
    by_group = {"group_seconds": among["DurationSeconds"]} if among.get("Enabled") and len(shares) > 1 else {}
    if not by_group and not any("seconds" in group for group in groups):
        return None
    return {"groups": groups, **by_group}


def _binds(group: TargetGroup) -> Json:
    if group.attributes["stickiness.enabled"] != "true":
        return {}
    kind = group.attributes["stickiness.type"]
    binds: Json = {"seconds": int(group.attributes[f"stickiness.{kind}.duration_seconds"])}
    return binds | (
        {"app_cookie": group.attributes["stickiness.app_cookie.cookie_name"]} if kind == "app_cookie" else {}
    )


def _session() -> Json:
    """The target that the session header names is taken while it is healthy; which one was taken is told to our Lua."""
    state = typed(
        "envoy.http.stateful_session.header",
        "extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
        {"name": SESSION},
    )
    per_route = {
        "@type": f"{_TYPE}extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute",
        "stateful_session": {"session_state": state},
    }
    taken = _header(TARGET, "%UPSTREAM_HOST% %UPSTREAM_CLUSTER_RAW%")
    return {"typed_per_filter_config": {STICKY: per_route}, "response_headers_to_add": [taken]}
