"""What to do next for one instance, and what to call its state: pure functions of what was seen.

At most one action per instance and moment. The order is sacred: that a standby may not be promoted is written down
before the primary goes on without it; that it may, only once its primary says that it is in sync.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from twin.services.rds.models import Status, Wish
from twin.services.rds.volume import Record

# How long a primary may be silent before it is started anew, a standby before its primary goes on alone, and before it
# is copied anew. A standby that hangs is cut off by its primary after five seconds (wal_sender_timeout).
PRIMARY_SILENT, STANDBY_SILENT, STANDBY_LOST = 15.0, 5.0, 20.0


class Act(StrEnum):
    """What can be done to an instance."""

    CREATE = "create"
    START = "start"
    START_ALL = "start all"
    FENCE = "fence"
    REBOOT = "reboot"
    PREPARE = "prepare"
    DETACH = "detach"
    BUILD = "build"
    START_STANDBY = "start standby"
    ATTACH = "attach"
    RECORD = "record"
    REMOVE_STANDBY = "remove standby"
    APPLY = "apply"
    STOP = "stop"
    REMOVE = "remove"
    BACK_UP = "back up"
    PROMOTE = "promote"


@dataclass(frozen=True)
class Action:
    """One thing to do, and the sentence that tells it."""

    act: Act
    sentence: str


@dataclass(frozen=True)
class Standby:
    """The node that is not the primary. built: its data is a whole copy; silent: seconds without streaming.

    broken: its server could not start on its data.
    """

    built: bool = False
    alive: bool = False
    streaming: bool = False
    in_sync: bool = False
    silent: float = 0.0
    broken: bool = False


@dataclass(frozen=True)
class Seen:
    """One instance at one moment: what is wanted of it, what is written down, what its nodes show.

    silent: seconds since the primary last answered. ran: it has run before in this life of the twin. requires: commits
    wait for the standby. password_due, settings_due: the server has yet to be told. has_standby: a standby has once
    been in sync. failed: starting it failed again and again. origin: what its data is to come from, empty for nothing.
    snapshot: the one to be taken next. replica: it follows another instance, follows: it receives what that commits,
    promote: it is to do so no longer.
    """

    wish: Wish = Wish.RUN
    multi_az: bool = True
    reboot: bool = False
    born: bool = True
    has_standby: bool = True
    record: Record | None = None
    alive: bool = False
    answers: bool = False
    silent: float = 0.0
    ran: bool = True
    requires: bool = False
    standby: Standby = Standby()
    password_due: bool = False
    settings_due: bool = False
    failed: bool = False
    origin: str = ""
    snapshot: str = ""
    replica: bool = False
    follows: bool = False
    promote: bool = False

    @property
    def standby_zone(self) -> str | None:
        """Where the standby is that may be promoted; None when there is none, whatever is wanted."""
        record = self.record
        return record.zones[record.synchronous] if record is not None and record.synchronous is not None else None


def decide(seen: Seen) -> Action | None:
    """The next action; None when all is as wanted or something must be waited for."""
    copied = Action(Act.BACK_UP, f"is copied into the snapshot {seen.snapshot}") if seen.snapshot else None
    if seen.wish is Wish.DELETE:
        return (copied if seen.record is not None else None) or Action(Act.REMOVE, "is removed with its data")
    if seen.wish is Wish.STOP:
        running = seen.alive or seen.standby.alive
        return Action(Act.STOP, "is stopped, its primary first") if running else copied
    if seen.record is None:
        return Action(Act.CREATE, f"gets its volume from {seen.origin}" if seen.origin else "gets a volume")
    return _primary(seen) or _standby(seen) or _rest(seen, copied)


def status(seen: Seen) -> Status:
    """DBInstanceStatus, from what was seen."""
    running = seen.alive or seen.standby.alive
    rules = (
        (seen.wish is Wish.DELETE, Status.DELETING),
        (seen.wish is Wish.STOP, Status.STOPPING if running else Status.STOPPED),
        (seen.failed and not seen.answers, Status.FAILED),
        (not seen.born, Status.CREATING),
        (seen.reboot or (not seen.answers and seen.ran), Status.REBOOTING),
        (not seen.answers, Status.STARTING),
        (seen.password_due, Status.RESETTING),
        (seen.promote or seen.multi_az != seen.has_standby, Status.MODIFYING),
        (bool(seen.snapshot), Status.BACKING_UP),
    )
    return next((state for holds, state in rules if holds), Status.AVAILABLE)


def lacks(seen: Seen) -> str | None:
    """What an instance is without, though it may be available: AWS too has no state for a lost standby."""
    if seen.wish is not Wish.RUN or not seen.multi_az or (seen.standby_zone and seen.standby.in_sync):
        return None
    where = f" in {seen.record.zones[seen.record.other]}" if seen.record is not None else ""
    return f"no standby in sync{where}"


def is_as_asked(seen: Seen) -> bool:
    """Whether an instance that is being created is what was asked for."""
    told = seen.answers and not seen.password_due
    return seen.wish is Wish.RUN and told and lacks(seen) is None and (seen.follows or not seen.replica)


def _first(rules: Sequence[tuple[bool, Action | None]]) -> Action | None:
    """The action of the first rule that holds."""
    return next((action for holds, action in rules if holds), None)


def _primary(seen: Seen) -> Action | None:
    standby, record = seen.standby, seen.record
    assert record is not None
    zone = record.zones[record.primary]
    both = seen.multi_az and standby.built and not standby.alive
    hangs = Action(Act.FENCE, f"ends its primary, which has not answered for {seen.silent:.0f} s")
    return _first(
        (
            (not seen.alive and both, Action(Act.START_ALL, f"starts in both zones, its primary in {zone}")),
            (not seen.alive, Action(Act.START, f"starts its primary in {zone}")),
            (not seen.answers, hangs if seen.silent > PRIMARY_SILENT else None),
            (seen.reboot, Action(Act.REBOOT, "is rebooted")),
            (seen.promote, Action(Act.PROMOTE, "parts from its source and takes writes of its own")),
            (seen.password_due, Action(Act.PREPARE, "tells the server its master user")),
        )
    )


def _standby(seen: Seen) -> Action | None:
    standby, record = seen.standby, seen.record
    assert record is not None
    zone = record.zones[record.other]
    bound = seen.requires or record.synchronous is not None
    gone = not standby.alive or (not standby.streaming and standby.silent > STANDBY_SILENT)
    # Without commits that wait, what is written down of the standby would promise too much.
    unbacked = record.synchronous is not None and not seen.requires
    alone = Action(Act.DETACH, f"its primary goes on alone: the standby in {zone} must not be promoted")
    removed = Action(Act.REMOVE_STANDBY, f"removes its standby in {zone}")
    anew = Action(Act.BUILD, f"its standby in {zone} no longer follows and is copied anew")
    present = standby.alive or standby.built or seen.has_standby
    return _first(
        (
            (not seen.answers, None),
            (bound and (gone or unbacked or not seen.multi_az), alone),
            (not seen.multi_az, removed if present else None),
            (not standby.built or standby.broken, Action(Act.BUILD, f"copies its primary to {zone}")),
            (not standby.alive, Action(Act.START_STANDBY, f"starts its standby in {zone} again")),
            (not standby.streaming, anew if standby.silent > STANDBY_LOST else None),
            (not seen.requires, Action(Act.ATTACH, f"its commits wait for the standby in {zone}")),
            (
                standby.in_sync and record.synchronous is None,
                Action(Act.RECORD, f"its standby in {zone} is in sync and may be promoted"),
            ),
        )
    )


def _rest(seen: Seen, copied: Action | None) -> Action | None:
    if seen.answers and seen.settings_due:
        return Action(Act.APPLY, "puts parameters in force")
    return copied if seen.answers else None
