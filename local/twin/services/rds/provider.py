"""The API of RDS: the operations of the neighbouring modules, under one roof."""

from twin.services.rds.instances import Instances
from twin.services.rds.parameter_groups import ParameterGroups
from twin.services.rds.records import Records
from twin.services.rds.restores import Restores
from twin.services.rds.snapshots import Snapshots
from twin.services.rds.subnet_groups import SubnetGroups


class Rds(Instances, Snapshots, Restores, SubnetGroups, ParameterGroups, Records):
    """PostgreSQL instances; other engines, clusters, copies of snapshots and proxies are refused by name."""

    service = "rds"


PROVIDER = Rds()
