"""ECS's CloudFormation types."""

from typing import Any

from botocore.exceptions import ClientError
from localstack.services.cloudformation.resource_provider import OperationStatus

from twin.core.timeline import emit
from twin.services.common.resources import (
    Progress,
    Request,
    Resource,
    done,
    failed,
    is_missing,
    retag,
    unless_gone,
    waiting,
)
from twin.services.common.typed import typed

type Json = dict[str, Any]

# Their keys are the user's own, not property names.
_VERBATIM = {"options", "dockerLabels"}


def lower_keys(value: Any) -> Any:
    """Property names as the API writes them: the first letter small, the keys of free maps as they are."""
    if isinstance(value, list):
        return [lower_keys(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, one in value.items():
        name = key[:1].lower() + key[1:]
        made[name] = one if name in _VERBATIM else lower_keys(one)
    return made


def _of_each(name: str, *parts: str) -> tuple[str, ...]:
    """The paths of parts of each element of a list."""
    return tuple(f"{name}.*.{part}" for part in parts)


class Cluster(Resource):
    """A cluster."""

    TYPE = "AWS::ECS::Cluster"
    REF = "ClusterName"
    HONOURED = frozenset(
        {"ClusterName", "ClusterSettings", "CapacityProviders", "DefaultCapacityProviderStrategy", "Tags"}
    )

    def create(self, request: Request) -> Progress:
        """Make it."""
        model = request.desired_state
        made = self.client(request).create_cluster(
            clusterName=model.get("ClusterName") or self.generated_name(request, 255),
            settings=lower_keys(model.get("ClusterSettings") or []),
            capacityProviders=model.get("CapacityProviders") or [],
            defaultCapacityProviderStrategy=lower_keys(model.get("DefaultCapacityProviderStrategy") or []),
            tags=lower_keys(model.get("Tags") or []),
        )["cluster"]
        return done(model | {"ClusterName": made["clusterName"], "Arn": made["clusterArn"]})

    def update(self, request: Request) -> Progress:
        """Change settings and capacity providers."""
        model, before = request.desired_state, request.previous_state or {}
        ecs, name = self.client(request), before["ClusterName"]
        ecs.update_cluster(cluster=name, settings=lower_keys(model.get("ClusterSettings") or []))
        if "CapacityProviders" in model or "CapacityProviders" in before:
            ecs.put_cluster_capacity_providers(
                cluster=name,
                capacityProviders=model.get("CapacityProviders") or [],
                defaultCapacityProviderStrategy=lower_keys(model.get("DefaultCapacityProviderStrategy") or []),
            )
        _retag(ecs, before["Arn"], before, model)
        return done(model | {"ClusterName": name, "Arn": before["Arn"]})

    def delete(self, request: Request) -> Progress:
        """Remove it, once what runs in it has gone."""
        model = request.desired_state
        try:
            self.client(request).delete_cluster(cluster=model["ClusterName"])
        except ClientError as error:
            if "Tasks are active" in str(error):
                return waiting(model)
            if not is_missing(error):
                raise
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        seen = self.client(request).describe_clusters(clusters=[request.desired_state["ClusterName"]])["clusters"][0]
        return done(request.desired_state | {"Arn": seen["clusterArn"]})


class CapacityProviders(Resource):
    """Which capacity providers a cluster has."""

    TYPE = "AWS::ECS::ClusterCapacityProviderAssociations"
    REF = "Cluster"
    HONOURED = frozenset({"Cluster", "CapacityProviders", "DefaultCapacityProviderStrategy"})

    def create(self, request: Request) -> Progress:
        """Associate them."""
        model = request.desired_state
        self.client(request).put_cluster_capacity_providers(
            cluster=model["Cluster"],
            capacityProviders=model["CapacityProviders"],
            defaultCapacityProviderStrategy=lower_keys(model["DefaultCapacityProviderStrategy"]),
        )
        return done(model)

    update = create

    def delete(self, request: Request) -> Progress:
        """Take them away; a cluster that is gone has none."""
        with unless_gone():
            self.client(request).put_cluster_capacity_providers(
                cluster=request.desired_state["Cluster"], capacityProviders=[], defaultCapacityProviderStrategy=[]
            )
        return done({})

    def read(self, request: Request) -> Progress:
        """What was associated."""
        return done(request.desired_state)


class TaskDefinition(Resource):
    """A revision of a task definition: each change is a new one.

    A container is a process of this machine: its sizes, user, platform and mounts are recorded.
    """

    TYPE = "AWS::ECS::TaskDefinition"
    REF = "TaskDefinitionArn"
    HONOURED = frozenset({"ExecutionRoleArn", "Family", "NetworkMode", "RequiresCompatibilities", "Tags", "TaskRoleArn",
                          *_of_each("ContainerDefinitions", "Command", "EntryPoint", "Environment", "Essential",
                                    "Image", "LogConfiguration.LogDriver", "LogConfiguration.Options", "Name",
                                    "PortMappings.*.ContainerPort", "PortMappings.*.HostPort",
                                    "PortMappings.*.Protocol", "Secrets", "StopTimeout",
                                    "WorkingDirectory")})  # fmt: skip
    RECORDED = frozenset({"Cpu", "Memory", "RuntimePlatform", "Volumes.*.Name",
                          *_of_each("ContainerDefinitions", "Cpu", "Memory", "MemoryReservation", "MountPoints",
                                    "PortMappings.*.AppProtocol", "PortMappings.*.Name", "ReadonlyRootFilesystem",
                                    "User")})  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Register it."""
        model, ecs = request.desired_state, self.client(request)
        wanted = lower_keys(model)
        wanted.setdefault("family", self.generated_name(request, 255))
        made = ecs.register_task_definition(**typed(ecs, "RegisterTaskDefinition", wanted))["taskDefinition"]
        return done(model | {"TaskDefinitionArn": made["taskDefinitionArn"]})

    def update(self, request: Request) -> Progress:
        """Tags only; all else is replaced."""
        model, before = request.desired_state, request.previous_state or {}
        _retag(self.client(request), before["TaskDefinitionArn"], before, model)
        return done(model | {"TaskDefinitionArn": before["TaskDefinitionArn"]})

    def delete(self, request: Request) -> Progress:
        """Deregister it; what runs of it goes on."""
        self.client(request).deregister_task_definition(taskDefinition=request.desired_state["TaskDefinitionArn"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The revision, if it is there."""
        self.client(request).describe_task_definition(taskDefinition=request.desired_state["TaskDefinitionArn"])
        return done(request.desired_state)


class Service(Resource):
    """A service, created when its deployment has completed, as on AWS."""

    TYPE = "AWS::ECS::Service"
    REF = "ServiceArn"
    _DEPLOYMENT = frozenset({f"DeploymentConfiguration.{name}" for name in (
        "Alarms", "DeploymentCircuitBreaker.Enable", "DeploymentCircuitBreaker.Rollback", "MaximumPercent",
        "MinimumHealthyPercent", "Strategy")})  # fmt: skip
    _TARGETS = frozenset(_of_each("LoadBalancers", "ContainerName", "ContainerPort", "TargetGroupArn"))
    HONOURED = frozenset({"AvailabilityZoneRebalancing", "CapacityProviderStrategy", "Cluster", "DesiredCount",
                          *_DEPLOYMENT, "DeploymentController", "EnableECSManagedTags",
                          "HealthCheckGracePeriodSeconds", "LaunchType", *_TARGETS, "NetworkConfiguration",
                          "PlatformVersion", "PropagateTags",
                          "SchedulingStrategy", "ServiceName", "Tags", "TaskDefinition"})  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Make it and wait for its first deployment."""
        model, ecs = request.desired_state, self.client(request)
        if "ServiceArn" not in model:
            wanted = lower_keys({"DesiredCount": 1} | {name: one for name, one in model.items() if name != "Name"})
            wanted.setdefault("serviceName", self.generated_name(request, 255))
            made = ecs.create_service(**typed(ecs, "CreateService", wanted))["service"]
            model |= {"ServiceArn": made["serviceArn"], "Name": made["serviceName"]}
            return waiting(model, deployment=made["deployments"][0]["id"])
        return self._watch(request, model)

    def update(self, request: Request) -> Progress:
        """Change it and wait for the deployment that this begins."""
        model, before, ecs = request.desired_state, request.previous_state or {}, self.client(request)
        if not request.custom_context.get("deployment"):
            names = ("AvailabilityZoneRebalancing", "CapacityProviderStrategy", "DeploymentConfiguration",
                     "HealthCheckGracePeriodSeconds", "LoadBalancers", "NetworkConfiguration", "PlatformVersion",
                     "PropagateTags", "EnableECSManagedTags", "TaskDefinition")  # fmt: skip
            changes = {name: model[name] for name in names if name in model}
            # A count that the template leaves alone is the service's own: scaling may have changed it.
            if model.get("DesiredCount") != before.get("DesiredCount") and "DesiredCount" in model:
                changes["DesiredCount"] = model["DesiredCount"]
            wanted = typed(ecs, "UpdateService", lower_keys(changes))
            seen = ecs.update_service(cluster=model.get("Cluster"), service=before["ServiceArn"], **wanted)["service"]
            _retag(ecs, before["ServiceArn"], before, model)
            model |= {"ServiceArn": before["ServiceArn"], "Name": before["Name"]}
            return waiting(model, deployment=seen["deployments"][0]["id"])
        progress = self._watch(request, model)
        return failed(before, progress.message) if progress.status == OperationStatus.FAILED else progress

    def delete(self, request: Request) -> Progress:
        """Drain it and wait until no task is left."""
        model, ecs = request.desired_state, self.client(request)
        with unless_gone():
            if not request.custom_context.get("asked"):
                ecs.delete_service(cluster=model.get("Cluster"), service=model["ServiceArn"], force=True)
                return waiting(model, asked=True)
            seen = ecs.describe_services(cluster=model.get("Cluster"), services=[model["ServiceArn"]])["services"]
            if seen and seen[0]["status"] == "DRAINING":
                return waiting(model, asked=True)
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        model = request.desired_state
        seen = self.client(request).describe_services(cluster=model.get("Cluster"), services=[model["ServiceArn"]])
        return done(model | {"DesiredCount": seen["services"][0]["desiredCount"]})

    def _watch(self, request: Request, model: Json) -> Progress:
        """Wait for the deployment that was begun, or that had been begun already when nothing was left to change."""
        ecs, wanted = self.client(request), request.custom_context["deployment"]
        seen = ecs.describe_services(cluster=model.get("Cluster"), services=[model["ServiceArn"]])["services"][0]
        mine = next((one for one in seen["deployments"] if one["id"] == wanted), None)
        if mine is None or mine["rolloutState"] == "FAILED":
            emit("cloudformation", request.logical_resource_id, mine["rolloutStateReason"] if mine else "superseded")
            return failed(model, "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.")
        return done(model) if mine["rolloutState"] == "COMPLETED" else waiting(model, deployment=wanted)


def _retag(ecs: Any, arn: str, before: Json, model: Json) -> None:
    retag(
        model,
        before,
        put=lambda tags: ecs.tag_resource(resourceArn=arn, tags=lower_keys(tags)),
        take=lambda keys: ecs.untag_resource(resourceArn=arn, tagKeys=keys),
    )


RESOURCES: list[type[Resource]] = [Cluster, CapacityProviders, TaskDefinition, Service]
