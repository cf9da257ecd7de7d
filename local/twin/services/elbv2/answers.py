"""The balancer's own answers: AWS's status for what went wrong, AWS's page, and the server name that only they carry.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
"""

from twin.engines.envoy import Json
from twin.services.elbv2.attributes import listener_attributes
from twin.services.elbv2.models import Listener

_TYPE = "type.googleapis.com/envoy."
SERVER = "awselb/2.0"
TITLES = {
    400: "Bad Request",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
    505: "HTTP Version Not Supported",
}
# Envoy's flags of a response that it made itself: a target reset or refused, answered nonsense, was reset by protocol.
_BROKEN_TARGET = ["UF", "UC", "UR", "UPE", "URX", "LR"]
_NO_TARGET = ["UH", "NC", "NR", "UO"]
# What a rule or our Lua answers is as it is to be already.
_MADE = "response.code_details == 'direct_response' || response.code_details == 'lua_response'"


def local_replies(wanted: Listener) -> Json:
    """What Envoy's own answers on the listener become."""
    late = _cel("response.code_details.contains('connection_timeout')")
    # A head beyond 64 K is a bad request for AWS.
    own = {status: f"response.code == {status}" for status in TITLES} | {400: "response.code in [400, 431]"}
    return {
        "mappers": [
            _mapper({"and_filter": {"filters": [_flags(["UF", "URX"]), late]}}, 504, wanted),
            _mapper(_flags(_BROKEN_TARGET), 502, wanted),
            _mapper(_flags(_NO_TARGET), 503, wanted),
            *(_mapper(_cel(f"{test} && !({_MADE})"), status, wanted) for status, test in sorted(own.items())),
        ]
    }


def page(status: int) -> str:
    """AWS's page for a status."""
    title = f"{status} {TITLES[status]}"
    head = f"<head><title>{title}</title></head>"
    return f"<html>\r\n{head}\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"


def own_headers(wanted: Listener) -> list[Json]:
    """The headers that tell the balancer's own answers; a listener may be told to leave the server's name out."""
    if listener_attributes(wanted)["routing.http.response.server.enabled"] != "true":
        return []
    return [{"header": {"key": "server", "value": SERVER}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]


def _mapper(condition: Json, status: int, wanted: Listener) -> Json:
    return {
        "filter": condition,
        "status_code": status,
        "body": {"inline_string": page(status)},
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": "text/html",
        },
        "headers_to_add": own_headers(wanted),
    }


def _flags(flags: list[str]) -> Json:
    return {"response_flag_filter": {"flags": flags}}


def _cel(text: str) -> Json:
    config = {"@type": f"{_TYPE}extensions.access_loggers.filters.cel.v3.ExpressionFilter", "expression": text}
    return {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": config}}
