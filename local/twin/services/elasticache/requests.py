"""What a request about a replication group asks for, checked by AWS's rules before anything is changed.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
"""

import re
from collections.abc import Sequence

from botocore.exceptions import ClientError

from twin.services.common.api import Json, RequestContext, client, only
from twin.services.common.subnets import Subnet
from twin.services.elasticache import errors, parameters, registry, windows
from twin.services.elasticache.models import (
    HIGHEST_PORT,
    ElastiCacheStore,
    ReplicationGroup,
    SnapshotStatus,
    Strategy,
    SubnetGroup,
)

MOST_NODES = 6
MOST_TOKENS = 2
# Letters, digits and these special characters, 16 to 128 of them.
_TOKEN = re.compile(r"[A-Za-z0-9!&#$^<>-]{16,128}")
# Kept and shown; but for the snapshots one machine has no counterpart for them.
RECORDED = ("SnapshotRetentionLimit", "SnapshotWindow", "PreferredMaintenanceWindow", "AutoMinorVersionUpgrade",
            "NotificationTopicArn", "EngineVersion", "AtRestEncryptionEnabled", "KmsKeyId")  # fmt: skip
_CREATE = (*RECORDED, "ReplicationGroupId", "ReplicationGroupDescription", "AutomaticFailoverEnabled", "MultiAZEnabled",
           "NumCacheClusters", "PreferredCacheClusterAZs", "NumNodeGroups", "ReplicasPerNodeGroup", "CacheNodeType",
           "Engine", "EngineVersion", "CacheParameterGroupName", "CacheSubnetGroupName", "SecurityGroupIds", "Tags",
           "Port", "AuthToken", "TransitEncryptionEnabled", "TransitEncryptionMode", "DataTieringEnabled",
           "NetworkType", "IpDiscovery", "ClusterMode", "SnapshotName", "UserGroupIds")  # fmt: skip
_MODIFY = (*RECORDED[:6], "ReplicationGroupId", "ReplicationGroupDescription", "AutomaticFailoverEnabled",
           "MultiAZEnabled", "SecurityGroupIds", "SnapshottingClusterId", "CacheParameterGroupName", "ApplyImmediately",
           "Engine", "EngineVersion", "CacheNodeType", "AuthToken", "AuthTokenUpdateStrategy",
           "TransitEncryptionEnabled", "TransitEncryptionMode", "IpDiscovery", "ClusterMode", "UserGroupIdsToAdd",
           "UserGroupIdsToRemove", "RemoveUserGroups")  # fmt: skip
# Of these the twin does one value.
_ONE_VALUE = {
    "NumNodeGroups": 1,
    "TransitEncryptionMode": "required",
    "DataTieringEnabled": False,
    "NetworkType": "ipv4",
    "IpDiscovery": "ipv4",
    "ClusterMode": "disabled",
}


def check_create(request: Json) -> int:
    """Refuse what CreateReplicationGroup cannot do; return how many nodes are asked for."""
    only("elasticache", "CreateReplicationGroup", request, _CREATE)
    _one_value(request)
    parameters.check_engine(request.get("Engine"), request.get("EngineVersion"))
    parameters.check_node_type(request.get("CacheNodeType"))
    count = _count(request)
    check_failover(
        count,
        automatic_failover=bool(request.get("AutomaticFailoverEnabled")),
        multi_az=bool(request.get("MultiAZEnabled")),
    )
    check_tls(request)
    check_backups(request)
    if not 1 <= int(request.get("Port") or 1) <= HIGHEST_PORT:
        raise errors.value(f"Invalid port {request['Port']}: it must be between 1 and {HIGHEST_PORT}.")
    return count


def check_modify(request: Json, group: ReplicationGroup) -> None:
    """Refuse what ModifyReplicationGroup cannot do."""
    only("elasticache", "ModifyReplicationGroup", request, _MODIFY)
    _one_value(request)
    check_backups(request)
    source = request.get("SnapshottingClusterId")
    if source and source.lower() not in {group.node_id(node) for node in group.nodes}:
        raise errors.cluster_not_found(source)
    if request.get("Engine") or request.get("EngineVersion"):
        parameters.check_engine(request.get("Engine") or parameters.ENGINE, request.get("EngineVersion"))
    if request.get("TransitEncryptionEnabled", group.tls) is not group.tls:
        raise errors.not_done("a change of TransitEncryptionEnabled")
    if request.get("CacheNodeType", group.node_type) != group.node_type:
        parameters.check_node_type(request["CacheNodeType"])
        if not request.get("ApplyImmediately"):
            raise errors.not_done("changes in the maintenance window: CacheNodeType needs ApplyImmediately")
    failover = request.get("AutomaticFailoverEnabled", group.automatic_failover)
    multi_az = request.get("MultiAZEnabled", group.multi_az)
    if failover and len(group.nodes) == 1:
        raise errors.combination("Replication group must have at least one read replica to enable autofailover.")
    check_failover(len(group.nodes), automatic_failover=failover, multi_az=multi_az)
    if multi_az:
        check_spread([node.subnet for node in group.nodes])


