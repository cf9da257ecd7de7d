"""AWS's faults of ElastiCache: the codes and states of the API's model, AWS's texts where they are known.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html (Errors)
"""

from localstack.aws.api import CommonServiceException

from twin.services.common.api import fault

NOT_FOUND = 404


def group_not_found(group_id: str) -> CommonServiceException:
    """There is no such replication group."""
    return fault("ReplicationGroupNotFoundFault", f"ReplicationGroup {group_id} not found.", NOT_FOUND)


def group_exists() -> CommonServiceException:
    """There is such a replication group already."""
    return fault("ReplicationGroupAlreadyExists", "Replication group with specified name already exists.")


def group_state() -> CommonServiceException:
    """The replication group cannot be changed in the state in which it is."""
    return fault("InvalidReplicationGroupState", "Replication group must be in available state to modify.")


def shard_not_found(shard: str) -> CommonServiceException:
    """The replication group has no such shard."""
    return fault("NodeGroupNotFoundFault", f"NodeGroup {shard} not found.", NOT_FOUND)


def cluster_not_found(cluster_id: str) -> CommonServiceException:
    """There is no such node."""
    return fault("CacheClusterNotFound", f"CacheCluster not found: {cluster_id}", NOT_FOUND)


def cluster_state(cluster_id: str) -> CommonServiceException:
    """The node cannot be used in the state in which it is."""
    return fault("InvalidCacheClusterState", f"Cache cluster {cluster_id} is not in available state.")


def user_not_found(user_id: str) -> CommonServiceException:
    """There is no such user."""
    return fault("UserNotFound", f"User {user_id} not found.", NOT_FOUND)


def user_exists(user_id: str) -> CommonServiceException:
    """There is such a user already."""
    return fault("UserAlreadyExists", f"User {user_id} already exists.")


def user_name_twice(name: str) -> CommonServiceException:
    """Two users of a group have the same name."""
    return fault("DuplicateUserName", f"User group contains more than one user with the name {name}.")


def user_group_not_found(group_id: str) -> CommonServiceException:
    """There is no such user group."""
    return fault("UserGroupNotFound", f"User group {group_id} not found.", NOT_FOUND)


def user_group_exists(group_id: str) -> CommonServiceException:
    """There is such a user group already."""
    return fault("UserGroupAlreadyExists", f"User group {group_id} already exists.")


def user_group_state(group_id: str, cache_id: str) -> CommonServiceException:
    """The user group cannot go while a replication group is for its users."""
    return fault("InvalidUserGroupState", f"User group {group_id} is associated with the replication group {cache_id}.")


def snapshot_not_found(name: str) -> CommonServiceException:
    """There is no such snapshot."""
    return fault("SnapshotNotFoundFault", f"Snapshot not found: {name}", NOT_FOUND)


def snapshot_exists(name: str) -> CommonServiceException:
    """There is such a snapshot already."""
    return fault("SnapshotAlreadyExistsFault", f"Snapshot {name} already exists")


def snapshot_state(name: str, state: str) -> CommonServiceException:
    """The snapshot cannot be used in the state in which it is."""
    return fault("InvalidSnapshotState", f"Snapshot {name} is in {state} state: it must be available.")


def subnet_group_not_found(name: str) -> CommonServiceException:
    """There is no such subnet group."""
    return fault("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.")


def subnet_group_exists(name: str) -> CommonServiceException:
    """There is such a subnet group already."""
    return fault("CacheSubnetGroupAlreadyExists", f"Cache subnet group {name} already exists.")


def subnet_group_in_use(name: str, group_id: str) -> CommonServiceException:
    """A replication group stands in the way of deleting the subnet group."""
    return fault("CacheSubnetGroupInUse", f"Cache Subnet Group {name} is currently in use by {group_id}.")


def subnet_in_use(subnet_id: str) -> CommonServiceException:
    """A node is in the subnet."""
    return fault("SubnetInUse", f"The subnet ID {subnet_id} is in use.")


def invalid_subnet(text: str) -> CommonServiceException:
    """A subnet cannot be part of the group."""
    return fault("InvalidSubnet", text)


def parameter_group_not_found(name: str) -> CommonServiceException:
    """There is no such parameter group."""
    return fault("CacheParameterGroupNotFound", f"CacheParameterGroup not found: {name}", NOT_FOUND)


def parameter_group_exists(name: str) -> CommonServiceException:
    """There is such a parameter group already."""
    return fault("CacheParameterGroupAlreadyExists", f"Parameter group {name} already exists")


def parameter_group_in_use(name: str) -> CommonServiceException:
    """A replication group stands in the way of deleting the parameter group."""
    text = (
        f"One or more cache clusters are still members of this parameter group {name}, so the group cannot be deleted."
    )
    return fault("InvalidCacheParameterGroupState", text)


def value(text: str) -> CommonServiceException:
    """A parameter of the request is not such as ElastiCache takes."""
    return fault("InvalidParameterValue", text)


def combination(text: str) -> CommonServiceException:
    """Parameters of the request do not go together."""
    return fault("InvalidParameterCombination", text)


def no_operation(text: str) -> CommonServiceException:
    """The request would change nothing."""
    return fault("NoOperationFault", text)


def too_many_nodes() -> CommonServiceException:
    """A shard has at most six nodes."""
    return fault("NodeQuotaForClusterExceeded", "A replication group can have at most 6 cache clusters per shard.")


def invalid_arn(arn: str) -> CommonServiceException:
    """The ARN names nothing of ElastiCache."""
    return fault("InvalidARN", f"{arn} is not a valid ARN.")


def not_done(what: str) -> CommonServiceException:
    """Something that AWS does and the twin does not."""
    return fault("NotImplemented", f"The twin does not do {what}", 501)
