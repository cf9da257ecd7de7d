"""What is cached of a couple, what a page costs the database, and that a write is seen at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from duet import cache
from flask import Flask

from tests.unit.app.conftest import Browser, MakeApp
from tests.unit.app.engines import free_port


@contextmanager
def queries() -> Iterator[list[str]]:
    """All statements that are sent to the database meanwhile."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", ["/", "/ddays"])
def test_a_page_costs_two_queries_and_five_after_a_write(two: tuple[Browser, Browser], path: str) -> None:
    mina, jun = two
    mina.send("/ddays/start", start_date="2020-01-01")
    with queries() as cold:
        mina.get(path)
    assert len(cold) == 5, cold
    with queries() as warm:
        mina.get(path)
        jun.get(path)
    assert len(warm) == 4, warm


def test_pages_of_strangers_cost_none(app: Flask) -> None:
    with queries() as seen:
        for path in ("/", "/log-in", "/sign-up", "/healthz"):
            Browser(app.test_client()).get(path)
    assert seen == []


@pytest.mark.parametrize(
    ("write", "seen"),
    [
        (lambda one: one.send("/mood", feeling="sad", note="a long day"), "a long day"),
        (lambda one: one.send("/ddays", title="Jeju", day="2099-05-05"), "Jeju"),
        (lambda one: one.send("/ddays/start", start_date="2021-04-03"), "April 3, 2021"),
    ],
)
def test_what_one_writes_the_other_sees_at_once(
    two: tuple[Browser, Browser], write: Callable[[Browser], object], seen: str
) -> None:
    mina, jun = two
    assert seen not in jun.get("/").text
    write(mina)
    assert seen in jun.get("/").text


def test_a_slow_reader_never_puts_an_old_page_in_place_of_a_new_one(app: Flask) -> None:
    def slow() -> str:
        cache.forget_couple(7)
        return "old"

    with app.app_context():
        assert cache.of_couple(7, "home", slow) == "old"
        assert cache.of_couple(7, "home", lambda: "new") == "new"
        assert cache.of_couple(7, "home", lambda: "never asked") == "new"


def test_couples_do_not_share(app: Flask) -> None:
    with app.app_context():
        assert cache.of_couple(1, "home", lambda: "one") == "one"
        assert cache.of_couple(2, "home", lambda: "two") == "two"


def test_without_redis_what_is_asked_is_read_and_written_all_the_same(make_app: MakeApp) -> None:
    app = make_app(REDIS_PORT=str(free_port()))
    with app.app_context():
        assert cache.of_couple(1, "home", lambda: "read") == "read"
        cache.forget_couple(1)