def check_failover(count: int, *, automatic_failover: bool, multi_az: bool) -> None:
    """Automatic failover needs a replica, Multi-AZ needs automatic failover."""
    if automatic_failover and count < 2:  # noqa: PLR2004 - a primary and a replica
        raise errors.combination(
            "When using automatic failover, there must be at least 2 cache clusters in the replication group."
        )
    if multi_az and not automatic_failover:
        raise errors.combination("Multi-AZ requires automatic failover to be enabled.")


def check_spread(subnets: Sequence[Subnet]) -> None:
    """Multi-AZ needs nodes in more than one zone."""
    if len({subnet.zone for subnet in subnets}) < 2:  # noqa: PLR2004 - the first number that is more than one
        raise errors.combination("Multi-AZ requires cache clusters in at least two Availability Zones.")


def check_backups(request: Json) -> None:
    """Automatic snapshots are kept for 0 to 35 days, and taken in a window of an hour at least."""
    limit, window = request.get("SnapshotRetentionLimit"), request.get("SnapshotWindow")
    if limit is not None and not 0 <= int(limit) <= windows.LONGEST_KEPT:
        raise errors.value(f"SnapshotRetentionLimit must be between 0 and {windows.LONGEST_KEPT}.")
    if window is not None and (text := windows.wrong(window)):
        raise errors.value(text)


def restored(kept: ElastiCacheStore, name: str | None) -> Json:
    """What a request that names a snapshot need not say: the engine and the node type are those of the snapshot."""
    if not name:
        return {}
    snapshot = kept.snapshots.get(name.lower())
    if snapshot is None:
        # CreateReplicationGroup has no SnapshotNotFoundFault among its errors.
        raise errors.value(f"Snapshot not found: {name}")
    if snapshot.status is not SnapshotStatus.AVAILABLE:
        raise errors.value(f"Snapshot {name} is in {snapshot.status} state: it must be available.")
    return {"Engine": snapshot.facts["Engine"], "CacheNodeType": snapshot.facts["CacheNodeType"]}


def check_tls(request: Json) -> None:
    """A token needs encryption in transit, and has its form."""
    token = request.get("AuthToken")
    if token is None:
        return
    if not request.get("TransitEncryptionEnabled"):
        raise errors.value("The AUTH token is only supported when encryption-in-transit is enabled")
    if not _TOKEN.fullmatch(token):
        raise errors.value("Invalid AuthToken provided.")


def user_group(kept: ElastiCacheStore, request: Json) -> str:
    """The user group that a creation asks for, empty for none."""
    ids = request.get("UserGroupIds") or []
    if not ids:
        return ""
    if not request.get("TransitEncryptionEnabled"):
        raise errors.combination("User groups are only supported when encryption-in-transit is enabled.")
    if request.get("AuthToken"):
        raise errors.combination("A replication group cannot have both an AUTH token and a user group.")
    return _only_group(kept, ids)


def user_group_after(kept: ElastiCacheStore, request: Json, group: ReplicationGroup) -> str:
    """The user group that counts after a change, empty for none.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html
    """
    added, taken = request.get("UserGroupIdsToAdd") or [], request.get("UserGroupIdsToRemove") or []
    for one in taken:
        if registry.user_group(kept, one).id != group.user_group:
            raise errors.value(f"User group {one} is not associated with the replication group {group.id}.")
    left = "" if taken or request.get("RemoveUserGroups") else group.user_group
    if not added:
        return left
    if left or not group.tls:
        reason = f"it has the user group {left}" if left else "encryption-in-transit is not enabled"
        raise errors.combination(f"No user group can be added to the replication group {group.id}: {reason}.")
    if group.tokens and request.get("AuthTokenUpdateStrategy") != Strategy.DELETE:
        raise errors.combination("An AUTH token gives way to a user group with AuthTokenUpdateStrategy DELETE only.")
    return _only_group(kept, added)


