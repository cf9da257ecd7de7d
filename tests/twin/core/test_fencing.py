"""Fencing: no process of a data directory lives on, and no other process is touched."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twin.core import processes
from twin.core.errors import ProcessError
from twin.core.processes import Process, descendants, kill_data_directory, living, spawn
from twin.core.world import World

from tests.twin.support import eventually

type Start = Callable[..., Process]


@pytest.fixture
def start(here: World) -> Iterator[Start]:
    """Start a program that sleeps; it is ended with the test."""
    started: list[Process] = []

    def sleeping(*command: str, cwd: Path) -> Process:
        process = spawn("sleeper", command or ["sleep", "60"], env={"PATH": os.defpath}, cwd=cwd)
        started.append(process)
        return process

    yield sleeping
    for process in started:
        process.kill()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory."""
    path = tmp_path / "data"
    path.mkdir()
    return path


def test_who_names_the_directory_is_ended_too(start: Start, data: Path, tmp_path: Path) -> None:
    named = start("sh", "-c", "sleep 60; true", str(data), cwd=tmp_path)
    similar = start("sh", "-c", "sleep 60; true", f"{data}-2", cwd=tmp_path)
    assert named.pid in kill_data_directory(data)
    assert named.wait(5) == -9
    assert similar.alive


def test_the_directory_is_known_behind_a_symbolic_link(start: Start, data: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(data)
    user = start(cwd=link)
    assert kill_data_directory(link) == [user.pid]


def test_children_in_the_directory_are_ended_with_their_parent(start: Start, data: Path) -> None:
    parent = start("sh", "-c", "sleep 60 & sleep 60 & wait", cwd=data)
    children = eventually(lambda: descendants(parent.pid), lambda found: len(found) == 2, 5)
    assert kill_data_directory(data) == sorted([parent.pid, *children])
    assert not set(living()) & {parent.pid, *children}


def test_a_process_that_is_not_the_twins_is_left_alone(here: World, data: Path) -> None:
    other = subprocess.Popen(["sleep", "60"], cwd=data, env={"PATH": os.defpath})
    try:
        assert kill_data_directory(data) == []
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_process_that_does_not_end_is_named(start: Start, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = start(cwd=data)
    with monkeypatch.context() as patch:
        patch.setattr(processes.os, "kill", lambda *_: None)
        with pytest.raises(ProcessError, match=rf"processes \[{user.pid}\] still use {data}"):
            kill_data_directory(data, timeout=0.1)
    assert kill_data_directory(data) == [user.pid]


def test_an_unused_directory_needs_no_fencing(here: World, data: Path) -> None:
    assert kill_data_directory(data) == []
