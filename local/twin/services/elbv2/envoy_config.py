"""From what is wanted to what a node's Envoy is told: listeners, routes, clusters. Nothing is started or written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from twin.core.addresses import listening_port, loopback
from twin.core.certificates import Certificate
from twin.engines.envoy import Json, listener, server_tls
from twin.services.elbv2.access_log_lines import access_log
from twin.services.elbv2.answers import local_replies, local_reply_page
from twin.services.elbv2.matching import SOURCE_HEADER, predicate
from twin.services.elbv2.models import Listener, LoadBalancer, Rule, Snapshot, TargetGroup, Zone, groups_in
from twin.services.elbv2.tls_policies import POLICIES

_TYPE = "type.googleapis.com/envoy."
LUA = "envoy.filters.http.lua"
STICKY = "envoy.filters.http.stateful_session"
MOST = 1 << 20


@dataclass(frozen=True)
class NodePlan:
    """What one node serves. clusters: by name, Envoy's JSON to merge over a cluster of endpoints by file."""

    listeners: tuple[Json, ...] = ()
    clusters: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Surroundings:
    """What of the machine a plan names. certificates: by ACM ARN; slow_start_speed: what the twin divides waits by;
    access_log: the file a node writes, None when the balancer keeps no log."""

    certificates: Mapping[str, Certificate]
    speed: float = 1
    access_log: Path | None = None


def plan(snapshot: Snapshot, balancer: LoadBalancer, zone: Zone, around: Surroundings) -> NodePlan:
    """What the balancer's node in `zone` serves: each listener at the node's own address and at the zoneless one.

    The zoneless address is shared by the nodes: the kernel hands each new connection to one that lives.
    """
    listeners: list[Json] = []
    used: set[str] = set()
    for wanted in snapshot.listeners_of(balancer.arn):
        rules = snapshot.rules_of(wanted.arn)
        chain = _chain(balancer, wanted, rules, snapshot, around)
        if chain is None:
            continue
        used |= {arn for rule in rules for arn in groups_in(rule.actions)}
        port = listening_port(wanted.port)
        known = {"metadata": {"filter_metadata": {"twin": {"certificate": wanted.certificate_arn or "-"}}}}
        listeners += [
            listener(f"{wanted.port}-{zone.name}", loopback(zone.address), port, [chain], **known),
            listener(f"{wanted.port}-zoneless", balancer.address, port, [chain], **known, enable_reuse_port=True),
        ]
    groups = [snapshot.groups[arn] for arn in sorted(used) if arn in snapshot.groups]
    return NodePlan(tuple(listeners), {group.cluster: _cluster(group, around.speed) for group in groups})


def _chain(
    balancer: LoadBalancer, wanted: Listener, rules: list[Rule], snapshot: Snapshot, around: Surroundings
) -> Json | None:
    """The filter chain of a listener; None while its certificate is not known."""
    chain: Json = {"filters": [_manager(balancer, wanted, rules, snapshot, around)]}
    if wanted.protocol == "HTTPS":
        certificate = around.certificates.get(wanted.certificate_arn or "")
        if certificate is None:
            return None
        protocols = ("h2", "http/1.1") if balancer.attributes["routing.http2.enabled"] == "true" else ("http/1.1",)
        tls = server_tls(certificate, *protocols)
        tls["typed_config"]["common_tls_context"]["tls_params"] = POLICIES[wanted.ssl_policy or ""].envoy()
        chain["transport_socket"] = tls
    return chain


def _manager(
    balancer: LoadBalancer, wanted: Listener, rules: list[Rule], snapshot: Snapshot, around: Surroundings
) -> Json:
    attributes = balancer.attributes
    idle = f"{attributes['idle_timeout.timeout_seconds']}s"
    manager: Json = {
        "@type": f"{_TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": f"{wanted.port}",
        "codec_type": "AUTO" if wanted.protocol == "HTTPS" else "HTTP1",
        "route_config": _routes(balancer, wanted, rules, snapshot),
        "http_filters": [
            _lua(attributes, rules),
            _sticky(),
            _typed("envoy.filters.http.router", _router(), {"suppress_envoy_headers": True}),
        ],
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_protocol_options": {"accept_http_10": True},
        "common_http_protocol_options": {
            "idle_timeout": idle,
            "max_connection_duration": f"{attributes['client_keep_alive.seconds']}s",
            "max_headers_count": 200,
        },
        "stream_idle_timeout": idle,
        "request_headers_timeout": idle,
        "max_request_headers_kb": 64,
        "use_remote_address": True,
        "skip_xff_append": True,
        "internal_address_config": {},
        "generate_request_id": False,
        "preserve_external_request_id": True,
        "server_header_transformation": "PASS_THROUGH",
        "local_reply_config": local_replies(),
    }
    if around.access_log is not None:
        manager["access_log"] = [access_log(around.access_log)]
    return _typed("envoy.filters.network.http_connection_manager", "", {}) | {"typed_config": manager}


def _router() -> str:
    return "extensions.filters.http.router.v3.Router"


def _typed(name: str, kind: str, config: Json) -> Json:
    return {"name": name, "typed_config": {"@type": _TYPE + kind, **config}}


@cache
def _lua_source() -> str:
    return Path(__file__).with_name("filter.lua").read_text()


def _lua(attributes: Mapping[str, str], rules: list[Rule]) -> Json:
    by_source = any(condition["Field"] == "source-ip" for rule in rules for condition in rule.conditions)
    forwarded_for = attributes["routing.http.xff_header_processing.mode"]
    if forwarded_for == "append" and attributes["routing.http.xff_client_port.enabled"] == "true":
        forwarded_for = "append-port"
    settings = [
        f"drop_invalid = {attributes['routing.http.drop_invalid_header_fields.enabled']}",
        f'forwarded_for = "{forwarded_for}"',
        f'source_header = "{SOURCE_HEADER}"' if by_source else "source_header = nil",
    ]
    source = f"local SETTINGS = {{ {', '.join(settings)} }}\n{_lua_source()}"
    return _typed(LUA, "extensions.filters.http.lua.v3.Lua", {"default_source_code": {"inline_string": source}})


