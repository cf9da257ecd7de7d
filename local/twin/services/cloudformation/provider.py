"""LocalStack's CloudFormation, with the template checked before a change set may be executed."""

from typing import Any

from localstack.aws.api import RequestContext, handler
from localstack.aws.api.cloudformation import ChangeSetStatus, StackStatus
from localstack.services.cloudformation.engine.validations import ValidationError
from localstack.services.cloudformation.stores import exports_map, get_cloudformation_store
from localstack.services.cloudformation.v2.provider import CloudformationProviderV2, find_stack_v2
from localstack.utils.threads import start_worker_thread

from twin.services.cloudformation.checks import complaints
from twin.services.cloudformation.executor import Executor
from twin.services.cloudformation.references import unresolved
from twin.services.cloudformation.registry import done, install

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
_UPDATABLE = {
    "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
    "REVIEW_IN_PROGRESS",
}  # fmt: skip


class CloudFormation(CloudformationProviderV2):
    """Refuses a change set whose properties AWS would refuse, or with which the twin would do nothing."""

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
            lost = unresolved(template, set(exports))
            found = lost or complaints(template.get("Resources") or {}, done())
            if not found:
                return
            reason = lost[0] if lost else "The template cannot be deployed. " + "; ".join(found)
            change_set.status_reason = reason
            change_set.set_change_set_status(ChangeSetStatus.FAILED)
        # A change set that cannot be made changes nothing: AWS leaves the stack as it stood.
        stack.set_stack_status(StackStatus(standing), reason)
