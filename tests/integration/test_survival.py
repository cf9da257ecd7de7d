"""What may die dies: the twin mends itself or ends as a whole, and what couples entrusted to it is still there."""

import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.conftest import NewPerson, Person, pair
from tests.integration.test_couple import PNG, photo_address, upload_photo
from tests.processes import children, family, listening, lives, program
from tests.stage import REPOSITORY, Stage, bin_twin, seen, twin_stage
from tests.traffic import Traffic

pytestmark = pytest.mark.skipif(
    os.environ.get("TARGET", "twin") != "twin", reason="what is killed here are processes of this machine"
)
MENDED_SECONDS = 60
ENDED_SECONDS = 10


@pytest.fixture
def keepsake(stage: Stage, person: NewPerson) -> tuple[Person, str]:
    """A couple with a mood and a photo; who posted them, and the note."""
    mina, jun = person("mina"), person("jun")
    pair(mina, jun)
    mina.send("/mood", "/", feeling="happy", note="keep me")
    upload_photo(stage, mina)
    return mina, "keep me"


def test_nothing_listens_on_anything_but_loopback(stage: Stage) -> None:
    places = listening(family(_keeper()))
    assert any(place.endswith(":4566") or ":4" in place for place in places)
    assert len(places) > 10, places
    assert all(place.startswith("127.") for place in places), places


def test_row_photo_and_log_in_outlive_down_and_up(stage: Stage, keepsake: tuple[Person, str]) -> None:
    down = bin_twin("down")
    assert down.returncode == 0, down.stderr
    _up()
    _still_there(keepsake)


def test_row_photo_and_log_in_outlive_the_kill_of_the_twin_and_nothing_else_does(
    stage: Stage, keepsake: tuple[Person, str]
) -> None:
    _await(_is_snapshot_fresh, "no snapshot was taken", 30)
    pids, places = family(_keeper()), listening(family(_keeper()))
    os.kill(_keeper(), signal.SIGKILL)
    _all_ended(pids, places)
    _up()
    _still_there(keepsake)


def test_whichever_process_is_killed_all_is_mended(stage: Stage) -> None:
    keeper = _keeper()
    victims = [(program(pid), pid) for pid in children(children(keeper)[0])]
    assert len(victims) == 9, f"two tasks, nodes, databases and caches each, one front: {victims}"
    for name, pid in sorted(victims):
        os.kill(pid, signal.SIGKILL)
        _await(lambda: _is_well(without=pid), f"{name} (process {pid}) was killed", MENDED_SECONDS)  # noqa: B023
        with stage.visitor() as anybody:
            assert anybody.get("/readyz").status_code == 200, f"after {name} was killed"
    assert _keeper() == keeper


def test_when_the_main_process_is_killed_everything_ends_and_starts_again(stage: Stage) -> None:
    keeper = _keeper()
    pids, places = family(keeper), listening(family(keeper))
    os.kill(children(keeper)[0], signal.SIGKILL)
    _all_ended(pids, places)
    _up()
    with stage.visitor() as anybody:
        assert anybody.get("/readyz").status_code == 200


def test_a_new_deployment_fails_no_request(stage: Stage) -> None:
    ecs, cluster = stage.client("ecs"), stage.outputs("release")["ClusterName"]
    name = stage.outputs("service")["ServiceName"]
    with Traffic(stage.url) as visitors:
        ecs.update_service(cluster=cluster, service=name, forceNewDeployment=True)

        def over() -> bool:
            service = ecs.describe_services(cluster=cluster, services=[name])["services"][0]
            return [one["rolloutState"] for one in service["deployments"]] == ["COMPLETED"]

        _await(over, "the deployment did not complete", 90)
        # Those of the old deployment still drain.
        time.sleep(5)
    assert visitors.sent > 50
    assert not visitors.failures


def _still_there(keepsake: tuple[Person, str]) -> None:
    mina, note = keepsake
    page = mina.page("/")
    assert note in page
    shown = photo_address(mina)
    with twin_stage().visitor() as anybody:
        assert anybody.get(shown).content == PNG


def _up() -> None:
    done = bin_twin("up")
    assert done.returncode == 0, done.stdout + done.stderr


def _keeper() -> int:
    directory = os.environ.get("TWIN_STATE") or str(REPOSITORY / ".twin")
    with open(f"{directory}/run/lock") as file:
        return int(file.read())


def _is_snapshot_fresh() -> bool:
    """Whether the newest snapshot is younger than the last thing that was done, and all is quiet."""
    directory = os.environ.get("TWIN_STATE") or str(REPOSITORY / ".twin")
    newest = max(os.stat(entry.path).st_mtime for entry in os.scandir(f"{directory}/snapshots"))
    return time.time() - newest > 2


def _is_well(without: int) -> bool:
    now = seen()
    nodes: list[Any] = [node for thing in now["databases"] + now["caches"] for node in thing["nodes"]]
    tasks = [task for service in now["services"] for task in service["tasks"]]
    healthy = [t for b in now["load_balancers"] for t in b["targets"] if t["state"] == "healthy"]
    return (
        now["ready"]
        and not lives(without)
        and all(zone["up"] for balancer in now["load_balancers"] for zone in balancer["zones"])
        and all(node["pid"] for node in nodes)
        and [n["sync_state"] for d in now["databases"] for n in d["nodes"] if n["role"] == "standby"] == ["sync"]
        and len([task for task in tasks if task["status"] == "RUNNING"]) == len(healthy) >= 2
    )


def _all_ended(pids: list[int], places: list[str]) -> None:
    _await(
        lambda: not [pid for pid in pids if lives(pid)] and not [p for p in places if _answers(p)],
        "processes or ports are left",
        ENDED_SECONDS,
        lambda: [(pid, program(pid)) for pid in pids if lives(pid)] + [place for place in places if _answers(place)],
    )


def _answers(place: str) -> bool:
    address, _, port = place.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, int(port))) == 0


def _await(condition: Callable[[], bool], complaint: str, seconds: float, last: Callable[[], object] = seen) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{complaint}: after {seconds} s still {last()}"
        time.sleep(0.2)
