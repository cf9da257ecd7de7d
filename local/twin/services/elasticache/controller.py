"""Makes what is wanted so: nodes run and follow their primary, endpoints lead to those that answer."""

import shutil
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address

from twin.core.addresses import loopback
from twin.core.loop import Loop, Slot, tend_each
from twin.core.status import register
from twin.core.timeline import emit
from twin.engines import valkey
from twin.services.elasticache import decide, models, parameters
from twin.services.elasticache.backups import Backups
from twin.services.elasticache.decide import Action, Adjust, End, FailOver, Forget, GroupSeen, NodeSeen, Start
from twin.services.elasticache.endpoints import Endpoints
from twin.services.elasticache.models import Node, ParameterGroup, ReplicationGroup, Role, SnapshotStatus, Status
from twin.services.elasticache.nodes import Running, directory, plan, primary_of, seed_of, write_primary
from twin.services.network import registry
from twin.services.network.models import Interface

INTERVAL = 0.5
ASKING_THREADS = 8
CLUSTER, GROUP = "cache-cluster", "replication-group"


class Controller:
    """Observes, decides, acts; one in the process, made by `start`."""

    def __init__(self) -> None:
        self.loop = Loop("elasticache", self.cycle, INTERVAL)
        self._slot = Slot(self.loop)
        self._asking = ThreadPoolExecutor(ASKING_THREADS, "elasticache-ask")
        self._endpoints = Endpoints()
        self._running: dict[str, Running] = {}
        self._routed: dict[str, bool] = {}
        self._told: dict[str, Status] = {}
        self.backups = Backups(self._slot, self.running, tell)

    def stop(self) -> None:
        """Stop the loop; let the replicas end, then the primaries, each kind side by side."""
        self.loop.stop()
        self._asking.shutdown(cancel_futures=True)
        every = list(self._running.values())
        primaries = [one for one in every if one.told is not None and one.told.follows is None]
        side_by_side(one.stop for one in every if one not in primaries)
        side_by_side(one.stop for one in primaries)

    def cycle(self) -> str | None:
        """One round over all groups."""
        for group, _ in models.wanted():
            if group.id not in self._told and (number := primary_of(group.id)):
                models.promote(group.id, number)
        wanted = models.wanted()
        for group, _ in wanted:
            for node in group.nodes:
                self._running.setdefault(group.node_id(node), Running(group.id, group.node_id(node)))
        list(self._asking.map(Running.ask, list(self._running.values())))
        if self._endpoints.keep():
            emit("elasticache", "endpoints", "the endpoints' Envoy had ended and runs again")
        said = tend_each(wanted, lambda one: "; ".join(self._tend(*one)))
        self._end_strangers({group.id for group, _ in wanted})
        return "; ".join(said) or None

    def look(self, group: ReplicationGroup, values: ParameterGroup | None) -> GroupSeen:
        """The group as it was observed last, against what is wanted of it now."""
        mine = {one.node_id: one for one in list(self._running.values()) if one.group_id == group.id}
        nodes = tuple(self._node_seen(mine.pop(group.node_id(node), None), group, node, values) for node in group.nodes)
        left = {node.id for node in nodes if (one := self._running.get(node.id)) is None or not one.removed}
        return GroupSeen(
            id=group.id,
            nodes=tuple(node for node in nodes if node.id in left) if group.deleting else nodes,
            surplus=tuple(self._surplus_seen(one) for one in mine.values() if not one.removed),
            created=group.created,
            deleting=group.deleting,
            routed=self._routed.get(group.id, False),
            automatic_failover=group.automatic_failover,
            test_failover=group.test_failover,
            saving=any(
                one.group_id == group.id and one.status is SnapshotStatus.CREATING for one in models.snapshots()
            ),
        )

    def running(self, node_id: str) -> Running | None:
        """What runs of the node, None when nothing was started yet."""
        return self._running.get(node_id)

    def failure(self, group: ReplicationGroup) -> str | None:
        """Why the group is not as it is wanted, where something said no."""
        nodes = [one.failure for one in list(self._running.values()) if one.group_id == group.id and one.failure]
        return next(iter([*nodes, *self._endpoints.failures_of(group.id)]), None)

    def _tend(self, group: ReplicationGroup, values: ParameterGroup | None) -> Iterable[str]:
        """Do for one group what it needs next."""
        seen = self.look(group, values)
        if seen.saving or not group.deleting:
            self._routed[group.id] = self._endpoints.bring(group, decide.routes(seen))
        yield from self._tell(group, decide.status(self.look(group, values)))
        yield from self.backups.tend(group, seen)
        nodes = {group.node_id(node): node for node in group.nodes}
        for action in decide.decide(seen):
            sentence = self._act(action, group, nodes, values)
            if sentence:
                yield sentence

    def _act(
        self, action: Action, group: ReplicationGroup, nodes: dict[str, Node], values: ParameterGroup | None
    ) -> str | None:
        match action:
            case Start(node, why):
                wanted = plan(group, nodes[node], values)
                self._slot.run(node, partial(self._start, nodes[node], wanted, group, why))
                return f"{node} starts" + (f": {why}" if why else "")
            case Adjust(node):
                wanted = plan(group, nodes[node], values)
                self._slot.run(node, partial(self._adjust, self._running[node], wanted, group))
                return f"{node} gets other parameters, tokens or another primary"
            case FailOver(primary, heir):
                act = partial(self._fail_over, group, nodes[primary], nodes[heir], values)
                self._slot.run(_failover(group.id), act)
                return f"{group.id} fails over from {primary} to {heir}"
            case End(node):
                self._slot.run(node, partial(self._end, self._running[node], group))
                return f"{node} ends"
            case Forget():
                self._forget(group)
                return f"{group.id} is gone"

    def _start(self, node: Node, wanted: valkey.Node, group: ReplicationGroup, why: str) -> None:
        """Start the node's server, and tell of it in AWS's words.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DescribeEvents.html
        """
        node_id, fresh = group.node_id(node), not wanted.data.exists()
        if why:
            tell(group, "Recovering cache nodes 0001", node_id, f": {why}")
        self._running[node_id].start(wanted, seed_of(group) if wanted.follows is None else None)
        if why:
            tell(group, "Finished recovery for cache nodes 0001", node_id)
        elif fresh:
            tell(group, "Cache cluster created", node_id)
            tell(group, f"Added cache node 0001 in availability zone {node.subnet.zone}", node_id)
        else:
            tell(group, "Cache node 0001 restarted", node_id)

    def _adjust(self, running: Running, wanted: valkey.Node, group: ReplicationGroup) -> None:
        """Give the running server what it lacks, and tell of each parameter in AWS's words.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ElastiCacheSNS.html
        """
        before = dict(running.told.settings) if running.told is not None else {}
        running.adjust(wanted)
        for name, value in wanted.settings.items():
            if name in parameters.PARAMETERS and before.get(name) != value:
                tell(group, f"Updated parameter {name} to {value}", running.node_id)

    def _fail_over(self, group: ReplicationGroup, old: Node, new: Node, values: ParameterGroup | None) -> None:
        """Fence the old primary, write down and want the new one, let it be it; what else follows is seen next."""
        self._running[group.node_id(old)].fence()
        wanted = models.promote(group.id, new.number)
        if wanted is None:
            return
        write_primary(group.id, new.number)
        self._running[group.node_id(new)].adjust(plan(wanted, new, values))
        told = f"Failover from primary node {group.node_id(old)} to replica node {group.node_id(new)} completed"
        tell(group, told, group.node_id(new))
        tell(group, told)

    def _end(self, running: Running, group: ReplicationGroup) -> None:
        running.remove()
        tell(group, "Cache cluster deleted", running.node_id)

    def _forget(self, group: ReplicationGroup) -> None:
        self._endpoints.remove(group.id)
        self.backups.forget_all(group)
        shutil.rmtree(directory(group.id), ignore_errors=True)
        self._running = {name: one for name, one in self._running.items() if one.group_id != group.id}
        self._routed.pop(group.id, None)
        self._told.pop(group.id, None)
        tell(group, f"Replication group {group.id} deleted")
        models.forget(group.id)

    def _end_strangers(self, known: set[str]) -> None:
        """End nodes whose group is in no store any more; their data stays for a group that is made anew."""
        for running in [one for one in self._running.values() if one.group_id not in known]:
            running.stop()
            self._endpoints.remove(running.group_id)
            del self._running[running.node_id]
        for name in [name for name, one in self._running.items() if one.removed and one.group_id in known]:
            if not any(name == group.node_id(node) for group, _ in models.wanted() for node in group.nodes):
                del self._running[name]

    def _tell(self, group: ReplicationGroup, status: Status) -> Iterable[str]:
        """Say it when the group's state has changed; remember that it has been available."""
        if self._told.get(group.id) is status:
            return
        self._told[group.id] = status
        if status is Status.AVAILABLE and not group.created:
            models.change(group.id, created=True)
            tell(group, f"Replication group {group.id} created")
        reason = self.failure(group) if status is Status.CREATE_FAILED else None
        emit("elasticache", group.id, status.value + (f": {reason}" if reason else ""))
        yield f"{group.id} is {status.value}"

    def _node_seen(
        self, running: Running | None, group: ReplicationGroup, node: Node, values: ParameterGroup | None
    ) -> NodeSeen:
        role = Role.PRIMARY if node.number == group.primary else Role.REPLICA
        if running is None:
            return NodeSeen(id=group.node_id(node), wanted=role)
        busy = self._slot.busy(running.node_id) or self._slot.busy(_failover(group.id))
        return running.seen(role, plan(group, node, values), busy=busy)

    def _surplus_seen(self, running: Running) -> NodeSeen:
        return running.seen(Role.REPLICA, None, busy=self._slot.busy(running.node_id))


