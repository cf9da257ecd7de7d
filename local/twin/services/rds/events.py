"""Events of instances in AWS's words: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html"""

from datetime import UTC, datetime, timedelta
from enum import Enum

from twin.core.timeline import emit
from twin.services.rds.models import LOCK, Event, Instance, ParameterGroup, Snapshot, store

# Events are kept for 14 days: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html
KEPT = timedelta(days=14)


class Told(Enum):
    """What an event tells: its text, then its categories."""

    CREATED = ("DB instance created.", "creation")
    DELETED = ("DB instance deleted.", "deletion")
    SHUTDOWN = ("DB instance shutdown.", "availability")
    RESTARTED = ("DB instance restarted.", "availability")
    STOPPED = ("DB instance stopped.", "notification")
    STARTED = ("DB instance started.", "notification")
    RECOVERING = (
        "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be recovered.",
        "recovery",
    )
    RECOVERED = ("Recovery of the DB instance is complete.", "recovery")
    TO_MULTI_AZ = ("Applying modification to convert to a Multi-AZ DB instance.", "configuration change")
    MULTI_AZ = ("Finished applying modification to convert to a Multi-AZ DB instance.", "configuration change")
    TO_SINGLE_AZ = (
        "Applying modification to convert to a standard (Single-AZ) DB instance.",
        "configuration change",
    )
    SINGLE_AZ = (
        "Finished applying modification to convert to a standard (Single-AZ) DB instance.",
        "configuration change",
    )
    PASSWORD = ("Reset master credentials.", "configuration change")
    PARAMETERS = ("Finished updating DB parameter group.", "configuration change")
    GROUP = ("Updated to use DBParameterGroup {}.", "configuration change")
    CLASS = ("Finished applying modification to DB instance class.", "configuration change")
    STORAGE = ("Finished applying modification to allocated storage.", "configuration change")
    BACKING_UP = ("Backing up the DB instance.", "backup")
    BACKED_UP = ("Finished DB instance backup.", "backup")
    RESTORED = ("Restored from snapshot {}.", "restoration")
    RESTORED_TO_TIME = ("Restored from DB instance {} to {}.", "restoration")
    REPLICATING = ("Replication for the Read Replica resumed.", "read replica")
    INTERRUPTED = ("Replication has stopped.", "read replica")
    TERMINATED = ("Replication streaming has been terminated.", "read replica")


class Taken(Enum):
    """What an event tells of a snapshot: its text, then its categories."""

    CREATING = ("Creating manual snapshot.", "creation")
    CREATED = ("Manual snapshot created.", "creation")
    CREATING_AUTOMATED = ("Creating automated snapshot.", "creation")
    CREATED_AUTOMATED = ("Automated snapshot created.", "creation")
    DELETED = ("Deleted user snapshot.", "deletion")


def tell(instance: Instance, told: Told, *names: object) -> None:
    """Keep an event of the instance, and put it on the timeline; `names` fill the gaps of its text."""
    text, *categories = told.value
    text = text.format(*names)
    _keep(instance.region, Event(instance.identifier, "db-instance", instance.arn, text, tuple(categories), _now()))
    emit("rds", instance.identifier, text)


def tell_snapshot(snapshot: Snapshot, taken: Taken) -> None:
    """Keep an event of a snapshot, and put it on the timeline."""
    text, *categories = taken.value
    event = Event(snapshot.identifier, "db-snapshot", snapshot.arn, text, tuple(categories), _now())
    _keep(snapshot.of.region, event)
    emit("rds", snapshot.identifier, text)


def tell_parameter(group: ParameterGroup, region: str, text: str) -> None:
    """Keep an event of a parameter group."""
    _keep(region, Event(group.name, "db-parameter-group", group.arn, text, ("configuration change",), _now()))


def _keep(region: str, event: Event) -> None:
    with LOCK:
        kept = store(region).events
        kept.append(event)
        horizon = _now() - KEPT
        while kept[0].at < horizon:
            del kept[0]


def _now() -> datetime:
    return datetime.now(UTC)
