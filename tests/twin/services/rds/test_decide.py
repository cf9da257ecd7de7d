"""What is done next, and what the state is called: no process runs here."""

from dataclasses import replace

import pytest
from twin.services.rds.decide import Act, Seen, Standby, decide, is_as_asked, lacks, status
from twin.services.rds.models import Status, Wish
from twin.services.rds.volume import Record

ZONES = {"a": "zone-a", "b": "zone-b"}
ALONE, IN_SYNC = Record("a", None, ZONES), Record("a", "b", ZONES)
FOLLOWS = Standby(built=True, alive=True, streaming=True, in_sync=True)
HEALTHY = Seen(record=IN_SYNC, alive=True, answers=True, requires=True, standby=FOLLOWS)
SINGLE = replace(HEALTHY, multi_az=False, has_standby=False, record=ALONE, requires=False, standby=Standby())
LATE = Standby(built=True, alive=True, silent=6)


@pytest.mark.parametrize(
    ("seen", "act"),
    [
        (HEALTHY, None),
        (SINGLE, None),
        (replace(HEALTHY, wish=Wish.DELETE), Act.REMOVE),
        (replace(HEALTHY, wish=Wish.STOP), Act.STOP),
        (replace(SINGLE, wish=Wish.STOP, alive=False, answers=False), None),
        (replace(SINGLE, record=None, alive=False, answers=False), Act.CREATE),
        (replace(HEALTHY, alive=False, answers=False), Act.START),
        (replace(HEALTHY, alive=False, answers=False, standby=Standby(built=True)), Act.START_ALL),
        (replace(SINGLE, alive=False, answers=False, standby=Standby(built=True)), Act.START),
        (replace(HEALTHY, answers=False, silent=3), None),
        (replace(HEALTHY, answers=False, silent=16), Act.FENCE),
        (replace(HEALTHY, reboot=True), Act.REBOOT),
        (replace(HEALTHY, password_due=True), Act.PREPARE),
        (replace(HEALTHY, settings_due=True), Act.APPLY),
        (replace(SINGLE, multi_az=True), Act.BUILD),
        (replace(HEALTHY, multi_az=False), Act.DETACH),
        (replace(HEALTHY, multi_az=False, record=ALONE, requires=False), Act.REMOVE_STANDBY),
    ],
)
def test_one_action_at_a_time(seen: Seen, act: Act | None) -> None:
    action = decide(seen)
    assert (action.act if action else None) is act


def test_a_standby_counts_step_by_step() -> None:
    """Copied, streaming, waited for, in sync, recorded: each step only after the one before has been seen."""
    seen = replace(SINGLE, multi_az=True)
    assert _act(seen) is Act.BUILD
    seen = replace(seen, standby=Standby(built=True, alive=True))
    assert _act(seen) is None
    seen = replace(seen, standby=replace(seen.standby, streaming=True))
    assert _act(seen) is Act.ATTACH
    seen = replace(seen, requires=True)
    assert _act(seen) is None
    seen = replace(seen, standby=FOLLOWS)
    assert _act(seen) is Act.RECORD
    assert _act(replace(seen, record=IN_SYNC, has_standby=True)) is None


@pytest.mark.parametrize("standby", [Standby(built=True), Standby(), LATE, replace(LATE, alive=False)])
def test_the_primary_goes_on_alone_only_after_it_is_written_down(standby: Standby) -> None:
    seen = replace(HEALTHY, standby=standby)
    action = decide(seen)
    assert action is not None
    assert action.act is Act.DETACH
    assert action.sentence == "its primary goes on alone: the standby in zone-b must not be promoted"
    # Written down, but the server not yet told: it is told before anything else is done.
    assert _act(replace(seen, record=ALONE)) is Act.DETACH


def test_a_record_that_nothing_backs_is_taken_back() -> None:
    assert _act(replace(HEALTHY, requires=False)) is Act.DETACH


