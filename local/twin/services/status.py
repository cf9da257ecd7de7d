"""What LocalStack's own services hold, as `twin status` shows it; asking loads none that nobody has used."""

import sys
from typing import Any

from twin.core.status import register

_GONE = {"DELETE_COMPLETE"}


def observe() -> None:
    """Let stacks, alarms and functions be part of the status."""
    register("stacks", _stacks)
    register("alarms", _alarms)
    register("functions", _functions)


def _stacks() -> list[dict[str, str]]:
    stacks = _held("cloudformation.stores", "cloudformation_stores", "stacks_v2")
    shown = [{"name": str(stack.stack_name), "status": str(stack.status)} for stack in stacks]
    return [stack for stack in shown if stack["status"] not in _GONE]


def _alarms() -> list[dict[str, str]]:
    alarms = [held.alarm for held in _held("cloudwatch.models", "cloudwatch_stores", "alarms")]
    return [{"name": alarm["AlarmName"], "state": str(alarm["StateValue"])} for alarm in alarms]


def _functions() -> list[dict[str, str]]:
    functions = _held("lambda_.invocation.models", "lambda_stores", "functions")
    return [{"name": one.function_name, "state": str(one.latest().config.state.state)} for one in functions]


def _held(module: str, stores: str, kind: str) -> list[Any]:
    """All objects of the kind, of every account and region."""
    loaded = sys.modules.get(f"localstack.services.{module}")
    if loaded is None:
        return []
    every = [store for _, _, store in list(getattr(loaded, stores).iter_stores())]
    return [held for store in every for held in list(getattr(store, kind).values())]
