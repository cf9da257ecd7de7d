"""What of ECS has a network interface, for whoever decides connections."""

from collections.abc import Iterable
from ipaddress import IPv4Address

from twin.core.addresses import loopback
from twin.core.world import world
from twin.services.ecs.models import TaskStatus, store
from twin.services.network.models import Interface


def interfaces() -> Iterable[Interface]:
    """The tasks that have an address, and those that services will start.

    Takes no lock: it is asked while containers wait for their connections.
    """
    kept = store(world().region)
    for task in list(kept.tasks.values()):
        definition = kept.definitions.get(task.definition)
        if task.ip and task.status is not TaskStatus.STOPPED and definition is not None:
            ports = {int(one["containerPort"]) for c in definition.containers for one in c.get("portMappings") or []}
            yield Interface(
                kind="task",
                owner=task.id,
                address=IPv4Address(task.ip),
                subnet=task.subnet,
                groups=tuple(task.security_groups),
                public_ip=task.public_ip,
                places=(loopback(task.ip),),
                ports=tuple(sorted(ports)),
                also=(task.service.rsplit("/", 1)[-1],) if task.service else (),
            )
    for service in list(kept.services.values()):
        network = (service.settings.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        for subnet in network.get("subnets") or () if service.status == "ACTIVE" else ():
            yield Interface(
                kind="a task to come of",
                owner=service.name,
                address=IPv4Address(0),
                subnet=subnet,
                groups=tuple(network.get("securityGroups") or ()),
                public_ip=network.get("assignPublicIp") == "ENABLED",
                ports=tuple(int(one["containerPort"]) for one in service.settings.get("loadBalancers") or ()),
            )
