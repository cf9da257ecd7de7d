"""The operations on parameter groups; a changed value is in force on every node of the group within moments."""

from dataclasses import replace

from twin.services.common.api import Json, Provider, RequestContext, only, operation, tags_from
from twin.services.common.paging import page
from twin.services.elasticache import controller, errors, parameters, registry, views
from twin.services.elasticache.models import LOCK, ElastiCacheStore, ParameterGroup


class ParameterGroups(Provider):
    """Create, describe, change, reset, delete parameter groups, and describe their parameters."""

    @operation("CreateCacheParameterGroup")
    def create_cache_parameter_group(self, context: RequestContext, request: Json) -> Json:
        """Record a group of the family that runs."""
        honoured = ("CacheParameterGroupName", "CacheParameterGroupFamily", "Description", "Tags")
        only("elasticache", "CreateCacheParameterGroup", request, honoured)
        kept = registry.store(context)
        parameters.check_family(request["CacheParameterGroupFamily"])
        name = registry.checked_name("CacheParameterGroupName", request["CacheParameterGroupName"])
        group = ParameterGroup(
            name,
            registry.arn(context, "parametergroup", name),
            request["CacheParameterGroupFamily"],
            request["Description"],
            tags=tags_from(request),
        )
        with LOCK:
            if name in kept.parameter_groups:
                raise errors.parameter_group_exists(name)
            kept.parameter_groups[name] = group
        return {"CacheParameterGroup": views.parameter_group(group)}

    @operation("DescribeCacheParameterGroups")
    def describe_cache_parameter_groups(self, context: RequestContext, request: Json) -> Json:
        """All parameter groups with the families' default ones, or the one named."""
        kept = registry.store(context)
        name = request.get("CacheParameterGroupName")
        found = (
            [_group(kept, context, name)] if name else [*_defaults(context).values(), *kept.parameter_groups.values()]
        )
        shown = [views.parameter_group(group) for group in sorted(found, key=lambda group: group.name)]
        return page("CacheParameterGroups", shown, request)

    @operation("DescribeCacheParameters")
    def describe_cache_parameters(self, context: RequestContext, request: Json) -> Json:
        """The parameters that are applied to nodes, with the values of the group."""
        group = _group(registry.store(context), context, request["CacheParameterGroupName"])
        source = request.get("Source")
        shown = [_parameter(name, value, group) for name, value in sorted(parameters.in_force(group.values).items())]
        wanted = [one for one in shown if not source or one["Source"] == source]
        return {**page("Parameters", wanted, request), "CacheNodeTypeSpecificParameters": [_max_memory()]}

    @operation("ModifyCacheParameterGroup")
    def modify_cache_parameter_group(self, context: RequestContext, request: Json) -> Json:
        """Change values; the nodes get them at once."""
        kept = registry.store(context)
        if not request["ParameterNameValues"]:
            raise errors.value("The parameter ParameterNameValues must be provided.")
        values = {one["ParameterName"]: str(one["ParameterValue"]) for one in request["ParameterNameValues"]}
        parameters.check_values(values)
        with LOCK:
            group = _own(kept, request["CacheParameterGroupName"])
            kept.parameter_groups[group.name] = replace(group, values={**group.values, **values})
        controller.wake()
        return {"CacheParameterGroupName": group.name}

    @operation("ResetCacheParameterGroup")
    def reset_cache_parameter_group(self, context: RequestContext, request: Json) -> Json:
        """Give values back to the defaults, all or those named."""
        kept = registry.store(context)
        named = {one["ParameterName"]: "" for one in request.get("ParameterNameValues") or []}
        if bool(request.get("ResetAllParameters")) == bool(named):
            raise errors.combination("Either ResetAllParameters or ParameterNameValues must be given, not both.")
        for name in named:
            if name not in parameters.PARAMETERS:
                parameters.check_values({name: ""})
        with LOCK:
            group = _own(kept, request["CacheParameterGroupName"])
            left = {name: value for name, value in group.values.items() if named and name not in named}
            kept.parameter_groups[group.name] = replace(group, values=left)
        controller.wake()
        return {"CacheParameterGroupName": group.name}

    @operation("DeleteCacheParameterGroup")
    def delete_cache_parameter_group(self, context: RequestContext, request: Json) -> Json:
        """Forget a group that no replication group uses."""
        kept = registry.store(context)
        with LOCK:
            group = _own(kept, request["CacheParameterGroupName"])
            if any(one.parameter_group == group.name for one in kept.groups.values()):
                raise errors.parameter_group_in_use(group.name)
            del kept.parameter_groups[group.name]
        return {}


def _defaults(context: RequestContext) -> dict[str, ParameterGroup]:
    """The default group of each family, by name."""
    names = {parameters.default_group(family): family for family in parameters.families()}
    return {
        name: ParameterGroup(
            name, registry.arn(context, "parametergroup", name), family, f"Default parameter group for {family}"
        )
        for name, family in names.items()
    }


def _group(kept: ElastiCacheStore, context: RequestContext, name: str) -> ParameterGroup:
    return _defaults(context).get(name) or registry.parameter_group(kept, name)


def _own(kept: ElastiCacheStore, name: str) -> ParameterGroup:
    """A group that may be changed: a default one may not."""
    if name.startswith("default."):
        raise errors.value(f"Default parameter group {name} cannot be modified.")
    return registry.parameter_group(kept, name)


def _parameter(name: str, value: str, group: ParameterGroup) -> Json:
    known = parameters.PARAMETERS[name]
    return {
        "ParameterName": name,
        "ParameterValue": value,
        "Source": "user" if name in group.values else "system",
        "DataType": known.kind,
        "AllowedValues": known.allowed,
        "IsModifiable": True,
        "ChangeType": "immediate",
    }


def _max_memory() -> Json:
    sizes = [{"CacheNodeType": name, "Value": str(size)} for name, size in sorted(parameters.MEMORY.items())]
    return {
        "ParameterName": "maxmemory",
        "Source": "system",
        "DataType": "integer",
        "AllowedValues": "0-",
        "IsModifiable": False,
        "CacheNodeTypeSpecificValues": sizes,
        "ChangeType": "immediate",
    }
