"""Who is meant by an address, and what is told of a connection that was dropped."""

import json
from dataclasses import replace

import pytest
from twin.core.world import World
from twin.services.network import guard
from twin.services.network.explain import UnknownError, explain
from twin.services.network.registry import View

from tests.twin.services.network.test_reach import BALANCER, DATABASE, TASK, picture

TASK_PLACE, DATABASE_PLACE, NODE_PLACE = "127.20.2.4", "127.248.0.15", "127.20.3.4"
FRIEND = replace(TASK, places=(TASK_PLACE,), also=("service",))
STRANGER = replace(TASK, owner="stranger", groups=("sg-other",), places=("127.20.2.5",), also=("service",))
THERE = replace(DATABASE, places=(DATABASE_PLACE, NODE_PLACE), ports=(5432,))
FRONT = replace(BALANCER, places=("127.248.0.16",), ports=(443,))
NODE = replace(BALANCER, public=False, places=("127.20.1.4",), ports=(443,))


@pytest.fixture
def seen(here: World, monkeypatch: pytest.MonkeyPatch) -> View:
    """The architecture's network with a task, a stranger, a database and a balancer in it."""
    places = {place: one for one in (FRIEND, STRANGER, THERE, FRONT, NODE) for place in one.places}
    made = View(picture(), places, (replace(STRANGER, owner="later", also=()),))
    for module in ("guard", "explain"):
        monkeypatch.setattr(f"twin.services.network.{module}.view", lambda **_: made)
    monkeypatch.setattr(guard, "_told", {})
    return made


@pytest.mark.parametrize(
    ("source", "asked", "lets"),
    [
        (TASK_PLACE, ("tcp", DATABASE_PLACE, 5432), True),
        (TASK_PLACE, ("tcp", NODE_PLACE, 5432), True),
        ("127.20.2.5", ("tcp", DATABASE_PLACE, 5432), False),
        ("127.20.2.5", ("tcp", NODE_PLACE, 5432), False),
        (TASK_PLACE, ("tcp", DATABASE_PLACE, 9901), False),
        (TASK_PLACE, ("tcp", "93.184.216.34", 443), True),
        (TASK_PLACE, ("tcp", "93.184.216.34", 25), False),
        (TASK_PLACE, ("udp", "93.184.216.34", 443), False),
        (TASK_PLACE, ("tcp", "127.20.2.77", 5432), False),
        (TASK_PLACE, ("tcp", "127.248.0.99", 9901), False),
        (TASK_PLACE, ("tcp", "169.254.169.254", 80), False),
        ("127.20.9.9", ("tcp", DATABASE_PLACE, 5432), False),
    ],
)
def test_a_connection_is_decided_by_who_has_the_addresses(
    seen: View, source: str, asked: tuple[str, str, int], lets: bool
) -> None:
    assert guard.lets(source, *asked) is lets


def test_a_drop_is_told_once_with_what_is_missing(seen: View, here: World) -> None:
    for _ in range(3):
        guard.lets("127.20.2.5", "tcp", DATABASE_PLACE, 5432)
        guard.lets(TASK_PLACE, "tcp", "127.20.2.77", 5432)
    told = [json.loads(line) for line in (here.state / "events.jsonl").read_text().splitlines()]
    assert [(one["source"], one["resource"]) for one in told] == [("network", "stranger"), ("network", "one")]
    assert told[0]["message"].startswith("tcp 5432 to database db was dropped: security group sg-database (database)")
    assert told[1]["message"].endswith("no network interface has that address")


@pytest.mark.parametrize(
    ("source", "target", "port", "missing"),
    [
        ("one", "db", 5432, None),
        ("one", "db:22", 22, "no egress rule for tcp 22"),
        ("service", "db", 5432, "from sg-other (other)"),
        ("later", "db", 5432, "from sg-other (other)"),
        ("client", "front", 443, None),
        ("internet", "front", 443, None),
        ("client", "db", 5432, "it is internal"),
        ("front", "one:8080", 8080, None),
        ("one", "secretsmanager", 443, None),
        ("one", "internet", 443, None),
        ("one", "10.20.3.4:5432", 5432, None),
        ("10.20.2.4", DATABASE_PLACE, 5432, None),
        ("one", "8.8.8.8:53", 53, "no egress rule for tcp 53"),
    ],
)
def test_a_way_is_explained_by_the_names_that_people_know(
    seen: View, source: str, target: str, port: int, missing: str | None
) -> None:
    shown = explain(source, target)[0].shown()
    assert (shown["port"], shown["open"]) == (port, missing is None)
    assert (missing or "") in (shown["missing"] or "")
    assert shown["hops"]


@pytest.mark.parametrize(
    ("source", "target", "text"),
    [
        ("nobody", "db", "nothing is named nobody; there are client, internet, db, front, one, service, stranger"),
        ("one", "10.20.2.77:5432", "no network interface has 10.20.2.77"),
        ("db", "one", "task one names no port"),
        ("s3", "db", "nothing is named s3"),
        ("db", "db", "are the same"),
    ],
)
def test_what_is_not_there_is_named(seen: View, source: str, target: str, text: str) -> None:
    with pytest.raises(UnknownError, match=text.replace("(", r"\(")):
        explain(source, target)
