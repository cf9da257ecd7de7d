"""From what is wanted to what a node's Envoy is told: listeners, routes, clusters. Nothing is started or written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from twin.core.addresses import listening_port, loopback
from twin.core.certificates import Certificate
from twin.engines.envoy import Json, listener, server_tls, typed
from twin.services.elbv2.access_log_lines import access_log
from twin.services.elbv2.answers import SERVER, local_replies
from twin.services.elbv2.attributes import listener_attributes
from twin.services.elbv2.clusters import cluster
from twin.services.elbv2.matching import SOURCE_HEADER
from twin.services.elbv2.models import Listener, LoadBalancer, Rule, Snapshot, Zone, groups_in
from twin.services.elbv2.routes import LUA, STICKY, is_sticky, routes
from twin.services.elbv2.tls_policies import POLICIES


@dataclass(frozen=True)
class NodePlan:
    """What one node serves. clusters: by name, Envoy's JSON to merge over a cluster of endpoints by file."""

    listeners: tuple[Json, ...] = ()
    clusters: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Surroundings:
    """What of the machine a plan names. certificates: by ACM ARN; access_log: the file a node writes, None when the
    balancer keeps no log."""

    certificates: Mapping[str, Certificate]
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
    return NodePlan(tuple(listeners), {group.cluster: cluster(group, _idle(balancer)) for group in groups})


def _idle(balancer: LoadBalancer) -> str:
    return f"{balancer.attributes['idle_timeout.timeout_seconds']}s"


def _chain(
    balancer: LoadBalancer, wanted: Listener, rules: list[Rule], snapshot: Snapshot, around: Surroundings
) -> Json | None:
    """The filter chain of a listener; None while its default certificate is not known."""
    chain: Json = {"filters": [_manager(balancer, wanted, rules, snapshot, around)]}
    if wanted.protocol == "HTTPS":
        default = around.certificates.get(wanted.certificate_arn or "")
        if default is None:
            return None
        others = [around.certificates[arn] for arn in wanted.certificates if arn in around.certificates]
        protocols = ("h2", "http/1.1") if balancer.attributes["routing.http2.enabled"] == "true" else ("http/1.1",)
        tls = server_tls(default, *protocols, others=others)
        tls["typed_config"]["common_tls_context"]["tls_params"] = POLICIES[wanted.ssl_policy or ""].envoy()
        chain["transport_socket"] = tls
    return chain


def _manager(
    balancer: LoadBalancer, wanted: Listener, rules: list[Rule], snapshot: Snapshot, around: Surroundings
) -> Json:
    attributes, idle = balancer.attributes, _idle(balancer)
    by_cookie = any(is_sticky(rule, snapshot) for rule in rules)
    manager: Json = {
        "stat_prefix": f"{wanted.port}",
        "codec_type": "AUTO" if wanted.protocol == "HTTPS" else "HTTP1",
        "route_config": routes(balancer, wanted, rules, snapshot),
        "http_filters": [
            *([_dropping()] if attributes["routing.http.drop_invalid_header_fields.enabled"] == "true" else []),
            _lua(balancer, wanted, rules, snapshot),
            # Without effect by itself: a route with a sticky group says so.
            *([typed(STICKY, "extensions.filters.http.stateful_session.v3.StatefulSession", {})] if by_cookie else []),
            typed(
                "envoy.filters.http.router",
                "extensions.filters.http.router.v3.Router",
                {"suppress_envoy_headers": True},
            ),
        ],
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": balancer.address},
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
        "local_reply_config": local_replies(wanted),
    }
    if around.access_log is not None:
        manager["access_log"] = [access_log(around.access_log)]
    kind = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return typed("envoy.filters.network.http_connection_manager", kind, manager)


@cache
def _lua_source(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _dropping() -> Json:
    """Removes headers whose names have other signs than letters, digits and hyphens; Envoy's own begin with a colon."""
    invalid = {"safe_regex": {"regex": "[^:].*[^a-z0-9-].*|[^:a-z0-9-].*"}}
    mutations = {"request_mutations": [{"remove_on_match": {"key_matcher": invalid}}]}
    kind = "extensions.filters.http.header_mutation.v3.HeaderMutation"
    return typed("envoy.filters.http.header_mutation", kind, {"mutations": mutations})


def _lua(balancer: LoadBalancer, wanted: Listener, rules: list[Rule], snapshot: Snapshot) -> Json:
    attributes = balancer.attributes
    by_cookie = any(is_sticky(rule, snapshot) for rule in rules)
    plain = {"forward": True, "fixed-response": True, "redirect": False}
    versions = {snapshot.groups[a].version for rule in rules for a in groups_in(rule.actions) if a in snapshot.groups}
    by_route = by_cookie or versions - {"HTTP1"} or not all(plain[rule.actions[-1]["Type"]] for rule in rules)
    by_source = any(condition["Field"] == "source-ip" for rule in rules for condition in rule.conditions)
    forwarded_for = attributes["routing.http.xff_header_processing.mode"]
    if forwarded_for == "append" and attributes["routing.http.xff_client_port.enabled"] == "true":
        forwarded_for = "append-port"
    named = listener_attributes(wanted)["routing.http.response.server.enabled"] == "true"
    settings = [
        f"by_route = {'true' if by_route else 'false'}",
        f'forwarded_for = "{forwarded_for}"',
        f'source_header = "{SOURCE_HEADER}"' if by_source else "source_header = nil",
        f'server = "{SERVER}"' if named else "server = nil",
        f'secure = "{"; Secure" if wanted.protocol == "HTTPS" else ""}"',
    ]
    source = f"local SETTINGS = {{ {', '.join(settings)} }}\n{_lua_source('filter.lua')}"
    if by_cookie:
        source += _lua_source("sticky.lua")
    return typed(LUA, "extensions.filters.http.lua.v3.Lua", {"default_source_code": {"inline_string": source}})
