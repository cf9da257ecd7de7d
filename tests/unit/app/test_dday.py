"""Counting days as Korea does, and the page of days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from duet import clock
from duet.dday import calendar, service
from duet.dday.calendar import Milestone, Way
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.app.conftest import Browser

DATES = st.dates(date(1900, 1, 1), date(2199, 12, 31))


@pytest.mark.parametrize(
    ("start", "today", "number"),
    [
        (date(2024, 3, 1), date(2024, 3, 1), 1),
        (date(2024, 3, 1), date(2024, 3, 2), 2),
        (date(2024, 3, 1), date(2024, 2, 29), 0),
        (date(2024, 1, 1), date(2024, 4, 9), 100),
        (date(2023, 1, 1), date(2024, 1, 1), 366),
        (date(2024, 1, 1), date(2025, 1, 1), 367),
    ],
)
def test_the_day_it_began_is_day_one(start: date, today: date, number: int) -> None:
    assert calendar.day_number(start, today) == number


@pytest.mark.parametrize(("left", "label"), [(30, "D-30"), (1, "D-1"), (0, "D-DAY"), (-1, "D+1"), (-365, "D+365")])
def test_labels(left: int, label: str) -> None:
    today = date(2026, 11, 25)
    assert calendar.label(today + timedelta(days=left), today) == label


@pytest.mark.parametrize(
    ("start", "years", "day"),
    [
        (date(2020, 3, 1), 1, date(2021, 3, 1)),
        (date(2020, 2, 29), 1, date(2021, 2, 28)),
        (date(2020, 2, 29), 4, date(2024, 2, 29)),
        (date(1896, 2, 29), 4, date(1900, 2, 28)),
        (date(2019, 12, 31), 10, date(2029, 12, 31)),
    ],
)
def test_anniversaries_keep_to_the_calendar(start: date, years: int, day: date) -> None:
    assert calendar.anniversary(start, years) == day


def test_day_100_is_ninety_nine_days_after_the_start() -> None:
    assert calendar.hundredth(date(2024, 1, 1), 1) == date(2024, 1, 1) + timedelta(days=99)


def test_the_next_milestones_in_order() -> None:
    assert calendar.upcoming(date(2025, 1, 1), date(2025, 10, 27), 3) == [
        Milestone(date(2025, 10, 27), days=300),
        Milestone(date(2026, 1, 1), years=1),
        Milestone(date(2026, 2, 4), days=400),
    ]


@given(start=DATES, today=DATES, amount=st.integers(1, 12))
def test_milestones_are_those_ahead_and_none_is_missed(start: date, today: date, amount: int) -> None:
    found = calendar.upcoming(start, today, amount)
    assert len(found) == amount
    assert [one.day for one in found] == sorted(one.day for one in found)
    for one in found:
        assert one.day >= today
        if one.days is not None:
            assert one.days % 100 == 0
            assert calendar.day_number(start, one.day) == one.days
        else:
            assert one.years is not None
            assert one.day == calendar.anniversary(start, one.years)
    # By brute force, day for day until the last one found.
    day, days = max(start, today), {one.day for one in found if one.days}
    while day < found[-1].day and day < max(start, today) + timedelta(days=400):
        assert (calendar.day_number(start, day) % 100 == 0) == (day in days)
        day += timedelta(days=1)


@given(start=DATES, today=DATES)
def test_the_way_leads_from_one_milestone_to_the_next(start: date, today: date) -> None:
    way = calendar.way(start, today)
    if today < start:
        assert way is None
        return
    assert way is not None
    assert 0 <= way.done <= way.whole <= 100
    assert (way.done == way.whole) == (calendar.upcoming(start, today, 1)[0].day == today)


def test_the_way_begins_at_the_start() -> None:
    assert calendar.way(date(2024, 1, 1), date(2024, 1, 1)) == Way(0, 99)
    assert calendar.way(date(2024, 1, 1), date(2024, 4, 10)) == Way(1, 100)


def test_today_is_koreas(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert clock.today() == date(2026, 11, 26)
    monkeypatch.setattr(clock, "now", lambda: moment - timedelta(microseconds=1))
    assert clock.today() == date(2026, 11, 25)


def test_both_see_day_100_and_the_feast(two: tuple[Browser, Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    mina, jun = two
    mina.send("/ddays/start", start_date="2026-01-01")
    monkeypatch.setattr(clock, "today", lambda: date(2026, 4, 10))
    for one in (mina, jun):
        page = one.get("/").text
        assert "Day 100" in page
        assert "Today is Day 100!" in page
        assert "D-DAY" in page


def test_the_home_page_shows_what_comes_next_first(
    two: tuple[Browser, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    mina, jun = two
    monkeypatch.setattr(clock, "today", lambda: date(2026, 4, 1))
    mina.send("/ddays/start", start_date="2026-01-01")
    for title, day in (("Jeju", "2099-05-05"), ("Concert", "2026-04-12"), ("Gone", "2026-03-01")):
        mina.send("/ddays", title=title, day=day)
    page = jun.get("/").text.split("Coming up")[1]
    places = [page.index(text) for text in ("Day 100<", "Concert<", "Day 200<", "Jeju<")]
    assert places == sorted(places)
    assert "Gone" not in page


def test_before_the_start_the_days_are_counted_down(
    two: tuple[Browser, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    mina, jun = two
    monkeypatch.setattr(clock, "today", lambda: date(2026, 4, 10))
    mina.send("/ddays/start", start_date="2026-04-20")
    assert "D-10" in jun.get("/").text
    assert "<progress" not in jun.get("/").text


def test_days_of_their_own_come_and_go(two: tuple[Browser, Browser]) -> None:
    mina, jun = two
    for _twice in range(2):
        assert mina.send("/ddays", title=" <b>Jeju</b> ", day="2099-05-05").status_code == 302
    page = jun.get("/ddays").text
    assert page.count("&lt;b&gt;Jeju&lt;/b&gt;<small>") == 1
    assert jun.send("/ddays/1/remove").status_code == 302
    assert "Jeju" not in mina.get("/ddays").text
    assert jun.send("/ddays/1/remove").status_code == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"title": "", "day": "2099-05-05"}, "Please give it a name."),
        ({"title": "x" * 61, "day": "2099-05-05"}, "At most 60 characters."),
        ({"title": "Jeju", "day": ""}, "Please choose a date."),
        ({"title": "Jeju", "day": "1899-12-31"}, "Please choose a date between 1900 and 2199."),
    ],
)
def test_what_is_no_day(two: tuple[Browser, Browser], fields: dict[str, str], said: str) -> None:
    answer = two[0].send("/ddays", **fields)
    assert answer.status_code == 200
    assert said in answer.text


@pytest.mark.parametrize("written", ["", "2024-02-30", "nonsense", "2200-01-01"])
def test_what_is_no_start(two: tuple[Browser, Browser], written: str) -> None:
    answer = two[0].send("/ddays/start", start_date=written)
    assert answer.status_code == 200
    assert 'id="start_date-error"' in answer.text


def test_there_is_an_end_to_days(two: tuple[Browser, Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST", 1)
    two[0].send("/ddays", title="Jeju", day="2099-05-05")
    assert "There are 1 days already." in two[1].send("/ddays", title="Busan", day="2099-05-06").text
