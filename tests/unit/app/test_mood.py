"""The mood of the day."""

from datetime import date

import psycopg
import pytest
from duet import clock

from tests.unit.app.conftest import Browser


def test_the_partner_sees_it_and_another_takes_its_place(
    two: tuple[Browser, Browser], database: psycopg.Connection
) -> None:
    mina, jun = two
    mina.send("/mood", feeling="tired", note="<i>long</i> day")
    page = jun.get("/").text
    assert "Tired" in page
    assert "&lt;i&gt;long&lt;/i&gt; day" in page
    mina.send("/mood", feeling="happy", note="")
    assert "long" not in jun.get("/").text
    assert database.execute("select feeling, note from mood").fetchall() == [("happy", "")]


def test_each_has_their_own(two: tuple[Browser, Browser], database: psycopg.Connection) -> None:
    mina, jun = two
    mina.send("/mood", feeling="loved", note="one")
    jun.send("/mood", feeling="cross", note="two")
    for one in two:
        assert "one" in one.get("/").text
        assert "two" in one.get("/").text


def test_a_new_day_begins_without_one(two: tuple[Browser, Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    mina, jun = two
    monkeypatch.setattr(clock, "today", lambda: date(2026, 4, 10))
    mina.send("/mood", feeling="sad", note="rain")
    assert "rain" in jun.get("/").text
    monkeypatch.setattr(clock, "today", lambda: date(2026, 4, 11))
    assert "rain" not in jun.get("/").text


@pytest.mark.parametrize("fields", [{}, {"feeling": "furious"}, {"feeling": "sad", "note": "x" * 141}])
def test_what_is_no_mood(two: tuple[Browser, Browser], database: psycopg.Connection, fields: dict[str, str]) -> None:
    assert two[0].send("/mood", **fields).status_code == 302
    assert "Please choose a mood" in two[0].get("/").text
    assert database.execute("select count(*) from mood").fetchone() == (0,)
