"""The attributes of balancers and target groups: which there are, their defaults, which values are taken.

A value with which the twin would do nothing, though AWS would, is refused by name.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from twin.services.elbv2 import errors
from twin.services.elbv2.models import Json, Listener

type Check = Callable[[str], bool]


@dataclass(frozen=True)
class Attribute:
    """default: AWS's; takes: whether AWS takes a value; does: whether the twin does it."""

    default: str
    takes: Check
    does: Check = lambda _: True


def _one_of(*values: str) -> Check:
    return lambda value: value in values


def _number(low: int, high: int, *others: str) -> Check:
    return lambda value: value in others or (value.isdigit() and low <= int(value) <= high)


_FLAG = _one_of("true", "false")
_ANY: Check = lambda _: True  # noqa: E731 - as the others, a value
_OFF = _one_of("false")


def _is_app_cookie(value: str) -> bool:
    """Names that begin as the balancer's own cookies are taken."""
    return not value.startswith("AWSALB") and re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{0,256}", value) is not None


BALANCER: Mapping[str, Attribute] = {
    "access_logs.s3.enabled": Attribute("false", _FLAG),
    "access_logs.s3.bucket": Attribute("", _ANY),
    "access_logs.s3.prefix": Attribute("", _ANY),
    "client_keep_alive.seconds": Attribute("3600", _number(60, 604_800)),
    "connection_logs.s3.enabled": Attribute("false", _FLAG, _OFF),
    "connection_logs.s3.bucket": Attribute("", _ANY),
    "connection_logs.s3.prefix": Attribute("", _ANY),
    "deletion_protection.enabled": Attribute("false", _FLAG),
    "health_check_logs.s3.enabled": Attribute("false", _FLAG, _OFF),
    "health_check_logs.s3.bucket": Attribute("", _ANY),
    "health_check_logs.s3.prefix": Attribute("", _ANY),
    "idle_timeout.timeout_seconds": Attribute("60", _number(1, 4000)),
    "load_balancing.cross_zone.enabled": Attribute("true", _one_of("true")),
    "routing.http.desync_mitigation_mode": Attribute(
        "defensive", _one_of("monitor", "defensive", "strictest"), _one_of("defensive")
    ),
    "routing.http.drop_invalid_header_fields.enabled": Attribute("false", _FLAG),
    "routing.http.preserve_host_header.enabled": Attribute("false", _FLAG),
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": Attribute("false", _FLAG),
    "routing.http.xff_client_port.enabled": Attribute("false", _FLAG),
    "routing.http.xff_header_processing.mode": Attribute("append", _one_of("append", "preserve", "remove")),
    "routing.http2.enabled": Attribute("true", _FLAG),
    "waf.fail_open.enabled": Attribute("false", _FLAG, _OFF),
    "zonal_shift.config.enabled": Attribute("false", _FLAG, _OFF),
}

