"""A target group as Envoy's cluster: how its targets are spoken to, and which of them is next."""

from twin.engines.envoy import Json, typed
from twin.services.elbv2.models import TargetGroup

MOST = 1 << 20
# Until a connection to a target stands, its TLS handshake included.
CONNECT_SECONDS = 10
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-502-issues
LARGEST_RESPONSE_HEAD = 32
_POLICIES = {
    "round_robin": "ROUND_ROBIN",
    "least_outstanding_requests": "LEAST_REQUEST",
    "weighted_random": "RANDOM",
}


def cluster(group: TargetGroup, idle: str) -> Json:
    """What is merged over the cluster of endpoints by file; idle: until a silent connection to a target is closed."""
    made: Json = {
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "lb_policy": _POLICIES[group.attributes["load_balancing.algorithm.type"]],
        # A group of unhealthy targets alone is opened to all by its controller; Envoy itself never sends to a bad one.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": MOST, "max_pending_requests": MOST, "max_requests": MOST, "max_retries": MOST}
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _protocol(group, idle)
        },
    }
    if group.protocol == "HTTPS":
        # As AWS's, the balancer takes any certificate of a target:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
        protocols = ["h2"] if group.version != "HTTP1" else ["http/1.1"]
        tls = {"common_tls_context": {"alpn_protocols": protocols}}
        made["transport_socket"] = typed(
            "envoy.transport_sockets.tls", "extensions.transport_sockets.tls.v3.UpstreamTlsContext", tls
        )
    return made


def _protocol(group: TargetGroup, idle: str) -> Json:
    spoken = "http2_protocol_options" if group.version != "HTTP1" else "http_protocol_options"
    return {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {
            "idle_timeout": idle,
            "max_response_headers_kb": LARGEST_RESPONSE_HEAD,
        },
        "explicit_http_config": {spoken: {}},
    }
