"""Events of instances in AWS's words: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html"""

from datetime import UTC, datetime, timedelta
from enum import Enum

from twin.core.timeline import emit
from twin.services.rds.models import LOCK, Event, Instance, ParameterGroup, store

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
    TO_MULTI_AZ = ("The DB instance is being converted to a Multi-AZ DB instance.", "configuration change")
    MULTI_AZ = ("The DB instance has been converted to a Multi-AZ DB instance.", "configuration change")
    TO_SINGLE_AZ = ("The DB instance is being converted to a Single-AZ DB instance.", "configuration change")
    SINGLE_AZ = ("The DB instance has been converted to a Single-AZ DB instance.", "configuration change")
    PASSWORD = ("The master password for the DB instance has been reset.", "configuration change")
    PARAMETERS = ("Finished updating DB parameter group.", "configuration change")


def tell(instance: Instance, told: Told) -> None:
    """Keep an event of the instance, and put it on the timeline."""
    text, *categories = told.value
    _keep(instance.region, Event(instance.identifier, "db-instance", instance.arn, text, tuple(categories), _now()))
    emit("rds", instance.identifier, text)


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
