"""LocalStack's CloudFormation, with the template checked before a change set may be executed."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from localstack.aws.api import RequestContext, handler
from localstack.aws.api.cloudformation import AlreadyExistsException, ChangeSetStatus, ChangeSetType, StackStatus
from localstack.services.cloudformation.engine.validations import ValidationError
from localstack.services.cloudformation.stores import exports_map, get_cloudformation_store
from localstack.services.cloudformation.v2.provider import (
    CloudformationProviderV2,
    find_change_set_v2,
    find_stack_v2,
)
from localstack.utils.threads import start_worker_thread

from twin.services.cloudformation.checks import complaints, retyped
from twin.services.cloudformation.executor import Executor
from twin.services.cloudformation.references import unresolved
from twin.services.cloudformation.registry import done, install
from twin.services.common.api import only

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
_UPDATABLE = {
    "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
    "REVIEW_IN_PROGRESS",
}  # fmt: skip


# What CreateStack and UpdateStack take that a change set takes too.
_DIRECT = ("StackName", "TemplateBody", "TemplateURL", "Parameters", "Capabilities", "Tags", "RoleARN",
           "ClientRequestToken")  # fmt: skip


class CloudFormation(CloudformationProviderV2):
    """Refuses, however it is asked, properties that AWS would refuse or with which the twin would do nothing."""

    def __init__(self) -> None:
        super().__init__()
        install()

    @handler("CreateChangeSet", expand=False)  # type: ignore[untyped-decorator]  # LocalStack's have no types
    def create_change_set(self, context: RequestContext, request: Any) -> Any:
        """Make it; the stack stays what it is until the change set is executed, and must be one that can change."""
        stack = find_stack_v2(get_cloudformation_store(context.account_id, context.region), request["StackName"])
        standing = stack.status if stack is not None else None
        changes = request.get("ChangeSetType", "UPDATE") == "UPDATE"
        if stack is not None and changes and standing not in _UPDATABLE:
            raise ValidationError(f"Stack:{stack.stack_id} is in {standing} state and can not be updated.")
        answer = super().create_change_set(context, request)
        if stack is not None and stack.status != standing:
            # Core takes every stack that has once been rolled back for one that was never made.
            stack.status = standing
            stack.events.pop(0)
        return answer

    @handler("CreateStack", expand=False)  # type: ignore[untyped-decorator]
    def create_stack(self, context: RequestContext, request: Any) -> Any:
        """Make it by way of a change set. Core itself would call a creation that was rolled back complete."""
        _only("CreateStack", request, (*_DIRECT, "EnableTerminationProtection"), {"OnFailure": "ROLLBACK"})
        standing = find_stack_v2(get_cloudformation_store(context.account_id, context.region), request["StackName"])
        if standing is not None and standing.status != StackStatus.DELETE_COMPLETE:
            raise AlreadyExistsException(f"Stack [{request['StackName']}] already exists")
        stack = self._deploy(context, request, ChangeSetType.CREATE)
        stack.enable_termination_protection = bool(request.get("EnableTerminationProtection"))
        return {"StackId": stack.stack_id}

    @handler("UpdateStack", expand=False)  # type: ignore[untyped-decorator]
    def update_stack(self, context: RequestContext, request: Any) -> Any:
        """Change it by way of a change set. Core itself would neither check it nor tell of its rollback."""
        _only("UpdateStack", request, _DIRECT, {})
        return {"StackId": self._deploy(context, request, ChangeSetType.UPDATE).stack_id}

    @handler("ExecuteChangeSet", expand=False)  # type: ignore[untyped-decorator]
    def execute_change_set(self, context: RequestContext, request: Any) -> Any:
        """Carry it out."""
        _only("ExecuteChangeSet", request, ("ChangeSetName", "StackName", "ClientRequestToken"), {})
        return super().execute_change_set(context, request["ChangeSetName"], request.get("StackName"))

    @handler("DeleteStack", expand=False)  # type: ignore[untyped-decorator]
    def delete_stack(self, context: RequestContext, request: Any) -> Any:
        """Delete it; of one whose deletion has failed, all but RetainResources.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
        """
        known = ("StackName", "RetainResources", "RoleARN", "ClientRequestToken")
        _only("DeleteStack", request, known, {"DeletionMode": "STANDARD"})
        name, retained = request["StackName"], request.get("RetainResources") or []
        stack = find_stack_v2(get_cloudformation_store(context.account_id, context.region), name)
        if stack is not None:
            if stack.enable_termination_protection:
                raise ValidationError(f"Stack [{name}] cannot be deleted while TerminationProtection is enabled")
            if retained and stack.status != StackStatus.DELETE_FAILED:
                raise ValidationError(f"Stack [{name}] is not in DELETE_FAILED state: it can retain no resources")
            stack.retained = frozenset(retained)
        return super().delete_stack(context, name)

    def _deploy(self, context: RequestContext, request: Any, kind: ChangeSetType) -> Any:
        """Make a change set of the request and execute it; returns the stack, raises what the change set ends with."""
        store = get_cloudformation_store(context.account_id, context.region)
        named = {"ChangeSetName": f"direct-{time.time_ns():x}", "ChangeSetType": kind}
        asked = {name: one for name, one in request.items() if name in _DIRECT} | named
        change_set = find_change_set_v2(store, self.create_change_set(context, asked)["Id"])
        assert change_set is not None
        stack = change_set.stack
        if change_set.status == ChangeSetStatus.FAILED:
            reason = change_set.status_reason or ""
            if kind == ChangeSetType.CREATE:
                super().delete_stack(context, stack.stack_id)
            raise ValidationError("No updates are to be performed." if "contain changes" in reason else reason)
        super().execute_change_set(context, change_set.change_set_id)
        return stack

    @handler("ContinueUpdateRollback", expand=False)  # type: ignore[untyped-decorator]
    def continue_update_rollback(self, context: RequestContext, request: Any) -> Any:
        """Try again what a rollback could not undo, but for ResourcesToSkip, which stay as they are.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
        """
        name = request["StackName"]
        stack = find_stack_v2(get_cloudformation_store(context.account_id, context.region), name)
        if stack is None:
            raise ValidationError(f"Stack [{name}] does not exist")
        if stack.status != StackStatus.UPDATE_ROLLBACK_FAILED:
            raise ValidationError(f"Stack:{stack.stack_id} is in {stack.status} state and can not continue rollback.")
        change_set, left = stack.left_to_undo
        skipped = set(request.get("ResourcesToSkip") or [])
        stack.set_stack_status(StackStatus.UPDATE_ROLLBACK_IN_PROGRESS, "User Initiated")
        todo = [undo for undo in left if undo.name not in skipped]
        start_worker_thread(lambda *_: Executor(change_set).continue_roll_back(todo))
        return {}

    @classmethod
    def _setup_change_set_model(cls, change_set: Any, *arguments: Any, **named: Any) -> None:
        stack = change_set.stack
        standing = stack.status
        super()._setup_change_set_model(change_set, *arguments, **named)
        reason = change_set.status_reason
        if change_set.status != ChangeSetStatus.FAILED:
            template = change_set.processed_template or {}
            exports = exports_map(account_id=stack.account_id, region_name=stack.region_name)
            lost = [*retyped(named.get("before_template") or {}, template), *unresolved(template, set(exports))]
            found = lost or complaints(template.get("Resources") or {}, done())
            if not found:
                return
            reason = lost[0] if lost else "The template cannot be deployed. " + "; ".join(found)
            change_set.status_reason = reason
            change_set.set_change_set_status(ChangeSetStatus.FAILED)
        # A change set that cannot be made changes nothing: AWS leaves the stack as it stood.
        stack.set_stack_status(StackStatus(standing), reason)


def _only(operation: str, request: Any, done: Iterable[str], usual: Mapping[str, str]) -> None:
    """Refuse a parameter with which the twin would do nothing, unless it asks for what is usual."""
    asked = {name: one for name, one in request.items() if one is not False and usual.get(name) != one}
    only("cloudformation", operation, asked, done)
