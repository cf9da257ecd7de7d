"""Calls of containers to the AWS API go by the routes and endpoints of their subnet: without a way they get no answer.

All APIs are at one address here, so which of them is meant is known only from the request: the connection is made, and
then nothing comes.
"""

import threading
from collections.abc import Callable
from typing import Any

from localstack.aws import handlers

from twin.services.network.guard import tell
from twin.services.network.models import HTTPS, Flow, Interface, Service
from twin.services.network.registry import View, view

# As long as a SYN would be sent again: https://man7.org/linux/man-pages/man7/tcp.7.html (tcp_syn_retries)
SILENCE_SECONDS = 127.0
# What the API's name is where it differs: https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
NAMES = {"cloudwatch": "monitoring", "ecr": "ecr.api", "elbv2": "elasticloadbalancing", "ses": "email",
         "sesv2": "email", "opensearch": "es"}  # fmt: skip

_never = threading.Event()


def install(leave: Callable[[Any], None]) -> None:
    """Ask for every call of a container; `leave` is told of a request that gets no answer before it is held."""

    def ask(chain: Any, context: Any, response: Any) -> None:
        missing = _missing(context)
        if missing is None:
            return
        leave(context)
        _never.wait(SILENCE_SECONDS)
        response.status_code = 504
        response.headers["Connection"] = "close"
        chain.stop()

    handlers.serve_custom_service_request_handlers.append(ask)


def _missing(context: Any) -> str | None:
    """What the caller's way lacks; None for an open one, and for whoever is no container."""
    if context.is_internal_call or context.service is None:
        return None
    place, name = str(context.request.remote_addr), str(context.service.service_name)
    service = Service(NAMES.get(name, name), context.region or "")
    seen = view()
    here = seen.places.get(place)
    if here is None or lacking(here, service, seen) is None:
        return None
    missing = lacking(here, service, view(now=True))
    if missing:
        tell(here, f"a call to {service} got lost: {missing}")
    return missing


def lacking(here: Interface, service: Service, seen: View) -> str | None:
    """What is missing on the way to the API."""
    return seen.reach(here, service, Flow("tcp", HTTPS)).missing
