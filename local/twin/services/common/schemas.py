"""AWS's published schemas of CloudFormation types, from cfn-lint's files, read one by one without importing it."""

import json
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any

from twin.core.world import REGION


@cache
def schema(type_name: str) -> dict[str, Any]:
    """The schema of a type; raises KeyError for a type that AWS does not have in the region."""
    name = published()[type_name]
    found: dict[str, Any] = json.loads((_root() / "resources" / f"{name}.json").read_text())
    return found


@cache
def published() -> dict[str, str]:
    """Every type that AWS has in the region, with the name of its schema's file."""
    found: dict[str, str] = json.loads((_root() / "providers" / f"{REGION}.json").read_text())
    return found


@cache
def _root() -> Path:
    marker = "cfnlint/data/schemas/__init__.py"
    for file in files("cfn-lint") or []:
        if str(file) == marker:
            return Path(str(file.locate())).parent
    raise FileNotFoundError(f"the package cfn-lint holds no {marker}")
