"""Valkey: a primary and a replica in another zone, TLS and AUTH only, in subnets without a way out."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from constructs import Construct

from infra.components.acknowledged import acknowledge
from infra.components.generated_secret import GeneratedSecret
from infra.components.security_groups import CACHE_PORT
from infra.components.vpc import isolated_subnets
from infra.settings import CacheSettings


class Cache(Construct):
    """The replication group; its AUTH token lives in Secrets Manager and reaches it by dynamic reference only."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        vpc: ec2.IVpc,
        security_group: ec2.ISecurityGroup,
        cache: CacheSettings,
    ) -> None:
        super().__init__(scope, id_)
        self.auth_token = GeneratedSecret(self, "AuthToken", description="AUTH token of the cache", length=64)
        survives_a_zone = cache.replicas > 0
        self.group = elasticache.CfnReplicationGroup(
            self,
            "Group",
            replication_group_description="Sessions and cache of Duet",
            engine="valkey",
            engine_version="9.1",
            cache_node_type=cache.node_type,
            # Named zones would be fixed at creation, and with them the number of nodes; Multi-AZ spreads them too.
            num_cache_clusters=cache.replicas + 1,
            automatic_failover_enabled=survives_a_zone,
            multi_az_enabled=survives_a_zone,
            port=CACHE_PORT,
            security_group_ids=[security_group.security_group_id],
            cache_subnet_group_name=self._subnets(vpc).ref,
            cache_parameter_group_name=self._parameters().ref,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            at_rest_encryption_enabled=True,
            auth_token=self.auth_token.secret_value.unsafe_unwrap(),
            auto_minor_version_upgrade=True,
            snapshot_retention_limit=cache.snapshot_days,
            snapshot_window="17:00-18:00",
            preferred_maintenance_window="sun:19:30-sun:20:30",
        )
        if not survives_a_zone:
            acknowledge(
                self.group,
                {"AEC4": "This environment trades the replica for cost; production and the twin have one."},
            )

    def _subnets(self, vpc: ec2.IVpc) -> elasticache.CfnSubnetGroup:
        return elasticache.CfnSubnetGroup(
            self,
            "Subnets",
            description="Isolated subnets of every zone",
            subnet_ids=vpc.select_subnets(subnet_group_name=isolated_subnets().subnet_group_name).subnet_ids,
        )

    def _parameters(self) -> elasticache.CfnParameterGroup:
        return elasticache.CfnParameterGroup(
            self,
            "Parameters",
            cache_parameter_group_family="valkey9",
            description="What has a time to live may be evicted, nothing else",
            properties={"maxmemory-policy": "volatile-lru"},
        )
