"""The addresses that clients are given: one for the primary, one for the readers, one for each node."""

from collections.abc import Mapping, Sequence

from twin.core.addresses import book, loopback
from twin.core.certificates import Certificate, authority
from twin.core.errors import ProcessError
from twin.core.world import world
from twin.engines.tcp_front import front
from twin.services.elasticache.decide import Routes
from twin.services.elasticache.models import ReplicationGroup

type Upstreams = tuple[tuple[str, int], ...]
type Route = tuple[str, int, Upstreams, Certificate | None]


def addresses(group_id: str) -> tuple[str, str]:
    """The loopback addresses of the primary and the reader endpoint of a group with this id."""
    return book().endpoint(_name(group_id, "primary")), book().endpoint(_name(group_id, "reader"))


class Endpoints:
    """Keeps the routes of all groups in force in the shared front; one thread at a time."""

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}
        self._failures: dict[str, str] = {}

    def failures_of(self, group_id: str) -> list[str]:
        """Why endpoints of the group do not stand."""
        return [text for name, text in list(self._failures.items()) if name.split("~")[1] == group_id]

    def keep(self) -> bool:
        """Start the front again if it ended; whether that was needed."""
        return bool(self._routes) and front().keep()

    def bring(self, group: ReplicationGroup, routes: Routes) -> bool:
        """Let the group's endpoints lead where they are to; whether they do."""
        wanted = _routes(group, routes)
        done = [self._set(name, route) for name, route in wanted.items()]
        for name in self._of(group.id) - set(wanted):
            self._remove(name)
        return all(done)

    def remove(self, group_id: str) -> None:
        """End the group's endpoints, give their addresses back, remove their certificate."""
        for name in self._of(group_id):
            self._remove(name)
        for kind in ("primary", "reader"):
            book().free(_name(group_id, kind))
        for ending in (".pem", "-key.pem"):
            (world().directory("certs") / f"elasticache-{group_id}{ending}").unlink(missing_ok=True)

    def _set(self, name: str, route: Route) -> bool:
        if self._routes.get(name) == route:
            self._failures.pop(name, None)
            return True
        address, port, upstreams, tls = route
        try:
            front().route(name, address, port, upstreams, tls)
        except ProcessError as error:
            self._failures[name] = str(error)
            return False
        self._routes[name] = route
        self._failures.pop(name, None)
        return True

    def _remove(self, name: str) -> None:
        front().remove(name)
        self._routes.pop(name, None)
        self._failures.pop(name, None)

    def _of(self, group_id: str) -> set[str]:
        return {name for name in (*self._routes, *self._failures) if name.split("~")[1] == group_id}


def _routes(group: ReplicationGroup, routes: Routes) -> Mapping[str, Route]:
    tls = _certificate(group) if group.tls else None
    places = {group.node_id(node): (loopback(node.address), group.node_port) for node in group.nodes}

    def upstreams(nodes: Sequence[str]) -> Upstreams:
        return tuple(places[node] for node in nodes)

    found: dict[str, Route] = {
        _name(group.id, "primary"): (group.primary_address, group.port, upstreams(routes.primary), tls),
        _name(group.id, "reader"): (group.reader_address, group.port, upstreams(routes.reader), tls),
    }
    if tls is not None:
        for node_id, place in places.items():
            found[_name(group.id, node_id)] = (place[0], group.port, (place,), tls)
    return found


def _certificate(group: ReplicationGroup) -> Certificate:
    nodes = [loopback(node.address) for node in group.nodes]
    return authority().issue(f"elasticache-{group.id}", [group.primary_address, group.reader_address, *nodes], [])


def _name(group_id: str, kind: str) -> str:
    return f"elasticache~{group_id}~{kind}"
