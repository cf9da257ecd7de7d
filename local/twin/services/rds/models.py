"""What RDS keeps: instances as they are wanted, groups of subnets and of parameters, events. All is plain data."""

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


@dataclass
class Instance:
    """A DB instance as it is wanted.

    recorded: properties of the API without a counterpart on one machine. pending: changes that wait for the
    maintenance window. password: the master's, until the server has it. born: whether it has once been what was asked
    for. has_standby: whether a standby has been in sync since Multi-AZ was last asked for.
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
