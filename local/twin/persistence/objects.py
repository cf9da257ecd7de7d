"""Every S3 object lies on disk before its request is answered: an acknowledged photo outlives any crash.

`.twin/s3/BUCKET/HASH-OF-KEY/VERSION.meta` and `.data`. What is on disk is what a bucket of that name holds, after a
restart and when a deployment makes the bucket again.
"""

import hashlib
import logging
import os
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from localstack.services.plugins import SERVICE_PLUGINS
from localstack.services.s3.models import KeyStore, S3DeleteMarker, VersionedKeyStore, s3_stores

from twin.core.atomic import write_atomic
from twin.core.world import world
from twin.persistence import pickling

LOG = logging.getLogger(__name__)

_ONE_KEY = {"PutObject", "PostObject", "CompleteMultipartUpload", "CopyObject", "DeleteObject"}
_CHUNK = 1 << 20


def note(_chain: Any, context: Any, response: Any) -> None:
    """A handler of every response: write down what an S3 request has changed.

    What cannot be written is not acknowledged: the caller gets S3's InternalError instead of its answer.
    """
    try:
        _note(context, response)
    except OSError as error:
        LOG.error("an object could not be written down: %s", error)
        text = f"The object could not be written to disk: {error.strerror or error}"
        response.status_code = 500
        response.set_response(f"<Error><Code>InternalError</Code><Message>{escape(text)}</Message></Error>".encode())
        response.headers["Content-Type"] = "application/xml"


def _note(context: Any, response: Any) -> None:
    if getattr(context, "service", None) is None or context.service.service_name != "s3" or context.operation is None:
        return
    name = context.operation.name
    if response is None or response.status_code >= 300:  # noqa: PLR2004 - HTTP: nothing was changed
        return
    request = context.service_request or {}
    bucket = str(request.get("Bucket"))
    if name in _ONE_KEY:
        key = request.get("Key") or (getattr(context, "service_response", None) or {}).get("Key")
        keep(bucket, {key} if key else None)
    elif name == "DeleteObjects":
        keep(bucket, {one["Key"] for one in request.get("Delete", {}).get("Objects", [])})
    elif name == "DeleteBucket":
        shutil.rmtree(_folder(bucket), ignore_errors=True)
    elif name in ("CreateBucket", "PutBucketVersioning"):
        load(bucket)


def keep(bucket_name: str, keys: set[str] | None) -> None:
    """Bring the disk to what the bucket holds under these keys, None for all of them."""
    bucket = _bucket(bucket_name)
    if bucket is None:
        return
    held: dict[str, list[Any]] = {}
    for one in _versions(bucket):
        held.setdefault(one.key, []).append(one)
    for key in keys if keys is not None else set(held):
        folder = _folder(bucket_name) / hashlib.sha256(key.encode()).hexdigest()[:40]
        wanted = {_name(one): one for one in held.get(key, [])}
        for name, one in wanted.items():
            if not (folder / f"{name}.meta").exists():
                _write(folder, name, bucket_name, one)
        for meta in folder.glob("*.meta"):
            if meta.stem not in wanted:
                meta.unlink()
                meta.with_suffix(".data").unlink(missing_ok=True)
        if not wanted and folder.exists():
            shutil.rmtree(folder, ignore_errors=True)


def load_all() -> int:
    """Fill every bucket from the disk; the number of objects."""
    return sum(load(name) for _, _, store in list(s3_stores.iter_stores()) for name in list(store.buckets))


def load(bucket_name: str) -> int:
    """Fill one bucket from the disk; the number of objects."""
    bucket = _bucket(bucket_name)
    folder = _folder(bucket_name)
    if bucket is None or not folder.exists():
        return 0
    storage = _storage()
    storage.create_bucket(bucket_name)
    versioned = bool(bucket.versioning_status)
    kept = sorted((pickling.loads(meta.read_bytes()) | {"path": meta} for meta in folder.glob("*/*.meta")), key=_age)
    bucket.objects = VersionedKeyStore() if versioned else KeyStore()
    for entry in kept:
        one = entry["object"]
        bucket.objects.set(one.key, one)
        if isinstance(one, S3DeleteMarker):
            continue
        modified = one.internal_last_modified
        with storage.open(bucket_name, one, mode="w") as stored, entry["path"].with_suffix(".data").open("rb") as data:
            with stored.file.position_lock:
                stored.file.seek(0)
                shutil.copyfileobj(data, stored.file, _CHUNK)
            stored.file.internal_last_modified = one.internal_last_modified = modified
    return len(kept)


def _write(folder: Path, name: str, bucket_name: str, one: Any) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not isinstance(one, S3DeleteMarker):
        with _storage().open(bucket_name, one, mode="r") as stored:
            unfinished = folder / f".{name}.{os.getpid()}"
            try:
                with unfinished.open("wb") as data:
                    while block := stored.read(_CHUNK):
                        data.write(block)
                    data.flush()
                    os.fsync(data.fileno())
                unfinished.rename(folder / f"{name}.data")
            finally:
                unfinished.unlink(missing_ok=True)
    # The description comes last: without it the object is not there.
    write_atomic(folder / f"{name}.meta", pickling.dumps({"object": one, "written": time.time_ns()}))


def _name(one: Any) -> str:
    """A name of this very version: an unversioned object that is overwritten gets another."""
    version = quote(one.version_id or "null", safe="")
    changed = getattr(one, "internal_last_modified", 0) or 0
    etag = getattr(one, "etag", "") or ""
    return f"{version}-{changed}-{hashlib.sha256(str(etag).encode()).hexdigest()[:8]}"


def _versions(bucket: Any) -> list[Any]:
    found: list[Any] = bucket.objects.values(with_versions=True)
    return found


def _age(entry: dict[str, Any]) -> int:
    written: int = entry["written"]
    return written


def _bucket(name: str | None) -> Any:
    for _, _, store in list(s3_stores.iter_stores()):
        if name in store.buckets:
            return store.buckets[name]
    return None


def _folder(bucket: str) -> Path:
    return world().directory("s3") / bucket


def _storage() -> Any:
    return SERVICE_PLUGINS.get_service("s3")._provider._storage_backend
