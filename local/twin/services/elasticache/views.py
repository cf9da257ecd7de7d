"""What the API says of groups and nodes: what is wanted where it is a wish, what was seen where it is a state."""

from twin.core.addresses import loopback
from twin.services.common.api import Json, RequestContext
from twin.services.common.subnets import Subnet
from twin.services.elasticache import controller, decide, parameters
from twin.services.elasticache.decide import GroupSeen, NodeSeen
from twin.services.elasticache.models import (
    Node,
    ParameterGroup,
    ReplicationGroup,
    Role,
    Status,
    SubnetGroup,
)
from twin.services.elasticache.registry import arn

# A node of Valkey has always this id within its cluster.
NODE_ID = "0001"
SHARD = "0001"
NETWORK = {"NetworkType": "ipv4", "IpDiscovery": "ipv4"}


def replication_group(group: ReplicationGroup, values: ParameterGroup | None) -> Json:
    """A replication group, as DescribeReplicationGroups shows it."""
    seen = controller.look(group, values)
    status = decide.status(seen)
    shown = {
        "ReplicationGroupId": group.id,
        "Description": group.description,
        "GlobalReplicationGroupInfo": {},
        "Status": status.value,
        "PendingModifiedValues": _pending(group, seen),
        "MemberClusters": [group.node_id(node) for node in group.nodes],
        "NodeGroups": [_shard(group, seen, status)] if group.created or status is Status.AVAILABLE else [],
        "AutomaticFailover": _automatic_failover(group, seen),
        "MultiAZ": "enabled" if group.multi_az and _survives_a_zone(group, seen) else "disabled",
        "SnapshotRetentionLimit": group.recorded.get("SnapshotRetentionLimit", 0),
        "SnapshotWindow": group.recorded.get("SnapshotWindow"),
        "SnapshottingClusterId": group.snapshotting or None,
        "ClusterEnabled": False,
        "ClusterMode": "disabled",
        "CacheNodeType": group.node_type,
        "ARN": group.arn,
        "ReplicationGroupCreateTime": group.created_at,
        "LogDeliveryConfigurations": [],
        "UserGroupIds": [group.user_group] if group.user_group else None,
        "DataTiering": "disabled",
        "Engine": parameters.ENGINE,
        **_both(group),
        **NETWORK,
    }
    return {key: value for key, value in shown.items() if value is not None}


def cache_cluster(
    group: ReplicationGroup, node: Node, values: ParameterGroup | None, *, context: RequestContext, nodes: bool
) -> Json:
    """A node, as DescribeCacheClusters shows it; with its endpoint when `nodes`."""
    seen = next((one for one in controller.look(group, values).nodes if one.id == group.node_id(node)), None)
    status = _node_status(group, seen)
    shown = {
        "CacheClusterId": group.node_id(node),
        "CacheNodeType": group.node_type,
        "Engine": parameters.ENGINE,
        "EngineVersion": parameters.version(),
        "CacheClusterStatus": status,
        "NumCacheNodes": 1,
        "PreferredAvailabilityZone": node.subnet.zone,
        "CacheClusterCreateTime": node.created_at,
        "PreferredMaintenanceWindow": group.recorded.get("PreferredMaintenanceWindow"),
        "PendingModifiedValues": {},
        "NotificationConfiguration": _notification(group),
        "CacheSecurityGroups": [],
        "CacheParameterGroup": {
            "CacheParameterGroupName": group.parameter_group,
            "ParameterApplyStatus": "in-sync" if seen is not None and seen.settled else "applying",
            "CacheNodeIdsToReboot": [],
        },
        "CacheSubnetGroupName": group.subnet_group,
        "SecurityGroups": [{"SecurityGroupId": one, "Status": "active"} for one in group.security_groups],
        "ReplicationGroupId": group.id,
        "SnapshotRetentionLimit": group.recorded.get("SnapshotRetentionLimit", 0),
        "SnapshotWindow": group.recorded.get("SnapshotWindow"),
        "ARN": arn(context, "cluster", group.node_id(node)),
        "ReplicationGroupLogDeliveryEnabled": False,
        "LogDeliveryConfigurations": [],
        "CacheNodes": [_cache_node(group, node, status, seen)] if nodes else None,
        **_both(group),
        **NETWORK,
    }
    return {key: value for key, value in shown.items() if value is not None}


