"""What goes of the image store, and what never does."""

import json
import os
import time
from pathlib import Path

import pytest
from twin.core.world import World
from twin.engines import image_prune
from twin.engines.image import images, manifest_digest, store, tags_file


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last two images are kept."""
    monkeypatch.setattr(image_prune, "KEPT", 2)


def image(here: World, number: int, environment: Path | None = None) -> str:
    """Put an image into the store, the higher its number the newer; returns its name there."""
    folder = store(here) / f"sha256-{number:064}"
    (folder / "rootfs").mkdir(parents=True)
    config = folder / "config.json"
    config.write_text(json.dumps({"config": {"Cmd": [str(number)]}}))
    os.utime(config, (number, number))
    if environment:
        (folder / "rootfs" / "venv").symlink_to(environment)
    return folder.name


def environment(here: World, name: str, age: float) -> Path:
    """Put a Python environment into the store that was used `age` seconds ago."""
    made = store(here) / "environments" / name
    made.mkdir(parents=True)
    (made / ".finished").touch()
    os.utime(made / ".finished", (time.time() - age,) * 2)
    return made


def test_what_is_used_and_the_last_few_stay(here: World) -> None:
    names = [image(here, number) for number in range(5)]
    used = {image.digest: manifest_digest(image) for image in images(here)}[names[1].replace("-", ":")]
    tags_file(here).write_text(json.dumps({name: name.replace("-", ":") for name in names}))
    assert set(image_prune.prune(here, {used})) == {names[0], names[2]}
    left = {names[1], names[3], names[4]}
    assert {path.name for path in store(here).glob("sha256-*")} == left
    assert set(json.loads(tags_file(here).read_text())) == left
    assert image_prune.prune(here, {used}) == []


def test_an_environment_goes_with_the_last_image_that_had_it(here: World) -> None:
    old, shared = environment(here, "old", 7200), environment(here, "shared", 7200)
    fresh = environment(here, "fresh", 10)
    image(here, 0, old)
    for number, one in ((1, shared), (2, shared), (3, None)):
        image(here, number, one)
    assert set(image_prune.prune(here, set())) == {f"sha256-{0:064}", f"sha256-{1:064}", "old"}
    assert (shared.exists(), fresh.exists(), old.exists()) == (True, True, False)


def test_an_empty_store_is_no_matter(here: World) -> None:
    assert image_prune.prune(here, set()) == []