def _failover(group_id: str) -> str:
    """The key under which a failover runs: no node of the group has an id like it."""
    return f"{group_id}/failover"


def side_by_side(actions: Iterable[Callable[[], object]]) -> None:
    """Run the actions at once and wait for all."""
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


_controller: list[Controller] = []


def start() -> None:
    """Start the controller."""
    _controller[:] = [Controller()]
    _controller[0].backups.adopt()
    register("caches", _caches)
    registry.register("elasticache", interfaces)
    _controller[0].loop.start()


def stop() -> None:
    """Stop the controller and let every node end."""
    while _controller:
        _controller.pop().stop()


def wake() -> None:
    """Look again now."""
    for one in _controller:
        one.loop.wake()


def tell(group: ReplicationGroup, message: str, node_id: str = "", more: str = "") -> None:
    """Tell of the group, or of its node, in AWS's words; on the timeline with `more`."""
    models.note(node_id or group.id, CLUSTER if node_id else GROUP, message, group.id)
    emit("elasticache", node_id or group.id, message + more)


def look(group: ReplicationGroup, values: ParameterGroup | None) -> GroupSeen:
    """The group as it is seen."""
    if _controller:
        return _controller[0].look(group, values)
    return GroupSeen(group.id, (), created=group.created, deleting=group.deleting, routed=False)