def subnet_group(group: SubnetGroup) -> Json:
    """A subnet group."""
    return {
        "CacheSubnetGroupName": group.name,
        "CacheSubnetGroupDescription": group.description,
        "VpcId": group.vpc_id,
        "Subnets": [_subnet(subnet) for subnet in group.subnets],
        "ARN": group.arn,
        "SupportedNetworkTypes": ["ipv4"],
    }


def parameter_group(group: ParameterGroup) -> Json:
    """A parameter group."""
    return {
        "CacheParameterGroupName": group.name,
        "CacheParameterGroupFamily": group.family,
        "Description": group.description,
        "IsGlobal": False,
        "ARN": group.arn,
    }


def _both(group: ReplicationGroup) -> Json:
    """What groups and nodes show alike."""
    token: Json = {"AuthTokenEnabled": bool(group.tokens)}
    if group.token_changed_at is not None:
        token["AuthTokenLastModifiedDate"] = group.token_changed_at
    if group.tls:
        token["TransitEncryptionMode"] = "required"
    return token | {
        "TransitEncryptionEnabled": group.tls,
        "AtRestEncryptionEnabled": group.recorded.get("AtRestEncryptionEnabled", False),
        "AutoMinorVersionUpgrade": group.recorded.get("AutoMinorVersionUpgrade", True),
    }


def _pending(group: ReplicationGroup, seen: GroupSeen) -> Json:
    if len(group.tokens) > 1 and group.created and not all(node.settled for node in seen.nodes):
        return {"AuthTokenStatus": "ROTATING"}
    return {}


def _automatic_failover(group: ReplicationGroup, seen: GroupSeen) -> str:
    if not group.automatic_failover:
        return "disabled"
    return "enabled" if seen.heirs else "enabling"


def _survives_a_zone(group: ReplicationGroup, seen: GroupSeen) -> bool:
    """Whether a replica that could take over is in another zone than the primary."""
    zones = {group.node_id(node): node.subnet.zone for node in group.nodes}
    return any(zones[one.id] != group.primary_node.subnet.zone for one in seen.heirs if one.id in zones)


def _shard(group: ReplicationGroup, seen: GroupSeen, status: Status) -> Json:
    there = {node.id: node for node in seen.nodes}
    return {
        "NodeGroupId": SHARD,
        "Status": status.value,
        "PrimaryEndpoint": _endpoint(group.primary_address, group.port),
        "ReaderEndpoint": _endpoint(group.reader_address, group.port),
        "NodeGroupMembers": [_member(group, node, there.get(group.node_id(node))) for node in group.nodes],
    }


def _member(group: ReplicationGroup, node: Node, seen: NodeSeen | None) -> Json:
    role = {"CurrentRole": seen.role.value} if seen is not None and seen.role is not None else {}
    return {
        "CacheClusterId": group.node_id(node),
        "CacheNodeId": NODE_ID,
        "ReadEndpoint": _endpoint(loopback(node.address), group.port),
        "PreferredAvailabilityZone": node.subnet.zone,
        **role,
    }


def _cache_node(group: ReplicationGroup, node: Node, status: str, seen: NodeSeen | None) -> Json:
    primary = group.primary_node
    shown: Json = {
        "CacheNodeId": NODE_ID,
        "CacheNodeStatus": status,
        "CacheNodeCreateTime": node.created_at,
        "Endpoint": _endpoint(loopback(node.address), group.port),
        "ParameterGroupStatus": "in-sync" if seen is not None and seen.settled else "applying",
        "CustomerAvailabilityZone": node.subnet.zone,
    }
    if seen is not None and seen.role is Role.REPLICA:
        shown["SourceCacheNodeId"] = group.node_id(primary)
    return shown


def _node_status(group: ReplicationGroup, seen: NodeSeen | None) -> str:
    if group.deleting:
        return Status.DELETING.value
    if seen is not None and seen.well:
        return Status.AVAILABLE.value
    return Status.MODIFYING.value if group.created and seen is not None and seen.was_up else Status.CREATING.value


def _notification(group: ReplicationGroup) -> Json | None:
    topic = group.recorded.get("NotificationTopicArn")
    return {"TopicArn": topic, "TopicStatus": "active"} if topic else None


def _subnet(subnet: Subnet) -> Json:
    return {
        "SubnetIdentifier": subnet.id,
        "SubnetAvailabilityZone": {"Name": subnet.zone},
        "SupportedNetworkTypes": ["ipv4"],
    }


def _endpoint(address: str, port: int) -> Json:
    return {"Address": address, "Port": port}
