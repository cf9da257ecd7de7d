"""What a group's nodes need next, where its endpoints lead, and which state it is in. Pure: no process, no clock."""

from dataclasses import dataclass

from twin.services.elasticache.models import Role, Status

# A node that lives and does not answer is ended after this time.
SILENT_SECONDS = 10.0
# When AWS has noticed that a primary has ended. The documentation says only that a failover takes "a few seconds":
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html
NOTICE_SECONDS = 3.0
# A new group whose node did not start this often is not going to be.
MOST_TRIES = 3


@dataclass(frozen=True)
class NodeSeen:
    """A node as it was observed. wanted: which role it is to have; busy: an action of ours is at work on it.

    settled: it serves with the parameters, passwords and primary that are wanted. copied: a replica that has all that
    its primary had when they were last in touch; offset: how far it has come. silent: for how many seconds it has
    lived and not answered; down: for how many of AWS's seconds it has not lived. resting: it failed a moment ago.
    failures: how often it did not start, in a row. was_up: whether it has run since the twin started.
    """

    id: str
    wanted: Role
    busy: bool = False
    alive: bool = False
    role: Role | None = None
    link_up: bool = False
    settled: bool = True
    copied: bool = False
    offset: int = 0
    silent: float = 0.0
    down: float = 0.0
    resting: bool = False
    failures: int = 0
    was_up: bool = False

    @property
    def answers(self) -> bool:
        """Whether it said what it is."""
        return self.role is not None

    @property
    def lost(self) -> bool:
        """Whether it has ended, or does not answer for so long that it counts as ended."""
        return (self.was_up and not self.alive) or self.silent >= SILENT_SECONDS

    @property
    def well(self) -> bool:
        """Whether it is what it is wanted to be: answering, in its role, a replica in touch with its primary."""
        return self.role is self.wanted and self.settled and (self.wanted is Role.PRIMARY or self.link_up)


@dataclass(frozen=True)
class GroupSeen:
    """A group as it was observed. surplus: nodes that are there and not wanted; routed: its endpoints stand.

    automatic_failover: a replica is to take over from a lost primary; test_failover: also from one that is well.
    saving: a snapshot of it is being taken, for which its nodes stay even when it is to go.
    """

    id: str
    nodes: tuple[NodeSeen, ...]
    surplus: tuple[NodeSeen, ...] = ()
    created: bool = True
    deleting: bool = False
    routed: bool = True
    automatic_failover: bool = False
    test_failover: bool = False
    saving: bool = False

    @property
    def heirs(self) -> list[NodeSeen]:
        """The replicas in touch with their primary: those that could take over now."""
        return [node for node in self.nodes if node.wanted is Role.REPLICA and node.well]


@dataclass(frozen=True)
class Start:
    """Start the node, making sure first that nothing of its data directory lives. why: empty for a new one."""

    node: str
    why: str = ""


@dataclass(frozen=True)
class Adjust:
    """Give the running node the parameters, passwords and primary that are wanted."""

    node: str


@dataclass(frozen=True)
class FailOver:
    """Make sure that nothing of the primary lives any more; only then let the replica `heir` be the primary."""

    primary: str
    heir: str


@dataclass(frozen=True)
class End:
    """End the node and remove what it held."""

    node: str


@dataclass(frozen=True)
class Forget:
    """Nothing runs any more: remove the group."""


type Action = Start | Adjust | FailOver | End | Forget


@dataclass(frozen=True)
class Routes:
    """To which nodes the endpoints lead; none: connections are closed at once."""

    primary: tuple[str, ...]
    reader: tuple[str, ...]


def decide(group: GroupSeen) -> list[Action]:
    """The next action of each node, side by side."""
    goes = group.deleting and not group.saving
    there = (*group.nodes, *group.surplus) if goes else group.surplus
    ends: list[Action] = [End(node.id) for node in there if not node.busy]
    if goes:
        return ends if there else [Forget()]
    primary, heir = _primary(group), _heir(group)
    if primary is None or heir is None or not (primary.lost or group.test_failover):
        return ends + [action for node in group.nodes if (action := _next(node)) is not None]
    others = [action for node in group.nodes if node not in (primary, heir) and (action := _next(node)) is not None]
    noticed = group.test_failover or primary.alive or primary.down >= NOTICE_SECONDS
    return [*ends, *others, FailOver(primary.id, heir.id)] if noticed else ends + others


def routes(group: GroupSeen) -> Routes:
    """The primary endpoint leads to the primary; the reader endpoint to the replicas that follow it, else to it, else
    to the replicas that have lost it."""
    if group.deleting:
        return Routes((), ())
    primary = tuple(node.id for node in group.nodes if node.wanted is Role.PRIMARY and node.role is Role.PRIMARY)
    replicas = [node for node in group.nodes if node.wanted is Role.REPLICA and node.role is Role.REPLICA]
    follow = tuple(node.id for node in replicas if node.link_up)
    return Routes(primary, follow or primary or tuple(node.id for node in replicas if node.copied))


def status(group: GroupSeen) -> Status:
    """The state that AWS would show for what was seen."""
    if group.deleting:
        return Status.DELETING
    whole = group.routed and not group.surplus and not group.test_failover
    well = whole and all(node.well for node in group.nodes)
    if not group.created and any(node.failures >= MOST_TRIES for node in group.nodes):
        return Status.CREATE_FAILED
    if not group.created:
        return Status.AVAILABLE if well else Status.CREATING
    if not well:
        return Status.MODIFYING
    return Status.SNAPSHOTTING if group.saving else Status.AVAILABLE


def _next(node: NodeSeen) -> Action | None:
    if node.busy or node.resting:
        return None
    if not node.alive:
        return Start(node.id, "it had ended" if node.was_up else "")
    if not node.answers:
        return Start(node.id, "it did not answer") if node.lost else None
    return None if node.settled else Adjust(node.id)


def _primary(group: GroupSeen) -> NodeSeen | None:
    return next((node for node in group.nodes if node.wanted is Role.PRIMARY and not node.busy), None)


def _heir(group: GroupSeen) -> NodeSeen | None:
    """Which replica would take over: of those that answer and hold a whole copy the one that has come furthest."""
    replicas = [node for node in group.nodes if node.wanted is Role.REPLICA and node.role is Role.REPLICA]
    able = [node for node in replicas if node.copied and not node.busy]
    return max(able, key=lambda node: node.offset) if able and group.automatic_failover else None
