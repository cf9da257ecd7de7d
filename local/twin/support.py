"""`twin support`: what of a synthesized CDK app would run for real, be recorded only, be refused, told beforehand.

It looks at the templates alone and starts nothing. Which values of a property are done, the API behind it says when
it is asked: that is seen only by `twin up`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twin import foreign
from twin.core.errors import WorldError
from twin.core.world import World
from twin.services.cloudformation.checks import refusals
from twin.services.cloudformation.core_types import CORE
from twin.services.cloudformation.paths import is_intrinsic, tree, within
from twin.services.cloudformation.references import unresolved
from twin.services.cloudformation.registry import done, own

_STACK, _NESTED = "aws:cloudformation:stack", "cdk:cloud-assembly"
_INDEX = re.compile(r"\.\d+(?=\.|$)")

type Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """The resources of one type in a template. real, recorded: how often each property, by its path, is set so.

    refused: the sentences in which the twin refuses, by how often.
    """

    name: str
    count: int
    real: Mapping[str, int]
    recorded: Mapping[str, int]
    refused: Mapping[str, int]


@dataclass(frozen=True)
class Template:
    """One stack. refused: what is wrong with the template itself."""

    stack: str
    kinds: tuple[Kind, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """A whole app. refused: what is wrong with the app itself."""

    templates: tuple[Template, ...]
    refused: tuple[str, ...]

    @property
    def reasons(self) -> list[str]:
        """Everything for which `up` would not take it."""
        inner = [
            [f"{one.stack}: {text}" for text in one.refused]
            + [f"{one.stack}: {kind.name}: {text}" for kind in one.kinds for text in kind.refused]
            for one in self.templates
        ]
        return [*self.refused, *(text for texts in inner for text in texts)]

    def totals(self) -> dict[str, int]:
        """How many resources there are, of how many types, and how many of their properties are real, …"""
        kinds = [kind for template in self.templates for kind in template.kinds]
        return {
            "stacks": len(self.templates),
            "resources": sum(kind.count for kind in kinds),
            "types": len({kind.name for kind in kinds}),
            "real": sum(sum(kind.real.values()) for kind in kinds),
            "recorded": sum(sum(kind.recorded.values()) for kind in kinds),
            "refused": sum(sum(kind.refused.values()) for kind in kinds)
            + sum(len(one.refused) for one in self.templates)
            + len(self.refused),
        }


def look(here: World, assembly: Path) -> Report:
    """The report on what `cdk synth` wrote into the directory; raises WorldError when that is something else."""
    templates = list(_templates(assembly))
    if not templates:
        raise WorldError(f"{assembly} holds an app without a stack")
    exports = {name for _, template in templates for name in _exports(template)}
    refused = []
    try:
        foreign.check(here, assembly)
    except WorldError as error:
        refused.append(str(error))
    return Report(tuple(_told(stack, template, exports) for stack, template in templates), tuple(refused))


def as_json(report: Report) -> str:
    """The report for machines."""
    told = {**asdict(report), "totals": report.totals(), "taken": not report.reasons}
    return json.dumps(told, indent=2, ensure_ascii=False)


def as_text(report: Report) -> str:
    """The report for people; its last line says whether `up` would take the app."""
    return "\n".join(_lines(report))


def gathered(paths: Iterable[str]) -> list[str]:
    """The paths, those that differ only in their last part as one: `Outer.*.{One,Two}`."""
    inside: dict[str, list[str]] = {}
    for path in sorted(paths):
        outer, _, last = path.rpartition(".")
        inside.setdefault(outer, []).append(last)
    alone = inside.pop("", [])
    parts = [
        f"{outer}.{lasts[0]}" if len(lasts) == 1 else f"{outer}.{{{', '.join(lasts)}}}"
        for outer, lasts in inside.items()
    ]
    return sorted([*alone, *parts])


def _lines(report: Report) -> Iterator[str]:
    for template in report.templates:
        yield f"{template.stack}  ({_count(sum(kind.count for kind in template.kinds), 'resource')})"
        for kind in template.kinds:
            yield f"  {kind.name}" + (f" × {kind.count}" if kind.count > 1 else "")
            for name in ("real", "recorded"):
                paths = getattr(kind, name)
                if paths:
                    yield f"    {name:<9} {', '.join(gathered(paths))}"
            for text, times in kind.refused.items():
                yield f"    {'refused':<9} {text}" + (f" (× {times})" if times > 1 else "")
        for text in template.refused:
            yield f"  {'refused':<9} {text}"
        yield ""
    for text in report.refused:
        yield f"{'refused':<9} {text}"
    totals = report.totals()
    yield (
        f"{_count(totals['resources'], 'resource')} of {_count(totals['types'], 'type')} in "
        f"{_count(totals['stacks'], 'stack')}: {_count(totals['real'], 'property', 'properties')} for real, "
        f"{totals['recorded']} recorded only, {totals['refused']} refused"
    )
    if report.reasons:
        yield f"`up` would not take it: {_count(totals['refused'], 'thing is', 'things are')} refused, as told above."
    else:
        yield "`up` would take it: every type and every property is done; values are judged when they are deployed."


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _told(stack: str, template: Json, exports: set[str]) -> Template:
    resources = template.get("Resources")
    if not isinstance(resources, dict):
        return Template(stack, (), ("it has no Resources",))
    odd = [name for name, one in resources.items() if not (isinstance(one, dict) and isinstance(one.get("Type"), str))]
    texts = [f"{name} is no resource with a type" for name in odd]
    by_type: dict[str, list[Json]] = {}
    for name, resource in sorted(resources.items()):
        if name not in odd:
            by_type.setdefault(resource["Type"], []).append(resource.get("Properties") or {})
    if not odd:
        texts += unresolved(template, exports)
    return Template(stack, tuple(_kind(name, every) for name, every in sorted(by_type.items())), tuple(texts))


def _kind(name: str, every: list[Json]) -> Kind:
    made = own().get(name)
    honoured, recorded = (made.HONOURED, made.RECORDED) if made else (CORE.get(name, frozenset()), frozenset())
    refused = [text for properties in every for text in refusals(name, properties, done())]
    return Kind(
        name=name,
        count=len(every),
        real=_paths(every, honoured),
        recorded=_paths(every, recorded),
        refused=dict(Counter(_INDEX.sub(".*", text) for text in refused)),
    )


def _paths(every: Iterable[Json], named: Iterable[str]) -> dict[str, int]:
    """The paths that are named and set, by how often; elements of lists count as one path."""
    wanted = tree(named)
    found: Counter[str] = Counter()
    for properties in every:
        if not is_intrinsic(properties):
            found.update({_INDEX.sub(".*", path) for path in within(properties, wanted)})
    return dict(sorted(found.items()))


def _exports(template: Json) -> Iterator[str]:
    outputs = template.get("Outputs")
    for output in outputs.values() if isinstance(outputs, dict) else ():
        name = (output.get("Export") or {}).get("Name") if isinstance(output, dict) else None
        if isinstance(name, str):
            yield name


def _templates(assembly: Path) -> Iterator[tuple[str, Json]]:
    """The stacks of an assembly and of those inside it, by name, with their templates."""
    manifest = assembly / "manifest.json"
    if not manifest.is_file():
        raise WorldError(f"{assembly} holds no synthesized CDK app: run `cdk synth` and give its output directory")
    artifacts = _read(manifest).get("artifacts")
    if not isinstance(artifacts, dict) or not all(isinstance(one, dict) for one in artifacts.values()):
        raise WorldError(f"{manifest} is no manifest of a CDK app: it names no artifacts")
    for name, artifact in artifacts.items():
        properties = artifact.get("properties") or {}
        if artifact.get("type") == _STACK:
            file = properties.get("templateFile")
            if not isinstance(file, str):
                raise WorldError(f"{manifest}: the stack {name} has no template file")
            yield str(properties.get("stackName") or name), _read(assembly / file)
        elif artifact.get("type") == _NESTED and isinstance(properties.get("directoryName"), str):
            yield from _templates(assembly / properties["directoryName"])


def _read(path: Path) -> Json:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        raise WorldError(f"{path} is named by the app and not there") from None
    except ValueError as error:
        raise WorldError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise WorldError(f"{path} holds no JSON object")
    return found
