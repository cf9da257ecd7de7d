"""Removes process images that nobody needs, and the Python environments that only they had."""

import json
import os
import shutil
import time
from collections.abc import Iterator, Set
from pathlib import Path

from twin.core.atomic import write_atomic
from twin.core.world import World
from twin.engines.image import Image, images, manifest_digest, store, tags_file

KEPT = 5
# What was used this recently may be part of a build that has not finished.
RECENT_SECONDS = 3600


def prune(here: World, used: Set[str]) -> list[str]:
    """Remove all images but the KEPT newest and those `used`; return what was removed, environments included.

    used: digests of manifests.
    """
    newest_first = sorted(images(here), key=lambda image: image.made_at, reverse=True)
    gone = [image for image in newest_first[KEPT:] if manifest_digest(image) not in used]
    for image in gone:
        _remove(image.directory)
    _forget_tags(here, {image.digest for image in gone})
    left = {place for image in images(here) for place in _environments_of(image)}
    unused = [place for place in _environments(here) if place not in left and not _is_recent(place)]
    for place in unused:
        _remove(place)
    return [path.name for path in (*(image.directory for image in gone), *unused)]


def _remove(folder: Path) -> None:
    """Take the folder away as a whole: one that is half there would be taken for good."""
    aside = folder.with_name(f".gone-{folder.name}")
    folder.rename(aside)
    shutil.rmtree(aside)


def _forget_tags(here: World, gone: Set[str]) -> None:
    path = tags_file(here)
    if gone and path.exists():
        left = {tag: digest for tag, digest in json.loads(path.read_text()).items() if digest not in gone}
        write_atomic(path, json.dumps(left, indent=1, sort_keys=True))


def _environments(here: World) -> list[Path]:
    root = store(here) / "environments"
    return [path for path in root.iterdir() if not path.name.startswith(".")] if root.exists() else []


def _environments_of(image: Image) -> Iterator[Path]:
    """Where the links of the image lead."""
    for directory, folders, files in os.walk(image.directory / "rootfs"):
        for name in (*folders, *files):
            path = Path(directory) / name
            if path.is_symlink():
                yield path.readlink()


def _is_recent(environment: Path) -> bool:
    finished = environment / ".finished"
    used_at = (finished if finished.exists() else environment).stat().st_mtime
    return time.time() - used_at < RECENT_SECONDS
