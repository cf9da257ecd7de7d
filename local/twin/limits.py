"""docs/limits.md, made from the code: what each type of a template and each API of the twin does, records, refuses."""

import importlib
from collections.abc import Iterable, Iterator

from localstack.aws.spec import load_service

from twin.services.cloudformation.core_types import CORE
from twin.services.cloudformation.registry import own
from twin.services.common.schemas import published, schema
from twin.services.slices import APIS
from twin.support import gathered

# A list that is longer is folded up.
LONGEST = 8

_HEAD = """\
# What the twin does, and what it refuses

<!-- Made from the code by `bin/twin support --markdown`; a test holds it equal to what the code says. -->

Nothing is passed over in silence. What is asked of the twin, in a template or by an API, it does for real, or keeps and
gives back without doing anything (**recorded**), or refuses by its name (**refused**).
`bin/twin support PATH/TO/cdk.out` tells the same of one synthesized app.

Which *values* of a property are done, the API behind it says when it is asked: an engine, a node type or a protocol
that the twin does not have is an error that names it.
"""

_TYPES = """\
## Types of a template

A type that is not in these tables is refused. `Outer.*.Inner` is the part of a property that is done, with `*` for each
element of a list; what of such a property is not named is refused. `Tags`, and what AWS calls read-only, go without
saying.
"""

_OPERATIONS = """\
## Operations of the APIs

These services are the twin's own; an operation that they do not answer is an error that names it (`NotImplemented`).
Every other service answers as LocalStack's community edition does.
"""

_CORE = """\
### Types that LocalStack makes

Read one by one, and found to do these properties at the creation and at a change.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    yield _TYPES
    by_service: dict[str, list[str]] = {}
    for name in sorted(own()):
        by_service.setdefault(name.split("::")[1], []).append(name)
    for service, names in by_service.items():
        yield f"### {service}\n"
        yield "| Type | For real | Recorded | Refused |\n|---|---|---|---|"
        for name in names:
            made = own()[name]
            yield _row(name, made.HONOURED, made.RECORDED)
        yield ""
    yield _CORE
    yield "| Type | For real | Recorded | Refused |\n|---|---|---|---|"
    for name, done in sorted(CORE.items()):
        yield _row(name, done, frozenset())
    yield ""
    yield _OPERATIONS
    yield "| Service | Answered | Of AWS's |\n|---|---|---|"
    for service in APIS:
        answered, every = operations(service)
        yield f"| {service} | {_folded(answered)} | {len(every)} |"
    yield ""


def operations(service: str) -> tuple[list[str], list[str]]:
    """The operations of a slice that are answered, and all that AWS has."""
    provider = importlib.import_module(f"twin.services.{service}.provider").PROVIDER
    methods = [getattr(provider, name) for name in dir(type(provider))]
    answered = {method.answers for method in methods if hasattr(method, "answers")} | set(provider.moto)
    return sorted(answered), sorted(load_service(provider.service).operation_names)


def refused(name: str, done: Iterable[str]) -> list[str]:
    """The properties of AWS's type of which no part is done."""
    if name not in published():
        return []
    described = schema(name)
    told = {path.removeprefix("/properties/") for path in described.get("readOnlyProperties", [])}
    return sorted(set(described.get("properties", {})) - told - {path.split(".")[0] for path in done})


def _row(name: str, real: Iterable[str], recorded: Iterable[str]) -> str:
    real, recorded = set(real) - {"Tags"}, set(recorded)
    cells = (_folded(gathered(real)), _folded(gathered(recorded)), _folded(refused(name, real | recorded | {"Tags"})))
    return f"| `{name}` | {' | '.join(cells)} |"


def _folded(names: list[str]) -> str:
    """The names in a cell, folded up when they are many."""
    if not names:
        return "–"
    told = ", ".join(f"`{name}`" for name in names)
    if len(names) <= LONGEST:
        return told
    return f"<details><summary>{len(names)}</summary>{told}</details>"
