"""Tests of the twin run in the twin's own environment (local/.venv)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from twin.core import addresses, certificates
from twin.core.world import World, world


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of its own: the state directory is the test's, the number the one asked for by TWIN_ID."""
    monkeypatch.setenv("TWIN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TWIN_ID", os.environ.get("TWIN_ID", "7"))
    caches = (world, addresses.book, certificates.authority)
    for cached in caches:
        cached.cache_clear()
    yield world()
    for cached in caches:
        cached.cache_clear()
