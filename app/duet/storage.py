"""The buckets: how to reach them, presigned uploads and reads of media, reading static files."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import ClientError
from flask import Flask, current_app

from duet import aws
from duet.settings import StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOAD_SECONDS = 300
READ_SECONDS = 900
_EXTENSION = "duet.storage"


@dataclass(frozen=True)
class Storage:
    """The S3 client and the settings it was made from; threads share it."""

    settings: StorageSettings
    s3: "S3Client"


@dataclass(frozen=True)
class Upload:
    """A form that the browser sends straight to the bucket: its address and its fields, the file last."""

    url: str
    fields: dict[str, str]


@dataclass(frozen=True)
class StoredObject:
    """What the bucket says of an object: its size in bytes, its content type, its first bytes."""

    size: int
    content_type: str
    head: bytes


def make_storage(settings: StorageSettings) -> Storage:
    """The storage; nothing is connected yet. Path-style addresses where an endpoint is set, else the bucket's host."""
    config = Config(
        region_name=settings.region,
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.endpoint else "virtual"},
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=16,
    )
    s3 = aws.session().create_client("s3", region_name=settings.region, endpoint_url=settings.endpoint, config=config)
    return Storage(settings, cast("S3Client", s3))


def init_app(app: Flask, settings: StorageSettings) -> None:
    """Give the app its storage."""
    app.extensions[_EXTENSION] = make_storage(settings)


def storage() -> Storage:
    """The storage of this app."""
    made: Storage = current_app.extensions[_EXTENSION]
    return made


def media_origin(app: Flask) -> str:
    """Where the browser reaches the media bucket, as an origin for the content security policy."""
    settings = app.extensions[_EXTENSION].settings
    if settings.endpoint:
        parts = urlsplit(settings.endpoint)
        return f"{parts.scheme}://{parts.netloc}"
    return f"https://{settings.media_bucket}.s3.{settings.region}.amazonaws.com"


def presign_upload(key: str, content_type: str, size: int) -> Upload:
    """A form that uploads exactly `size` bytes of `content_type` to `key`, for some minutes.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
    """
    made = storage().s3.generate_presigned_post(
        storage().settings.media_bucket,
        key,
        Fields={"Content-Type": content_type},
        Conditions=[{"Content-Type": content_type}, ["content-length-range", size, size]],
        ExpiresIn=UPLOAD_SECONDS,
    )
    return Upload(str(made["url"]), {name: str(value) for name, value in made["fields"].items()})


def presign_read(key: str) -> str:
    """An address at which the object can be read for some minutes; its plain address answers 403."""
    return storage().s3.generate_presigned_url(
        "get_object", Params={"Bucket": storage().settings.media_bucket, "Key": key}, ExpiresIn=READ_SECONDS
    )


def inspect_media(key: str, head_bytes: int) -> StoredObject | None:
    """What lies at `key` in the media bucket, None when nothing does."""
    try:
        answer = storage().s3.get_object(
            Bucket=storage().settings.media_bucket, Key=key, Range=f"bytes=0-{head_bytes - 1}"
        )
    except ClientError as error:
        # Without leave to list the bucket, S3 says 403 for a key that is not there.
        code = error.response.get("Error", {}).get("Code")
        if code in ("NoSuchKey", "404", "403", "AccessDenied", "InvalidRange"):
            current_app.logger.warning("%s cannot be read from the media bucket: %s", key, code)
            return None
        raise
    with answer["Body"] as body:
        head = body.read()
    total = answer.get("ContentRange", "").rsplit("/", 1)[-1]
    return StoredObject(int(total) if total.isdecimal() else len(head), answer.get("ContentType", ""), head)


def delete_media(key: str) -> None:
    """Remove an object of the media bucket; one that is gone is no error."""
    storage().s3.delete_object(Bucket=storage().settings.media_bucket, Key=key)
