"""The image of the app: its tag stands for its sources, and one that is there is not built again."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.deploy import images
from infra.deploy.aws import Aws
from infra.deploy.images import context_tag, digest_of
from infra.errors import DeployError

_MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{'1' * 64}", "size": 2},
        "layers": [],
    }
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with an app, in a folder whose name says nothing."""
    root = tmp_path / ".pycharm"
    for name in ("app/Dockerfile", "app/duet/__init__.py", "requirements/app.txt", ".dockerignore", "README.md"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ("app/duet/__init__.py", True),
        ("app/duet/new.py", True),
        ("app/Dockerfile", True),
        ("requirements/app.txt", True),
        (".dockerignore", True),
        ("README.md", False),
        ("app/duet/__pycache__/__init__.cpython-313.pyc", False),
    ],
)
def test_the_tag_changes_with_what_goes_into_the_image(root: Path, changed: str, matters: bool) -> None:
    before = context_tag(root)
    assert before == context_tag(root)
    assert before.startswith("src-")
    (root / changed).parent.mkdir(exist_ok=True)
    (root / changed).write_text("changed")
    assert (context_tag(root) != before) is matters


def test_a_run_bit_and_a_new_name_change_the_tag(root: Path) -> None:
    tags = {context_tag(root)}
    (root / "app/duet/__init__.py").chmod(0o755)
    tags.add(context_tag(root))
    (root / "app/duet/__init__.py").rename(root / "app/duet/other.py")
    tags.add(context_tag(root))
    assert len(tags) == 3


def test_without_a_dockerfile_there_is_nothing_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="app/Dockerfile is missing: there is no app to deploy"):
        context_tag(tmp_path)


@pytest.fixture
def repository(aws: Aws) -> str:
    """The image repository."""
    return aws.ecr.create_repository(repositoryName="images")["repository"]["repositoryName"]


def _push(aws: Aws, tag: str) -> str:
    image = aws.ecr.put_image(repositoryName="images", imageManifest=_MANIFEST, imageTag=tag)["image"]
    return image["imageId"]["imageDigest"]


def test_the_digest_of_a_tag(aws: Aws, repository: str) -> None:
    assert digest_of(aws, repository=repository, tag="src-1") is None
    assert digest_of(aws, repository=repository, tag="src-1") is None
    digest = _push(aws, "src-1")
    assert digest_of(aws, repository=repository, tag="src-1") == digest
    with pytest.raises(DeployError, match="the repository ghost cannot be read"):
        digest_of(aws, repository="ghost", tag="src-1")


def test_an_image_that_is_there_is_not_built(
    aws: Aws, repository: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = _push(aws, "src-1")
    monkeypatch.setattr(images, "run", None)
    image = images.ensure(aws, root=root, tag="src-1", repository=repository, uri="registry/images")
    assert (image.digest, image.built) == (digest, False)


def test_an_image_is_built_logged_in_for_and_pushed(
    aws: Aws, repository: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[Sequence[str]] = []

    def run(_: Aws, command: Sequence[str], **more: object) -> str:
        commands.append(command)
        if command[1] == "push":
            _push(aws, "src-1")
        if command[1] == "build":
            assert more["environment"] == {"DOCKER_DEFAULT_PLATFORM": "linux/amd64"}
        if command[1] == "login":
            assert more["given"], "the password goes by stdin, where no list of processes shows it"
        return ""

    monkeypatch.setattr(images, "run", run)
    monkeypatch.setenv("CDK_DOCKER", "true")
    image = images.ensure(aws, root=root, tag="src-1", repository=repository, uri="registry/images")
    assert image.built
    assert [command[1] for command in commands] == ["build", "login", "push"]
    assert commands[0] == ["true", "build", "-f", "app/Dockerfile", "-t", "registry/images:src-1", "."]


def test_a_push_that_did_not_arrive_is_an_error(
    aws: Aws, repository: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_DOCKER", "true")
    with pytest.raises(DeployError, match="registry/images:src-1 was pushed, but the repository images does not have"):
        images.ensure(aws, root=root, tag="src-1", repository=repository, uri="registry/images")


def test_a_missing_docker_is_named(aws: Aws, repository: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DOCKER", "no-such-docker --quiet")
    with pytest.raises(DeployError, match="no-such-docker is missing: it builds the app's image; install Docker, or"):
        images.ensure(aws, root=root, tag="src-1", repository=repository, uri="registry/images")
