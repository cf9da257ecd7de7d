"""The stacks as `twin status` shows them."""

import sys

from twin.core.status import register

_GONE = {"DELETE_COMPLETE"}


def observe() -> None:
    """Let the stacks be part of the status."""
    register("stacks", _stacks)


def _stacks() -> list[dict[str, str]]:
    # Asking must not load CloudFormation: without a stack it is not loaded.
    module = sys.modules.get("localstack.services.cloudformation.stores")
    if module is None:
        return []
    stores = [store for _, _, store in list(module.cloudformation_stores.iter_stores())]
    stacks = [stack for store in stores for stack in list(store.stacks_v2.values())]
    shown = [{"name": str(stack.stack_name), "status": str(stack.status)} for stack in stacks]
    return [stack for stack in shown if stack["status"] not in _GONE]
