"""How a slice serves an AWS API: its own operations, those that moto keeps, and a refusal by name for the rest.

A provider names its service and marks a method per operation::

    class Rds(Provider):
        service = "rds"
        moto = ("CreateDBSubnetGroup", "DescribeDBSubnetGroups")

        @operation("CreateDBInstance")
        def create_db_instance(self, context: RequestContext, request: Json) -> Json: ...
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, ClassVar

import localstack.aws.connect
from botocore.model import OperationModel
from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.spec import load_service
from localstack.services.moto import call_moto, call_moto_with_request
from localstack.services.plugins import Service, ServiceLifecycleHook
from localstack.state.inspect import ReflectionStateLocator

from twin.services.common.inputs import check

type Json = dict[str, Any]
type Handler = Callable[[RequestContext, Json], Json | None]

ACCOUNT = "000000000000"

__all__ = [
    "ACCOUNT",
    "Json",
    "Provider",
    "RequestContext",
    "call_moto",
    "call_moto_with_request",
    "client",
    "fault",
    "only",
    "operation",
    "serve",
    "tag_list",
    "tags_from",
]


class Provider(ServiceLifecycleHook):
    """Base of a slice's API. `service` is botocore's name, `moto` the operations that moto keeps as pure records."""

    service: ClassVar[str]
    moto: ClassVar[tuple[str, ...]] = ()

    def accept_state_visitor(self, visitor: Any) -> None:
        """Show what a snapshot must hold: the slice's own `models.stores`, and moto's where moto keeps records."""
        models = f"{type(self).__module__.rpartition('.')[0]}.models"
        if importlib.util.find_spec(models) is not None:
            visitor.visit(importlib.import_module(models).stores)
        if self.moto:
            ReflectionStateLocator(service=self.service).accept_state_visitor(visitor)


def operation(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark the method that answers the operation `name`; it gets the context and the parsed request."""

    def mark(method: Callable[..., Any]) -> Callable[..., Any]:
        method.__dict__["answers"] = name
        return method

    return mark


def serve(provider: Provider) -> Service:
    """The LocalStack service in which `provider` answers; an operation it lacks is refused by its name."""

    def table(_: object) -> dict[str, Handler]:
        methods = [getattr(provider, name) for name in dir(type(provider))]
        model = load_service(provider.service)
        own = {
            method.answers: _checked(model.operation_model(method.answers), method)
            for method in methods
            if hasattr(method, "answers")
        }
        names = model.operation_names
        kept = dict.fromkeys(provider.moto, _ask_moto)
        refused = {name: _refusal(provider.service, name) for name in names}
        return {**refused, **kept, **own}

    return Service.for_provider(provider, dispatch_table_factory=table)


def _checked(operation: OperationModel, handler: Handler) -> Handler:
    def handle(context: RequestContext, request: Json) -> Json | None:
        check(operation, request)
        return handler(context, request)

    return handle


def fault(code: str, message: str, status: int = 400) -> CommonServiceException:
    """AWS's error `code` with its text, to be raised by a slice."""
    return CommonServiceException(code, message, status_code=status, sender_fault=status < 500)  # noqa: PLR2004 - HTTP


@cache
def client(service: str, region: str) -> Any:
    """A boto3 client that calls this twin from inside, as the account's root."""
    return getattr(
        localstack.aws.connect.connect_to(aws_access_key_id=ACCOUNT, region_name=region), service.replace("-", "_")
    )


def only(service: str, name: str, request: Json, honoured: Iterable[str]) -> None:
    """Refuse, by its name, a parameter with which the twin would do nothing."""
    strange = sorted(key for key, value in request.items() if key not in set(honoured) and value not in (None, [], {}))
    if strange:
        raise fault("NotImplemented", f"{service}:{name}: the twin does not do {', '.join(strange)}", 501)


def tag_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[Json]:
    """Tags as AWS's APIs list them."""
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def tags_from(request: Json) -> dict[str, str]:
    """The Tags of a request; of a key that is named twice the last."""
    return {str(tag["Key"]): str(tag.get("Value") or "") for tag in request.get("Tags") or []}


def _ask_moto(context: RequestContext, _request: Json) -> Json:
    answer: Json = call_moto(context)
    return answer


def _refusal(service: str, name: str) -> Handler:
    def refuse(_context: RequestContext, _request: Json) -> Json:
        raise fault("NotImplemented", f"The twin does not implement {service}:{name}", 501)

    return refuse
