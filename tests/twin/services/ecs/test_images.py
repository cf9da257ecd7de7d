"""How long images are kept: in their repository by its policy, their files while anything refers to them."""

import json
import urllib.error
import urllib.request

import pytest
from twin.engines.image import images, manifest_digest
from twin.gateway import prune

from tests.twin.services.ecs.conftest import Ground

LAST_THREE = {
    "rulePriority": 1,
    "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3},
    "action": {"type": "expire"},
}


def test_a_push_lets_go_what_the_policy_says_and_pruning_what_nothing_refers_to(ground: Ground) -> None:
    ecr = ground.twin.client("ecr")

    def in_repository() -> set[str]:
        return {image["imageDigest"] for image in ecr.describe_images(repositoryName="test")["imageDetails"]}

    in_use = ground.define("print('named by a task definition')")
    for number in range(8):
        ground.image(f"print({number})")
    try:
        ecr.put_lifecycle_policy(repositoryName="test", lifecyclePolicyText=json.dumps({"rules": [LAST_THREE]}))
        assert len(in_repository()) == 3
        ground.image("print('one more')")
        assert len(in_repository()) == 3
    finally:
        ecr.delete_lifecycle_policy(repositoryName="test")
    before = _stored(ground)
    prune(ground.twin.world)
    left = _stored(ground)
    definition = ground.ecs.describe_task_definition(taskDefinition=in_use)["taskDefinition"]
    named = definition["containerDefinitions"][0]["image"].rpartition("@")[2]
    assert named in left - in_repository()
    assert in_repository() < left < before
    prune(ground.twin.world)
    assert _stored(ground) == left


def test_only_a_post_prunes(ground: Ground) -> None:
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{ground.twin.world.gateway_url}/_twin/prune", timeout=5)


def _stored(ground: Ground) -> set[str]:
    return {manifest_digest(image) for image in images(ground.twin.world)}
