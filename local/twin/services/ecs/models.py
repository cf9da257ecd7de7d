"""What ECS keeps: clusters, task definitions, services with their deployments, tasks. Everything here is plain data."""

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from localstack.services.stores import AccountRegionBundle, BaseStore, LocalAttribute

type Json = dict[str, Any]

# Held while anything below is changed or read together.
LOCK = threading.RLock()


class TaskStatus(StrEnum):
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html"""

    PROVISIONING = "PROVISIONING"
    PENDING = "PENDING"
    ACTIVATING = "ACTIVATING"
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    STOPPING = "STOPPING"
    DEPROVISIONING = "DEPROVISIONING"
    STOPPED = "STOPPED"


class Rollout(StrEnum):
    """The state of a deployment."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class StopCode(StrEnum):
    """Why a task stopped; TaskStopCode of the API."""

    FAILED_TO_START = "TaskFailedToStart"
    ESSENTIAL_EXITED = "EssentialContainerExited"
    USER = "UserInitiated"
    SCHEDULER = "ServiceSchedulerInitiated"
    INFRASTRUCTURE = "InfrastructureHealth"


# A task goes forwards only.
_ORDER = list(TaskStatus)


@dataclass
class Cluster:
    """A cluster."""

    name: str
    arn: str
    settings: list[Json] = field(default_factory=list)
    configuration: Json = field(default_factory=dict)
    capacity_providers: list[str] = field(default_factory=list)
    default_strategy: list[Json] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Definition:
    """A revision of a task definition; `registered` is what RegisterTaskDefinition was given, with AWS's defaults."""

    arn: str
    family: str
    revision: int
    registered: Json
    registered_at: float
    deregistered_at: float | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def containers(self) -> list[Json]:
        """Its container definitions."""
        found: list[Json] = self.registered["containerDefinitions"]
        return found


@dataclass
class Container:
    """A container of a task. exit_code: as container engines give it; None while it has not ended."""

    name: str
    arn: str
    image: str
    runtime_id: str
    essential: bool
    status: TaskStatus = TaskStatus.PENDING
    image_digest: str = ""
    exit_code: int | None = None
    reason: str = ""
    pid: int | None = None


@dataclass
class Task:
    """A task. ip: its address in the emulated network; public_ip: whether it has a public one too; deployment: that of
    its service, empty for a standalone task; healthy: as last seen, was_healthy: ever; counted: as a failure of its
    deployment."""

    arn: str
    cluster: str
    definition: str
    group: str
    launch_type: str
    capacity_provider: str
    subnet: str
    zone: str
    security_groups: list[str]
    containers: list[Container]
    created_at: float
    started_by: str = ""
    service: str = ""
    deployment: str = ""
    overrides: Json = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    token: str = field(default="", repr=False)
    ip: str = ""
    public_ip: bool = False
    status: TaskStatus = TaskStatus.PROVISIONING
    desired: TaskStatus = TaskStatus.RUNNING
    was_healthy: bool = False
    healthy: bool = False
    counted: bool = False
    stop_code: StopCode | None = None
    stopped_reason: str = ""
    pull_started_at: float | None = None
    pull_stopped_at: float | None = None
    started_at: float | None = None
    stopping_at: float | None = None
    stopped_at: float | None = None

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rsplit("/", 1)[1]

    def become(self, status: TaskStatus) -> None:
        """Go to a later status; going back is a mistake of ours and raises ValueError."""
        if _ORDER.index(status) < _ORDER.index(self.status):
            raise ValueError(f"a task cannot go from {self.status} to {status}")
        self.status = status

    def stop(self, code: StopCode, reason: str) -> None:
        """Want it stopped; the first reason stays."""
        if self.desired is not TaskStatus.STOPPED:
            self.desired, self.stop_code, self.stopped_reason = TaskStatus.STOPPED, code, reason


@dataclass
class Deployment:
    """One version of a service on its way to be, or being, what runs. failed: tasks that never became healthy."""

    id: str
    definition: str
    created_at: float
    updated_at: float
    rollout: Rollout = Rollout.IN_PROGRESS
    reason: str = ""
    failed: int = 0
    start_after: float = 0
    primary: bool = True
    settings: Json = field(default_factory=dict)


@dataclass
class Service:
    """A service; deployments come newest first."""

    name: str
    arn: str
    cluster: str
    desired: int
    deployments: list[Deployment]
    settings: Json
    created_at: float
    status: str = "ACTIVE"
    events: list[Json] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    steady: bool = False

    @property
    def primary(self) -> Deployment:
        """The deployment that is wanted."""
        return self.deployments[0]

    def deployment(self, deployment_id: str) -> Deployment | None:
        """The deployment with this id, None when it is gone."""
        return next((one for one in self.deployments if one.id == deployment_id), None)


@dataclass(frozen=True)
class Answered:
    """A request that named itself by a clientToken: what it asked, the ARNs of what it made, when."""

    asked: Json
    made: tuple[str, ...]
    at: float


class EcsStore(BaseStore):
    """All of a region. answered: by operation, cluster and clientToken."""

    clusters: dict[str, Cluster] = LocalAttribute(default=dict)
    definitions: dict[str, Definition] = LocalAttribute(default=dict)
    revisions: dict[str, int] = LocalAttribute(default=dict)
    services: dict[str, Service] = LocalAttribute(default=dict)
    tasks: dict[str, Task] = LocalAttribute(default=dict)
    answered: dict[tuple[str, str, str], Answered] = LocalAttribute(default=dict)


stores = AccountRegionBundle("ecs", EcsStore)


def store(region: str) -> EcsStore:
    """The store of the one account that the twin has."""
    found: EcsStore = stores["000000000000"][region]
    return found
