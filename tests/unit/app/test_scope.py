"""Every row belongs to one couple: another reaches none of it, a stranger and who is alone nothing."""

import psycopg
import pytest
from mypy_boto3_s3 import S3Client

from tests.unit.app.conftest import Browser, NewBrowser
from tests.unit.app.test_photo import begin, put, upload


@pytest.fixture
def others(browser: NewBrowser) -> tuple[Browser, Browser]:
    """Another couple."""
    hana, min_ = browser().sign_up("hana"), browser().sign_up("min")
    assert min_.send("/pair/accept", code=hana.code()).status_code == 302
    return hana, min_


def test_another_couple_sees_and_removes_nothing(
    s3: S3Client, two: tuple[Browser, Browser], others: tuple[Browser, Browser], database: psycopg.Connection
) -> None:
    two[0].send("/ddays", title="secret day", day="2099-05-05")
    two[0].send("/ddays/start", start_date="2019-09-09")
    two[0].send("/mood", feeling="happy", note="secret note")
    key = upload(s3, two[0])
    for one in others:
        for path in ("/", "/ddays"):
            page = one.get(path).text
            assert not [word for word in ("secret", "mina", "2019", key) if word in page]
        assert one.send("/ddays/1/remove").status_code == 404
        assert one.say("/photo/confirm", key=key).status_code == 422
    others[0].send("/ddays/start", start_date="2024-01-01")
    others[0].send("/mood", feeling="sad", note="")
    rows = database.execute("select start_date::text from couple order by id").fetchall()
    assert rows == [("2019-09-09",), ("2024-01-01",)]
    assert database.execute("select couple_id, feeling from mood order by 1").fetchall() == [(1, "happy"), (2, "sad")]


def test_an_upload_begun_by_another_couple_cannot_be_confirmed(
    s3: S3Client, two: tuple[Browser, Browser], others: tuple[Browser, Browser]
) -> None:
    key = begin(two[0])["key"]
    put(s3, key, b"\xff\xd8\xff\xe0")
    assert others[0].say("/photo/confirm", key=key).status_code == 422
    assert two[1].say("/photo/confirm", key=key).status_code == 200


POSTS = ["/mood", "/ddays", "/ddays/start", "/ddays/1/remove"]


@pytest.mark.parametrize("path", POSTS)
def test_strangers_and_those_alone_write_nothing(browser: NewBrowser, path: str) -> None:
    assert browser().send(path, title="x", day="2099-01-01").location == "/log-in"
    assert browser().sign_up("third").send(path, title="x", day="2099-01-01").location == "/pair"


@pytest.mark.parametrize("path", ["/photo/begin", "/photo/confirm"])
def test_strangers_and_those_alone_upload_nothing(browser: NewBrowser, path: str) -> None:
    assert browser().say(path, content_type="image/jpeg", size=1).status_code == 403
    assert browser().sign_up("third").say(path, content_type="image/jpeg", size=1).status_code == 403


def test_a_couple_pairs_with_nobody_else(two: tuple[Browser, Browser], browser: NewBrowser) -> None:
    third = browser().sign_up("third")
    code = third.code()
    assert two[0].send("/pair/accept", code=code).location == "/"
    assert two[0].send("/pair/invite").location == "/"
    assert two[0].get("/pair").location == "/"
