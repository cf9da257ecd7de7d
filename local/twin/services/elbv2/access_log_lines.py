"""A request as a line of AWS's access log, from what Envoy noted of it. Nothing is read or written here.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twin.engines.envoy import Json

# What Envoy notes; each becomes text or, where there is nothing, null.
FIELDS: Mapping[str, str] = {
    "start": "%START_TIME(%s.%6f)%",
    "client": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
    "target": "%UPSTREAM_HOST%",
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
    "listener": "%METADATA(LISTENER:twin:certificate)%",
    "connection": "%CONNECTION_ID%",
}
_ACTIONS = {"forward": "forward", "redirect": "redirect", "fixed-response": "fixed-response"}


def access_log(path: Path) -> Json:
    """The setting by which Envoy writes one JSON object a request into the file."""
    kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    config = {"@type": kind, "path": str(path), "log_format": {"json_format": dict(FIELDS)}}
    return {"name": "envoy.access_loggers.file", "typed_config": config}


def line(seen: Mapping[str, Any], balancer: str, groups: Mapping[str, str]) -> str:
    """The line of one request. balancer: its `app/NAME/ID`; groups: a target group's ARN by the name of its cluster."""
    text = {name: str(value) for name, value in seen.items() if value not in (None, "", "-")}
    start, whole = float(text["start"]), _seconds(text.get("whole"))
    by_target = text.get("details") == "via_upstream"
    secure = "tls" in text
    waits = _waits(text) if by_target else ("-1", "-1", "-1")
    target = text.get("target", "-")
    status = text.get("status", "-")
    default = {"https": "443", "http": "80"}[text.get("scheme", "http")]
    host = text.get("host", "-")
    url = f"{text.get('scheme', 'http')}://{host if ':' in host else f'{host}:{default}'}{text.get('path', '/')}"
    fields = [
        _kind(text, secure=secure),
        _time(start + whole),
        balancer,
        text.get("client", "-"),
        target,
        *waits,
        status,
        status if by_target else "-",
        text.get("received", "0"),
        text.get("sent", "0"),
        _quoted(f"{text.get('method', '-')} {url} {text.get('protocol', '-')}"),
        _quoted(text.get("agent", "-")),
        text.get("cipher", "-"),
        text.get("tls", "-"),
        groups.get(text.get("cluster", ""), "-"),
        _quoted(text.get("trace", "-")),
        _quoted(text.get("server_name", "-")),
        _quoted(text.get("listener", "-")),
        text.get("priority", "-"),
        _time(start),
        _quoted(_ACTIONS.get(text.get("action", ""), "-")),
        _quoted(text["location"] if text.get("action") == "redirect" and "location" in text else "-"),
        _quoted("-"),
        _quoted(target),
        _quoted(status if by_target else "-"),
        _quoted("-"),
        _quoted("-"),
        f"TID_{int(text.get('connection', '0')):032x}",
    ]
    return " ".join(fields)


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
