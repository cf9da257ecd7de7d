"""Rule conditions as Envoy's match predicates: values of a condition are alternatives, conditions must all hold.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_network

from twin.services.elbv2.models import Json

_TYPE = "type.googleapis.com/"
IPV4 = 4
# Envoy routes by headers alone. The Lua filter writes the client's address here as 32 signs 0 and 1, so that a
# network is a prefix; no target ever sees it.
SOURCE_HEADER = "x-twin-source"


def predicate(conditions: Sequence[Json]) -> Json:
    """The predicate that holds when all conditions hold."""
    parts = [_KINDS[condition["Field"]](condition) for condition in conditions]
    return parts[0] if len(parts) == 1 else {"and_matcher": {"predicate": parts}}


def wildcard(pattern: str) -> str:
    """A pattern in which * stands for any characters and ? for one, as a regular expression."""
    return "".join(".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)


def _path(condition: Json) -> Json:
    config = condition["PathPatternConfig"]
    patterns = [wildcard(value).replace(".*", "[^?]*") for value in config.get("Values", [])]
    return _header(":path", rf"(?:{_any([*patterns, *config.get('RegexValues', [])])})(?:\?.*)?")


def _host(condition: Json) -> Json:
    config = condition["HostHeaderConfig"]
    patterns = [wildcard(value) for value in config.get("Values", [])]
    return _header(":authority", rf"(?i)(?:{_any([*patterns, *config.get('RegexValues', [])])})(?::\d+)?")


def _http_header(condition: Json) -> Json:
    config = condition["HttpHeaderConfig"]
    patterns = [f"(?i:{wildcard(value)})" for value in config.get("Values", [])]
    return _header(config["HttpHeaderName"].lower(), _any([*patterns, *config.get("RegexValues", [])]))


def _method(condition: Json) -> Json:
    return _header(":method", _any([re.escape(value) for value in condition["HttpRequestMethodConfig"]["Values"]]))


def _query(condition: Json) -> Json:
    pairs = [_pair(value) for value in condition["QueryStringConfig"]["Values"]]
    return _header(":path", rf"(?i)[^?]*\?(?:.*&)?(?:{_any(pairs)})(?:&.*)?")


def _pair(value: Json) -> str:
    text = wildcard(value["Value"]).replace(".*", "[^&]*")
    key = wildcard(value["Key"]).replace(".*", "[^&=]*") if value.get("Key") else "[^&=]*"
    return f"{key}={text}"


def _source(condition: Json) -> Json:
    networks = [ip_network(cidr) for cidr in condition["SourceIpConfig"]["Values"]]
    bits = [
        f"{int(network.network_address):032b}"[: network.prefixlen] for network in networks if network.version == IPV4
    ]
    return _header(SOURCE_HEADER, f"(?:{_any(bits)})[01]*" if bits else "never")


def _header(name: str, regex: str) -> Json:
    return {
        "single_predicate": {
            "input": {
                "name": name,
                "typed_config": {
                    "@type": f"{_TYPE}envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                    "header_name": name,
                },
            },
            "value_match": {"safe_regex": {"google_re2": {}, "regex": regex}},
        }
    }


def _any(patterns: Sequence[str]) -> str:
    return "|".join(patterns)


_KINDS: dict[str, Callable[[Json], Json]] = {
    "path-pattern": _path,
    "host-header": _host,
    "http-header": _http_header,
    "http-request-method": _method,
    "query-string": _query,
    "source-ip": _source,
}