def _sticky() -> Json:
    """Without effect by itself: a route whose group is sticky says so."""
    return _typed(STICKY, "extensions.filters.http.stateful_session.v3.StatefulSession", {})


def _routes(balancer: LoadBalancer, wanted: Listener, rules: list[Rule], snapshot: Snapshot) -> Json:
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
    }


def _request_headers(attributes: Mapping[str, str], wanted: Listener) -> Json:
    added = [_header("x-forwarded-port", str(listening_port(wanted.port)))]
    removed = [SOURCE_HEADER, "x-envoy-external-address", "x-envoy-internal", "x-envoy-expected-rq-timeout-ms"]
    if attributes["routing.http.x_amzn_tls_version_and_cipher_suite.enabled"] == "true" and wanted.protocol == "HTTPS":
        added.append(_header("x-amzn-tls-version", "%DOWNSTREAM_TLS_VERSION%"))
        added.append(_header("x-amzn-tls-cipher-suite", "%DOWNSTREAM_TLS_CIPHER%"))
    return {"request_headers_to_add": added, "request_headers_to_remove": removed}


def _header(name: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Json:
    return {"header": {"key": name, "value": value}, "append_action": action}


def _on_match(balancer: LoadBalancer, wanted: Listener, rule: Rule, snapshot: Snapshot) -> Json:
    action = rule.actions[-1]
    known = {"priority": rule.priority or 0, "action": action["Type"], "rule": rule.arn}
    route: Json = {"match": {"prefix": ""}, "metadata": {"filter_metadata": {"twin": known}}}
    if action["Type"] == "forward":
        route |= _forward(action["ForwardConfig"]["TargetGroups"], snapshot)
    elif action["Type"] == "redirect":
        ports = {listener.port for listener in snapshot.listeners_of(balancer.arn)}
        route["metadata"]["filter_metadata"][LUA] = {"redirect": _redirect(action["RedirectConfig"], wanted, ports)}
        route["direct_response"] = {"status": 500}
    else:
        route |= _fixed(action["FixedResponseConfig"])
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


def _fixed(config: Json) -> Json:
    response: Json = {"status": int(config["StatusCode"])}
    if config.get("MessageBody"):
        response["body"] = {"inline_string": config["MessageBody"]}
    headers = [_header("server", "awselb/2.0"), _header("content-type", config.get("ContentType") or "text/plain")]
    return {"direct_response": response, "response_headers_to_add": headers}


def _forward(parts: list[Json], snapshot: Snapshot) -> Json:
    known = [
        (snapshot.groups[part["TargetGroupArn"]], int(part["Weight"]))
        for part in parts
        if part["TargetGroupArn"] in snapshot.groups
    ]
    weighted = [(group, weight) for group, weight in known if weight > 0]
    if not weighted:
        return {
            "direct_response": {"status": 503, "body": {"inline_string": local_reply_page(503)}},
            "response_headers_to_add": [_header("server", "awselb/2.0"), _header("content-type", "text/html")],
        }
    # As AWS does, only what never reached a target is tried again.
    retry = {
        "retry_on": "connect-failure,refused-stream",
        "num_retries": 2,
        "retry_back_off": {"base_interval": "0.002s", "max_interval": "0.010s"},
        "retry_host_predicate": [
            _typed("previous", "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate", {})
        ],
        "host_selection_retry_max_attempts": 5,
    }
    route: Json = {"timeout": "0s", "retry_policy": retry}
    if len(weighted) == 1:
        group = weighted[0][0]
        return {"route": {"cluster": group.cluster, **route}, **_session(group)}
    clusters = [{"name": group.cluster, "weight": weight, **_session(group)} for group, weight in weighted]
    return {"route": {"weighted_clusters": {"clusters": clusters}, **route}}


def _session(group: TargetGroup) -> Json:
    """The stickiness of a group: the cookie names the target, and another takes over when that one is gone."""
    if group.attributes["stickiness.enabled"] != "true":
        return {}
    seconds = group.attributes["stickiness.lb_cookie.duration_seconds"]
    cookie = {"name": "AWSALB", "path": "/", "ttl": f"{seconds}s"}
    state = _typed(
        "envoy.http.stateful_session.cookie",
        "extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
        {"cookie": cookie},
    )
    per_route = {
        "@type": f"{_TYPE}extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute",
        "stateful_session": {"session_state": state},
    }
    return {"typed_per_filter_config": {STICKY: per_route}}


def _cluster(group: TargetGroup, speed: float) -> Json:
    policies = {
        "round_robin": "ROUND_ROBIN",
        "least_outstanding_requests": "LEAST_REQUEST",
        "weighted_random": "RANDOM",
    }
    policy = policies[group.attributes["load_balancing.algorithm.type"]]
    cluster: Json = {
        "connect_timeout": "10s",
        "lb_policy": policy,
        # A group of unhealthy targets alone is opened to all by its controller; Envoy itself never sends to a bad one.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": MOST, "max_pending_requests": MOST, "max_requests": MOST, "max_retries": MOST}
            ]
        },
    }
    slow = int(group.attributes["slow_start.duration_seconds"])
    if slow and policy == "ROUND_ROBIN":
        cluster["round_robin_lb_config"] = {"slow_start_config": {"slow_start_window": f"{slow / speed:.3f}s"}}
    return cluster
