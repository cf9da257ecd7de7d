"""Signing up, logging in and out, and the language that follows a person."""

import psycopg
import pytest
from duet.accounts import service as accounts

from tests.unit.app.conftest import PASSWORD, REAL_HASHER, Browser, MakeApp, NewBrowser


def test_only_a_hash_of_the_password_is_kept(
    browser: NewBrowser, database: psycopg.Connection, real_passwords: None
) -> None:
    browser().send("/sign-up", name="Mina", email=" Mina@Example.ORG ", password=PASSWORD)
    row = database.execute("select email, password_hash from person").fetchone()
    assert row is not None
    assert row[0] == "mina@example.org"
    assert row[1].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", " \0 ", "Please tell us your name."),
        ("name", "x" * 41, "At most 40 characters."),
        ("email", "nobody", "This is not an email address."),
        ("email", "민아@example.org", "This is not an email address."),
        ("password", "too short", "Between 10 and 128 characters."),
        ("password", "x" * 129, "Between 10 and 128 characters."),
    ],
)
def test_what_makes_no_account(
    browser: NewBrowser, database: psycopg.Connection, field: str, value: str, said: str
) -> None:
    fields = {"name": "mina", "email": "mina@example.org", "password": PASSWORD} | {field: value}
    answer = browser().send("/sign-up", **fields)
    assert answer.status_code == 200
    assert said in answer.text
    assert f'aria-describedby="{field}-error' in answer.text
    assert database.execute("select count(*) from person").fetchone() == (0,)


def test_one_account_to_an_address(browser: NewBrowser) -> None:
    browser().sign_up("mina")
    again = browser().send("/sign-up", name="other", email="MINA@example.org", password=PASSWORD)
    assert "There is an account with this email already." in again.text


def test_coming_back(browser: NewBrowser) -> None:
    browser().sign_up("mina")
    other_device = browser()
    answer = other_device.send("/log-in", email="Mina@example.org", password=PASSWORD)
    assert (answer.status_code, answer.location) == (302, "/")
    assert "mina" in other_device.get("/pair").text
    assert other_device.get("/log-in").location == "/"
    assert other_device.get("/sign-up").location == "/"


def test_a_hash_of_other_parameters_is_made_anew(
    browser: NewBrowser, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser().sign_up("mina")
    monkeypatch.setattr(accounts, "_HASHER", REAL_HASHER)
    assert browser().send("/log-in", email="mina@example.org", password=PASSWORD).status_code == 302
    row = database.execute("select password_hash from person").fetchone()
    assert row is not None
    assert row[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_wrong_password_and_an_unknown_person_look_the_same(browser: NewBrowser) -> None:
    browser().sign_up("mina")
    answers = [
        browser().send("/log-in", email=email, password="not the password")
        for email in ("mina@example.org", "nobody@example.org")
    ]
    assert all("Email or password is wrong." in answer.text for answer in answers)
    assert len({answer.status_code for answer in answers}) == 1


def test_guessing_a_password_is_slowed_down_and_success_forgives(browser: NewBrowser) -> None:
    browser().sign_up("mina")
    one = browser()

    def attempt(password: str) -> int:
        return one.send("/log-in", email="mina@example.org", password=password).status_code

    assert [attempt("wrong password") for _ in range(4)] == [200] * 4
    assert attempt(PASSWORD) == 302
    one.send("/log-out")
    assert [attempt("wrong password") for _ in range(5)] == [200] * 5
    refused = one.send("/log-in", email="mina@example.org", password=PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 900


def test_one_address_signs_up_and_logs_in_only_so_often(make_app: MakeApp) -> None:
    app = make_app(ATTEMPTS_PER_ADDRESS="2")
    people = [
        Browser(app.test_client()).send("/sign-up", name=name, email=f"{name}@example.org", password=PASSWORD)
        for name in ("a", "b", "c")
    ]
    assert [one.status_code for one in people] == [302, 302, 429]
    attempts = [
        Browser(app.test_client()).send("/log-in", email=f"{name}@example.org", password=PASSWORD)
        for name in ("a", "b", "a")
    ]
    assert [one.status_code for one in attempts] == [302, 302, 429]


def test_logging_out_ends_the_session_for_whoever_kept_its_cookie(browser: NewBrowser) -> None:
    mina, thief = browser().sign_up("mina"), browser()
    cookie = mina.client.get_cookie("__Host-duet", "duet.localhost")
    assert cookie is not None
    mina.send("/log-out")
    thief.client.set_cookie("__Host-duet", cookie.value, domain="duet.localhost", secure=True)
    assert thief.get("/pair").location == "/log-in"


def test_the_language_follows_a_person_to_another_device(browser: NewBrowser) -> None:
    mina, phone = browser().sign_up("mina"), browser()
    mina.send("/language", language="ko", back="/")
    assert 'lang="ko"' in mina.get("/pair").text
    phone.send("/log-in", email="mina@example.org", password=PASSWORD)
    assert 'lang="ko"' in phone.get("/pair").text


@pytest.mark.parametrize(
    ("back", "leads_to"),
    [
        ("/ddays", "/ddays"),
        ("/", "/"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/%09/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_after_choosing_a_language_one_stays_in_the_app(browser: NewBrowser, back: str, leads_to: str) -> None:
    assert browser().send("/language", language="ko", back=back).location == leads_to


def test_an_unknown_language_is_refused(browser: NewBrowser) -> None:
    assert browser().send("/language", language="tlh", back="/").status_code == 400
