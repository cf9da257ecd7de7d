"""A request as a line of AWS's access log, from what Envoy noted of it. Nothing is read or written here.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twin.engines.envoy import Json, typed

# What Envoy notes; where there is nothing it writes a hyphen. The last field is there in a whole line only.
FIELDS: Mapping[str, str] = {
    "start": "%START_TIME(%s.%6f)%",
    "client": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
    "target": "%METADATA(UPSTREAM_HOST:twin:name)%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "to_target": "%REQUEST_TX_DURATION%",
    "first_byte": "%RESPONSE_DURATION%",
    "whole": "%DURATION%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "received": "%DOWNSTREAM_WIRE_BYTES_RECEIVED%",
    "sent": "%DOWNSTREAM_WIRE_BYTES_SENT%",
    "method": "%REQ(:METHOD)%",
    "scheme": "%REQ(:SCHEME)%",
    "host": "%REQ(:AUTHORITY)%",
    "path": "%REQ(:PATH)%",
    "protocol": "%PROTOCOL%",
    "upgrade": "%REQ(UPGRADE)%",
    "agent": "%REQ(USER-AGENT)%",
    "cipher": "%DOWNSTREAM_TLS_CIPHER%",
    "tls": "%DOWNSTREAM_TLS_VERSION%",
    "server_name": "%REQUESTED_SERVER_NAME%",
    "trace": "%REQ(X-AMZN-TRACE-ID)%",
    "location": "%RESP(LOCATION)%",
    "priority": "%METADATA(ROUTE:twin:priority)%",
    "action": "%METADATA(ROUTE:twin:action)%",
    "certificate": "%METADATA(LISTENER:twin:certificate)%",
    "certified": "%DOWNSTREAM_LOCAL_DNS_SAN%",
    "connection": "%CONNECTION_ID%",
    "end": "end",
}
# No header may have this sign. To write a line so costs Envoy less than JSON does.
_BETWEEN = "\x1f"
# The client closed the connection before there was an answer; it is told so here only.
CLIENT_LEFT = "460"


def access_log(path: Path) -> Json:
    """The setting by which Envoy writes a line for `noted` for each request into the file."""
    form = {"text_format_source": {"inline_string": _BETWEEN.join(FIELDS.values()) + "\n"}}
    kind = "extensions.access_loggers.file.v3.FileAccessLog"
    return typed("envoy.access_loggers.file", kind, {"path": str(path), "log_format": form})


def noted(text: str) -> dict[str, str] | None:
    """What Envoy noted in a line; None for a line that a node which was killed has left unfinished."""
    values = text.split(_BETWEEN)
    if len(values) != len(FIELDS) or values[-1] != FIELDS["end"]:
        return None
    return dict(zip(FIELDS, values, strict=True))


@dataclass(frozen=True)
class Known:
    """What a line names that Envoy does not know by that name.

    groups: a target group's ARN by the name of its cluster; certificates: a certificate's ARN by the names it is for.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict)


def line(seen: Mapping[str, Any], balancer: str, known: Known) -> str:
    """The line of one request. balancer: its `app/NAME/ID`."""
    text = {name: str(value) for name, value in seen.items() if value not in (None, "", "-")}
    start, whole = float(text["start"]), _seconds(text.get("whole"))
    by_target = text.get("details") == "via_upstream"
    target = text.get("target", "-")
    status = _status(text)
    target_status = status if by_target else "-"
    fields = [
        _kind(text, secure="tls" in text),
        _time(start + whole),
        balancer,
        text.get("client", "-"),
        target,
        *(_waits(text) if by_target else ("-1", "-1", "-1")),
        status,
        target_status,
        text.get("received", "0"),
        text.get("sent", "0"),
        _quoted(_request(text)),
        _quoted(text.get("agent", "-")),
        text.get("cipher", "-"),
        text.get("tls", "-"),
        known.groups.get(text.get("cluster", ""), "-"),
        _quoted(text.get("trace", "-")),
        _quoted(text.get("server_name", "-")),
        _quoted(known.certificates.get(text.get("certified", ""), text.get("certificate", "-"))),
        text.get("priority", "-"),
        _time(start),
        _quoted("-" if text.get("details") == "lua_response" and _forwards(text) else text.get("action", "-")),
        _quoted(text.get("location", "-") if text.get("action") == "redirect" else "-"),
        _quoted("-"),
        _quoted(target),
        _quoted(target_status),
        _quoted("-"),
        _quoted("-"),
        f"TID_{int(text.get('connection', '0')):032x}",
        _quoted("-"),
        _quoted("-"),
        _quoted("-"),
    ]
    return " ".join(fields)


def _status(text: Mapping[str, str]) -> str:
    status = text.get("status", "-")
    return CLIENT_LEFT if status == "0" and "DC" in text.get("flags", "") else status


def _forwards(text: Mapping[str, str]) -> bool:
    return text.get("action") == "forward"


def _request(text: Mapping[str, str]) -> str:
    scheme, host = text.get("scheme", "http"), text.get("host", "-")
    default = {"https": "443", "http": "80"}[scheme]
    url = f"{scheme}://{host if ':' in host else f'{host}:{default}'}{text.get('path', '/')}"
    return f"{text.get('method', '-')} {url} {text.get('protocol', '-')}"


def _kind(text: Mapping[str, str], *, secure: bool) -> str:
    if text.get("upgrade", "").lower() == "websocket":
        return "wss" if secure else "ws"
    if text.get("protocol") == "HTTP/2":
        return "h2"
    return "https" if secure else "http"


def _waits(text: Mapping[str, str]) -> tuple[str, str, str]:
    """Until the request was at the target, until its answer began, until the answer was sent."""
    to_target, first_byte, whole = (_seconds(text.get(name)) for name in ("to_target", "first_byte", "whole"))
    parts = (to_target, max(0.0, first_byte - to_target), max(0.0, whole - first_byte))
    a, b, c = (f"{part:.3f}" for part in parts)
    return a, b, c


def _seconds(milliseconds: str | None) -> float:
    return float(milliseconds or 0) / 1000


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\x5c").replace('"', "\\x22")
    return f'"{escaped}"'