@pytest.mark.parametrize(
    ("standby", "act"),
    [
        (Standby(built=True), Act.START_STANDBY),
        (Standby(built=True, broken=True), Act.BUILD),
        (Standby(), Act.BUILD),
        (LATE, None),
        (replace(LATE, silent=21), Act.BUILD),
    ],
)
def test_a_lost_standby_comes_back(standby: Standby, act: Act | None) -> None:
    assert _act(replace(HEALTHY, record=ALONE, requires=False, standby=standby)) is act


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (HEALTHY, Status.AVAILABLE),
        (replace(HEALTHY, standby=Standby()), Status.AVAILABLE),
        (replace(HEALTHY, born=False), Status.CREATING),
        (replace(HEALTHY, born=False, failed=True, answers=False), Status.FAILED),
        (replace(HEALTHY, answers=False), Status.REBOOTING),
        (replace(HEALTHY, answers=False, ran=False), Status.STARTING),
        (replace(HEALTHY, reboot=True), Status.REBOOTING),
        (replace(HEALTHY, password_due=True), Status.RESETTING),
        (replace(SINGLE, multi_az=True), Status.MODIFYING),
        (replace(HEALTHY, multi_az=False), Status.MODIFYING),
        (replace(HEALTHY, wish=Wish.STOP), Status.STOPPING),
        (replace(SINGLE, wish=Wish.STOP, alive=False), Status.STOPPED),
        (replace(HEALTHY, wish=Wish.DELETE), Status.DELETING),
    ],
)
def test_a_state_is_what_was_seen(seen: Seen, state: Status) -> None:
    assert status(seen) is state


def test_an_instance_is_created_when_it_is_what_was_asked_for() -> None:
    assert is_as_asked(SINGLE)
    assert is_as_asked(HEALTHY)
    assert not is_as_asked(replace(HEALTHY, record=ALONE))
    assert not is_as_asked(replace(HEALTHY, standby=replace(FOLLOWS, in_sync=False)))
    assert not is_as_asked(replace(SINGLE, password_due=True))
    assert not is_as_asked(replace(SINGLE, answers=False))


@pytest.mark.parametrize(
    ("seen", "zone", "lacking"),
    [
        (HEALTHY, "zone-b", None),
        (SINGLE, None, None),
        (replace(HEALTHY, wish=Wish.STOP), "zone-b", None),
        # Wanted is not there.
        (replace(HEALTHY, record=None, standby=Standby()), None, "no standby in sync"),
        (replace(HEALTHY, record=ALONE), None, "no standby in sync in zone-b"),
        (replace(HEALTHY, record=ALONE, standby=Standby()), None, "no standby in sync in zone-b"),
        # Its commits wait, so that it may be promoted still, until it is written down that it may not.
        (replace(HEALTHY, standby=LATE), "zone-b", "no standby in sync in zone-b"),
        # No longer wanted is still there.
        (replace(HEALTHY, multi_az=False), "zone-b", None),
    ],
)
def test_a_standby_is_what_was_seen(seen: Seen, zone: str | None, lacking: str | None) -> None:
    assert (seen.standby_zone, lacks(seen)) == (zone, lacking)


def _act(seen: Seen) -> Act | None:
    action = decide(seen)
    return action.act if action else None


REPLICA = replace(SINGLE, replica=True, follows=True)


@pytest.mark.parametrize(
    ("seen", "act", "state"),
    [
        (replace(HEALTHY, snapshot="kept"), Act.BACK_UP, Status.BACKING_UP),
        # What the standby needs, and parameters, come first.
        (replace(HEALTHY, snapshot="kept", standby=Standby()), Act.DETACH, Status.BACKING_UP),
        (replace(HEALTHY, snapshot="kept", settings_due=True), Act.APPLY, Status.BACKING_UP),
        (replace(HEALTHY, snapshot="kept", alive=False, answers=False), Act.START, Status.REBOOTING),
        (replace(HEALTHY, snapshot="last", wish=Wish.DELETE), Act.BACK_UP, Status.DELETING),
        (replace(HEALTHY, snapshot="last", wish=Wish.DELETE, record=None), Act.REMOVE, Status.DELETING),
        (replace(SINGLE, snapshot="kept", wish=Wish.STOP, alive=False), Act.BACK_UP, Status.STOPPED),
        (replace(HEALTHY, snapshot="kept", wish=Wish.STOP), Act.STOP, Status.STOPPING),
        (REPLICA, None, Status.AVAILABLE),
        (replace(REPLICA, promote=True), Act.PROMOTE, Status.MODIFYING),
        (replace(REPLICA, promote=True, alive=False, answers=False), Act.START, Status.REBOOTING),
    ],
)
def test_copies_and_promotions_have_their_turn(seen: Seen, act: Act | None, state: Status) -> None:
    assert (_act(seen), status(seen)) == (act, state)


def test_a_replica_is_created_when_it_follows() -> None:
    assert is_as_asked(REPLICA)
    assert not is_as_asked(replace(REPLICA, follows=False))


def test_a_volume_comes_from_what_is_named() -> None:
    action = decide(replace(SINGLE, record=None, origin="the snapshot kept", alive=False, answers=False))
    assert action is not None
    assert (action.act, action.sentence) == (Act.CREATE, "gets its volume from the snapshot kept")
