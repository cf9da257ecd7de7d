"""What lifecycle policies of repositories let go."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twin.services.ecr.lifecycle import Pushed, expired

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def rule(priority: int, status: str, count: str, number: int, **more: Any) -> dict[str, Any]:
    """A rule of a policy."""
    selection = {"tagStatus": status, "countType": count, "countNumber": number, **more}
    return {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}


def pushed(digest: str, days: int, *tags: str) -> Pushed:
    """An image that came so many days ago."""
    return Pushed(digest, tags, NOW - timedelta(days=days))


IMAGES = [
    pushed("a", 30, "prod-1"),
    pushed("b", 20),
    pushed("c", 10, "dev-1"),
    pushed("d", 5),
    pushed("e", 5, "prod-2", "dev-2"),
]


@pytest.mark.parametrize(
    ("rules", "gone"),
    [
        ([rule(1, "any", "imageCountMoreThan", 2)], ["c", "b", "a"]),
        ([rule(1, "any", "imageCountMoreThan", 5)], []),
        ([rule(1, "untagged", "sinceImagePushed", 7, countUnit="days")], ["b"]),
        ([rule(1, "tagged", "imageCountMoreThan", 1, tagPrefixList=["prod"])], ["a"]),
        ([rule(1, "tagged", "imageCountMoreThan", 0, tagPatternList=["prod-*", "*-2"])], ["e"]),
        # A rule leaves alone what one before it has looked at, and counts it all the same.
        (
            [rule(2, "any", "imageCountMoreThan", 2), rule(1, "untagged", "sinceImagePushed", 90, countUnit="days")],
            ["c", "a"],
        ),
    ],
)
def test_what_a_policy_lets_go(rules: list[dict[str, Any]], gone: list[str]) -> None:
    assert expired(json.dumps({"rules": rules}), IMAGES, NOW) == gone
