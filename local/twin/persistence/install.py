"""Puts the gate and the writing down of objects into LocalStack's chain of handlers."""

from typing import Any

from localstack.aws import handlers

from twin.persistence import objects, snapshot


def install() -> None:
    """Called once, before the first request."""
    handlers.preprocess_request.handlers.insert(0, snapshot.gate.enter)
    handlers.run_custom_response_handlers.append(objects.note)
    handlers.run_custom_response_handlers.append(snapshot.gate.note)
    handlers.run_custom_finalizers.append(snapshot.gate.leave)


def let_go(context: Any) -> None:
    """No snapshot need wait for a request that will get no answer."""
    snapshot.gate.leave(None, context, None)
    context.passed_the_gate = False
