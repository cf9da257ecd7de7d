"""Static files under names that hold their content's hash, so that browsers keep them for good.

A release computes the names from its own files. It answers for files of older releases too: they lie in the bucket.
When the bucket does not answer, a release's own files come from its image, so that pages keep their looks.
"""

import hashlib
import mimetypes
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from flask import Blueprint, Flask, Response, abort, current_app, request
from werkzeug.exceptions import NotFound

from duet.storage import storage

DIRECTORY = Path(__file__).parent / "static"
PREFIX = "static/"
KEEP_BYTES = 256 * 1024
KEEP_FILES = 64
_HASHED = re.compile(r"^[\w\-]+\.[0-9a-f]{12}\.[a-z0-9]+$", re.ASCII)
_CHUNK = 64 * 1024
_EXTENSION = "duet.assets"
blueprint = Blueprint("assets", __name__)


@dataclass(frozen=True)
class Kept:
    """A small file held in memory."""

    body: bytes
    content_type: str


class Memory:
    """The small files that were asked for last; threads share it."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> Kept | None:
        """The file, if it is held."""
        with self._lock:
            if name in self._files:
                self._files.move_to_end(name)
            return self._files.get(name)

    def put(self, name: str, file: Kept) -> None:
        """Hold the file, and let go of the one asked for longest ago."""
        with self._lock:
            self._files[name] = file
            while len(self._files) > KEEP_FILES:
                self._files.popitem(last=False)


def hashed_names(directory: Path = DIRECTORY) -> dict[str, str]:
    """The public name of each file: `style.css` → `style.0a1b2c3d4e5f.css`."""
    return {
        path.name: f"{path.stem}.{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}{path.suffix}"
        for path in sorted(directory.iterdir())
        if path.is_file() and path.suffix != ".py"
    }


def content_type(name: str) -> str:
    """What the file is, by its name."""
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


def init_app(app: Flask) -> None:
    """Serve static files and give templates `asset('style.css')`."""
    names = hashed_names()
    app.extensions[_EXTENSION] = ({hashed: name for name, hashed in names.items()}, Memory())
    app.jinja_env.globals["asset"] = lambda name: f"/{PREFIX}{names[name]}"
    app.register_blueprint(blueprint)


@blueprint.get("/static/<name>")
def serve(name: str) -> Response:
    """A static file, from memory, the bucket or, without a bucket, the folder."""
    if not _HASHED.match(name):
        abort(404)
    if request.if_none_match.contains(name):
        return _immutable(Response(status=304), name)
    own, memory = current_app.extensions[_EXTENSION]
    kept: Kept | None = memory.get(name)
    if kept is None and storage().settings.static_bucket is None:
        if name not in own:
            abort(404)
        kept = Kept((DIRECTORY / own[name]).read_bytes(), content_type(name))
        memory.put(name, kept)
    if kept is None:
        try:
            return _immutable(_from_bucket(name, memory), name)
        except (BotoCoreError, ClientError, NotFound) as error:
            if name not in own:
                raise
            current_app.logger.warning("%s comes from the image, not from the bucket: %s", name, error)
            kept = Kept((DIRECTORY / own[name]).read_bytes(), content_type(name))
    return _immutable(Response(kept.body, content_type=kept.content_type), name)


def _from_bucket(name: str, memory: Memory) -> Response:
    try:
        answer = storage().s3.get_object(Bucket=str(storage().settings.static_bucket), Key=PREFIX + name)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404", "403", "AccessDenied"):
            abort(404)
        raise
    length, body = answer["ContentLength"], answer["Body"]
    if length <= KEEP_BYTES:
        with body:
            kept = Kept(body.read(), content_type(name))
        memory.put(name, kept)
        return Response(kept.body, content_type=kept.content_type)

    def chunks() -> Iterator[bytes]:
        with body:
            yield from body.iter_chunks(_CHUNK)

    return Response(chunks(), content_type=content_type(name), headers={"Content-Length": str(length)})


def _immutable(response: Response, name: str) -> Response:
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.set_etag(name)
    return response
