"""Makes what is wanted so: nodes run, know their plan, and send requests to the targets that passed their checks."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from twin.core.addresses import book, listening_port, loopback
from twin.core.loop import Loop, Slot
from twin.core.status import register
from twin.core.timeline import emit
from twin.core.world import world
from twin.engines.blackhole import blackhole
from twin.engines.envoy import FLUSH_MILLISECONDS, Endpoint
from twin.services.elbv2 import access_logs, certificates, decide, doors, slow_start
from twin.services.elbv2.decide import NEW, Result, Seen, TargetKey, Verdict
from twin.services.elbv2.doors import Doors
from twin.services.elbv2.envoy_config import NodePlan, Surroundings, plan
from twin.services.elbv2.health import Checker, probes
from twin.services.elbv2.models import LOCK, LoadBalancer, Snapshot, TargetGroup, TargetState, snapshot, stores
from twin.services.elbv2.nodes import Endpoints, Node, forget_directory
from twin.services.network import registry

INTERVAL = 0.25
SETTLE_SECONDS = 10.0
RETRY_SECONDS = 5.0
# Until Envoy has surely written what it had buffered for a log.
FLUSH_SECONDS = FLUSH_MILLISECONDS / 1000 + 0.5

type NodeKey = tuple[str, str]


@dataclass(frozen=True)
class BalancerState:
    """AWS's state of a balancer: provisioning, active, active_impaired or failed, and why."""

    code: str
    reason: str | None = None


