"""Which images somebody may still want to run, by what the APIs say, and the removal of all others' files."""

from collections.abc import Iterator
from itertools import batched
from typing import Any

from twin.core.timeline import emit
from twin.core.world import world
from twin.engines import image_prune
from twin.services.common.api import client

MOST_DESCRIBED = 10


def prune() -> int:
    """Remove the files of images that no repository, task definition, service or task refers to; how many went."""
    gone = image_prune.prune(world(), {*_in_repositories(), *_in_tasks()})
    if gone:
        emit("ecr", "images", f"removed {len(gone)} images and environments that nothing refers to")
    return len(gone)


def _in_repositories() -> Iterator[str]:
    ecr = client("ecr", world().region)
    for repository in _pages(ecr, "describe_repositories", "repositories"):
        for image in _pages(ecr, "describe_images", "imageDetails", repositoryName=repository["repositoryName"]):
            yield image["imageDigest"]


def _in_tasks() -> Iterator[str]:
    ecs = client("ecs", world().region)
    definitions = set(_pages(ecs, "list_task_definitions", "taskDefinitionArns"))
    for cluster in _pages(ecs, "list_clusters", "clusterArns"):
        for some in batched(_pages(ecs, "list_services", "serviceArns", cluster=cluster), MOST_DESCRIBED, strict=False):
            for service in ecs.describe_services(cluster=cluster, services=list(some))["services"]:
                definitions |= {one["taskDefinition"] for one in service["deployments"]}
        for some in batched(_pages(ecs, "list_tasks", "taskArns", cluster=cluster), MOST_DESCRIBED, strict=False):
            for task in ecs.describe_tasks(cluster=cluster, tasks=list(some))["tasks"]:
                yield from (one["imageDigest"] for one in task["containers"] if "imageDigest" in one)
    for arn in definitions:
        for container in ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["containerDefinitions"]:
            yield container["image"].rpartition("@")[2]


def _pages(aws: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:
    for page in aws.get_paginator(operation).paginate(**request):
        yield from page[key]
