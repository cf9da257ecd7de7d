"""Puts the gate and the writing down of objects into LocalStack's chain of handlers."""

from localstack.aws import handlers

from twin.persistence import objects, snapshot


def install() -> None:
    """Called once, before the first request."""
    handlers.preprocess_request.handlers.insert(0, snapshot.gate.enter)
    handlers.run_custom_response_handlers.append(objects.note)
    handlers.run_custom_response_handlers.append(snapshot.gate.note)
    handlers.run_custom_finalizers.append(snapshot.gate.leave)
