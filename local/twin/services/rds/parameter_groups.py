"""The operations on DB parameter groups: what is set in them reaches the servers of every instance that has them.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithDBInstanceParamGroups.html
"""

import re

from twin.services.common.api import ACCOUNT, Json, Provider, RequestContext, only, operation, tags_from
from twin.services.common.paging import page
from twin.services.rds import controller, errors, parameters
from twin.services.rds.events import tell_parameter
from twin.services.rds.filters import filters
from twin.services.rds.models import LOCK, Method, Parameter, ParameterGroup, store
from twin.services.rds.parameters import DEFAULT_GROUP, FAMILY, MOST_PER_REQUEST

_NAME = re.compile(r"[a-z](-?[a-z0-9])*")
LONGEST_NAME = 255


class ParameterGroups(Provider):
    """Create, describe, change, reset, delete."""

    @operation("CreateDBParameterGroup")
    def create_parameter_group(self, context: RequestContext, request: Json) -> Json:
        """Keep a group in which nothing is set yet."""
        honoured = ("DBParameterGroupName", "DBParameterGroupFamily", "Description", "Tags")
        only("rds", "CreateDBParameterGroup", request, honoured)
        name, family = request["DBParameterGroupName"].lower(), request["DBParameterGroupFamily"]
        if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise errors.value(f"The parameter DBParameterGroupName is not a valid identifier: {name}")
        if family != FAMILY:
            raise errors.value(f"ParameterGroupFamily {family} is not a valid parameter group family")
        groups = store(context.region).parameter_groups
        with LOCK:
            if name in groups:
                raise errors.parameter_group_exists(name)
            group = ParameterGroup(name, _arn(context.region, name), family, request["Description"])
            group.tags = tags_from(request)
            groups[name] = group
        return {"DBParameterGroup": described(group)}

    @operation("DescribeDBParameterGroups")
    def describe_parameter_groups(self, context: RequestContext, request: Json) -> Json:
        """All groups, or the one named."""
        filters(request, ())
        default(context.region)
        with LOCK:
            groups = sorted(store(context.region).parameter_groups.values(), key=lambda one: one.name)
        if name := request.get("DBParameterGroupName"):
            groups = [find(context.region, name)]
        return page("DBParameterGroups", [described(one) for one in groups], request)

    @operation("ModifyDBParameterGroup")
    def modify_parameter_group(self, context: RequestContext, request: Json) -> Json:
        """Set parameters: all of them, or none where one is refused."""
        group, given = _changeable(context, request), request["Parameters"]
        if len(given) > MOST_PER_REQUEST:
            raise errors.value(f"Maximum of {MOST_PER_REQUEST} parameters can be modified in a single request")
        wanted = {}
        for one in given:
            if one.get("ParameterValue") is None:
                raise errors.combination("The parameters ParameterName, ParameterValue and ApplyMethod are required")
            method = Method(one["ApplyMethod"]) if one.get("ApplyMethod") else None
            wanted[one["ParameterName"]] = parameters.checked(one["ParameterName"], str(one["ParameterValue"]), method)
        with LOCK:
            group.parameters |= wanted
        for name, parameter in wanted.items():
            text = f"Updated parameter {name} to {parameter.value} with apply method {parameter.method.value}"
            tell_parameter(group, context.region, text)
        controller.wake()
        return {"DBParameterGroupName": group.name}

    @operation("ResetDBParameterGroup")
    def reset_parameter_group(self, context: RequestContext, request: Json) -> Json:
        """Let parameters have the engine's values again; static ones after a reboot."""
        group = _changeable(context, request)
        names = [one["ParameterName"] for one in request.get("Parameters") or []]
        if not names and not request.get("ResetAllParameters", True):
            raise errors.combination("Parameters must be specified when ResetAllParameters is false")
        with LOCK:
            for name in names or list(group.parameters):
                group.parameters.pop(name, None)
        controller.wake()
        return {"DBParameterGroupName": group.name}

    @operation("DescribeDBParameters")
    def describe_parameters(self, context: RequestContext, request: Json) -> Json:
        """The parameters of a group, as the engine that runs describes them."""
        source = request.get("Source")
        if source not in (None, "user", "system", "engine-default"):
            raise errors.value(f"Invalid source: {source}")
        named = filters(request, ("parameter-name",)).get("parameter-name")
        listed = parameters.described(find(context.region, request["DBParameterGroupName"]), source)
        listed = [one for one in listed if named is None or one["ParameterName"] in named]
        return page("Parameters", listed, request)

    @operation("DescribeEngineDefaultParameters")
    def describe_engine_defaults(self, _context: RequestContext, request: Json) -> Json:
        """The parameters of a family in which nothing is set."""
        if request["DBParameterGroupFamily"] != FAMILY:
            raise errors.value(f"ParameterGroupFamily {request['DBParameterGroupFamily']} is not valid")
        listed = page("Parameters", parameters.described(ParameterGroup("", "", FAMILY, ""), None), request)
        return {"EngineDefaults": {"DBParameterGroupFamily": FAMILY, **listed}}

    @operation("DeleteDBParameterGroup")
    def delete_parameter_group(self, context: RequestContext, request: Json) -> Json:
        """Forget a group that no instance has."""
        group = find(context.region, request["DBParameterGroupName"])
        if group.name == DEFAULT_GROUP:
            raise errors.default_parameter_group(group.name)
        kept = store(context.region)
        with LOCK:
            if any(one.parameter_group == group.name for one in kept.instances.values()):
                raise errors.parameter_group_in_use(group.name)
            del kept.parameter_groups[group.name]
        return {}


def find(region: str, name: str) -> ParameterGroup:
    """The group, else DBParameterGroupNotFound."""
    if name.lower() == DEFAULT_GROUP:
        return default(region)
    found = store(region).parameter_groups.get(name.lower())
    if found is None:
        raise errors.no_parameter_group(name)
    return found


def default(region: str) -> ParameterGroup:
    """The group of an instance that names none; nothing can be set in it."""
    groups = store(region).parameter_groups
    with LOCK:
        if DEFAULT_GROUP not in groups:
            arn = _arn(region, DEFAULT_GROUP)
            groups[DEFAULT_GROUP] = ParameterGroup(
                DEFAULT_GROUP, arn, FAMILY, f"Default parameter group for {FAMILY}", dict[str, Parameter]()
            )
        return groups[DEFAULT_GROUP]


def described(group: ParameterGroup) -> Json:
    """The group as the API shows it."""
    return {
        "DBParameterGroupName": group.name,
        "DBParameterGroupFamily": group.family,
        "Description": group.description,
        "DBParameterGroupArn": group.arn,
    }


def _changeable(context: RequestContext, request: Json) -> ParameterGroup:
    group = find(context.region, request["DBParameterGroupName"])
    if group.name == DEFAULT_GROUP:
        raise errors.value("Cannot modify a default parameter group.")
    return group


def _arn(region: str, name: str) -> str:
    return f"arn:aws:rds:{region}:{ACCOUNT}:pg:{name}"
