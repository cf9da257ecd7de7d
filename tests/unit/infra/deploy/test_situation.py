"""What a stack's status asks for."""

import pytest

from infra.deploy.situation import Situation, situation, succeeded


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, Situation.CREATE),
        ("DELETE_COMPLETE", Situation.CREATE),
        ("REVIEW_IN_PROGRESS", Situation.REMOVE),
        ("CREATE_FAILED", Situation.REMOVE),
        ("ROLLBACK_COMPLETE", Situation.REMOVE),
        ("ROLLBACK_FAILED", Situation.REMOVE),
        ("DELETE_FAILED", Situation.REMOVE),
        ("CREATE_IN_PROGRESS", Situation.WAIT),
        ("ROLLBACK_IN_PROGRESS", Situation.WAIT),
        ("DELETE_IN_PROGRESS", Situation.WAIT),
        ("UPDATE_IN_PROGRESS", Situation.WAIT),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Situation.WAIT),
        ("UPDATE_ROLLBACK_IN_PROGRESS", Situation.WAIT),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Situation.WAIT),
        ("UPDATE_ROLLBACK_FAILED", Situation.CONTINUE_ROLLBACK),
        ("CREATE_COMPLETE", Situation.UPDATE),
        ("UPDATE_COMPLETE", Situation.UPDATE),
        ("UPDATE_FAILED", Situation.UPDATE),
        ("UPDATE_ROLLBACK_COMPLETE", Situation.UPDATE),
        ("IMPORT_COMPLETE", Situation.UPDATE),
    ],
)
def test_every_status_asks_for_one_thing(status: str | None, expected: Situation) -> None:
    assert situation(status) is expected


@pytest.mark.parametrize(
    ("status", "well"),
    [
        ("CREATE_COMPLETE", True),
        ("UPDATE_COMPLETE", True),
        ("UPDATE_ROLLBACK_COMPLETE", False),
        ("CREATE_FAILED", False),
    ],
)
def test_a_rolled_back_update_did_not_succeed(status: str, well: bool) -> None:
    assert succeeded(status) is well
