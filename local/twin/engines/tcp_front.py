"""One Envoy for all plain TCP endpoints: each has an address that stays while what stands behind it moves."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from twin.core.addresses import book
from twin.core.certificates import Certificate
from twin.core.errors import ProcessError
from twin.core.once import Once
from twin.core.world import world
from twin.engines.envoy import Endpoint, Envoy, Json, listener, server_tls, tcp_proxy

ADMIN_PORT = 9901


@dataclass(frozen=True)
class _Route:
    address: str
    port: int
    upstreams: tuple[Endpoint, ...]
    tls: Certificate | None


class TcpFront:
    """Named TCP endpoints in front of `envoy`. Thread-safe."""

    def __init__(self, envoy: Envoy) -> None:
        self._envoy = envoy
        self._lock = threading.Lock()
        self._routes: dict[str, _Route] = {}

    def route(
        self, name: str, address: str, port: int, upstreams: Sequence[tuple[str, int]], tls: Certificate | None = None
    ) -> None:
        """Let address:port lead to the upstreams (none: connections are closed at once).

        tls: end TLS here with this certificate, for a server that has none; None passes bytes on untouched.
        Raises ProcessError when the port is taken or Envoy refuses: then the former route stays.
        """
        route = _Route(address, port, tuple(Endpoint(*upstream) for upstream in upstreams), tls)
        with self._lock:
            former = self._routes.get(name)
            if former is not None and _same_but_upstreams(former, route):
                self._envoy.set_endpoints(name, route.upstreams)
                self._routes[name] = route
            else:
                self._bring({**self._routes, name: route})

    def remove(self, name: str) -> None:
        """End the endpoint; an unknown name is no error."""
        with self._lock:
            if name in self._routes:
                self._bring({other: route for other, route in self._routes.items() if other != name})

    def keep(self) -> bool:
        """Start Envoy again if it does not run; whether that was needed."""
        with self._lock:
            if self._envoy.pid is not None:
                return False
            self._envoy.start()
            return True

    def stop(self) -> None:
        """End Envoy; the endpoints stay known for the next `keep`."""
        with self._lock:
            self._envoy.stop()

    def _bring(self, routes: Mapping[str, _Route]) -> None:
        try:
            self._apply(routes)
        except ProcessError:
            # Envoy serves the former on, but its next start would find what it has refused.
            with suppress(ProcessError):
                self._apply(self._routes)
            raise
        self._routes = dict(routes)

    def _apply(self, routes: Mapping[str, _Route]) -> None:
        self._envoy.start()
        self._envoy.apply(
            [_listener(name, route) for name, route in routes.items()],
            [self._envoy.cluster(name) for name in routes],
            {name: route.upstreams for name, route in routes.items()},
        )


@Once
def front() -> TcpFront:
    """The one front of this twin, shared by all slices that have endpoints; each keeps it running."""
    here = world()
    admin = (book().endpoint("tcp-front-admin"), ADMIN_PORT)
    return TcpFront(
        Envoy("tcp-front", here.directory("envoy", "tcp-front"), admin, here.directory("logs") / "tcp-front.log")
    )


def _same_but_upstreams(one: _Route, other: _Route) -> bool:
    return (one.address, one.port, one.tls) == (other.address, other.port, other.tls)


def _listener(name: str, route: _Route) -> Json:
    chain: Json = {"filters": [tcp_proxy(name)]}
    if route.tls is not None:
        chain["transport_socket"] = server_tls(route.tls)
    return listener(name, route.address, route.port, [chain])
