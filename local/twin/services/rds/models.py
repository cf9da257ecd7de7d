"""What RDS keeps: instances as they are wanted, snapshots, groups of subnets and of parameters, events: plain data."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from localstack.services.stores import AccountRegionBundle, BaseStore, LocalAttribute

from twin.services.common.api import ACCOUNT
from twin.services.common.subnets import Subnet

type Json = dict[str, Any]

# Held while anything below is changed or read together.
LOCK = threading.RLock()


class Status(StrEnum):
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html"""

    CREATING = "creating"
    AVAILABLE = "available"
    BACKING_UP = "backing-up"
    MODIFYING = "modifying"
    RESETTING = "resetting-master-credentials"
    REBOOTING = "rebooting"
    STARTING = "starting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DELETING = "deleting"
    FAILED = "failed"


class Wish(StrEnum):
    """What the instance is to do."""

    RUN = "run"
    STOP = "stop"
    DELETE = "delete"


class SnapshotStatus(StrEnum):
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSnapshot.html"""

    CREATING = "creating"
    AVAILABLE = "available"
    FAILED = "failed"


class Method(StrEnum):
    """When a parameter is put in force; ApplyMethod of the API."""

    IMMEDIATE = "immediate"
    REBOOT = "pending-reboot"


@dataclass
class SubnetGroup:
    """The subnets that instances may be placed in."""

    name: str
    arn: str
    description: str
    vpc_id: str
    subnets: tuple[Subnet, ...]
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parameter:
    """A parameter that the user has set."""

    value: str
    method: Method


@dataclass
class ParameterGroup:
    """What the user has set of the engine's parameters."""

    name: str
    arn: str
    family: str
    description: str
    parameters: dict[str, Parameter] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Origin:
    """What an instance's data comes from: a snapshot, with `archive` (a resource id) the log of an instance after it.

    until: the moment up to which that log is played, None for all of it. name: of the snapshot's or log's instance.
    """

    snapshot: str
    name: str = ""
    archive: str = ""
    until: datetime | None = None


@dataclass
class Instance:
    """A DB instance as it is wanted.

    recorded: properties of the API without a counterpart on one machine. pending: changes that wait for the
    maintenance window. password: the master's, until the server has it. born: whether it has once been what was asked
    for. has_standby: whether a standby has been in sync since Multi-AZ was last asked for. origin: where its data comes
    from, None for nowhere. source: the instance that it is a read replica of, promote: no longer to be so.
    keeps_backups: whether its automated backups outlive it.
    """

    identifier: str
    arn: str
    region: str
    resource_id: str
    database: str
    master: str
    port: int
    multi_az: bool
    zone: str
    subnet_group: str
    parameter_group: str
    security_groups: list[str]
    created_at: datetime
    recorded: Json
    password: str | None = field(default=None, repr=False)
    deletion_protection: bool = False
    pending: Json = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    wish: Wish = Wish.RUN
    reboot: bool = False
    born: bool = False
    has_standby: bool = False
    origin: Origin | None = None
    source: str = ""
    promote: bool = False
    keeps_backups: bool = False

    @property
    def retention(self) -> int:
        """For how many days automated backups are kept; 0 for an instance that has none."""
        return int(self.recorded["BackupRetentionPeriod"])


@dataclass
class Snapshot:
    """A copy of an instance's data. of: the instance as it was; tries: how often taking it has failed."""

    identifier: str
    arn: str
    of: Instance
    manual: bool
    asked_at: datetime
    status: SnapshotStatus = SnapshotStatus.CREATING
    taken_at: datetime | None = None
    tries: int = 0
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Backup:
    """The automated backups of an instance. latest: the moment up to which it can be restored; None before that has
    been seen. retained: the instance is gone."""

    arn: str
    of: Instance
    latest: datetime | None = None
    retained: bool = False


@dataclass(frozen=True)
class Event:
    """Something that happened, in AWS's words."""

    source: str
    kind: str
    arn: str
    message: str
    categories: tuple[str, ...]
    at: datetime


class RdsStore(BaseStore):
    """All of a region."""

    instances: dict[str, Instance] = LocalAttribute(default=dict)
    subnet_groups: dict[str, SubnetGroup] = LocalAttribute(default=dict)
    parameter_groups: dict[str, ParameterGroup] = LocalAttribute(default=dict)
    snapshots: dict[str, Snapshot] = LocalAttribute(default=dict)
    backups: dict[str, Backup] = LocalAttribute(default=dict)
    events: list[Event] = LocalAttribute(default=list)


stores = AccountRegionBundle("rds", RdsStore)


def store(region: str) -> RdsStore:
    """The store of the one account that the twin has."""
    found: RdsStore = stores[ACCOUNT][region]
    return found


def all_instances() -> list[Instance]:
    """Every instance of every region."""
    with LOCK:
        kept = list(stores[ACCOUNT].values())
        return [instance for one in kept for instance in one.instances.values()]
