"""Builds the image of the app from the repository and pushes it, unless the registry has one of the same sources."""

import base64
import hashlib
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from infra.deploy.aws import Aws
from infra.deploy.programs import run
from infra.errors import DeployError

# What .dockerignore lets into the build.
_CONTEXT = ("app", "requirements/app.txt", ".dockerignore")
_NOT_IN_IT = ("__pycache__", ".pyc", ".pytest_cache", ".mypy_cache", ".ruff_cache")
# The service asks for X86_64; the real Docker would otherwise build for the machine it runs on.
_PLATFORM = {"DOCKER_DEFAULT_PLATFORM": "linux/amd64"}


@dataclass(frozen=True, slots=True)
class Image:
    """The app's image in the repository."""

    tag: str
    digest: str
    built: bool


def context_tag(root: Path) -> str:
    """Return the tag that stands for everything the image is made from. Raises DeployError where there is no app."""
    if not (root / "app" / "Dockerfile").exists():
        raise DeployError("app/Dockerfile is missing: there is no app to deploy")
    digest = hashlib.sha256()
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        mode = "x" if os.access(path, os.X_OK) else "-"
        digest.update(f"{name}\0{mode}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return f"src-{digest.hexdigest()[:40]}"


def ensure(aws: Aws, *, root: Path, tag: str, repository: str, uri: str) -> Image:
    """Return the image of `tag`, built and pushed where the repository has none."""
    if found := digest_of(aws, repository=repository, tag=tag):
        return Image(tag=tag, digest=found, built=False)
    docker = _docker()
    name = f"{uri}:{tag}"
    run(
        aws,
        [*docker, "build", "-f", "app/Dockerfile", "-t", name, "."],
        what="building the app's image",
        directory=root,
        environment=_PLATFORM,
    )
    _log_in(aws, docker, root=root)
    run(aws, [*docker, "push", name], what="pushing the app's image", directory=root)
    pushed = digest_of(aws, repository=repository, tag=tag)
    if pushed is None:
        raise DeployError(f"{name} was pushed, but the repository {repository} does not have it")
    return Image(tag=tag, digest=pushed, built=True)


def digest_of(aws: Aws, *, repository: str, tag: str) -> str | None:
    """Return the digest of the image with `tag`, None where there is none."""
    try:
        found = aws.ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
    except aws.ecr.exceptions.ImageNotFoundException:
        return None
    except ClientError as error:
        raise DeployError(f"the repository {repository} cannot be read: {error}") from error
    return found[0].get("imageDigest") if found else None


def _files(root: Path) -> Iterator[Path]:
    for name in _CONTEXT:
        top = root / name
        paths = [top] if top.is_file() else sorted(top.rglob("*"))
        for path in paths:
            # Where the repository itself lies says nothing about its files.
            if path.is_file() and not any(part in path.relative_to(root).as_posix() for part in _NOT_IN_IT):
                yield path


def _docker() -> list[str]:
    """The program that builds images: CDK_DOCKER as for the CDK CLI, else Docker."""
    command = shlex.split(os.environ.get("CDK_DOCKER") or "docker")
    if shutil.which(command[0]) is None:
        raise DeployError(f"{command[0]} is missing: it builds the app's image; install Docker, or set CDK_DOCKER")
    return command


def _log_in(aws: Aws, docker: list[str], *, root: Path) -> None:
    data = aws.ecr.get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(data.get("authorizationToken", "")).decode().partition(":")
    registry = data.get("proxyEndpoint", "").removeprefix("https://").removeprefix("http://")
    run(
        aws,
        [*docker, "login", "--username", user, "--password-stdin", registry],
        what="logging in to the image repository",
        directory=root,
        given=password,
    )
