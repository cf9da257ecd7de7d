"""Headers, the check of every form's origin, and static files."""

import pytest
from botocore.exceptions import EndpointConnectionError
from duet import assets, storage
from duet.accounts import service as accounts
from flask import Flask
from flask.testing import FlaskClient
from mypy_boto3_s3 import S3Client

from tests.unit.app.conftest import ORIGIN, STATIC, Browser, MakeApp, NewBrowser
from tests.unit.app.test_photo import begin

STYLE = assets.hashed_names()["style.css"]


@pytest.mark.parametrize("path", ["/", "/log-in", "/nowhere", "/healthz", f"/static/{STYLE}"])
def test_every_answer_tells_the_browser_what_a_page_may_do(browser: NewBrowser, path: str) -> None:
    headers = browser().get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_pages_are_kept_nowhere(two: tuple[Browser, Browser]) -> None:
    assert two[0].get("/").headers["Cache-Control"] == "no-store"


def test_pages_have_nothing_inline(two: tuple[Browser, Browser]) -> None:
    for path in ("/", "/ddays"):
        page = two[0].get(path).text
        assert " style=" not in page
        assert " onclick=" not in page
        assert "<style" not in page
        assert page.count("<script") == page.count("<script src=")


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:4566"])
def test_the_policy_lets_photos_through_to_where_they_are_sent(make_app: MakeApp, endpoint: str) -> None:
    app = make_app(**({"AWS_ENDPOINT_URL": endpoint} if endpoint else {}))
    with app.app_context():
        upload, read = storage.presign_upload("photos/1/x", "image/png", 1), storage.presign_read("photos/1/x")
    policy = dict(
        part.split(" ", 1) for part in app.test_client().get("/healthz").headers["Content-Security-Policy"].split("; ")
    )
    origin = policy["img-src"].removeprefix("'self' ")
    assert upload.url.startswith(origin + "/")
    assert read.startswith(origin + "/")
    assert policy["connect-src"] == f"'self' {origin}"


def post(client: FlaskClient, referer: str | None, **fields: str) -> int:
    headers = {"Referer": referer} if referer else {}
    return client.post("/log-in", data=fields, base_url=ORIGIN, headers=headers).status_code


def test_a_form_of_another_site_is_refused(browser: NewBrowser) -> None:
    one = browser()
    token = one.token()
    assert post(one.client, f"{ORIGIN}/log-in") == 400
    assert post(one.client, f"{ORIGIN}/log-in", csrf_token="wrong") == 400
    assert post(one.client, "https://evil.example/", csrf_token=token) == 400
    assert post(one.client, None, csrf_token=token) == 400
    assert post(browser().client, f"{ORIGIN}/log-in", csrf_token=token) == 400
    assert post(one.client, f"{ORIGIN}/log-in", csrf_token=token) == 200


def test_a_script_of_another_site_is_refused(two: tuple[Browser, Browser]) -> None:
    begin(two[0])
    answer = two[0].client.post("/photo/begin", json={"content_type": "image/png", "size": 1}, base_url=ORIGIN)
    assert answer.status_code == 400


def test_nobodys_hash_is_checked_as_slowly_as_anybodys(real_passwords: None) -> None:
    assert not accounts._HASHER.check_needs_rehash(accounts._NOBODY)


def test_a_form_that_is_too_large_is_refused(browser: NewBrowser) -> None:
    assert browser().send("/sign-up", name="x" * 70_000).status_code == 413


def test_what_went_wrong_on_our_side_is_not_told(make_app: MakeApp) -> None:
    def failing() -> str:
        raise KeyError("secret detail")

    app = make_app()
    app.add_url_rule("/broken", "broken", failing)
    answer = Browser(app.test_client()).get("/broken")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text


def test_static_files_are_kept_for_good(browser: NewBrowser) -> None:
    one = browser()
    answer = one.get(f"/static/{STYLE}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "Set-Cookie" not in answer.headers
    assert one.get(f"/static/{STYLE}", headers={"If-None-Match": f'"{STYLE}"'}).status_code == 304


@pytest.mark.parametrize("name", ["style.css", "style.0123456789ab.css", "..%2fsettings.py", "manifest.json"])
def test_what_is_no_static_file(browser: NewBrowser, name: str) -> None:
    assert browser().get(f"/static/{name}").status_code == 404


def test_static_files_of_this_and_older_releases_come_from_the_bucket(make_app: MakeApp, s3: S3Client) -> None:
    for name, body in ((STYLE, b"of the bucket"), ("style.0123456789ab.css", b"of an older release")):
        s3.put_object(Bucket=STATIC, Key=f"static/{name}", Body=body)
    one = Browser(make_app(STATIC_BUCKET=STATIC).test_client())
    assert one.get(f"/static/{STYLE}").data == b"of the bucket"
    assert one.get("/static/style.0123456789ab.css").data == b"of an older release"
    assert one.get("/static/style.ba9876543210.css").status_code == 404


def test_a_large_file_of_the_bucket_is_passed_on_in_parts(make_app: MakeApp, s3: S3Client) -> None:
    body = b"x" * (assets.KEEP_BYTES + 1)
    s3.put_object(Bucket=STATIC, Key="static/film.0123456789ab.svg", Body=body)
    answer = Browser(make_app(STATIC_BUCKET=STATIC).test_client()).get("/static/film.0123456789ab.svg")
    assert answer.data == body
    assert answer.content_type == "image/svg+xml"


def test_pages_keep_their_looks_when_the_bucket_does_not_answer(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Flask = make_app(STATIC_BUCKET=STATIC)

    def unreachable(**_arguments: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://bucket")

    with app.app_context():
        monkeypatch.setattr(storage.storage().s3, "get_object", unreachable)
    one = Browser(app.test_client())
    assert one.get(f"/static/{STYLE}").data == (assets.DIRECTORY / "style.css").read_bytes()
    assert one.get("/static/style.0123456789ab.css").status_code == 503
