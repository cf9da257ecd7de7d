"""The slices there are: each has `provider.py` with a PROVIDER, and where something runs, `controller.py`."""

import importlib
from types import ModuleType

from localstack.services.plugins import Service

from twin.services.common.api import serve
from twin.services.status import observe

APIS = ("ecr", "ecs", "elasticache", "elbv2", "rds")
# In the order of starting: what others need first comes first; stopped the other way round.
CONTROLLERS = ("rds", "elasticache", "elbv2", "ecs", "events", "logs")


def service(name: str) -> Service:
    """The LocalStack service of the slice."""
    return serve(importlib.import_module(f"twin.services.{name}.provider").PROVIDER)


def start_controllers() -> None:
    """Start every slice's loop; what they observe tells them what to do."""
    observe()
    for name in CONTROLLERS:
        _controller(name).start()


def stop_controllers() -> None:
    """Stop every slice's loop and end what it runs."""
    for name in reversed(CONTROLLERS):
        _controller(name).stop()


def _controller(name: str) -> ModuleType:
    return importlib.import_module(f"twin.services.{name}.controller")