class Controller:
    """Observes, decides, acts; one in the process, made by `start`."""

    def __init__(self) -> None:
        self.loop = Loop("elbv2", self.cycle, INTERVAL)
        self._slot = Slot(self.loop)
        self._checker = Checker(self._report)
        self._lock = threading.Lock()
        self._seen: dict[TargetKey, Seen] = {}
        self._nodes: dict[NodeKey, Node] = {}
        self._active: set[str] = set()
        self._owners: set[str] = set()
        self._last: object = None
        self._doors = Doors()
        self._untold: set[NodeKey] = set()
        self._again: dict[NodeKey, float] = {}
        self._rounds = threading.Condition()
        self._asked = self._done = 0
        self._logs_due = time.monotonic()
        self._began = time.time()

    def start(self) -> None:
        """Start the checks and the loop."""
        self._checker.start()
        self.loop.start()

    def stop(self) -> None:
        """Stop the loop, the checks, then all nodes at once."""
        self.loop.stop()
        self._checker.stop()
        enders = [threading.Thread(target=node.stop) for node in self._nodes.values()]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()

    def cycle(self) -> str | None:
        """One round: let drained targets go, check what is to be checked, make every node serve its plan."""
        with self._rounds:
            asked = self._asked
        try:
            return "; ".join(self._round()) or None
        finally:
            with self._rounds:
                self._done = asked
                self._rounds.notify_all()

    def _round(self) -> list[str]:
        sentences = self._let_go()
        wanted = snapshot()
        states = self.verdicts(wanted)
        self._forget_strangers(states)
        self._look_at_doors(wanted)
        shares = self._shares(wanted)
        materials = {arn: certificates.material(arn) for arn in _certificate_arns(wanted)}
        picture = (wanted, states, materials, shares, self._doors)
        dead = any(node.pid is None for node in self._nodes.values())
        if picture != self._last or dead or self._unfinished():
            if picture != self._last:
                self._checker.watch(doors.probed(probes(wanted), self._doors.unseen, blackhole().address))
            self._last = picture
            on_disk = {arn: certificates.on_disk(found) for arn, found in materials.items() if found}
            sentences += self._serve(
                wanted, lambda group: decide.endpoints(group, states, shares), Surroundings(on_disk)
            )
        sentences += self._end_strangers(wanted)
        self._keep_doors()
        self._note_active(wanted)
        self._deliver_logs(wanted)
        return sentences

    def _deliver_logs(self, wanted: Snapshot) -> None:
        """Every few minutes, beside the loop, bring the nodes' access logs to their buckets."""
        if time.monotonic() < self._logs_due:
            return
        self._logs_due = time.monotonic() + world().wait_scaled(access_logs.EVERY_SECONDS)
        for balancer in wanted.balancers.values():
            if access_logs.wanted(balancer):
                nodes = self.nodes(balancer.arn)
                self._slot.run(f"logs/{balancer.arn}", lambda b=balancer, n=nodes: _deliver(b, n, wanted))  # type: ignore[misc]

    def _unfinished(self) -> bool:
        """Whether a node was not told everything last time, or refused it a while ago."""
        return bool(self._untold) or any(at <= time.monotonic() for at in self._again.values())

    def settle(self) -> None:
        """Wait until a round has begun and ended after this call, at most SETTLE_SECONDS."""
        with self._rounds:
            self._asked += 1
            mine = self._asked
            self.loop.wake()
            self._rounds.wait_for(lambda: self._done >= mine, SETTLE_SECONDS)

    def verdicts(self, wanted: Snapshot) -> dict[TargetKey, Verdict]:
        """Every target's state."""
        with self._lock:
            seen = dict(self._seen)
        return decide.verdicts(wanted, seen)

    def forget(self, key: TargetKey) -> None:
        """What was seen of the target counts no longer: it is registered anew."""
        with self._lock:
            self._seen.pop(key, None)

    def state(self, arn: str) -> BalancerState:
        """The balancer's state, as observed."""
        nodes = [node for (owner, _), node in list(self._nodes.items()) if owner == arn]
        failure = next((node.failure for node in nodes if node.failure), None)
        if arn not in self._active:
            return BalancerState("failed", failure) if failure else BalancerState("provisioning")
        return BalancerState("active_impaired", failure) if failure else BalancerState("active")

    def nodes(self, arn: str) -> list[Node]:
        """The balancer's nodes by zone."""
        found = [node for (owner, _), node in list(self._nodes.items()) if owner == arn]
        return sorted(found, key=lambda node: node.zone.name)

    def _report(self, key: TargetKey, result: Result) -> None:
        wanted = snapshot()
        group = wanted.groups.get(key[0])
        if group is None:
            return
        with self._lock:
            before = self._seen.get(key, NEW)
            after = decide.after_check(before, result, group.check)
            target = group.targets.get((key[1], key[2]))
            # What was registered in this process's former life is at its full share long since.
            if target is not None and (before.state is not TargetState.INITIAL or target.registered_at > self._began):
                after = slow_start.entered(before, after, (group, target), self._seen, time.monotonic())
            self._seen[key] = after
        if before.state is not after.state:
            why = f": {after.description}" if after.description else ""
            emit("elbv2", group.name, f"{key[1]}:{key[2]} is {after.state.value}{why}")
        if replace(before, streak=0) != replace(after, streak=0):
            self.loop.wake()

    def _let_go(self) -> list[str]:
        """Remove the targets whose deregistration has run its time."""
        sentences = []
        with LOCK:
            for _, _, store in stores.iter_stores():
                for arn, keys in decide.drained(list(store.groups.values()), time.time()).items():
                    group = store.groups[arn]
                    kept = {key: target for key, target in group.targets.items() if key not in keys}
                    store.groups[arn] = replace(group, targets=kept)
                    sentences += [f"{group.name}: {address}:{port} has drained" for address, port in keys]
        return sentences

    def _forget_strangers(self, states: dict[TargetKey, Verdict]) -> None:
        with self._lock:
            self._seen = {key: seen for key, seen in self._seen.items() if key in states}

    def _shares(self, wanted: Snapshot) -> dict[TargetKey, int]:
        """The targets that are in slow start; those whose time has run are in it no longer."""
        now, speed = time.monotonic(), world().speed
        with self._lock:
            for key, seen in self._seen.items():
                if seen.slow_since is not None and key[0] in wanted.groups:
                    self._seen[key] = slow_start.over(seen, wanted.groups[key[0]], speed, now)
            return slow_start.shares(wanted, self._seen, speed, now)

    def _serve(
        self, wanted: Snapshot, where: Callable[[TargetGroup], list[Endpoint]], around: Surroundings
    ) -> list[str]:
        """Bring every node to what it is to serve."""
        sentences = []
        for balancer in wanted.balancers.values():
            for zone in balancer.zones:
                key = (balancer.arn, zone.name)
                node = self._nodes.get(key)
                if node is None or node.zone != zone:
                    if node is not None:
                        node.stop()
                    node = self._nodes[key] = Node(balancer, zone)
                log = node.access_log if access_logs.wanted(balancer) else None
                orders = plan(wanted, balancer, zone, replace(around, access_log=log))
                endpoints = {
                    name: doors.led(members, self._doors.lost[key], blackhole().address)
                    for name, members in _endpoints(wanted, where, orders).items()
                }
                sentences += self._bring(key, node, orders, endpoints)
        return sentences

    def _look_at_doors(self, wanted: Snapshot) -> None:
        """Ask the network anew, and tell what has begun to be missing."""
        before, found = self._doors, doors.look(wanted, registry.view())
        if found.why - before.why:
            found = doors.look(wanted, registry.view(now=True))
        self._doors = found
        for name, sentence in sorted(found.why - before.why):
            emit("network", name, sentence)

    def _keep_doors(self) -> None:
        """Let the nodes' listeners see no client that the network does not let in."""
        networks = registry.view().picture.vpcs
        for key, node in self._nodes.items():
            node.shut(self._doors.shut.get(key, frozenset()), networks)

    def _bring(self, key: NodeKey, node: Node, orders: NodePlan, endpoints: Endpoints) -> list[str]:
        """Start the node or tell it its orders; one that refused them is asked again after a while."""
        name = "/".join(key)
        if self._slot.busy(name):
            self._untold.add(key)  # it starts with older orders
            return []
        if node.failure and node.pid is None and time.monotonic() < self._again.get(key, 0):
            return []
        self._untold.discard(key)
        self._again.pop(key, None)
        if node.pid is None:
            self._again[key] = time.monotonic() + RETRY_SECONDS
            self._slot.run(name, lambda: node.start(orders, endpoints))
            return [f"{_balancer_name(key)}: the node in {key[1]} starts"]
        node.update(orders, endpoints)
        if node.failure:
            self._again[key] = time.monotonic() + RETRY_SECONDS
            return [f"{_balancer_name(key)}: the node in {key[1]} refused: {node.failure}"]
        return []

    def _end_strangers(self, wanted: Snapshot) -> list[str]:
        """End the nodes of balancers and zones that are no longer wanted, and give their addresses back."""
        zones = {(b.arn, zone.name) for b in wanted.balancers.values() for zone in b.zones}
        sentences = []
        for key in [key for key in self._nodes if key not in zones]:
            node = self._nodes.pop(key)
            self._untold.discard(key)
            self._again.pop(key, None)
            node.stop()
            sentences.append(f"{_balancer_name(key)}: the node in {key[1]} has ended")
        for arn in self._owners - set(wanted.balancers):
            self._active.discard(arn)
            book().release(arn)
            book().free(arn)
            forget_directory(world().directory("elbv2", arn.rsplit("/", 1)[1]))
        self._owners = set(wanted.balancers)
        return sentences

    def _note_active(self, wanted: Snapshot) -> None:
        for balancer in wanted.balancers.values():
            if balancer.arn not in self._active and all(
                (node := self._nodes.get((balancer.arn, zone.name))) is not None and node.up for zone in balancer.zones
            ):
                self._active.add(balancer.arn)
                emit("elbv2", balancer.name, "active")


