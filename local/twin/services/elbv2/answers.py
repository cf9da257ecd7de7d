"""The balancer's own answers: AWS's status for what went wrong, AWS's page, and the server name that only they carry.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
"""

from twin.services.elbv2.models import Json

_TYPE = "type.googleapis.com/envoy."
SERVER = "awselb/2.0"
TITLES = {
    400: "Bad Request",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
# Envoy's flags of a response that it made itself: a target reset or refused, answered nonsense, was reset by protocol.
_BROKEN_TARGET = ["UF", "UC", "UR", "UPE", "URX", "LR"]
_NO_TARGET = ["UH", "NC", "NR", "UO"]
_OWN = ["UT", "SI", "DPE", "DT", "DC", "RL", "IH", "NFCF", "OM"]


def local_replies() -> Json:
    """What Envoy's own answers become."""
    late = {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": _cel("connection_timeout")}
    return {
        "mappers": [
            _mapper({"and_filter": {"filters": [_flags(["UF", "URX"]), {"extension_filter": late}]}}, 504),
            _mapper(_flags(_BROKEN_TARGET), 502),
            _mapper(_flags(_NO_TARGET), 503),
            *(
                _mapper({"and_filter": {"filters": [_flags(_OWN), _status(status)]}}, status)
                for status in sorted(TITLES)
            ),
        ]
    }


def local_reply_page(status: int) -> str:
    """AWS's page for a status."""
    title = f"{status} {TITLES[status]}"
    head = f"<head><title>{title}</title></head>"
    return f"<html>\r\n{head}\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"


def _mapper(condition: Json, status: int) -> Json:
    return {
        "filter": condition,
        "status_code": status,
        "body": {"inline_string": local_reply_page(status)},
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": "text/html",
        },
        "headers_to_add": [
            {"header": {"key": "server", "value": SERVER}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
    }


def _flags(flags: list[str]) -> Json:
    return {"response_flag_filter": {"flags": flags}}


def _status(status: int) -> Json:
    value = {"default_value": status, "runtime_key": f"twin.answers.{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _cel(text: str) -> Json:
    return {
        "@type": f"{_TYPE}extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        "expression": f"response.code_details.contains('{text}')",
    }
