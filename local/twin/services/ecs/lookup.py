"""Finding what a request names, by name or by ARN."""

from twin.services.ecs.errors import client_error, invalid, no_cluster, no_service
from twin.services.ecs.models import Cluster, Definition, EcsStore, Service, Task


def cluster_or_none(kept: EcsStore, name: str | None) -> Cluster | None:
    """The cluster, None when it is not there; no name is the default cluster's."""
    short = (name or "default").rsplit("/", 1)[-1]
    return next((one for one in kept.clusters.values() if one.name == short), None)


def cluster(kept: EcsStore, name: str | None) -> Cluster:
    """The cluster, else ClusterNotFoundException."""
    found = cluster_or_none(kept, name)
    if found is None:
        raise no_cluster()
    return found


def definition(kept: EcsStore, name: str) -> Definition:
    """A revision by ARN, `family:revision` or `family`, the newest active one; else ClientException."""
    short = name.rsplit("/", 1)[-1]
    family, _, revision = short.partition(":")
    mine = [one for one in kept.definitions.values() if one.family == family]
    wanted = (
        [d for d in mine if str(d.revision) == revision] if revision else [d for d in mine if not d.deregistered_at]
    )
    if not wanted:
        raise client_error("Unable to describe task definition.")
    return max(wanted, key=lambda one: one.revision)


def service_or_none(kept: EcsStore, of: Cluster, name: str) -> Service | None:
    """The service of a cluster, None when it is not there."""
    short = name.rsplit("/", 1)[-1]
    return next((one for one in kept.services.values() if one.cluster == of.arn and one.name == short), None)


def service(kept: EcsStore, cluster_name: str | None, name: str) -> Service:
    """The service, else ServiceNotFoundException."""
    found = service_or_none(kept, cluster(kept, cluster_name), name)
    if found is None:
        raise no_service()
    return found


def task_or_none(kept: EcsStore, of: Cluster, name: str) -> Task | None:
    """The task of a cluster, None when it is not there (any more)."""
    short = name.rsplit("/", 1)[-1]
    return next((one for one in kept.tasks.values() if one.cluster == of.arn and one.id == short), None)


def task(kept: EcsStore, cluster_name: str | None, name: str) -> Task:
    """The task, else InvalidParameterException."""
    found = task_or_none(kept, cluster(kept, cluster_name), name)
    if found is None:
        raise invalid("The referenced task was not found.")
    return found