def _only_group(kept: ElastiCacheStore, ids: Sequence[str]) -> str:
    if len(ids) > 1:
        raise errors.value("A replication group can have one user group.")
    return registry.user_group(kept, ids[0]).id


def tokens_after(group: ReplicationGroup, user_group: str, token: str | None, strategy: str | None) -> tuple[str, ...]:
    """The tokens that clients may use after the request, the newest first; none where a user group counts."""
    if token is None and strategy is None:
        return group.tokens
    wanted = strategy or Strategy.ROTATE
    if wanted not in set(Strategy):
        raise errors.value(f"AuthTokenUpdateStrategy {strategy} is not one of {', '.join(Strategy)}.")
    if not group.tls:
        raise errors.value("The AUTH token modification is only supported when encryption-in-transit is enabled.")
    if wanted == Strategy.DELETE:
        if token is not None or not user_group:
            raise errors.combination("AuthTokenUpdateStrategy DELETE is allowed only when moving to a user group.")
        return ()
    if user_group:
        raise errors.combination("A replication group cannot have both an AUTH token and a user group.")
    if not _TOKEN.fullmatch(token or ""):
        raise errors.value("Invalid AuthToken provided.")
    assert token is not None
    if group.user_group:
        return (token,)
    if not group.tokens:
        raise errors.not_done("AuthToken for a replication group that was created without one")
    return _rotated(group.tokens, token, Strategy(wanted))


def spread(group: SubnetGroup, zones: Sequence[str], count: int, taken: Sequence[Subnet] = ()) -> list[Subnet]:
    """A subnet for each of `count` new nodes: in the zones named, else where the fewest nodes are."""
    if zones and len(zones) != count:
        raise errors.combination(f"{len(zones)} Availability Zones are named for {count} cache clusters.")
    by_zone = {zone: next(s for s in group.subnets if s.zone == zone) for zone in group.zones}
    for zone in zones:
        if zone not in by_zone:
            raise errors.value(f"The subnet group {group.name} has no subnet in the Availability Zone {zone}.")
    found: list[Subnet] = []
    for number in range(count):
        crowd = [subnet.zone for subnet in (*taken, *found)]
        zone = zones[number] if zones else min(by_zone, key=lambda one: (crowd.count(one), one))
        found.append(by_zone[zone])
    return found


def parameter_group(kept: ElastiCacheStore, name: str | None, asked: str | None) -> str:
    """The name of the parameter group that is asked for, which must be of the family of the version `asked`."""
    family = parameters.family(asked)
    if not name or name == parameters.default_group(family):
        return parameters.default_group(family)
    defaults = {parameters.default_group(one): one for one in parameters.families()}
    theirs = defaults.get(name) or registry.parameter_group(kept, name).family
    if theirs != family:
        raise errors.combination(f"Expected a parameter group of family {family} but found one of family {theirs}")
    return name.lower()


def security_groups(context: RequestContext, ids: list[str] | None) -> tuple[str, ...]:
    """The security groups, all of which are there."""
    if ids:
        try:
            client("ec2", context.region).describe_security_groups(GroupIds=ids)
        except ClientError as error:
            raise errors.value(error.response["Error"]["Message"]) from error
    return tuple(ids or ())


def recorded(request: Json) -> Json:
    """What is kept and shown."""
    return {name: request[name] for name in RECORDED if request.get(name) is not None}


def _rotated(tokens: tuple[str, ...], token: str, strategy: Strategy) -> tuple[str, ...]:
    if strategy is Strategy.ROTATE:
        return (token, *(one for one in tokens if one != token))[:MOST_TOKENS]
    if token not in tokens:
        raise errors.value("AuthTokenUpdateStrategy SET is allowed only after ROTATE with the same AuthToken.")
    return (token,)


def _one_value(request: Json) -> None:
    for name, done in _ONE_VALUE.items():
        if request.get(name) not in (None, done):
            raise errors.not_done(f"{name} {request[name]}")


def _count(request: Json) -> int:
    named = len(request.get("PreferredCacheClusterAZs") or [])
    count = request.get("NumCacheClusters") or named or 1
    if request.get("ReplicasPerNodeGroup") is not None:
        if request.get("NumCacheClusters") not in (None, request["ReplicasPerNodeGroup"] + 1):
            raise errors.combination("NumCacheClusters and ReplicasPerNodeGroup contradict each other.")
        count = request["ReplicasPerNodeGroup"] + 1
    if not 1 <= int(count) <= MOST_NODES:
        raise errors.too_many_nodes()
    return int(count)
