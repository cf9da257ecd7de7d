"""Which class makes a type: ours first, then those of LocalStack's core that are known to be true."""

import importlib
from collections.abc import Callable

from localstack.services.cloudformation.resource_provider import ResourceProvider, ResourceProviderExecutor
from localstack.services.cloudformation.v2 import provider as engine

from twin.services.cloudformation import functions
from twin.services.cloudformation.actions import execute_action
from twin.services.cloudformation.core_types import CORE
from twin.services.cloudformation.executor import Executor
from twin.services.common.resources import Resource

# Modules whose RESOURCES list the types that the twin makes, loaded at first use.
MODULES = (
    "twin.services.cloudwatch.resources",
    "twin.services.ec2.resources",
    "twin.services.ecr.resources",
    "twin.services.ecs.resources",
    "twin.services.elasticache.resources",
    "twin.services.elbv2.resources",
    "twin.services.events.resources",
    "twin.services.iam.resources",
    "twin.services.logs.resources",
    "twin.services.rds.resources",
    "twin.services.s3.resources",
    "twin.services.secretsmanager.resources",
    "twin.services.secretsmanager.secret",
    "twin.services.sqs.resources",
)
_own: dict[str, type[Resource]] = {}


def own() -> dict[str, type[Resource]]:
    """The twin's types by name."""
    if not _own:
        for module in MODULES:
            _own.update({made.TYPE: made for made in importlib.import_module(module).RESOURCES})
    return _own


def done() -> dict[str, frozenset[str]]:
    """Every type that a template may use, with the paths of its properties that the twin does."""
    return {**CORE, **{name: made.HONOURED | made.RECORDED for name, made in own().items()}}


def install() -> None:
    """Make the engine ask our types before core's, tell failures as they are, and undo what has failed."""
    core: Callable[[str], ResourceProvider | None] = ResourceProviderExecutor.try_load_resource_provider

    def load(resource_type: str) -> ResourceProvider | None:
        made = own().get(resource_type)
        return made() if made else core(resource_type)

    ResourceProviderExecutor.try_load_resource_provider = staticmethod(load)
    ResourceProviderExecutor.execute_action = execute_action
    engine.ChangeSetModelExecutor = Executor
    functions.install()
