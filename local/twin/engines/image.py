"""A process image: the files of a container image's last stage and how its program is started, on this machine.

It lies in the store under its digest: `config.json`, in the words of the OCI image configuration, and `rootfs/`, which
holds what the Dockerfile put there. What the base image would bring, this machine brings: a path that is not in
`rootfs/` is the machine's own.
"""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.core.errors import ProcessError
from twin.core.world import World

type Json = dict[str, Any]

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True)
class Image:
    """An image in the store. digest: of its configuration, `sha256:…`."""

    digest: str
    directory: Path
    config: Json

    @property
    def made_at(self) -> float:
        """When it was made, by the clock."""
        return (self.directory / "config.json").stat().st_mtime

    @property
    def entrypoint(self) -> list[str]:
        """The image's ENTRYPOINT."""
        return list(self.config.get("Entrypoint") or [])

    @property
    def command(self) -> list[str]:
        """The image's CMD."""
        return list(self.config.get("Cmd") or [])

    @property
    def working_directory(self) -> str:
        """The image's WORKDIR."""
        return str(self.config.get("WorkingDir") or "/")

    @property
    def stop_signal(self) -> int:
        """The signal that asks the program to stop."""
        name = str(self.config.get("StopSignal") or "SIGTERM")
        return int(name) if name.isdigit() else int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])

    def host_path(self, path: str) -> Path:
        """Where the image's `path` lies on this machine."""
        inside = self.directory / "rootfs" / path.lstrip("/")
        return inside if inside.exists() or inside.is_symlink() else Path(path)

    def translate(self, text: str) -> str:
        """`text` with an absolute path of the image replaced by where it lies; other text as it is."""
        if text.startswith("/") and text != "/":
            return str(self.host_path(text))
        return text

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The program's environment: the image's, then `more`; the machine's programs come last on its PATH."""
        merged = {"HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108 - a container's user has no home of this machine
        for entry in self.config.get("Env") or []:
            name, _, value = str(entry).partition("=")
            merged[name] = self.translate(value)
        merged |= {name: str(value) for name, value in more.items()}
        searched = [self.translate(part) for part in merged.get("PATH", "").split(":") if part]
        searched += [part for part in os.environ.get("PATH", os.defpath).split(":") if part not in searched]
        return merged | {"PATH": ":".join(searched)}

    def program(self, name: str, more: Mapping[str, str]) -> str | None:
        """The program that `name` starts, None when there is none."""
        if "/" in name:
            found = self.host_path(name if name.startswith("/") else f"{self.working_directory}/{name}")
            return str(found) if os.access(found, os.X_OK) else None
        return shutil.which(name, path=self.environment(more)["PATH"])


def store(here: World) -> Path:
    """Where the images of this twin lie."""
    return here.directory("images")


def tags_file(here: World) -> Path:
    """Where it is written which tag names which image."""
    return store(here) / "tags.json"


def images(here: World) -> list[Image]:
    """All images in the store."""
    return [load(here, path.parent.name.replace("-", ":", 1)) for path in store(here).glob("sha256-*/config.json")]


def manifest(image: Image) -> str:
    """The manifest under which a registry keeps the image: its configuration alone, for its files are here."""
    config = (image.directory / "config.json").read_bytes()
    described = {"mediaType": CONFIG_TYPE, "digest": image.digest, "size": len(config)}
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": described, "layers": []})


def manifest_digest(image: Image) -> str:
    """The digest by which a registry knows the image."""
    return f"sha256:{hashlib.sha256(manifest(image).encode()).hexdigest()}"


def load(here: World, digest: str) -> Image:
    """The image with this digest; raise ProcessError when the store has none."""
    directory = store(here) / digest.replace(":", "-")
    try:
        config = json.loads((directory / "config.json").read_text())
    except OSError as error:
        raise ProcessError(f"no image {digest} is in the store") from error
    return Image(digest, directory, config.get("config") or {})
