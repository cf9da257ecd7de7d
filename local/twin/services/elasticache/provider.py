"""The API of ElastiCache: the operations of the neighbouring modules, under one roof."""

from twin.services.elasticache.groups import ReplicationGroups
from twin.services.elasticache.parameter_groups import ParameterGroups
from twin.services.elasticache.records import Records
from twin.services.elasticache.subnet_groups import SubnetGroups


class ElastiCache(ReplicationGroups, SubnetGroups, ParameterGroups, Records):
    """Replication groups of Valkey with one shard; everything else is refused by name."""

    service = "elasticache"


PROVIDER = ElastiCache()
