"""What a group's nodes need next, where its endpoints lead, and which state it is in. Pure: no process, no clock."""

from dataclasses import dataclass

from twin.services.elasticache.models import Role, Status

# A node that lives and does not answer is replaced after this time.
SILENT_SECONDS = 10.0
# A new group whose node did not start this often is not going to be.
MOST_TRIES = 3


@dataclass(frozen=True)
class NodeSeen:
    """A node as it was observed. wanted: which role it is to have; busy: an action of ours is at work on it.

    settled: it serves with the parameters and passwords that are wanted; misplaced: it does not run where or after
    whom it is wanted. silent: for how many seconds it has lived and not answered. resting: it failed a moment ago.
    failures: how often it did not start, in a row. was_up: whether it has run since the twin started.
    """

    id: str
    wanted: Role
    busy: bool = False
    alive: bool = False
    role: Role | None = None
    link_up: bool = False
    settled: bool = True
    misplaced: bool = False
    silent: float = 0.0
    resting: bool = False
    failures: int = 0
    was_up: bool = False

    @property
    def answers(self) -> bool:
        """Whether it said what it is."""
        return self.role is not None

    @property
    def well(self) -> bool:
        """Whether it is what it is wanted to be: answering, in its role, a replica in touch with its primary."""
        return self.role is self.wanted and self.settled and (self.wanted is Role.PRIMARY or self.link_up)


@dataclass(frozen=True)
class GroupSeen:
    """A group as it was observed. surplus: nodes that are there and not wanted; routed: its endpoints stand."""

    id: str
    nodes: tuple[NodeSeen, ...]
    surplus: tuple[NodeSeen, ...] = ()
    created: bool = True
    deleting: bool = False
    routed: bool = True


@dataclass(frozen=True)
class Start:
    """Start the node, making sure first that nothing of its data directory lives. why: empty for a new one."""

    node: str
    why: str = ""


@dataclass(frozen=True)
class Adjust:
    """Give the running node the parameters and passwords that are wanted."""

    node: str


@dataclass(frozen=True)
class End:
    """End the node and remove what it held."""

    node: str


@dataclass(frozen=True)
class Forget:
    """Nothing runs any more: remove the group."""


type Action = Start | Adjust | End | Forget


@dataclass(frozen=True)
class Routes:
    """To which nodes the endpoints lead; none: connections are closed at once."""

    primary: tuple[str, ...]
    reader: tuple[str, ...]


def decide(group: GroupSeen) -> list[Action]:
    """The next action of each node, side by side."""
    there = (*group.nodes, *group.surplus) if group.deleting else group.surplus
    ends: list[Action] = [End(node.id) for node in there if not node.busy]
    if group.deleting:
        return ends if there else [Forget()]
    return ends + [action for node in group.nodes if (action := _next(node)) is not None]


def routes(group: GroupSeen) -> Routes:
    """The primary endpoint leads to the primary, the reader endpoint to the replicas that follow it, else to it."""
    if group.deleting:
        return Routes((), ())
    primary = tuple(node.id for node in group.nodes if node.wanted is Role.PRIMARY and node.role is Role.PRIMARY)
    replicas = tuple(
        node.id for node in group.nodes if node.wanted is Role.REPLICA and node.role is Role.REPLICA and node.link_up
    )
    return Routes(primary, replicas or primary)


def status(group: GroupSeen) -> Status:
    """The state that AWS would show for what was seen."""
    if group.deleting:
        return Status.DELETING
    well = group.routed and not group.surplus and all(node.well for node in group.nodes)
    if not group.created and any(node.failures >= MOST_TRIES for node in group.nodes):
        return Status.CREATE_FAILED
    if not group.created:
        return Status.AVAILABLE if well else Status.CREATING
    return Status.AVAILABLE if well else Status.MODIFYING


def _next(node: NodeSeen) -> Action | None:
    if node.busy or node.resting:
        return None
    if not node.alive:
        return Start(node.id, "it had ended" if node.was_up else "")
    if node.misplaced:
        return Start(node.id, "it follows another primary now")
    if not node.answers:
        return Start(node.id, "it did not answer") if node.silent >= SILENT_SECONDS else None
    return None if node.settled else Adjust(node.id)
