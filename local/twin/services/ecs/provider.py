"""ECS's API: wishes go into the store, the controller is woken, what is seen comes back."""

from typing import ClassVar

from twin.services.common.api import ACCOUNT, Json, Provider, RequestContext, only, operation
from twin.services.ecs import controller, lookup, requests, views
from twin.services.ecs.definitions import checked
from twin.services.ecs.errors import client_error, inactive_service, invalid
from twin.services.ecs.idempotency import once
from twin.services.ecs.models import LOCK, Cluster, StopCode, TaskStatus, store
from twin.services.ecs.paging import page


class Ecs(Provider):
    """The operations that the twin does."""

    service: ClassVar[str] = "ecs"

    @operation("CreateCluster")
    def create_cluster(self, context: RequestContext, request: Json) -> Json:
        """Make a cluster; one of that name that stands is given back."""
        honoured = (
            "clusterName",
            "tags",
            "settings",
            "configuration",
            "capacityProviders",
            "defaultCapacityProviderStrategy",
        )
        only("ecs", "CreateCluster", request, honoured)
        kept = store(context.region)
        name = request.get("clusterName") or "default"
        arn = f"arn:aws:ecs:{context.region}:{ACCOUNT}:cluster/{name}"
        with LOCK:
            cluster = kept.clusters.get(arn)
            if cluster is None:
                settings = request.get("settings") or [{"name": "containerInsights", "value": "disabled"}]
                cluster = kept.clusters[arn] = Cluster(name, arn, settings, request.get("configuration") or {})
                cluster.capacity_providers = requests.capacity_providers(request.get("capacityProviders"))
                cluster.default_strategy = request.get("defaultCapacityProviderStrategy") or []
                cluster.tags = requests.tags(request)
            return {"cluster": views.cluster(cluster, kept, ["TAGS"])}

    @operation("UpdateCluster")
    def update_cluster(self, context: RequestContext, request: Json) -> Json:
        """Change settings and configuration."""
        only("ecs", "UpdateCluster", request, ("cluster", "settings", "configuration"))
        kept = store(context.region)
        cluster = lookup.cluster(kept, request.get("cluster"))
        cluster.settings = request.get("settings") or cluster.settings
        cluster.configuration = request.get("configuration") or cluster.configuration
        return {"cluster": views.cluster(cluster, kept)}

    @operation("PutClusterCapacityProviders")
    def put_cluster_capacity_providers(self, context: RequestContext, request: Json) -> Json:
        """Say which capacity providers the cluster has and which is taken where none is named."""
        kept = store(context.region)
        cluster = lookup.cluster(kept, request.get("cluster"))
        cluster.capacity_providers = requests.capacity_providers(request.get("capacityProviders"))
        cluster.default_strategy = request.get("defaultCapacityProviderStrategy") or []
        return {"cluster": views.cluster(cluster, kept)}

    @operation("DescribeClusters")
    def describe_clusters(self, context: RequestContext, request: Json) -> Json:
        """The clusters named, or the default one."""
        kept = store(context.region)
        found, failures = [], []
        for name in request.get("clusters") or ["default"]:
            cluster = lookup.cluster_or_none(kept, name)
            if cluster:
                found.append(views.cluster(cluster, kept, request.get("include")))
            else:
                arn = f"arn:aws:ecs:{context.region}:{ACCOUNT}:cluster/{name.rsplit('/', 1)[-1]}"
                failures.append({"arn": arn, "reason": "MISSING"})
        return {"clusters": found, "failures": failures}

    @operation("ListClusters")
    def list_clusters(self, context: RequestContext, request: Json) -> Json:
        """The ARNs of all clusters."""
        return page("clusterArns", sorted(store(context.region).clusters), request)

    @operation("DeleteCluster")
    def delete_cluster(self, context: RequestContext, request: Json) -> Json:
        """Remove a cluster without services and tasks."""
        kept = store(context.region)
        with LOCK:
            cluster = lookup.cluster(kept, request.get("cluster"))
            if any(s.cluster == cluster.arn and s.status != "INACTIVE" for s in kept.services.values()):
                raise client_error("The Cluster cannot be deleted while Services are active.")
            if any(t.cluster == cluster.arn and t.status is not TaskStatus.STOPPED for t in kept.tasks.values()):
                raise client_error("The Cluster cannot be deleted while Tasks are active.")
            shown = views.cluster(cluster, kept) | {"status": "INACTIVE"}
            del kept.clusters[cluster.arn]
        return {"cluster": shown}

    @operation("RegisterTaskDefinition")
    def register_task_definition(self, context: RequestContext, request: Json) -> Json:
        """Keep a new revision, checked as Fargate would."""
        kept = store(context.region)
        registered = checked(request)
        with LOCK:
            made = requests.definition(kept, registered, requests.tags(request), context.region)
        return {"taskDefinition": views.definition(made), "tags": views.tags(made.tags)}

    @operation("DeregisterTaskDefinition")
    def deregister_task_definition(self, context: RequestContext, request: Json) -> Json:
        """Let nothing new start from the revision."""
        found = lookup.definition(store(context.region), request["taskDefinition"])
        found.deregistered_at = found.deregistered_at or requests.now()
        return {"taskDefinition": views.definition(found)}

    @operation("DescribeTaskDefinition")
    def describe_task_definition(self, context: RequestContext, request: Json) -> Json:
        """One revision, the newest of a family where none is named."""
        found = lookup.definition(store(context.region), request["taskDefinition"])
        shown = {"taskDefinition": views.definition(found)}
        return shown | ({"tags": views.tags(found.tags)} if "TAGS" in (request.get("include") or []) else {})

    @operation("ListTaskDefinitions")
    def list_task_definitions(self, context: RequestContext, request: Json) -> Json:
        """The ARNs of all revisions, active ones where nothing else is asked."""
        family, wanted = request.get("familyPrefix"), request.get("status") or "ACTIVE"
        found = [d for d in store(context.region).definitions.values() if family in (None, d.family)]
        arns = [d.arn for d in found if (d.deregistered_at is None) == (wanted == "ACTIVE")]
        return page("taskDefinitionArns", arns[::-1] if request.get("sort") == "DESC" else arns, request)

    @operation("ListTaskDefinitionFamilies")
    def list_task_definition_families(self, context: RequestContext, request: Json) -> Json:
        """The families there are."""
        prefix = request.get("familyPrefix") or ""
        families = {d.family for d in store(context.region).definitions.values() if d.deregistered_at is None}
        return page("families", sorted(family for family in families if family.startswith(prefix)), request)

    @operation("CreateService")
    def create_service(self, context: RequestContext, request: Json) -> Json:
        """Want a service; its tasks come by the controller."""
        kept = store(context.region)
        with LOCK:
            (arn,) = once(
                kept, "CreateService", request, lambda: [requests.new_service(kept, request, context.region).arn]
            )
            controller.wake()
            return {"service": views.service(kept.services[arn], kept, ["TAGS"])}

    @operation("UpdateService")
    def update_service(self, context: RequestContext, request: Json) -> Json:
        """Want it otherwise; a change of what runs is a new deployment."""
        kept = store(context.region)
        with LOCK:
            service = lookup.service(kept, request.get("cluster"), request["service"])
            if service.status != "ACTIVE":
                raise inactive_service()
            requests.change_service(kept, service, request, context.region)
            controller.wake()
            return {"service": views.service(service, kept)}

    @operation("DeleteService")
    def delete_service(self, context: RequestContext, request: Json) -> Json:
        """Drain the service and let it be inactive."""
        kept = store(context.region)
        with LOCK:
            service = lookup.service(kept, request.get("cluster"), request["service"])
            if service.desired and not request.get("force"):
                raise invalid("The service cannot be stopped while it is scaled above 0.")
            service.desired, service.status = 0, "DRAINING"
            controller.wake()
            return {"service": views.service(service, kept)}

    @operation("DescribeServices")
    def describe_services(self, context: RequestContext, request: Json) -> Json:
        """The services named."""
        kept = store(context.region)
        with LOCK:
            cluster = lookup.cluster(kept, request.get("cluster"))
            found, failures = [], []
            for name in request["services"]:
                service = lookup.service_or_none(kept, cluster, name)
                if service:
                    found.append(views.service(service, kept, request.get("include")))
                else:
                    arn = cluster.arn.replace(":cluster/", ":service/") + f"/{name.rsplit('/', 1)[-1]}"
                    failures.append({"arn": arn, "reason": "MISSING"})
            return {"services": found, "failures": failures}

    @operation("ListServices")
    def list_services(self, context: RequestContext, request: Json) -> Json:
        """The ARNs of a cluster's services."""
        kept = store(context.region)
        cluster = lookup.cluster(kept, request.get("cluster"))
        arns = [s.arn for s in kept.services.values() if s.cluster == cluster.arn and s.status != "INACTIVE"]
        return page("serviceArns", sorted(arns), request, 10)

    @operation("RunTask")
    def run_task(self, context: RequestContext, request: Json) -> Json:
        """Start standalone tasks."""
        kept = store(context.region)
        with LOCK:
            made = once(
                kept,
                "RunTask",
                request,
                lambda: [task.arn for task in requests.new_tasks(kept, request, context.region)],
            )
            tasks = [kept.tasks[arn] for arn in made if arn in kept.tasks]
            shown = [views.task(task, kept.definitions.get(task.definition), ["TAGS"]) for task in tasks]
        controller.wake()
        return {"tasks": shown, "failures": []}

    @operation("StopTask")
    def stop_task(self, context: RequestContext, request: Json) -> Json:
        """Want a task stopped."""
        kept = store(context.region)
        with LOCK:
            task = lookup.task(kept, request.get("cluster"), request["task"])
            task.stop(StopCode.USER, request.get("reason") or "Task stopped by user")
            shown = views.task(task, kept.definitions.get(task.definition))
        controller.wake()
        return {"task": shown}

    @operation("DescribeTasks")
    def describe_tasks(self, context: RequestContext, request: Json) -> Json:
        """The tasks named."""
        kept = store(context.region)
        with LOCK:
            cluster = lookup.cluster(kept, request.get("cluster"))
            found, failures = [], []
            for name in request["tasks"]:
                task = lookup.task_or_none(kept, cluster, name)
                if task:
                    found.append(views.task(task, kept.definitions.get(task.definition), request.get("include")))
                else:
                    arn = cluster.arn.replace(":cluster/", ":task/") + f"/{name.rsplit('/', 1)[-1]}"
                    failures.append({"arn": arn, "reason": "MISSING"})
            return {"tasks": found, "failures": failures}

    @operation("ListTasks")
    def list_tasks(self, context: RequestContext, request: Json) -> Json:
        """The ARNs of a cluster's tasks, those wanted running where nothing else is asked."""
        kept = store(context.region)
        with LOCK:
            cluster = lookup.cluster(kept, request.get("cluster"))
            service = lookup.service(kept, cluster.arn, request["serviceName"]) if request.get("serviceName") else None
            wanted = request.get("desiredStatus") or "RUNNING"
            found = [
                task.arn
                for task in kept.tasks.values()
                if task.cluster == cluster.arn
                and task.desired.value == wanted
                and (service is None or task.service == service.arn)
                and request.get("family") in (None, kept.definitions[task.definition].family)
                and request.get("startedBy") in (None, task.started_by)
                and request.get("launchType") in (None, task.launch_type)
            ]
        return page("taskArns", sorted(found), request)

    @operation("TagResource")
    def tag_resource(self, context: RequestContext, request: Json) -> None:
        """Add tags."""
        self._tags(context, request["resourceArn"]).update(requests.tags(request))

    @operation("UntagResource")
    def untag_resource(self, context: RequestContext, request: Json) -> None:
        """Remove tags."""
        tags = self._tags(context, request["resourceArn"])
        for key in request["tagKeys"]:
            tags.pop(key, None)

    @operation("ListTagsForResource")
    def list_tags_for_resource(self, context: RequestContext, request: Json) -> Json:
        """The tags."""
        return {"tags": views.tags(self._tags(context, request["resourceArn"]))}

    @operation("DescribeCapacityProviders")
    def describe_capacity_providers(self, _context: RequestContext, request: Json) -> Json:
        """The two that Fargate has."""
        wanted = request.get("capacityProviders") or list(requests.PROVIDERS)
        known = [name for name in wanted if name in requests.PROVIDERS]
        return {
            "capacityProviders": [{"name": name, "status": "ACTIVE", "tags": []} for name in known],
            "failures": [{"arn": name, "reason": "MISSING"} for name in wanted if name not in known],
        }

    @staticmethod
    def _tags(context: RequestContext, arn: str) -> dict[str, str]:
        kept = store(context.region)
        for found in (kept.clusters, kept.services, kept.tasks, kept.definitions):
            if arn in found:
                tags: dict[str, str] = found[arn].tags
                return tags
        raise invalid("The specified resource could not be found.")


PROVIDER = Ecs()
