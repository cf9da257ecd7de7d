"""The template functions that core passes on literally: Fn::Cidr, Fn::Length, Fn::ToJsonString.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

import json
from collections.abc import Callable
from ipaddress import ip_network
from itertools import islice
from typing import Any

from localstack.services.cloudformation.engine.v2 import change_set_model
from localstack.services.cloudformation.engine.v2.change_set_model_describer import CHANGESET_KNOWN_AFTER_APPLY
from localstack.services.cloudformation.engine.v2.change_set_model_preproc import ChangeSetModelPreproc
from localstack.services.cloudformation.engine.v2.change_set_model_visitor import ChangeSetModelVisitor

MOST_BLOCKS = 256


def cidr(arguments: list[Any]) -> list[str]:
    """The first `count` blocks with `bits` free bits in the block: [block, count, bits]."""
    block, count, *bits = arguments
    if not 1 <= int(count) <= MOST_BLOCKS:
        raise ValueError(f"Template error: Fn::Cidr count {count} must be between 1 and {MOST_BLOCKS}")
    network = ip_network(str(block))
    prefix = network.max_prefixlen - int(bits[0] if bits else 8)
    found = [str(subnet) for subnet in islice(network.subnets(new_prefix=prefix), int(count))]
    if len(found) < int(count):
        raise ValueError(f"Template error: {block} does not hold {count} blocks of /{prefix}")
    return found


def length(argument: Any) -> int:
    """The number of elements of a list."""
    if not isinstance(argument, list):
        raise TypeError("Template error: Fn::Length needs a list")
    return len(argument)


def to_json_string(argument: Any) -> str:
    """The value as JSON text."""
    return json.dumps(argument, separators=(",", ":"))


_FUNCTIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Fn::Cidr": ("fn_cidr", cidr),
    "Fn::Length": ("fn_length", length),
    "Fn::ToJsonString": ("fn_to_json_string", to_json_string),
}


def install() -> None:
    """Teach the engine the functions."""
    for name, (method, compute) in _FUNCTIONS.items():
        change_set_model.INTRINSIC_FUNCTIONS.add(name)
        visit = f"visit_node_intrinsic_function_{method}"
        setattr(ChangeSetModelVisitor, visit, lambda visitor, node: visitor.visit_children(node))
        setattr(ChangeSetModelPreproc, visit, _visit(compute))


def _visit(compute: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def resolve(argument: Any) -> Any:
        # What is known only after the deployment cannot be computed for the change set's description.
        if CHANGESET_KNOWN_AFTER_APPLY in json.dumps(argument, default=str):
            return CHANGESET_KNOWN_AFTER_APPLY
        return compute(argument)

    def visit(preprocessor: Any, node: Any) -> Any:
        arguments = preprocessor.visit(node.arguments)
        return preprocessor._cached_apply(scope=node.scope, arguments_delta=arguments, resolver=resolve)

    return visit
