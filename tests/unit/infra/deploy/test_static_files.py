"""Static files: there before the tasks that ask for them, and kept for the last two releases in service."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.deploy import static_files
from infra.deploy.aws import Aws
from infra.deploy.static_files import Release, in_service, keep, publish, releases
from infra.errors import DeployError

BUCKET = "static"


@pytest.fixture
def bucket(aws: Aws) -> str:
    """The static bucket."""
    aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    return BUCKET


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the app builds; a test changes it between releases."""
    built = {"style.1.css": "body{}", "js/photo.1.js": "1", "manifest.json": "{}"}

    def build(_: Aws, command: Sequence[str], **__: object) -> str:
        for name, content in built.items():
            path = Path(command[-1], name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return ""

    monkeypatch.setattr(static_files, "run", build)
    return built


def _keys(aws: Aws, bucket: str) -> set[str]:
    return {entry["Key"] for entry in aws.s3.list_objects_v2(Bucket=bucket).get("Contents", [])}


def _release(aws: Aws, bucket: str, tag: str, files: dict[str, str], *names: str) -> None:
    files.clear()
    files.update(dict.fromkeys(names, "content"))
    in_service(aws, bucket=bucket, published=publish(aws, root=Path(), bucket=bucket, tag=tag))


def test_files_are_published_for_ever_and_with_their_type(aws: Aws, bucket: str, files: dict[str, str]) -> None:
    published = publish(aws, root=Path(), bucket=bucket, tag="one")
    assert published.uploaded == 2
    assert published.release == Release(tag="one", keys=["static/js/photo.1.js", "static/style.1.css"])
    assert _keys(aws, bucket) == {"static/js/photo.1.js", "static/style.1.css"}, "the manifest travels in the image"
    style = aws.s3.head_object(Bucket=bucket, Key="static/style.1.css")
    assert style["ContentType"] == "text/css"
    assert style["CacheControl"] == "public, max-age=31536000, immutable"


def test_what_is_there_is_not_uploaded_again(aws: Aws, bucket: str, files: dict[str, str]) -> None:
    publish(aws, root=Path(), bucket=bucket, tag="one")
    files["new.css"] = "a{}"
    assert publish(aws, root=Path(), bucket=bucket, tag="two").uploaded == 1


def test_a_release_in_service_is_not_built_again(
    aws: Aws, bucket: str, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _release(aws, bucket, "one", files, "a.css")
    monkeypatch.setattr(static_files, "run", None)
    published = publish(aws, root=Path(), bucket=bucket, tag="one")
    assert (published.uploaded, published.release["keys"]) == (0, ["static/a.css"])
    assert in_service(aws, bucket=bucket, published=published) == 0


def test_files_of_the_last_two_releases_stay(aws: Aws, bucket: str, files: dict[str, str]) -> None:
    _release(aws, bucket, "one", files, "1.css", "shared.css")
    _release(aws, bucket, "two", files, "2.css", "shared.css")
    assert _keys(aws, bucket) >= {"static/1.css", "static/2.css", "static/shared.css"}
    _release(aws, bucket, "three", files, "3.css", "shared.css")
    assert _keys(aws, bucket) == {"static/2.css", "static/3.css", "static/shared.css", "releases.json"}
    assert [release["tag"] for release in releases(aws, bucket)] == ["three", "two"]


def test_a_release_that_never_went_into_service_pushes_none_out(aws: Aws, bucket: str, files: dict[str, str]) -> None:
    _release(aws, bucket, "one", files, "1.css")
    _release(aws, bucket, "two", files, "2.css")
    files["failed.css"] = ""
    publish(aws, root=Path(), bucket=bucket, tag="failed")
    assert _keys(aws, bucket) >= {"static/1.css", "static/2.css", "static/failed.css"}
    _release(aws, bucket, "three", files, "3.css")
    assert _keys(aws, bucket) == {"static/2.css", "static/3.css", "releases.json"}


def test_a_rollback_changes_the_order_and_removes_nothing(aws: Aws, bucket: str, files: dict[str, str]) -> None:
    _release(aws, bucket, "one", files, "1.css")
    _release(aws, bucket, "two", files, "2.css")
    _release(aws, bucket, "one", files, "1.css")
    assert [release["tag"] for release in releases(aws, bucket)] == ["one", "two"]
    assert _keys(aws, bucket) == {"static/1.css", "static/2.css", "releases.json"}


@pytest.mark.parametrize(
    ("records", "tag", "kept"),
    [([], "a", ["a"]), (["a"], "b", ["b", "a"]), (["b", "a"], "c", ["c", "b"]), (["b", "a"], "a", ["a", "b"])],
)
def test_which_releases_are_kept(records: list[str], tag: str, kept: list[str]) -> None:
    found = keep([Release(tag=each, keys=[]) for each in records], Release(tag=tag, keys=[]))
    assert [release["tag"] for release in found] == kept


def test_an_app_without_files_and_a_bucket_that_is_not_there_are_named(
    aws: Aws, bucket: str, files: dict[str, str]
) -> None:
    files.clear()
    with pytest.raises(DeployError, match="the app built no static files"):
        publish(aws, root=Path(), bucket=bucket, tag="one")
    with pytest.raises(DeployError, match=r"the static bucket ghost cannot be read: .*NoSuchBucket"):
        releases(aws, "ghost")
