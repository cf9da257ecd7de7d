"""Which images of a repository its lifecycle policy lets go.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html#lp_evaluation_rules
AWS looks within 24 hours; here it is at each push and when the policy is put.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

type Json = dict[str, Any]


@dataclass(frozen=True)
class Pushed:
    """An image of a repository."""

    digest: str
    tags: tuple[str, ...]
    at: datetime


def expired(policy: str, images: Sequence[Pushed], now: datetime) -> list[str]:
    """The digests of the images that go; `images` in the order in which they came."""
    gone: list[str] = []
    claimed: set[str] = set()
    for rule in sorted(json.loads(policy)["rules"], key=lambda rule: int(rule["rulePriority"])):
        selection = rule["selection"]
        matching = [image for image in images if _matches(selection, image.tags)]
        # What matches the tags of a rule is left alone by the rules after it.
        gone += [image.digest for image in _beyond(selection, matching, now) if image.digest not in claimed]
        claimed |= {image.digest for image in matching}
    return gone


def _matches(selection: Json, tags: Sequence[str]) -> bool:
    match selection["tagStatus"]:
        case "any":
            return True
        case "untagged":
            return not tags
    patterns = [*(selection.get("tagPatternList") or []), *(f"{one}*" for one in selection.get("tagPrefixList") or [])]
    return all(any(fnmatchcase(tag, pattern) for tag in tags) for pattern in patterns)


def _beyond(selection: Json, images: Sequence[Pushed], now: datetime) -> Sequence[Pushed]:
    number = int(selection["countNumber"])
    if selection["countType"] == "sinceImagePushed":
        return [image for image in images if now - image.at > timedelta(days=number)]
    oldest_first = sorted(images, key=lambda image: image.at)
    return oldest_first[::-1][number:]
