"""The operations on subnet groups."""

from dataclasses import replace

from twin.services.common.api import Json, Provider, RequestContext, only, operation, tags_from
from twin.services.common.paging import page
from twin.services.common.subnets import subnets_of
from twin.services.elasticache import errors, registry, views
from twin.services.elasticache.models import LOCK, SubnetGroup


class SubnetGroups(Provider):
    """Create, describe, change, delete subnet groups."""

    @operation("CreateCacheSubnetGroup")
    def create_cache_subnet_group(self, context: RequestContext, request: Json) -> Json:
        """Record the subnets, which must be there and of one VPC."""
        honoured = ("CacheSubnetGroupName", "CacheSubnetGroupDescription", "SubnetIds", "Tags")
        only("elasticache", "CreateCacheSubnetGroup", request, honoured)
        kept = registry.store(context)
        name = registry.checked_name("CacheSubnetGroupName", request["CacheSubnetGroupName"])
        if not request["SubnetIds"]:
            raise errors.value("The parameter SubnetIds must be provided.")
        vpc, subnets = subnets_of(context.region, request["SubnetIds"])
        group = SubnetGroup(
            name,
            registry.arn(context, "subnetgroup", name),
            request["CacheSubnetGroupDescription"],
            vpc,
            subnets,
            tags_from(request),
        )
        with LOCK:
            if name in kept.subnet_groups:
                raise errors.subnet_group_exists(name)
            kept.subnet_groups[name] = group
        return {"CacheSubnetGroup": views.subnet_group(group)}

    @operation("DescribeCacheSubnetGroups")
    def describe_cache_subnet_groups(self, context: RequestContext, request: Json) -> Json:
        """All subnet groups, or the one named."""
        kept = registry.store(context)
        name = request.get("CacheSubnetGroupName")
        found = [registry.subnet_group(kept, name)] if name else list(kept.subnet_groups.values())
        shown = [views.subnet_group(group) for group in sorted(found, key=lambda group: group.name)]
        return page("CacheSubnetGroups", shown, request)

    @operation("ModifyCacheSubnetGroup")
    def modify_cache_subnet_group(self, context: RequestContext, request: Json) -> Json:
        """Change the description and the subnets; one with a node in it must stay."""
        honoured = ("CacheSubnetGroupName", "CacheSubnetGroupDescription", "SubnetIds")
        only("elasticache", "ModifyCacheSubnetGroup", request, honoured)
        kept = registry.store(context)
        group = registry.subnet_group(kept, request["CacheSubnetGroupName"])
        ids = request.get("SubnetIds") or [subnet.id for subnet in group.subnets]
        vpc, subnets = subnets_of(context.region, ids)
        if vpc != group.vpc_id:
            raise errors.invalid_subnet(f"The subnets are not in the VPC {group.vpc_id} of the subnet group.")
        with LOCK:
            used = {
                node.subnet.id for one in kept.groups.values() if one.subnet_group == group.name for node in one.nodes
            }
            for missing in sorted(used - {subnet.id for subnet in subnets}):
                raise errors.subnet_in_use(missing)
            description = request.get("CacheSubnetGroupDescription") or group.description
            group = kept.subnet_groups[group.name] = replace(group, description=description, subnets=subnets)
        return {"CacheSubnetGroup": views.subnet_group(group)}

    @operation("DeleteCacheSubnetGroup")
    def delete_cache_subnet_group(self, context: RequestContext, request: Json) -> Json:
        """Forget a subnet group that no replication group uses."""
        kept = registry.store(context)
        with LOCK:
            group = registry.subnet_group(kept, request["CacheSubnetGroupName"])
            for one in kept.groups.values():
                if one.subnet_group == group.name:
                    raise errors.subnet_group_in_use(group.name, one.id)
            del kept.subnet_groups[group.name]
        return {}