_HEALTH = "target_group_health"
GROUP: Mapping[str, Attribute] = {
    "deregistration_delay.timeout_seconds": Attribute("300", _number(0, 3600)),
    "load_balancing.algorithm.type": Attribute(
        "round_robin", _one_of("round_robin", "least_outstanding_requests", "weighted_random")
    ),
    "load_balancing.algorithm.anomaly_mitigation": Attribute("off", _one_of("on", "off"), _one_of("off")),
    "load_balancing.cross_zone.enabled": Attribute(
        "use_load_balancer_configuration",
        _one_of("true", "false", "use_load_balancer_configuration"),
        _one_of("true", "use_load_balancer_configuration"),
    ),
    "slow_start.duration_seconds": Attribute("0", _number(30, 900, "0")),
    "stickiness.enabled": Attribute("false", _FLAG),
    "stickiness.type": Attribute("lb_cookie", _one_of("lb_cookie", "app_cookie")),
    "stickiness.lb_cookie.duration_seconds": Attribute("86400", _number(1, 604_800)),
    "stickiness.app_cookie.cookie_name": Attribute("", _is_app_cookie),
    "stickiness.app_cookie.duration_seconds": Attribute("86400", _number(1, 604_800)),
    f"{_HEALTH}.dns_failover.minimum_healthy_targets.count": Attribute(
        "1", _number(1, 1000, "off"), _one_of("1", "off")
    ),
    f"{_HEALTH}.dns_failover.minimum_healthy_targets.percentage": Attribute(
        "off", _number(1, 100, "off"), _one_of("off")
    ),
    f"{_HEALTH}.unhealthy_state_routing.minimum_healthy_targets.count": Attribute("1", _number(1, 1000)),
    f"{_HEALTH}.unhealthy_state_routing.minimum_healthy_targets.percentage": Attribute("off", _number(1, 100, "off")),
}

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html
_RESPONSE = (
    "access_control_allow_credentials", "access_control_allow_headers", "access_control_allow_methods",
    "access_control_allow_origin", "access_control_expose_headers", "access_control_max_age",
    "content_security_policy", "strict_transport_security", "x_content_type_options", "x_frame_options",
)  # fmt: skip
_RENAMED = ("x_amzn_tls_version", "x_amzn_tls_cipher_suite")
_MTLS = ("clientcert", "clientcert_issuer", "clientcert_leaf", "clientcert_serial_number", "clientcert_subject",
         "clientcert_validity")  # fmt: skip
_HEADER_NAME: Check = lambda value: re.fullmatch(r"[A-Za-z0-9_-]{0,128}", value) is not None  # noqa: E731
_HEADER_VALUE: Check = lambda value: value.isprintable() and len(value) <= 1024  # noqa: E731, PLR2004
LISTENER: Mapping[str, Attribute] = {
    "routing.http.response.server.enabled": Attribute("true", _FLAG),
    **{f"routing.http.response.{name}.header_value": Attribute("", _HEADER_VALUE) for name in _RESPONSE},
}
SECURE_LISTENER: Mapping[str, Attribute] = {
    **LISTENER,
    **{f"routing.http.request.{name}.header_name": Attribute("", _HEADER_NAME) for name in _RENAMED},
    **{
        f"routing.http.request.x_amzn_mtls_{name}.header_name": Attribute("", _HEADER_NAME, _one_of(""))
        for name in _MTLS
    },
}


def listener_attributes(listener: Listener) -> dict[str, str]:
    """Every attribute of a listener, as it was set or with AWS's default."""
    known = SECURE_LISTENER if listener.protocol == "HTTPS" else LISTENER
    return defaults(known) | {key: value for key, value in listener.attributes if key in known}


def defaults(known: Mapping[str, Attribute]) -> dict[str, str]:
    """Every attribute with AWS's default."""
    return {key: attribute.default for key, attribute in known.items()}


def changed(known: Mapping[str, Attribute], standing: Mapping[str, str], wanted: Iterable[Json]) -> dict[str, str]:
    """The attributes after a change; raises AWS's error for an unknown key or value, the twin's for one not done."""
    result = dict(standing)
    for pair in wanted:
        key, value = pair["Key"], str(pair.get("Value") or "")
        if key not in known:
            raise errors.validation(f"The attribute key '{key}' is not recognized")
        if not known[key].takes(value):
            raise errors.validation(f"'{value}' is not valid for the attribute '{key}'")
        if not known[key].does(value):
            raise errors.not_done(f"the attribute {key}={value}")
        result[key] = value
    return result


def listed(attributes: Mapping[str, str]) -> list[Json]:
    """Attributes as the API lists them."""
    return [{"Key": key, "Value": value} for key, value in sorted(attributes.items())]


def is_matcher(text: str, low: int = 200, high: int = 499) -> bool:
    """Whether the text is a list of codes and ranges from `low` to `high`."""
    parts = re.fullmatch(r"\d{1,3}(-\d{1,3})?(,\d{1,3}(-\d{1,3})?)*", text)
    return parts is not None and all(low <= int(code) <= high for code in re.findall(r"\d+", text))
