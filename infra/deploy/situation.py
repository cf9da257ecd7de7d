"""What a stack's status asks for before it can be deployed: pure decisions, also after an interrupted run."""

from enum import Enum


class Situation(Enum):
    """What has to happen with a stack."""

    CREATE = "create it"
    UPDATE = "update it"
    WAIT = "wait until it settled"
    REMOVE = "remove what a failed creation left, then create it"
    CONTINUE_ROLLBACK = "let its rollback go on, then update it"


_REMOVE = {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}


def situation(status: str | None) -> Situation:
    """Decide by a stack's status, None where there is no stack.

    The statuses are those of
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
    A stack in REVIEW_IN_PROGRESS has only a change set that was never executed, and no resources.
    """
    if status is None or status == "DELETE_COMPLETE":
        return Situation.CREATE
    if status in _REMOVE:
        return Situation.REMOVE
    if status == "UPDATE_ROLLBACK_FAILED":
        return Situation.CONTINUE_ROLLBACK
    if status.endswith("_IN_PROGRESS"):
        return Situation.WAIT
    return Situation.UPDATE


def succeeded(status: str) -> bool:
    """Tell whether a settled stack is as its last change set wanted it."""
    return status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