def failure(group: ReplicationGroup) -> str | None:
    """Why the group is not as it is wanted, None when nothing said no."""
    return _controller[0].failure(group) if _controller else None


def _caches() -> list[dict[str, object]]:
    return [_shown(group, values) for group, values in models.wanted()]


def _shown(group: ReplicationGroup, values: ParameterGroup | None) -> dict[str, object]:
    seen = look(group, values)
    there = {node.id: node for node in seen.nodes}
    return {
        "id": group.id,
        "status": decide.status(seen).value,
        "primary_endpoint": {"address": group.primary_address, "port": group.port},
        "reader_endpoint": {"address": group.reader_address, "port": group.port},
        "nodes": [_node_shown(group, node, there.get(group.node_id(node))) for node in group.nodes],
    }


def interfaces() -> Iterable[Interface]:
    """The nodes, the primary also at the primary endpoint. Takes no lock of this slice: connections wait for it."""
    for kept in models.every_store():
        for group in list(kept.groups.values()):
            replica = next((node for node in group.nodes if node.number != group.primary), group.primary_node)
            for node in group.nodes:
                mine = [group.primary_address] if node == group.primary_node else []
                mine += [group.reader_address] if node == replica else []
                yield Interface(
                    kind="cache",
                    owner=group.id,
                    address=IPv4Address(node.address),
                    subnet=node.subnet.id,
                    groups=group.security_groups,
                    places=(loopback(node.address), *mine),
                    ports=(group.port,),
                    also=(group.node_id(node),),
                )


def _node_shown(group: ReplicationGroup, node: Node, seen: NodeSeen | None) -> dict[str, object]:
    running = _controller[0].running(group.node_id(node)) if _controller else None
    said = running.said if running else None
    return {
        "id": group.node_id(node),
        "role": said.role.value if said else None,
        "zone": node.subnet.zone,
        "pid": running.pid if running else None,
        "address": loopback(node.address),
        "port": group.port,
        "link": None if said is None or said.role is Role.PRIMARY else ("up" if seen and seen.link_up else "down"),
        "offset": said.offset if said else None,
    }
