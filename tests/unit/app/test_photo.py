"""The photo: a presigned form that takes exactly one thing, and what is believed of an upload."""

import base64
import json
import re

import psycopg
import pytest
from botocore.exceptions import EndpointConnectionError
from duet import storage
from duet.photo import service
from flask import Flask
from mypy_boto3_s3 import S3Client

from tests.unit.app.conftest import MEDIA, Browser

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
WEBP = b"RIFF\x10\0\0\0WEBPVP8 " + bytes(60)


def begin(one: Browser, content_type: str = "image/jpeg", size: int = len(JPEG)) -> dict[str, object]:
    """Ask to upload; what the page's script is told."""
    answer = one.say("/photo/begin", content_type=content_type, size=size)
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.get_json()
    return told


def put(s3: S3Client, key: object, body: bytes, content_type: str = "image/jpeg") -> None:
    """Lay the object into the bucket, as the browser's upload would."""
    s3.put_object(Bucket=MEDIA, Key=str(key), Body=body, ContentType=content_type)


def keys(s3: S3Client) -> list[str]:
    """What lies in the bucket."""
    listing = s3.list_objects_v2(Bucket=MEDIA)
    return [entry["Key"] for entry in listing.get("Contents", [])]


def upload(s3: S3Client, one: Browser, body: bytes = JPEG, content_type: str = "image/jpeg") -> str:
    """Upload and confirm a photo; its key."""
    key = begin(one, content_type, len(body))["key"]
    put(s3, key, body, content_type)
    answer = one.say("/photo/confirm", key=key)
    assert answer.status_code == 200, answer.text
    return str(key)


def test_the_form_takes_exactly_what_was_announced(two: tuple[Browser, Browser]) -> None:
    begun = begin(two[0], "image/png", 12345)
    fields = begun["fields"]
    assert isinstance(fields, dict)
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert {"bucket": MEDIA} in policy["conditions"]
    assert {"key": begun["key"]} in policy["conditions"]
    assert {"Content-Type": "image/png"} in policy["conditions"]
    assert ["content-length-range", 12345, 12345] in policy["conditions"]
    assert fields["Content-Type"] == "image/png"
    assert re.fullmatch(r"photos/1/[0-9a-f]{32}\.png", str(begun["key"]))


@pytest.mark.parametrize(("body", "kind"), [(JPEG, "image/jpeg"), (PNG, "image/png"), (WEBP, "image/webp")])
def test_both_see_the_photo(s3: S3Client, two: tuple[Browser, Browser], body: bytes, kind: str) -> None:
    mina, _jun = two
    key = upload(s3, mina, body, kind)
    for one in two:
        found = re.search(r'<img src="([^"]+)" alt="Photo of', one.get("/").text)
        assert found
        assert key in found[1]
        assert "X-Amz-Signature=" in found[1]


def test_the_address_stays_the_same_for_a_while(s3: S3Client, two: tuple[Browser, Browser]) -> None:
    upload(s3, two[0])
    pages = [re.search(r"X-Amz-Signature=\w+", one.get("/").text) for one in two]
    assert pages[0] is not None
    assert pages[1] is not None
    assert pages[0][0] == pages[1][0]


def test_the_photo_before_is_removed_and_confirming_twice_changes_nothing(
    s3: S3Client, two: tuple[Browser, Browser]
) -> None:
    mina, jun = two
    first = upload(s3, mina)
    second = upload(s3, jun, PNG, "image/png")
    assert keys(s3) == [second]
    assert jun.say("/photo/confirm", key=second).status_code == 200
    assert keys(s3) == [second]
    assert mina.say("/photo/confirm", key=first).status_code == 422


@pytest.mark.parametrize(
    ("content_type", "size", "said"),
    [
        ("image/svg+xml", 100, "JPEG, PNG or WebP"),
        ("text/html", 100, "JPEG, PNG or WebP"),
        ("image/jpeg", 0, "at most 10 MB"),
        ("image/jpeg", service.MOST_BYTES + 1, "at most 10 MB"),
    ],
)
def test_what_may_not_be_uploaded(two: tuple[Browser, Browser], content_type: str, size: int, said: str) -> None:
    answer = two[0].say("/photo/begin", content_type=content_type, size=size)
    assert answer.status_code == 422
    assert said in answer.get_json()["error"]


@pytest.mark.parametrize("sent", [{}, {"size": "12"}, {"size": True, "content_type": "image/jpeg"}])
def test_nonsense_is_refused(two: tuple[Browser, Browser], sent: dict[str, object]) -> None:
    assert two[0].say("/photo/begin", **sent).status_code == 400


@pytest.mark.parametrize(
    ("body", "kind"), [(b"<svg onload=alert(1)>", "image/jpeg"), (PNG, "image/jpeg"), (JPEG, "text/html")]
)
def test_what_is_no_photo_is_refused_and_removed(
    s3: S3Client, two: tuple[Browser, Browser], body: bytes, kind: str
) -> None:
    key = begin(two[0])["key"]
    put(s3, key, body, kind)
    assert two[0].say("/photo/confirm", key=key).status_code == 422
    assert keys(s3) == []


def test_what_never_arrived_is_not_shown(two: tuple[Browser, Browser]) -> None:
    key = begin(two[0])["key"]
    answer = two[0].say("/photo/confirm", key=key)
    assert answer.status_code == 422
    assert "did not arrive" in answer.get_json()["error"]
    assert "<img src=" not in two[0].get("/").text.split("<main", 1)[1]


@pytest.mark.parametrize("key", ["photos/2/" + "0" * 32 + ".jpg", "photos/1/../2/x.jpg", "releases.json", "", 7])
def test_a_key_of_others_is_refused(two: tuple[Browser, Browser], key: object) -> None:
    answer = two[0].say("/photo/confirm", key=key)
    assert answer.status_code == 422
    assert "not yours" in answer.get_json()["error"]


def test_a_couple_uploads_only_so_often(two: tuple[Browser, Browser]) -> None:
    for index in range(service.UPLOADS.attempts):
        begin(two[index % 2])
    assert two[0].say("/photo/begin", content_type="image/jpeg", size=10).status_code == 429


def test_a_bucket_that_does_not_answer_is_no_mistake_of_ours(
    app: Flask, two: tuple[Browser, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = begin(two[0])["key"]

    def unreachable(**_arguments: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://bucket")

    with app.app_context():
        monkeypatch.setattr(storage.storage().s3, "get_object", unreachable)
    answer = two[0].say("/photo/confirm", key=key)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"


def test_the_database_takes_no_key_of_another_couple(
    two: tuple[Browser, Browser], database: psycopg.Connection
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        database.execute(
            "insert into photo (couple_id, person_id, key, content_type, size) "
            "values (1, 1, 'photos/2/x', 'image/png', 1)"
        )