def _deliver(balancer: LoadBalancer, nodes: list[Node], wanted: Snapshot) -> None:
    files = {node.zone.address: node.close_log() for node in nodes}
    time.sleep(FLUSH_SECONDS)
    for address, closed in files.items():
        if sentence := access_logs.deliver(balancer, address, closed, wanted):
            emit("elbv2", balancer.name, sentence)


_running: list[Controller] = []


def start() -> None:
    """Start the controller."""
    controller = Controller()
    _running[:] = [controller]
    register("load_balancers", _status)
    registry.register("elbv2", doors.interfaces)
    controller.start()


def stop() -> None:
    """Stop the controller and end every node."""
    while _running:
        _running.pop().stop()


def wake() -> None:
    """Have what was changed in force on return, where nodes run."""
    for controller in _running:
        controller.settle()


def forget(group_arn: str, address: str, port: int) -> None:
    """What was seen of a target counts no longer."""
    for controller in _running:
        controller.forget((group_arn, address, port))


def verdicts() -> dict[TargetKey, Verdict]:
    """Every target's state, now."""
    return _running[0].verdicts(snapshot()) if _running else decide.verdicts(snapshot(), {})


def state(arn: str) -> BalancerState:
    """A balancer's state, now."""
    return _running[0].state(arn) if _running else BalancerState("provisioning")


def _status() -> list[dict[str, object]]:
    wanted, states = snapshot(), verdicts()
    return [_balancer_status(wanted, balancer, states) for balancer in wanted.balancers.values()]


def _balancer_status(wanted: Snapshot, balancer: LoadBalancer, states: dict[TargetKey, Verdict]) -> dict[str, object]:
    nodes = {node.zone.name: node for node in _running[0].nodes(balancer.arn)} if _running else {}
    listeners = wanted.listeners_of(balancer.arn)
    secure = next((one for one in listeners if one.protocol == "HTTPS"), listeners[0] if listeners else None)
    port = listening_port(secure.port) if secure else None
    zones = [
        {
            "zone": zone.name,
            "address": loopback(zone.address),
            "port": port,
            "up": zone.name in nodes and nodes[zone.name].up,
            "pid": nodes[zone.name].pid if zone.name in nodes else None,
        }
        for zone in balancer.zones
    ]
    targets = [
        {
            "id": target.id,
            "port": target.port,
            "zone": target.zone,
            "state": states[(group.arn, *target.key)].state.value,
            "reason": states[(group.arn, *target.key)].reason,
            "group": group.name,
        }
        for group in wanted.groups.values()
        if balancer.arn in wanted.balancers_of(group.arn)
        for target in group.targets.values()
        if (group.arn, *target.key) in states
    ]
    return {"name": balancer.name, "address": balancer.address, "zones": zones, "targets": targets}


def _endpoints(wanted: Snapshot, where: Callable[[TargetGroup], list[Endpoint]], orders: NodePlan) -> Endpoints:
    groups = {group.cluster: group for group in wanted.groups.values()}
    return {name: where(groups[name]) for name in orders.clusters}


def _certificate_arns(wanted: Snapshot) -> set[str]:
    return {arn for listener in wanted.listeners.values() for arn in listener.all_certificates}


def _balancer_name(key: NodeKey) -> str:
    return key[0].split("/")[-2]
