"""The templates of every environment, written once a session by the CDK itself."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.settings import ENVIRONMENTS, Settings, settings
from infra.synth import write

DOMAIN = "duet.example"
PARTS = ("network", "data", "storage", "release", "service")


@dataclass(frozen=True)
class Resource:
    """A resource of a template."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Environment:
    """The written assembly of an environment."""

    settings: Settings
    directory: Path
    templates: Mapping[str, Mapping[str, Any]]

    def resources(self, part: str | None = None) -> list[Resource]:
        """The resources of a part, or of all."""
        parts = [part] if part else list(self.templates)
        return [
            Resource(logical_id=name, type=body["Type"], properties=body.get("Properties", {}), body=body)
            for each in parts
            for name, body in self.templates[each]["Resources"].items()
        ]

    def of_type(self, type_: str) -> list[Resource]:
        """All resources of a type."""
        return [resource for resource in self.resources() if resource.type == type_]

    def only(self, type_: str) -> Resource:
        """The one resource of a type."""
        found = self.of_type(type_)
        assert len(found) == 1, f"{len(found)} of {type_}"
        return found[0]


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Environment]:
    """Every environment."""
    return {name: _written(name, tmp_path_factory.mktemp(name)) for name in ENVIRONMENTS}


def _written(name: str, directory: Path) -> Environment:
    of = settings(name, domain=DOMAIN)
    write(of, directory)
    templates = {part: json.loads((directory / f"{of.stack_name(part)}.template.json").read_text()) for part in PARTS}
    return Environment(settings=of, directory=directory, templates=templates)


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest, environments: Mapping[str, Environment]) -> Environment:
    """Each environment in turn."""
    return environments[request.param]


@pytest.fixture
def prod(environments: Mapping[str, Environment]) -> Environment:
    """Production."""
    return environments["prod"]


@pytest.fixture
def twin(environments: Mapping[str, Environment]) -> Environment:
    """The twin's environment."""
    return environments["twin"]


def walk(value: Any) -> Iterator[Any]:
    """Every value inside a template, the value itself first."""
    yield value
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for child in children:
        yield from walk(child)
