"""Two people become a couple, and nobody else joins them."""

import threading

import psycopg
import pytest
from flask import Flask

from tests.unit.app.conftest import Browser, NewBrowser


def test_two_people_pair_by_a_code_and_see_the_same_day(two: tuple[Browser, Browser]) -> None:
    mina, jun = two
    mina.send("/ddays/start", start_date="2020-01-01")
    pages = [one.get("/ddays").text for one in two]
    assert all('value="2020-01-01"' in page for page in pages)
    assert "jun" in mina.get("/").text
    assert "mina" in jun.get("/").text


def test_a_code_is_good_for_one_person(browser: NewBrowser) -> None:
    mina, jun, third = (browser().sign_up(name) for name in ("mina", "jun", "third"))
    code = mina.code()
    assert jun.send("/pair/accept", code=code.lower().replace("-", " ")).status_code == 302
    refused = third.send("/pair/accept", code=code)
    assert refused.status_code == 200
    assert "not good" in refused.text


def test_ones_own_code_is_refused(browser: NewBrowser) -> None:
    mina = browser().sign_up("mina")
    assert "your own code" in mina.send("/pair/accept", code=mina.code()).text


def test_a_code_that_has_run_out_is_refused_and_replaced(browser: NewBrowser, database: psycopg.Connection) -> None:
    mina, jun = browser().sign_up("mina"), browser().sign_up("jun")
    old = mina.code()
    database.execute("update invite set expires_at = now() - interval '1 second'")
    assert "not good" in jun.send("/pair/accept", code=old).text
    fresh = mina.code()
    assert fresh != old
    assert mina.code() == fresh
    assert jun.send("/pair/accept", code=fresh).status_code == 302


def test_guessing_codes_is_slowed_down(browser: NewBrowser) -> None:
    jun = browser().sign_up("jun")
    answers = [jun.send("/pair/accept", code="ZZZZ-ZZZZ").status_code for _attempt in range(11)]
    assert answers == [200] * 10 + [429]


def test_of_three_who_accept_each_others_codes_at_once_two_become_a_couple(
    app: Flask, browser: NewBrowser, database: psycopg.Connection
) -> None:
    people = [browser().sign_up(name) for name in ("mina", "jun", "third")]
    codes = [one.code() for one in people]
    start = threading.Barrier(3)
    accepted: list[str | None] = []

    def accept(index: int) -> None:
        start.wait(10)
        accepted.append(people[index].send("/pair/accept", code=codes[(index + 1) % 3]).location)

    threads = [threading.Thread(target=accept, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    # One made the couple; the partner may have been sent home as one who is in a couple already, the third never is.
    assert accepted.count("/ddays") == 1
    assert accepted.count(None) + accepted.count("/") == 2
    assert database.execute("select count(*) from couple").fetchone() == (1,)
    assert database.execute("select count(*) from member").fetchone() == (2,)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("insert into couple default values", "couple_has_two_members"),
        ("delete from member where seat = 2", "couple_has_two_members"),
        ("insert into member (person_id, couple_id, seat) values (3, 1, 2)", "uq_member_couple_id_seat"),
        ("insert into member (person_id, couple_id, seat) values (3, 1, 3)", "ck_member_seat_one_or_two"),
        ("insert into member (person_id, couple_id, seat) values (1, 1, 2)", "pk_member"),
    ],
)
def test_the_database_itself_keeps_a_couple_at_two(
    two: tuple[Browser, Browser], browser: NewBrowser, database: psycopg.Connection, statement: str, constraint: str
) -> None:
    browser().sign_up("third")
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        database.execute(statement.encode())
    assert refused.value.diag.constraint_name == constraint


def test_an_invite_is_mailed_and_its_failure_does_not_matter(browser: NewBrowser) -> None:
    mina = browser().sign_up("mina")
    answer = mina.send("/pair/invite", email="jun@example.org")
    assert answer.status_code == 302
    assert "on its way" in mina.get("/pair").text
