"""Health: the process on one hand, what it depends on on the other."""

import pytest
import redis
import sqlalchemy as sa
from duet.database import make_engine
from duet.settings import from_environment
from psycopg.errors import ReadOnlySqlTransaction

from tests.unit.app.conftest import Browser, MakeApp, NewBrowser
from tests.unit.app.engines import Servers, free_port


def test_all_is_well(browser: NewBrowser) -> None:
    one = browser()
    assert one.get("/healthz").get_json() == {"status": "ok"}
    assert one.get("/readyz").get_json() == {"database": "ok", "cache": "ok"}


def test_without_the_cache_the_process_is_alive_and_says_what_is_missing(make_app: MakeApp) -> None:
    one = Browser(make_app(REDIS_PORT=str(free_port())).test_client())
    assert one.get("/healthz").status_code == 200
    ready = one.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json() == {"database": "ok", "cache": "failed: ConnectionError"}
    page = one.get("/log-in")
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "5"
    assert "catching its breath" in page.text


def test_without_the_database_likewise(make_app: MakeApp) -> None:
    one = Browser(make_app(DATABASE_PORT=str(free_port())).test_client())
    assert one.get("/healthz").status_code == 200
    ready = one.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json() == {"database": "failed: OperationalError", "cache": "ok"}
    page = one.send("/sign-up", name="mina", email="mina@example.org", password="a short sentence")
    assert page.status_code == 503


def test_a_wrong_token_for_the_cache_is_noticed(make_app: MakeApp, store: redis.Redis) -> None:
    one = Browser(make_app(REDIS_AUTH_TOKEN="wrong").test_client())
    assert one.get("/readyz").get_json()["cache"] == "failed: AuthenticationError"


def test_a_connection_whose_node_only_reads_is_let_go(servers: Servers) -> None:
    engine = make_engine(from_environment(servers.environment).database)
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("set transaction read only"))
            with pytest.raises(sa.exc.DBAPIError) as refused:
                connection.execute(sa.text("create table never (id int)"))
        assert isinstance(refused.value.orig, ReadOnlySqlTransaction)
        assert refused.value.connection_invalidated
        with engine.connect() as connection:
            assert connection.scalar(sa.text("select 1")) == 1
    finally:
        engine.dispose()
