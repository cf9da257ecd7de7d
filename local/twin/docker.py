"""The docker commands that deployers call (login, build, tag, inspect, push), for process images.

Tags live in `.twin/images/tags.json`; `push` puts the image's manifest into the twin's ECR by its API.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from twin.core.atomic import write_atomic
from twin.core.errors import CoreError, ProcessError
from twin.core.world import World, world
from twin.engines.image import MANIFEST_TYPE, load, manifest, manifest_digest, tags_file
from twin.engines.image_build import build
from twin.engines.image_stage import Build


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code, with one plain line for what went wrong."""
    options = _parser().parse_args(arguments)
    if os.environ.get("TWIN_RUNTIME") == "docker":
        return subprocess.run(["docker", *(arguments or sys.argv[1:])], check=False).returncode
    try:
        return int(options.run(world(), options) or 0)
    except (CoreError, OSError, ClientError, BotoCoreError) as error:
        print(f"twin-docker {options.command}: {error}", file=sys.stderr)
        return 1


def _login(_here: World, options: argparse.Namespace) -> None:
    if options.password_stdin:
        sys.stdin.read()
    print("Login Succeeded")


def _build(here: World, options: argparse.Namespace) -> None:
    context = Path(options.context).absolute()
    dockerfile = Path(options.file).absolute() if options.file else context / "Dockerfile"
    # A name alone stands for the variable of that name, as with docker.
    named = {
        name: value if equals else os.environ.get(name, "")
        for name, equals, value in (pair.partition("=") for pair in options.build_arg)
    }
    digest = build(Build(here, context, dockerfile, named, options.target, lambda line: print(line, file=sys.stderr)))
    for tag in options.tag:
        _remember(here, tag, digest)
    print(digest)


def _tag(here: World, options: argparse.Namespace) -> None:
    _remember(here, options.target, _resolve(here, options.source))


def _inspect(here: World, options: argparse.Namespace) -> None:
    image = load(here, _resolve(here, options.image))
    print(json.dumps([{"Id": image.digest, "Config": image.config}]))


def _push(here: World, options: argparse.Namespace) -> None:
    image = load(here, _resolve(here, options.image))
    text = manifest(image)
    name, _, tag = options.image.rpartition(":")
    registry, _, repository = name.partition("/")
    if not (registry and repository):
        raise ProcessError(f"{options.image} names no registry, repository and tag")
    ecr = boto3.client("ecr", endpoint_url=here.gateway_url, region_name=here.region)
    try:
        ecr.put_image(repositoryName=repository, imageManifest=text, imageManifestMediaType=MANIFEST_TYPE, imageTag=tag)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ImageAlreadyExistsException":
            raise
    print(f"{tag}: digest: {manifest_digest(image)} size: {len(text)}")


def _tags(here: World) -> tuple[Path, dict[str, str]]:
    path = tags_file(here)
    return path, json.loads(path.read_text()) if path.exists() else {}


def _remember(here: World, tag: str, digest: str) -> None:
    path, tags = _tags(here)
    write_atomic(path, json.dumps(tags | {tag: digest}, indent=1, sort_keys=True))


def _resolve(here: World, name: str) -> str:
    _, tags = _tags(here)
    digest = name if name.startswith("sha256:") else tags.get(name)
    if digest is None:
        raise ProcessError(f"no such image: {name}")
    return digest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin-docker", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    login = commands.add_parser("login")
    login.add_argument("--username")
    login.add_argument("--password-stdin", action="store_true")
    login.add_argument("host", nargs="?")
    login.set_defaults(run=_login)
    made = commands.add_parser("build")
    made.add_argument("--tag", "-t", action="append", default=[])
    made.add_argument("--file", "-f")
    made.add_argument("--build-arg", action="append", default=[])
    made.add_argument("--platform")
    made.add_argument("--target")
    made.add_argument("context")
    made.set_defaults(run=_build)
    tag = commands.add_parser("tag")
    tag.add_argument("source")
    tag.add_argument("target")
    tag.set_defaults(run=_tag)
    for name, run in (("inspect", _inspect), ("push", _push)):
        command = commands.add_parser(name)
        command.add_argument("image")
        command.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
