"""What is to be undone after a failure: which resources are removed again, which go back to what they were.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
Nothing is done here: the executor acts on the plan.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

type Json = dict[str, Any]


class Did(Enum):
    """What was done with a resource."""

    CREATED = "created"
    UPDATED = "updated"


@dataclass(frozen=True)
class Step:
    """A resource that was made or changed. asked: what the template said; model: what came of it;
    ok: whether it ended well."""

    did: Did
    name: str
    type: str
    asked: Json
    model: Json
    ok: bool


@dataclass(frozen=True)
class Undo:
    """A resource to be put back (wanted: what its former template said) or, without `wanted`, removed."""

    name: str
    type: str
    standing: Json
    wanted: Json | None = None
    kept: bool = False


def plan(
    steps: Sequence[Step], former: Mapping[str, Json], has_id: Callable[[str, Json], bool], retained: frozenset[str]
) -> list[Undo]:
    """What to do, in order: changed resources are put back, the last first, then what is new is removed.

    former: the stack's resources before, with SpecifiedProperties and Properties, empty for a creation.
    has_id: whether a model of a type names something that exists. retained: what DeletionPolicy Retain protects, also
    when it is new; what replaces another resource is protected by nothing.
    """
    changed = [step for step in reversed(steps) if step.did is Did.UPDATED and step.name in former]
    new = [step for step in reversed(steps) if step.did is Did.CREATED and _was_made(step, has_id)]
    back = [
        Undo(step.name, step.type, _standing(step, former[step.name]), _asked(former[step.name])) for step in changed
    ]
    gone = [Undo(step.name, step.type, step.model, kept=step.name in retained - set(former)) for step in new]
    return [*back, *gone]


def _was_made(step: Step, has_id: Callable[[str, Json], bool]) -> bool:
    """A creation that failed has made something when its model says more than the template did."""
    return has_id(step.type, step.model) and (step.ok or not set(step.model) <= set(step.asked))


def _standing(step: Step, former: Json) -> Json:
    """What the resource may be by now: after a failure, everything that was asked may have come true."""
    return step.model if step.ok else {**former.get("Properties", {}), **step.asked}


def _asked(former: Json) -> Json:
    return dict(former.get("SpecifiedProperties") or former.get("Properties") or {})
