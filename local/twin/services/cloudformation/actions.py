"""How a type's create, update and delete are called: what goes wrong is told in its own words, never passed over."""

from typing import Any

from botocore.exceptions import ClientError
from localstack.services.cloudformation.deployment_utils import check_not_found_exception
from localstack.services.cloudformation.resource_provider import (
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    convert_payload,
)

type Json = dict[str, Any]


def execute_action(executor: Any, provider: ResourceProvider, payload: Json) -> ProgressEvent[Json]:
    """Call the type once. Core itself calls an update that a type lacks a success, and one that fails a deletion."""
    request = convert_payload(stack_name=executor.stack_name, stack_id=executor.stack_id, payload=payload)
    action = payload["action"]
    act = {"Add": provider.create, "Remove": provider.delete}.get(action, provider.update)
    before = request.desired_state if action == "Add" else request.previous_state or {}
    try:
        progress: ProgressEvent[Json] = act(request)
    except NotImplementedError:
        return _failed(before, f"The twin cannot change a {request.resource_type} in place")
    except Exception as error:  # noqa: BLE001 - whatever a type raises is the resource's failure, not the engine's
        if action == "Remove" and check_not_found_exception(error, request.resource_type, before):
            return ProgressEvent(status=OperationStatus.SUCCESS, resource_model={})
        return _failed(before, _told(error))
    return progress


def _failed(model: Json, reason: str) -> ProgressEvent[Json]:
    return ProgressEvent(status=OperationStatus.FAILED, resource_model=model, message=reason)


def _told(error: Exception) -> str:
    """The reason as CloudFormation shows it: an API's text with its code, or what the type itself said."""
    if isinstance(error, ClientError):
        fault = error.response["Error"]
        return f'Resource handler returned message: "{fault.get("Message")} (Error Code: {fault.get("Code")})"'
    return f"{error}" or type(error).__name__
