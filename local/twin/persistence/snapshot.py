"""Snapshots of the control plane: taken when it is quiet, after each deployment and at the end; restored at the start.

A snapshot is a folder `snapshot-NUMBER` with one file for each container of state and a manifest with versions and
hashes; it is there as a whole or not at all. The newest one that is whole is restored. One that cannot be read is kept
aside, said so, and the twin starts empty: the next deployment makes everything again and finds its volumes.
"""

import contextlib
import hashlib
import importlib
import json
import logging
import os
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from localstack.services.plugins import SERVICE_PLUGINS

from twin.core.status import register
from twin.core.timeline import emit
from twin.core.world import world
from twin.persistence import objects, pickling
from twin.persistence.gate import Gate
from twin.persistence.revive import revive

LOG = logging.getLogger(__name__)

FORMAT = 1
KEPT = 2
QUIET_SECONDS = 1.0
LOOK_SECONDS = 0.5
DRAIN_SECONDS = 2.0
TRIES = 5
LONGEST_WAIT_SECONDS = 30

gate = Gate()
_lock = threading.Lock()


@dataclass
class _Seen:
    """What became of the last attempt. changes: those that the newest snapshot knows; again_at: monotonic seconds."""

    started: bool = False
    changes: int = 0
    written_at: str = ""
    failures: int = 0
    error: str = ""
    again_at: float = 0


_seen = _Seen()


def start() -> None:
    """Take a snapshot whenever something has changed and all is quiet again."""
    _seen.started = True
    with contextlib.suppress(OSError):  # without it only the last word of a full disk is missing
        world().unwritten.touch()
    register("snapshot", lambda: {"written_at": _seen.written_at, "error": _seen.error})
    threading.Thread(target=_watch, name="snapshots", daemon=True).start()


def take(*, final: bool = False) -> Path | None:
    """Write a snapshot and return its folder; after a `final` one no request is let in any more."""
    with _lock:
        began, changes = time.monotonic(), gate.changes
        gate.close(DRAIN_SECONDS)
        try:
            files, services = _collect()
        finally:
            if not final:
                gate.open()
        folder = _write(files, services)
        _succeeded(changes)
        LOG.info("snapshot %s after %.2f s", folder.name, time.monotonic() - began)
        return folder


def restore() -> bool:
    """Restore the newest whole snapshot; False when there was none, and the twin starts empty."""
    pickling.register_reducers()
    for folder in _snapshots():
        manifest = _whole(folder)
        try:
            if manifest is None:
                raise ValueError("it is not whole")
            if manifest["versions"] != _versions():
                raise ValueError("it was written by other versions")
            contents = [(one, pickling.loads((folder / one["file"]).read_bytes())) for one in manifest["files"]]
        except Exception as error:  # noqa: BLE001 - whatever an unreadable file makes the unpickler raise
            aside = folder.with_name(f"unreadable-{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
            LOG.warning("snapshot %s cannot be read: %s", folder.name, error)
            emit("snapshot", folder.name, f"cannot be read ({error}), kept as {aside.name}")
            continue
        for service in manifest["services"]:
            SERVICE_PLUGINS.require(service)
        for one, content in contents:
            pickling.inject(getattr(importlib.import_module(one["module"]), one["attribute"]), content)
        revive(manifest["services"])
        found = objects.load_all() if "s3" in manifest["services"] else 0
        emit("snapshot", folder.name, f"restored {len(contents)} stores, {found} objects")
        return True
    return False


def take_last() -> None:
    """At the end: what cannot be written down must not keep the engines from stopping in order.

    A twin that is ended while it starts knows less than what is on disk.
    """
    if not _seen.started:
        return
    try:
        take(final=True)
        world().unwritten.unlink(missing_ok=True)
    except Exception as error:  # noqa: BLE001 - whatever a container makes the pickler raise
        _failed(error)


def _succeeded(changes: int) -> None:
    if _seen.failures:
        emit("snapshot", "control plane", "is written again")
    _seen.changes, _seen.written_at = changes, datetime.now(UTC).isoformat(timespec="seconds")
    _seen.failures, _seen.error, _seen.again_at = 0, "", 0


def _failed(error: Exception) -> None:
    """Say so, once in a row; what cannot be written now may be written later."""
    text = f"could not be written, so the one before stands: {error}"
    LOG.error("the snapshot failed", exc_info=error)
    if text != _seen.error:
        emit("snapshot", "control plane", text)
    _seen.failures, _seen.error = _seen.failures + 1, text
    _seen.again_at = time.monotonic() + min(2**_seen.failures, LONGEST_WAIT_SECONDS)


def _watch() -> None:
    while True:
        time.sleep(LOOK_SECONDS)
        now = time.monotonic()
        due = now - gate.last_change > QUIET_SECONDS and now > _seen.again_at
        try:
            if gate.changes != _seen.changes and due and not _deploying():
                take()
        except Exception as error:  # noqa: BLE001 - whatever a container makes the pickler raise
            _failed(error)


def _deploying() -> bool:
    module = sys.modules.get("localstack.services.cloudformation.stores")
    if module is None:
        return False
    return any(
        str(stack.status).endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS"
        for _, _, store in module.cloudformation_stores.iter_stores()
        for stack in store.stacks_v2.values()
    )


def _collect() -> tuple[dict[tuple[str, str], bytes], list[str]]:
    services = sorted(SERVICE_PLUGINS.list_loaded_services())
    files: dict[tuple[str, str], bytes] = {}
    for service in services:
        for module, attribute, container in pickling.containers(service):
            if (module, attribute) not in files:
                files[module, attribute] = _steady(container)
    return files, services


def _steady(container: Any) -> bytes:
    """The container's bytes; controllers may change a store while it is read, then it is read again."""
    for attempt in range(TRIES):
        try:
            return pickling.dumps(pickling.payload(container))
        except RuntimeError:
            if attempt == TRIES - 1:
                raise
            time.sleep(0.01)
    raise AssertionError


def _write(files: dict[tuple[str, str], bytes], services: list[str]) -> Path:
    root = world().directory("snapshots")
    before = _snapshots()
    number = int(before[0].name.split("-")[1]) + 1 if before else 1
    unfinished = root / f"unfinished-{os.getpid()}"
    for left in root.glob("unfinished-*"):  # of a full disk or a killed twin
        shutil.rmtree(left, ignore_errors=True)
    folder = root / f"snapshot-{number:08d}"
    try:
        _write_all(unfinished, files, services)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for old in _snapshots()[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _write_all(unfinished: Path, files: dict[tuple[str, str], bytes], services: list[str]) -> None:
    unfinished.mkdir(mode=0o700)
    manifest: dict[str, Any] = {"versions": _versions(), "services": services, "files": []}
    for (module, attribute), data in files.items():
        name = f"{module}.{attribute}.pickle"
        _write_file(unfinished / name, data)
        digest = hashlib.sha256(data).hexdigest()
        manifest["files"].append({"module": module, "attribute": attribute, "file": name, "sha256": digest})
    _write_file(unfinished / "manifest.json", json.dumps(manifest, indent=1).encode())


def _write_file(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _whole(folder: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
        good = all(
            hashlib.sha256((folder / one["file"]).read_bytes()).hexdigest() == one["sha256"]
            for one in manifest["files"]
        )
    except (OSError, ValueError, KeyError):
        return None
    return manifest if good else None


def _snapshots() -> list[Path]:
    return sorted(world().directory("snapshots").glob("snapshot-*"), reverse=True)


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("localstack-core", "moto-ext", "dill", "botocore")}
    return packages | {"format": str(FORMAT), "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
