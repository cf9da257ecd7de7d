"""Mends the one place where LocalStack's server listens on all interfaces whatever its settings say."""

from typing import Any

from localstack import config
from twisted.internet import endpoints


def listen_on_loopback_only() -> None:
    """Give every server endpoint without an interface that of the gateway.

    `localstack.runtime.server.twisted` passes the host of GATEWAY_LISTEN for IPv6 only.
    """
    host = config.GATEWAY_LISTEN[0].host
    original: Any = endpoints.TCP4ServerEndpoint.__init__

    def init(self: Any, reactor: Any, port: int, backlog: int = 50, interface: str = "") -> None:
        original(self, reactor, port, backlog, interface or host)

    endpoints.TCP4ServerEndpoint.__init__ = init  # type: ignore[method-assign]
