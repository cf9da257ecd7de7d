"""The operations on replication groups and their nodes."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from twin.core.addresses import book
from twin.core.timeline import emit
from twin.services.common.api import Json, Provider, RequestContext, only, operation, tags_from
from twin.services.common.paging import page
from twin.services.common.subnets import Subnet
from twin.services.elasticache import (
    controller,
    decide,
    endpoints,
    errors,
    parameters,
    registry,
    requests,
    snapshots,
    views,
    windows,
)
from twin.services.elasticache.models import (
    LOCK,
    ElastiCacheStore,
    Node,
    ParameterGroup,
    ReplicationGroup,
    Status,
)

DEFAULT_PORT = 6379


class ReplicationGroups(Provider):
    """Create, describe, change, grow, shrink, delete replication groups."""

    @operation("CreateReplicationGroup")
    def create_replication_group(self, context: RequestContext, request: Json) -> Json:
        """Record the group; its nodes start beside."""
        kept = registry.store(context)
        group_id = registry.checked_id(request["ReplicationGroupId"])
        request = requests.restored(kept, request.get("SnapshotName")) | request
        count = requests.check_create(request)
        subnets = registry.subnet_group(kept, request.get("CacheSubnetGroupName") or "default")
        places = requests.spread(subnets, request.get("PreferredCacheClusterAZs") or [], count)
        if request.get("MultiAZEnabled"):
            requests.check_spread(places)
        security_groups = requests.security_groups(context, request.get("SecurityGroupIds"))
        parameter_group = requests.parameter_group(
            kept, request.get("CacheParameterGroupName"), request.get("EngineVersion")
        )
        with LOCK:
            if group_id in kept.groups:
                raise errors.group_exists()
            now = datetime.now(UTC)
            primary, reader = endpoints.addresses(group_id)
            token = request.get("AuthToken")
            group = kept.groups[group_id] = ReplicationGroup(
                id=group_id,
                arn=registry.arn(context, "replicationgroup", group_id),
                description=request["ReplicationGroupDescription"],
                node_type=request["CacheNodeType"],
                port=int(request.get("Port") or DEFAULT_PORT),
                nodes=_nodes(group_id, places, ()),
                subnet_group=subnets.name,
                parameter_group=parameter_group,
                primary_address=primary,
                reader_address=reader,
                created_at=now,
                secret=secrets.token_urlsafe(32),
                tokens=(token,) if token else (),
                token_changed_at=now if token else None,
                tls=bool(request.get("TransitEncryptionEnabled")),
                security_groups=security_groups,
                automatic_failover=bool(request.get("AutomaticFailoverEnabled")),
                multi_az=bool(request.get("MultiAZEnabled")),
                recorded={"SnapshotWindow": windows.DEFAULT} | requests.recorded(request),
                user_group=requests.user_group(kept, request),
                seed=(request.get("SnapshotName") or "").lower(),
                tags=tags_from(request),
            )
        asked = request.get("EngineVersion") or parameters.version()
        stands = "" if parameters.version().startswith(asked) else f", which stands for {asked}"
        emit("elasticache", group_id, f"is to have {count} nodes of Valkey {parameters.version()}{stands}")
        controller.wake()
        return _answer(kept, group)

    @operation("DescribeReplicationGroups")
    def describe_replication_groups(self, context: RequestContext, request: Json) -> Json:
        """All replication groups, or the one named."""
        kept = registry.store(context)
        name = request.get("ReplicationGroupId")
        found = [registry.group(kept, name)] if name else list(kept.groups.values())
        found.sort(key=lambda group: group.id)
        return page(
            "ReplicationGroups", [views.replication_group(group, _values(kept, group)) for group in found], request
        )

    @operation("DescribeCacheClusters")
    def describe_cache_clusters(self, context: RequestContext, request: Json) -> Json:
        """The nodes of all replication groups, or the one named; there are no others."""
        kept = registry.store(context)
        name = request.get("CacheClusterId")
        if name:
            found = [registry.node(kept, name)]
        elif request.get("ShowCacheClustersNotInReplicationGroups"):
            found = []
        else:
            found = [(group, node) for group in list(kept.groups.values()) for node in group.nodes]
        found.sort(key=lambda one: one[0].node_id(one[1]))
        nodes = bool(request.get("ShowCacheNodeInfo"))
        shown = [
            views.cache_cluster(group, node, _values(kept, group), context=context, nodes=nodes)
            for group, node in found
        ]
        return page("CacheClusters", shown, request)

    @operation("CreateCacheCluster")
    def create_cache_cluster(self, context: RequestContext, request: Json) -> Json:
        """Refuse it: AWS makes clusters outside of groups of the engines only that the twin has not.

        The text is AWS's, as clients report it: https://github.com/hashicorp/terraform-provider-aws/issues/39905
        """
        registry.store(context)
        engine = str(request.get("Engine") or "redis").lower()
        if engine == parameters.ENGINE:
            raise errors.value(
                "This API doesn't support Valkey engine. Please use CreateReplicationGroup API for Valkey cluster "
                "creation."
            )
        raise errors.not_done(f"the engine {engine}; it runs {parameters.ENGINE} {parameters.version()}")

    @operation("ModifyReplicationGroup")
    def modify_replication_group(self, context: RequestContext, request: Json) -> Json:
        """Change what is wanted of the group; running nodes are adjusted, none is restarted."""
        kept = registry.store(context)
        security_groups = requests.security_groups(context, request.get("SecurityGroupIds"))
        with LOCK:
            group = _available(kept, request["ReplicationGroupId"])
            requests.check_modify(request, group)
            changes = _plain_changes(request)
            changes["recorded"] = {**group.recorded, **requests.recorded(request)}
            if security_groups:
                changes["security_groups"] = security_groups
            # A default group gives way to that of the new version's family; one of the user's own must fit.
            standing = None if group.parameter_group.startswith("default.") else group.parameter_group
            changes["parameter_group"] = requests.parameter_group(
                kept, request.get("CacheParameterGroupName") or standing, changes["recorded"].get("EngineVersion")
            )
            team = changes["user_group"] = requests.user_group_after(kept, request, group)
            tokens = requests.tokens_after(
                group, team, request.get("AuthToken"), request.get("AuthTokenUpdateStrategy")
            )
            if tokens != group.tokens:
                changes |= {"tokens": tokens, "token_changed_at": datetime.now(UTC)}
            group = kept.groups[group.id] = replace(group, **changes)
        emit("elasticache", group.id, f"is to change: {', '.join(sorted(set(request) - {'ReplicationGroupId'}))}")
        controller.wake()
        return _answer(kept, group)

    @operation("IncreaseReplicaCount")
    def increase_replica_count(self, context: RequestContext, request: Json) -> Json:
        """Add replicas; they start beside and copy from the primary."""
        kept = registry.store(context)
        _check_count_request("IncreaseReplicaCount", request, "ReplicaConfiguration")
        with LOCK:
            group = _available(kept, request["ReplicationGroupId"])
            count, zones = _configured(request)
            more = count + 1 - len(group.nodes)
            if more < 1:
                raise errors.value(f"NewReplicaCount {count} must be higher than the {len(group.nodes) - 1} there are.")
            if count + 1 > requests.MOST_NODES:
                raise errors.too_many_nodes()
            taken = [node.subnet for node in group.nodes]
            new = requests.spread(registry.subnet_group(kept, group.subnet_group), zones[-more:], more, taken)
            nodes = (*group.nodes, *_nodes(group.id, new, group.nodes))
            group = kept.groups[group.id] = replace(group, nodes=nodes)
        controller.wake()
        return _answer(kept, group)

    @operation("DecreaseReplicaCount")
    def decrease_replica_count(self, context: RequestContext, request: Json) -> Json:
        """Remove replicas with their data, those named or the newest."""
        kept = registry.store(context)
        _check_count_request("DecreaseReplicaCount", request, "ReplicaConfiguration", "ReplicasToRemove")
        with LOCK:
            group = _available(kept, request["ReplicationGroupId"])
            replicas = [node for node in group.nodes if node.number != group.primary]
            named = set(request.get("ReplicasToRemove") or [])
            strange = named - {group.node_id(node) for node in replicas}
            if strange:
                raise errors.value(f"{', '.join(sorted(strange))} is no replica of {group.id}.")
            count = len(replicas) - len(named) if named else _configured(request)[0]
            if not 0 <= count < len(replicas):
                raise errors.value(f"NewReplicaCount {count} must be lower than the {len(replicas)} there are.")
            requests.check_failover(count + 1, automatic_failover=group.automatic_failover, multi_az=group.multi_az)
            kept_replicas = [node for node in replicas if group.node_id(node) not in named][:count]
            nodes = tuple(node for node in group.nodes if node.number == group.primary or node in kept_replicas)
            if group.multi_az:
                requests.check_spread([node.subnet for node in nodes])
            stands = group.snapshotting in {group.node_id(node) for node in nodes}
            group = kept.groups[group.id] = replace(
                group, nodes=nodes, snapshotting=group.snapshotting if stands else ""
            )
        controller.wake()
        return _answer(kept, group)

    @operation("TestFailover")
    def test_failover(self, context: RequestContext, request: Json) -> Json:
        """End the primary as if it were lost, and let a replica take over; AWS's limit for a day does not hold.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_TestFailover.html
        """
        only("elasticache", "TestFailover", request, ("ReplicationGroupId", "NodeGroupId"))
        kept = registry.store(context)
        with LOCK:
            group = _available(kept, request["ReplicationGroupId"])
            shard = request["NodeGroupId"]
            if shard != views.SHARD:
                raise errors.shard_not_found(shard)
            if not group.automatic_failover:
                raise errors.combination("TestFailover requires automatic failover to be enabled.")
            group = kept.groups[group.id] = replace(group, test_failover=True)
        controller.tell(group, f"Test Failover API called for node group {shard}")
        controller.wake()
        return _answer(kept, group)

    @operation("DeleteReplicationGroup")
    def delete_replication_group(self, context: RequestContext, request: Json) -> Json:
        """End the nodes and remove their data, after the final snapshot where one is asked for; without one also of a
        group that never became available.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DeleteReplicationGroup.html
        """
        known = ("ReplicationGroupId", "RetainPrimaryCluster", "FinalSnapshotIdentifier")
        only("elasticache", "DeleteReplicationGroup", request, known)
        if request.get("RetainPrimaryCluster"):
            raise errors.not_done("RetainPrimaryCluster")
        kept = registry.store(context)
        with LOCK:
            group = registry.group(kept, request["ReplicationGroupId"])
            if group.deleting:
                raise errors.group_state()
            final = request.get("FinalSnapshotIdentifier")
            if final:
                _available(kept, group.id)
                final = snapshots.ask(context, group, final).name
            group = kept.groups[group.id] = replace(group, deleting=True, final=final or "")
        controller.wake()
        return _answer(kept, group)


def _values(kept: ElastiCacheStore, group: ReplicationGroup) -> ParameterGroup | None:
    return kept.parameter_groups.get(group.parameter_group)


def _answer(kept: ElastiCacheStore, group: ReplicationGroup) -> Json:
    return {"ReplicationGroup": views.replication_group(group, _values(kept, group))}


def _available(kept: ElastiCacheStore, name: str) -> ReplicationGroup:
    """The group, which may be changed only while it is available."""
    group = registry.group(kept, name)
    if decide.status(controller.look(group, _values(kept, group))) is not Status.AVAILABLE:
        raise errors.group_state()
    return group


def _plain_changes(request: Json) -> dict[str, Any]:
    fields = {
        "description": "ReplicationGroupDescription",
        "node_type": "CacheNodeType",
        "automatic_failover": "AutomaticFailoverEnabled",
        "multi_az": "MultiAZEnabled",
        "snapshotting": "SnapshottingClusterId",
    }
    return {field: request[name] for field, name in fields.items() if request.get(name) is not None}


def _nodes(group_id: str, places: Sequence[Subnet], there: Sequence[Node]) -> tuple[Node, ...]:
    """New nodes with the lowest free numbers, each with an address in its subnet."""
    taken = {node.number for node in there}
    numbers = [number for number in range(1, requests.MOST_NODES + 1) if number not in taken]
    now = datetime.now(UTC)
    return tuple(
        Node(number, subnet, book().eni(subnet.id, subnet.cidr, f"{group_id}-{number:03d}"), now)
        for number, subnet in zip(numbers, places, strict=False)
    )


def _check_count_request(name: str, request: Json, *more: str) -> None:
    only("elasticache", name, request, ("ReplicationGroupId", "NewReplicaCount", "ApplyImmediately", *more))
    if not request.get("ApplyImmediately"):
        raise errors.value("ApplyImmediately must be true: changes in the maintenance window are not supported.")


def _configured(request: Json) -> tuple[int, list[str]]:
    """The number of replicas that is asked for, and their zones where they are named."""
    shards = request.get("ReplicaConfiguration") or []
    if len(shards) == 1:
        return int(shards[0]["NewReplicaCount"]), list(shards[0].get("PreferredAvailabilityZones") or [])
    if request.get("NewReplicaCount") is None:
        raise errors.combination("NewReplicaCount must be given.")
    return int(request["NewReplicaCount"]), []
