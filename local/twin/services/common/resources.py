"""How a CloudFormation type is made: what it honours, how it is created, updated, deleted, read.

A type refuses properties that it does not name. `create`, `update` and `delete` are called again each second while
they answer `waiting`, as on AWS until the resource is stable; what they keep meanwhile is `request.custom_context`.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from localstack.services.cloudformation.resource_provider import (
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceRequest,
)

from twin.services.common.api import Json, client
from twin.services.common.schemas import schema

__all__ = [
    "Progress",
    "Request",
    "Resource",
    "asks_for_snapshot",
    "done",
    "failed",
    "is_missing",
    "retag",
    "tagged",
    "tags_of",
    "unless_gone",
    "waiting",
]

# Of the context of a deletion that leaves a snapshot behind.
SNAPSHOT = "snapshot"

type Progress = ProgressEvent[Json]
type Request = ResourceRequest[Json]


class Resource(ResourceProvider):
    """Base of a type.

    TYPE: its name. REF: the property that Ref gives. HONOURED: the properties with which it does something.
    RECORDED: those that are kept and given back, but have no counterpart on one machine. A property of which only
    parts are done is named by these: `Rules.*.Status`, with `*` for each element of a list. REPLACING: properties of
    which another value makes another resource, beyond those that its schema names. SNAPSHOTS: whether its deletion
    takes a snapshot first where `asks_for_snapshot(request)`, as DeletionPolicy Snapshot wants it.
    """

    TYPE: ClassVar[str]
    REF: ClassVar[str]
    HONOURED: ClassVar[frozenset[str]]
    RECORDED: ClassVar[frozenset[str]] = frozenset()
    REPLACING: ClassVar[frozenset[str]] = frozenset()
    SNAPSHOTS: ClassVar[bool] = False
    SCHEMA: ClassVar[Json]

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "TYPE" in vars(cls):
            published = schema(cls.TYPE)
            fixed = [*published.get("createOnlyProperties", []), *(f"/properties/{one}" for one in cls.REPLACING)]
            cls.SCHEMA = {**published, "createOnlyProperties": fixed, "primaryIdentifier": [f"/properties/{cls.REF}"]}

    def client(self, request: Request, service: str | None = None) -> Any:
        """A client of the type's own service, or of another, in the stack's region."""
        return client(service or self.service(), request.region_name)

    @classmethod
    def service(cls) -> str:
        """botocore's name of the service, derived from TYPE."""
        name = cls.TYPE.split("::")[1].lower()
        return {"elasticloadbalancingv2": "elbv2", "applicationautoscaling": "application-autoscaling"}.get(name, name)

    @classmethod
    def fixed(cls) -> list[str]:
        """The properties of which another value makes another resource."""
        paths = [path.removeprefix("/properties/") for path in cls.SCHEMA.get("createOnlyProperties") or []]
        return sorted({path.split("/")[0] for path in paths})

    def generated_name(self, request: Request, limit: int = 63, *, lower: bool = False, distinct: bool = False) -> str:
        """The name CloudFormation would give: stack, logical id, and a suffix, the same in each call for the resource.

        It stays the same for ever, so that a redeployed stack finds its data again. distinct: what replaces a
        resource, because a property differs that is fixed at creation, gets another name: both stand for a while.
        """
        base = f"{request.stack_name}-{request.logical_resource_id}"
        name = re.sub(r"[^A-Za-z0-9]+", "-", base).strip("-")
        values = {one: request.desired_state.get(one) for one in self.fixed()} if distinct else {}
        if distinct or len(name) > limit:
            # Two long names must not become one.
            digest = hashlib.sha256(f"{base}{json.dumps(values, sort_keys=True, default=str)}".encode()).hexdigest()
            name = f"{name[: limit - 13].strip('-')}-{digest[:12]}"
        return name.lower() if lower else name


def done(model: Json) -> Progress:
    """The action has ended well; `model` is what Ref and GetAtt read."""
    return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model)


def waiting(model: Json, **context: Any) -> Progress:
    """Not stable yet: call again, with `context` kept."""
    return ProgressEvent(status=OperationStatus.IN_PROGRESS, resource_model=model, custom_context=context)


def failed(model: Json, message: str) -> Progress:
    """The action has failed, for the reason that the stack's event shows."""
    return ProgressEvent(status=OperationStatus.FAILED, resource_model=model, message=message)


def asks_for_snapshot(request: Request) -> bool:
    """Whether a deletion is to leave a snapshot behind, for DeletionPolicy or UpdateReplacePolicy Snapshot."""
    return bool(request.custom_context.get(SNAPSHOT))


def is_missing(error: ClientError) -> bool:
    """Whether the call failed because the thing is not there (any more)."""
    code = error.response["Error"]["Code"]
    return "NotFound" in code or code.startswith("NoSuch") or code.endswith("DoesNotExist")


@contextmanager
def unless_gone() -> Iterator[None]:
    """Let a deletion pass whose thing is gone already; another error is raised."""
    try:
        yield
    except ClientError as error:
        if not is_missing(error):
            raise


def tags_of(model: Json) -> list[Json]:
    """The Tags of a model as APIs take them, with text values."""
    return [{"Key": str(tag["Key"]), "Value": str(tag["Value"])} for tag in model.get("Tags") or []]


def tagged(model: Json) -> Json:
    """The tags as a parameter of a creation; many an API takes no empty list."""
    return {"Tags": tags_of(model)} if model.get("Tags") else {}


def retag(model: Json, before: Json, *, put: Callable[[list[Json]], Any], take: Callable[[list[str]], Any]) -> None:
    """Let the tags be those of the model: `take` removes keys, `put` sets tags; neither is called for nothing."""
    old, new = tags_of(before), tags_of(model)
    if gone := sorted({tag["Key"] for tag in old} - {tag["Key"] for tag in new}):
        take(gone)
    if new and new != old:
        put(new)
