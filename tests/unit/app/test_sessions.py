"""Sessions in Redis: how they are named, how long they live, and that they end."""

from datetime import timedelta

import psycopg
import pytest
import redis
from duet import clock, sessions
from duet.dday import service as days

from tests.unit.app.conftest import ORIGIN, PASSWORD, Browser, NewBrowser


def name_of(one: Browser) -> str:
    """The random name of the session that a browser holds."""
    cookie = one.client.get_cookie(sessions.COOKIE, "duet.localhost")
    assert cookie is not None
    return cookie.value


def stored(store: redis.Redis) -> list[str]:
    """The keys of all sessions."""
    return sorted(str(key) for key in store.scan_iter("session:*"))


def test_the_cookie_tells_nothing_and_goes_nowhere_else(browser: NewBrowser) -> None:
    header = browser().get("/log-in").headers["Set-Cookie"]
    assert header.startswith("__Host-duet=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in header
    assert "Domain" not in header


def test_logging_in_changes_the_name(browser: NewBrowser, store: redis.Redis) -> None:
    browser().sign_up("mina")
    store.flushall()
    one = browser()
    one.get("/log-in")
    before, keys = name_of(one), stored(store)
    one.send("/log-in", email="mina@example.org", password=PASSWORD)
    assert name_of(one) != before
    assert len(stored(store)) == 1
    assert not set(stored(store)) & set(keys)


def test_a_name_that_was_made_up_is_not_taken(browser: NewBrowser, store: redis.Redis) -> None:
    one = browser()
    one.client.set_cookie(sessions.COOKIE, "made-up", domain="duet.localhost", secure=True)
    one.sign_up("mina")
    assert name_of(one) != "made-up"


def test_who_reads_the_cache_cannot_become_somebody(browser: NewBrowser, store: redis.Redis) -> None:
    mina = browser().sign_up("mina")
    name = name_of(mina)
    for key in store.scan_iter("*"):
        assert name not in key
        assert store.type(key) != "string" or name not in str(store.get(key))


def test_a_stranger_is_forgotten_in_hours_and_a_person_in_weeks(browser: NewBrowser, store: redis.Redis) -> None:
    one = browser()
    one.get("/log-in")
    assert 0 < store.ttl(stored(store)[0]) <= sessions.STRANGER_SECONDS
    one.sign_up("mina")
    assert sessions.STRANGER_SECONDS < store.ttl(stored(store)[0]) <= sessions.LIFETIME_SECONDS


def test_who_comes_back_stays_logged_in(
    browser: NewBrowser, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    mina = browser().sign_up("mina")
    mina.get("/pair")
    key = stored(store)[0]
    store.expire(key, 60)
    assert "Set-Cookie" not in mina.get("/pair").headers
    assert store.ttl(key) <= 60
    tomorrow = clock.today() + timedelta(days=1)
    monkeypatch.setattr(clock, "today", lambda: tomorrow)
    assert f"Max-Age={sessions.LIFETIME_SECONDS}" in mina.get("/pair").headers["Set-Cookie"]
    assert store.ttl(key) > 60


def test_a_session_that_ended_meanwhile_does_not_come_back(
    two: tuple[Browser, Browser], store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    mina, _jun = two

    def while_logging_out(_couple_id: int, _dday_id: int) -> bool:
        store.delete(*stored(store))
        return True

    token = mina.token()
    monkeypatch.setattr(days, "remove", while_logging_out)
    answer = mina.client.post(
        "/ddays/1/remove", data={"csrf_token": token}, base_url=ORIGIN, headers={"Referer": ORIGIN}
    )
    assert answer.status_code == 302
    assert stored(store) == []


def test_static_files_and_health_know_nobody(browser: NewBrowser, store: redis.Redis) -> None:
    one = browser()
    for path in ("/healthz", "/readyz", "/static/none.000000000000.css"):
        assert "Set-Cookie" not in one.get(path).headers or path.startswith("/static")
    assert one.get("/healthz").headers.get("Set-Cookie") is None


def test_a_person_who_is_gone_is_a_stranger(browser: NewBrowser, database: psycopg.Connection) -> None:
    mina = browser().sign_up("mina")
    database.execute("delete from person")
    assert mina.get("/pair").location == "/log-in"
