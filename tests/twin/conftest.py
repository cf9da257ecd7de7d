"""Tests of the twin run in the twin's own environment (local/.venv)."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twin.core import addresses, certificates
from twin.core.world import World, world
from twin.engines import blackhole, tcp_front
from twin.keeper_control import start, stop

from tests.twin.support import Twin

SPEED = "20"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of its own: the state directory is the test's, the number the one asked for by TWIN_ID."""
    monkeypatch.setenv("TWIN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TWIN_ID", os.environ.get("TWIN_ID", "7"))
    caches = (world, addresses.book, certificates.authority, tcp_front.front, blackhole.blackhole)
    for cached in caches:
        cached.cache_clear()
    yield world()
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Makes a file system of its own with mount's options: only one process sees it, and it is reached through that."""
    place = tmp_path / "disk"
    place.mkdir()
    holders = []

    def mount(options: str) -> Path:
        command = f"mount -t tmpfs -o {options} tmpfs {place} && echo mounted && exec sleep infinity"
        holder = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        holders.append(holder)
        assert holder.stdout is not None
        if (said := holder.stdout.readline().strip()) != "mounted":
            pytest.skip(f"no file system of its own: {said}")
        return Path(f"/proc/{holder.pid}/root{place}")

    yield mount
    for holder in holders:
        holder.kill()
        holder.communicate()


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """One twin for all tests that speak to it as its users do; AWS's waits pass twenty times as fast."""
    environment = {
        "TWIN_STATE": str(tmp_path_factory.mktemp("twin") / "state"),
        "TWIN_ID": os.environ.get("TWIN_TEST_ID", "6"),
        "TWIN_SPEED": SPEED,
    }
    here = World.from_environment(environment)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        start(here, timeout=90)
    yield Twin(here, environment)
    stop(here, timeout=60)
