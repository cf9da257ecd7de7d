"""Read replicas: an instance that follows another, until it is promoted.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PostgreSQL.Replication.ReadReplicas.html
"""

from dataclasses import replace
from pathlib import Path

from twin.core.addresses import book, listening_port
from twin.core.errors import ProcessError
from twin.engines.postgres import Node
from twin.services.rds import backups
from twin.services.rds.database import Database, owner
from twin.services.rds.models import LOCK, Instance, store
from twin.services.rds.volume import FIRST, Volume


def of(instance: Instance) -> list[Instance]:
    """The read replicas of the instance."""
    with LOCK:
        kept = list(store(instance.region).instances.values())
    return sorted((one for one in kept if one.source == instance.identifier), key=lambda one: one.identifier)


def upstream(replica: Instance, database: Database) -> tuple[Node, Path]:
    """The source as its replica reaches it, by the endpoint that always leads to its primary, and its archive."""
    source = store(replica.region).instances.get(replica.source)
    if source is None:
        raise ProcessError(f"the source {replica.source} is gone")
    password = Volume(source.region, source.identifier).password()
    # Before it has a volume, the replica's own password would be made anew by being asked for.
    database.volume.take_password(password)
    node = replace(
        database.node(FIRST),
        name=source.identifier,
        address=book().endpoint(owner(source)),
        port=listening_port(source.port),
        password=password,
    )
    return node, backups.archive_of(source.region, source.resource_id)
