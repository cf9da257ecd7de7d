"""LocalStack's CloudFormation, with the template checked before a change set may be executed."""

from typing import Any

from localstack.aws.api.cloudformation import ChangeSetStatus, StackStatus
from localstack.services.cloudformation.v2.provider import CloudformationProviderV2

from twin.services.cloudformation.checks import complaints
from twin.services.cloudformation.registry import install, own


class CloudFormation(CloudformationProviderV2):
    """Refuses a change set whose properties AWS would refuse, or with which the twin would do nothing."""

    def __init__(self) -> None:
        super().__init__()
        install()

    @classmethod
    def _setup_change_set_model(cls, change_set: Any, *arguments: Any, **named: Any) -> None:
        standing = change_set.stack.status
        super()._setup_change_set_model(change_set, *arguments, **named)
        reason = change_set.status_reason
        if change_set.status != ChangeSetStatus.FAILED:
            found = complaints((change_set.processed_template or {}).get("Resources") or {}, own())
            if not found:
                return
            reason = "The template cannot be deployed. " + "; ".join(found)
            change_set.status_reason = reason
            change_set.set_change_set_status(ChangeSetStatus.FAILED)
        # A change set that cannot be made changes nothing: AWS leaves the stack as it stood.
        change_set.stack.set_stack_status(StackStatus(standing), reason)
