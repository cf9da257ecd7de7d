"""The API of ElastiCache: the operations of the neighbouring modules, under one roof."""

from localstack.state import StateVisitor

from twin.services.elasticache.groups import ReplicationGroups
from twin.services.elasticache.models import stores
from twin.services.elasticache.parameter_groups import ParameterGroups
from twin.services.elasticache.records import Records
from twin.services.elasticache.snapshots import Snapshots
from twin.services.elasticache.subnet_groups import SubnetGroups
from twin.services.elasticache.users import Users


class ElastiCache(ReplicationGroups, Snapshots, SubnetGroups, ParameterGroups, Users, Records):
    """Replication groups of Valkey with one shard; everything else is refused by name."""

    service = "elasticache"

    def accept_state_visitor(self, visitor: StateVisitor) -> None:
        """Show where the state is: LocalStack would look for it among its own modules."""
        visitor.visit(stores)


PROVIDER = ElastiCache()
