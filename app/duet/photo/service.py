"""Rules of the photo: which kinds, how large, and that only what really lies in the bucket is shown."""

import re
import uuid
from dataclasses import dataclass

import redis
import sqlalchemy as sa
from botocore.exceptions import BotoCoreError, ClientError
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.dialects.postgresql import insert

from duet import cache, limits, storage
from duet.couple.models import Couple
from duet.couple.service import Pair
from duet.database import session
from duet.errors import RuleError
from duet.limits import Limit
from duet.photo.models import Photo
from duet.storage import StoredObject, Upload

MOST_BYTES = 10 * 1024 * 1024
# An address outlives its time in the cache by ten minutes, so that a page never shows one that is about to end.
SAME_ADDRESS_SECONDS = 300
_HEAD_BYTES = 16
# What is uploaded and never confirmed stays in the bucket: this bounds it.
UPLOADS = Limit("photo", attempts=30, seconds=3600)


@dataclass(frozen=True)
class Kind:
    """A kind of photo: the end of its name, and what its bytes look like."""

    suffix: str
    looks: re.Pattern[bytes]


KINDS = {
    "image/jpeg": Kind("jpg", re.compile(rb"^\xff\xd8\xff")),
    "image/png": Kind("png", re.compile(rb"^\x89PNG\r\n\x1a\n")),
    "image/webp": Kind("webp", re.compile(rb"^RIFF....WEBP", re.DOTALL)),
}


@dataclass(frozen=True)
class Begun:
    """An upload that the browser may now do. key: to be named when it is done."""

    key: str
    upload: Upload


def begin(pair: Pair, content_type: str, size: int) -> Begun:
    """Allow an upload of exactly that kind and size.

    Raises RuleError when the kind or size is not allowed, TooManyAttempts when the couple uploads too often.
    """
    kind = KINDS.get(content_type)
    if kind is None:
        raise RuleError(_("Please choose a JPEG, PNG or WebP picture."))
    if not 0 < size <= MOST_BYTES:
        raise RuleError(_("A photo has at most %(most)s MB.", most=MOST_BYTES // 1024 // 1024))
    limits.count(UPLOADS, str(pair.couple_id))
    key = f"{_prefix(pair.couple_id)}{uuid.uuid4().hex}.{kind.suffix}"
    return Begun(key, storage.presign_upload(key, content_type, size))


def confirm(pair: Pair, key: str) -> None:
    """Let the uploaded object be the couple's photo; raise RuleError when it is not there or not a photo.

    The one before is removed from the bucket. Confirming twice changes nothing.
    """
    if not re.fullmatch(re.escape(_prefix(pair.couple_id)) + r"[0-9a-f]{32}\.(jpg|png|webp)", key):
        raise RuleError(_("This photo is not yours."))
    found = storage.inspect_media(key, _HEAD_BYTES)
    if found is None:
        raise RuleError(_("The photo did not arrive. Please try again."))
    if not _is_photo(found):
        storage.delete_media(key)
        raise RuleError(_("Please choose a JPEG, PNG or WebP picture."))
    # Both of a couple may upload at once: the lock orders them, so that the photo replaced is the one removed.
    session().execute(sa.select(Couple.id).where(Couple.id == pair.couple_id).with_for_update())
    before = session().scalar(sa.select(Photo.key).where(Photo.couple_id == pair.couple_id))
    values = {"person_id": pair.me, "key": key, "content_type": found.content_type, "size": found.size}
    session().execute(
        insert(Photo)
        .values(couple_id=pair.couple_id, **values)
        .on_conflict_do_update(index_elements=[Photo.couple_id], set_={**values, "taken_in_at": sa.func.now()})
    )
    session().commit()
    cache.forget_couple(pair.couple_id)
    if before is not None and before != key:
        _remove(before)


def address(key: str) -> str:
    """Where the browser can read the photo; the same for some minutes, so that it need not load it again."""
    name = f"photo:{key}"
    try:
        known = cache.client().get(name)
        if known is not None:
            return str(known)
        made = storage.presign_read(key)
        cache.client().set(name, made, ex=SAME_ADDRESS_SECONDS)
    except redis.RedisError:
        return storage.presign_read(key)
    return made


def _is_photo(found: StoredObject) -> bool:
    kind = KINDS.get(found.content_type)
    return kind is not None and found.size <= MOST_BYTES and kind.looks.match(found.head) is not None


def _remove(key: str) -> None:
    try:
        storage.delete_media(key)
    except (ClientError, BotoCoreError) as error:
        # The new photo stands; one left over is no reason to tell the person that something failed.
        current_app.logger.warning("the photo %s was replaced and not removed: %s", key, error)


def _prefix(couple_id: int) -> str:
    return f"photos/{couple_id}/"
