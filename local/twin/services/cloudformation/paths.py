"""Sets of properties, written as dotted paths: a name means all below it, `*` each element of a list."""

from collections.abc import Iterable, Iterator
from typing import Any

type Tree = dict[str, "Tree"]


def tree(paths: Iterable[str]) -> Tree:
    """The paths as one tree, whose leaves are empty; a path takes in those that lead further."""
    root: Tree = {}
    for path in sorted(paths, key=lambda path: path.count("."), reverse=True):
        *outer, last = path.split(".")
        node = root
        for name in outer:
            node = node.setdefault(name, {})
        node[last] = {}
    return root


def within(value: Any, named: Tree) -> Iterator[str]:
    """The paths of the value that `named` names."""
    for name, one, below in _inside(value, named):
        if below == {}:
            yield name
        elif below is not None:
            yield from (f"{name}.{path}" for path in within(one, below))


def beyond(value: Any, named: Tree) -> Iterator[str]:
    """The paths of the value that `named` does not name."""
    for name, one, below in _inside(value, named):
        if below is None:
            yield name
        elif below:
            yield from (f"{name}.{path}" for path in beyond(one, below))


def is_intrinsic(value: object) -> bool:
    """Whether the value is known only later: a function, a reference, a dynamic reference."""
    if isinstance(value, str):
        return "{{resolve:" in value
    return isinstance(value, dict) and len(value) == 1 and (next(iter(value)) == "Ref" or "Fn::" in next(iter(value)))


def _inside(value: Any, named: Tree) -> Iterator[tuple[str, Any, Tree | None]]:
    """What the value holds, with its name and what the tree has below it; of Fn::If what both branches hold."""
    if isinstance(value, dict) and list(value) == ["Fn::If"]:
        for branch in value["Fn::If"][1:]:
            yield from _inside(branch, named)
    elif isinstance(value, list):
        yield from ((str(number), one, named.get("*")) for number, one in enumerate(value))
    elif isinstance(value, dict) and not is_intrinsic(value):
        yield from ((name, one, named.get(name, named.get("*"))) for name, one in sorted(value.items()))
