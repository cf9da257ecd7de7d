"""A cloud assembly as the CDK wrote it: its stacks, their templates and files to publish, and what needs what."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import DeployError

PARTITION = "aws"


@dataclass(frozen=True, slots=True)
class FileAsset:
    """A file of the assembly, and where the bootstrap bucket wants it."""

    source: Path
    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack of the assembly. `template` is exactly what the CDK wrote; a `template_body` goes in place of the URL."""

    name: str
    part: str
    template: Mapping[str, Any]
    template_url: str
    assets: tuple[FileAsset, ...]
    needs: tuple[str, ...]
    tags: Mapping[str, str]
    execution_role: str | None
    termination_protection: bool
    bootstrap_version: int
    paths: Mapping[str, str]
    template_body: str | None = None

    @property
    def parameters(self) -> Sequence[str]:
        """The parameters that the deployer must give: those without a default."""
        return [name for name, of in self.template.get("Parameters", {}).items() if "Default" not in of]

    def shown(self, logical_id: str) -> str:
        """Name a resource by its place among the constructs, which people know, not by its generated id."""
        return self.paths.get(logical_id, logical_id)


def read(directory: Path, *, account: str, region: str) -> tuple[Stack, ...]:
    """Read the stacks of the assembly in `directory`, resolved for an account; each after those it needs.

    Raises DeployError where there is no assembly, or one with assets that only the CDK CLI can publish.
    """
    try:
        manifest = json.loads((directory / "manifest.json").read_text())
    except OSError as error:
        raise DeployError(f"no cloud assembly in {directory}: {error.strerror}") from error
    artifacts = manifest["artifacts"]
    names = {id_ for id_, of in artifacts.items() if of["type"] == "aws:cloudformation:stack"}
    text = _Placeholders(account=account, region=region)
    stacks = {id_: _stack(directory, id_, artifacts, names, text) for id_ in names}
    return tuple(stacks[name] for name in _ordered({name: stack.needs for name, stack in stacks.items()}))


@dataclass(frozen=True, slots=True)
class _Placeholders:
    account: str
    region: str

    def fill(self, text: str) -> str:
        for name, value in (("Partition", PARTITION), ("AccountId", self.account), ("Region", self.region)):
            text = text.replace(f"${{AWS::{name}}}", value)
        return text


def _stack(directory: Path, id_: str, artifacts: Mapping[str, Any], names: set[str], text: _Placeholders) -> Stack:
    artifact = artifacts[id_]
    properties = artifact["properties"]
    bucket, _, key = text.fill(properties["stackTemplateAssetObjectUrl"]).removeprefix("s3://").partition("/")
    role = properties.get("cloudFormationExecutionRoleArn")
    dependencies = artifact.get("dependencies", [])
    files = [
        asset
        for each in dependencies
        if artifacts[each]["type"] == "cdk:asset-manifest"
        for asset in _files(directory, artifacts[each]["properties"]["file"], text)
    ]
    return Stack(
        name=properties.get("stackName", id_),
        part=id_.rsplit("-", 1)[-1],
        template=json.loads((directory / properties["templateFile"]).read_text()),
        template_url=f"https://s3.{text.region}.amazonaws.com/{bucket}/{key}",
        assets=tuple(files),
        needs=tuple(each for each in dependencies if each in names),
        tags=properties.get("tags", {}),
        execution_role=text.fill(role) if role else None,
        termination_protection=bool(properties.get("terminationProtection", False)),
        bootstrap_version=int(properties.get("requiresBootstrapStackVersion", 0)),
        paths=_paths(directory, artifact),
    )


def _files(directory: Path, name: str, text: _Placeholders) -> list[FileAsset]:
    manifest = json.loads((directory / name).read_text())
    if manifest.get("dockerImages"):
        raise DeployError(f"{name} has image assets; the app's image is built by the deployer, not by the CDK")
    found = []
    for asset in manifest.get("files", {}).values():
        source = asset["source"]
        if source.get("packaging", "file") != "file":
            raise DeployError(
                f"{name} has a {source['packaging']} asset ({source.get('path')}): only files are published"
            )
        for destination in asset["destinations"].values():
            found.append(
                FileAsset(
                    source=directory / source["path"],
                    bucket=text.fill(destination["bucketName"]),
                    key=text.fill(destination["objectKey"]),
                )
            )
    return found


def _paths(directory: Path, artifact: Mapping[str, Any]) -> dict[str, str]:
    entries = dict(artifact.get("metadata", {}))
    if name := artifact.get("additionalMetadataFile"):
        entries |= json.loads((directory / name).read_text())
    return {
        str(entry["data"]): path.strip("/").partition("/")[2].removesuffix("/Resource")
        for path, all_of in entries.items()
        for entry in all_of
        if entry.get("type") == "aws:cdk:logicalId"
    }


def _ordered(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Order names so that each comes after what it needs; the alphabet decides between equals."""
    done: list[str] = []
    while len(done) < len(needs):
        ready = sorted(name for name, of in needs.items() if name not in done and set(of) <= set(done))
        if not ready:
            raise DeployError(f"the stacks need each other in a circle: {', '.join(sorted(set(needs) - set(done)))}")
        done += ready
    return done
