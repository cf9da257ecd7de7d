"""Publishes the app's static files under their hashed names before the tasks that ask for them run.

Those of the last two releases that went into service stay, so that no page meets a missing file; older ones go.
"""

import json
import mimetypes
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from botocore.exceptions import ClientError

from infra.deploy.aws import Aws
from infra.deploy.programs import run
from infra.errors import DeployError

_PREFIX = "static/"
_RECORD = "releases.json"
_KEPT = 2
_FOREVER = "public, max-age=31536000, immutable"
_UPLOADS_AT_ONCE = 8


class Release(TypedDict):
    """A release that went into service: the tag of its image, the keys of its files."""

    tag: str
    keys: list[str]


@dataclass(frozen=True, slots=True)
class Published:
    """What was published for a release."""

    release: Release
    uploaded: int


def publish(aws: Aws, *, root: Path, bucket: str, tag: str) -> Published:
    """Upload the static files of the release `tag` that are missing. Nothing is built when it is in service already."""
    records = releases(aws, bucket)
    if records and records[0]["tag"] == tag:
        return Published(release=records[0], uploaded=0)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        run(
            aws,
            [sys.executable, "-m", "duet.static", "build", str(folder)],
            what="building the static files",
            directory=root,
            environment={"PYTHONPATH": str(root / "app")},
        )
        files = {
            f"{_PREFIX}{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if path.is_file()
        }
        if not files:
            raise DeployError("the app built no static files")
        # The manifest's name is the same in each release; the app carries its own inside the image.
        files.pop(f"{_PREFIX}manifest.json", None)
        uploaded = _upload(aws, bucket, files)
    return Published(release=Release(tag=tag, keys=sorted(files)), uploaded=uploaded)


def in_service(aws: Aws, *, bucket: str, published: Published) -> int:
    """Record that the release is in service, and remove the files that no kept release names; return how many."""
    records = releases(aws, bucket)
    kept = keep(records, published.release)
    if kept == records:
        return 0
    aws.s3.put_object(
        Bucket=bucket,
        Key=_RECORD,
        Body=json.dumps(kept).encode(),
        ContentType="application/json",
        CacheControl="no-store",
    )
    wanted = {key for release in kept for key in release["keys"]}
    gone = sorted(_present(aws, bucket) - wanted)
    for key in gone:
        aws.s3.delete_object(Bucket=bucket, Key=key)
    return len(gone)


def keep(records: list[Release], release: Release) -> list[Release]:
    """The releases whose files stay once `release` is in service, newest first."""
    return [release, *(each for each in records if each["tag"] != release["tag"])][:_KEPT]


def releases(aws: Aws, bucket: str) -> list[Release]:
    """The releases on record, newest first."""
    try:
        body = aws.s3.get_object(Bucket=bucket, Key=_RECORD)["Body"].read()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
            return []
        raise DeployError(f"the static bucket {bucket} cannot be read: {error}") from error
    found: list[Release] = json.loads(body)
    return found


def _upload(aws: Aws, bucket: str, files: Mapping[str, Path]) -> int:
    missing = sorted(files.keys() - _present(aws, bucket))

    def put(key: str) -> None:
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        aws.s3.put_object(Bucket=bucket, Key=key, Body=files[key].read_bytes(), ContentType=kind, CacheControl=_FOREVER)

    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        for _ in pool.map(put, missing):
            aws.check()
    return len(missing)


def _present(aws: Aws, bucket: str) -> set[str]:
    pages = aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=_PREFIX)
    return {entry["Key"] for page in pages for entry in page.get("Contents", [])}
