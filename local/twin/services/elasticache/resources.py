"""ElastiCache's CloudFormation types."""

import re
import time
from typing import Any

from botocore.exceptions import ClientError

from twin.services.common.api import Json
from twin.services.common.resources import (
    Progress,
    Request,
    Resource,
    asks_for_snapshot,
    done,
    failed,
    retag,
    tags_of,
    unless_gone,
    waiting,
)
from twin.services.common.typed import typed
from twin.services.elasticache.user_resources import User, UserGroup

LONGEST_ID = 40
LONGEST_NAME = 200
# What ModifyReplicationGroup takes of a template; the number of nodes has calls of its own.
_MODIFIED = ("ReplicationGroupDescription", "AutomaticFailoverEnabled", "MultiAZEnabled", "SecurityGroupIds",
             "PreferredMaintenanceWindow", "NotificationTopicArn", "CacheParameterGroupName", "Engine",
             "EngineVersion", "AutoMinorVersionUpgrade", "SnapshotRetentionLimit", "SnapshotWindow",
             "SnapshottingClusterId", "CacheNodeType",
             "AuthToken", "TransitEncryptionEnabled", "TransitEncryptionMode", "IpDiscovery",
             "ClusterMode")  # fmt: skip


class SubnetGroup(Resource):
    """A cache subnet group."""

    TYPE = "AWS::ElastiCache::SubnetGroup"
    REF = "CacheSubnetGroupName"
    HONOURED = frozenset({"CacheSubnetGroupName", "Description", "SubnetIds", "Tags"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model = request.desired_state
        name = model.get("CacheSubnetGroupName") or self.generated_name(request, 255, lower=True)
        self.client(request).create_cache_subnet_group(
            CacheSubnetGroupName=name,
            CacheSubnetGroupDescription=model["Description"],
            SubnetIds=model["SubnetIds"],
            Tags=tags_of(model),
        )
        return done(model | {"CacheSubnetGroupName": name})

    def update(self, request: Request) -> Progress:
        """Change description, subnets, tags."""
        model, before, cache = request.desired_state, request.previous_state or {}, self.client(request)
        name = before["CacheSubnetGroupName"]
        group = cache.modify_cache_subnet_group(
            CacheSubnetGroupName=name, CacheSubnetGroupDescription=model["Description"], SubnetIds=model["SubnetIds"]
        )["CacheSubnetGroup"]
        _retag(cache, group["ARN"], before, model)
        return done(model | {"CacheSubnetGroupName": name})

    def delete(self, request: Request) -> Progress:
        """Remove it."""
        with unless_gone():
            self.client(request).delete_cache_subnet_group(
                CacheSubnetGroupName=request.desired_state["CacheSubnetGroupName"]
            )
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        name = request.desired_state["CacheSubnetGroupName"]
        seen = self.client(request).describe_cache_subnet_groups(CacheSubnetGroupName=name)["CacheSubnetGroups"][0]
        return done(request.desired_state | {"Description": seen["CacheSubnetGroupDescription"]})


class ParameterGroup(Resource):
    """A cache parameter group with its values."""

    TYPE = "AWS::ElastiCache::ParameterGroup"
    REF = "CacheParameterGroupName"
    HONOURED = frozenset({"CacheParameterGroupFamily", "Description", "Properties", "Tags"})

    def create(self, request: Request) -> Progress:
        """Make it; values that are refused leave nothing behind."""
        model, cache = request.desired_state, self.client(request)
        name = self.generated_name(request, 255, lower=True, distinct=True)
        cache.create_cache_parameter_group(
            CacheParameterGroupName=name,
            CacheParameterGroupFamily=model["CacheParameterGroupFamily"],
            Description=model["Description"],
            Tags=tags_of(model),
        )
        try:
            _set_values(cache, name, model.get("Properties") or {})
        except ClientError:
            cache.delete_cache_parameter_group(CacheParameterGroupName=name)
            raise
        return done(model | {"CacheParameterGroupName": name})

    def update(self, request: Request) -> Progress:
        """Change values, those that went back to their defaults too; description by AWS's rule stays."""
        model, before, cache = request.desired_state, request.previous_state or {}, self.client(request)
        name = before["CacheParameterGroupName"]
        if model["Description"] != before["Description"]:
            return failed(before, "Description cannot be changed")
        gone = set(before.get("Properties") or {}) - set(model.get("Properties") or {})
        if gone:
            cache.reset_cache_parameter_group(
                CacheParameterGroupName=name, ParameterNameValues=[{"ParameterName": one} for one in sorted(gone)]
            )
        _set_values(cache, name, model.get("Properties") or {})
        found = cache.describe_cache_parameter_groups(CacheParameterGroupName=name)["CacheParameterGroups"][0]
        _retag(cache, found["ARN"], before, model)
        return done(model | {"CacheParameterGroupName": name})

    def delete(self, request: Request) -> Progress:
        """Remove it."""
        with unless_gone():
            self.client(request).delete_cache_parameter_group(
                CacheParameterGroupName=request.desired_state["CacheParameterGroupName"]
            )
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        name = request.desired_state["CacheParameterGroupName"]
        cache = self.client(request)
        seen = cache.describe_cache_parameter_groups(CacheParameterGroupName=name)["CacheParameterGroups"][0]
        return done(request.desired_state | {"CacheParameterGroupFamily": seen["CacheParameterGroupFamily"]})


class ReplicationGroup(Resource):
    """A replication group, created when it is available, as on AWS."""

    TYPE = "AWS::ElastiCache::ReplicationGroup"
    REF = "ReplicationGroupId"
    SNAPSHOTS = True
    HONOURED = frozenset({"AuthToken", "AutomaticFailoverEnabled", "CacheNodeType", "CacheParameterGroupName",
                          "CacheSubnetGroupName", "ClusterMode", "DataTieringEnabled", "Engine", "EngineVersion",
                          "IpDiscovery", "MultiAZEnabled", "NetworkType", "NumCacheClusters", "NumNodeGroups", "Port",
                          "PreferredCacheClusterAZs", "ReplicasPerNodeGroup", "ReplicationGroupDescription",
                          "ReplicationGroupId", "SecurityGroupIds", "SnapshotName", "SnapshotRetentionLimit",
                          "SnapshotWindow", "SnapshottingClusterId", "Tags", "TransitEncryptionEnabled",
                          "TransitEncryptionMode", "UserGroupIds"})  # fmt: skip
    RECORDED = frozenset({"AtRestEncryptionEnabled", "AutoMinorVersionUpgrade", "KmsKeyId", "NotificationTopicArn",
                          "PreferredMaintenanceWindow"})  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Make it and wait until it is available."""
        model, cache = request.desired_state, self.client(request)
        if not request.custom_context.get("asked"):
            name = model.get("ReplicationGroupId")
            name = name or self.generated_name(request, LONGEST_ID, lower=True, distinct=True)
            wanted = _created(cache, model) | {"ReplicationGroupId": name, "Tags": tags_of(model)}
            made = cache.create_replication_group(**wanted)
            return waiting(model | {"ReplicationGroupId": made["ReplicationGroup"]["ReplicationGroupId"]}, asked=True)
        return self._watch(cache, model, asked=True)

    def update(self, request: Request) -> Progress:
        """Change it call by call, each when the one before is done: more nodes first, fewer nodes last."""
        model, before, cache = request.desired_state, request.previous_state or {}, self.client(request)
        model = model | {"ReplicationGroupId": before["ReplicationGroupId"]}
        seen = _describe(cache, model)
        if seen["Status"] != "available":
            return waiting(model, **request.custom_context)
        calls = self._calls(_asked(cache, model), _asked(cache, before))
        step = int(request.custom_context.get("step", 0))
        if step < len(calls):
            name, arguments = calls[step]
            try:
                getattr(cache, name)(ReplicationGroupId=model["ReplicationGroupId"], **arguments)
            except ClientError as error:
                return failed(before, error.response["Error"]["Message"])
            return waiting(model, step=step + 1)
        _retag(cache, seen["ARN"], before, model)
        return done(model | _endpoints(seen))

    def delete(self, request: Request) -> Progress:
        """Remove it with its data, after a last snapshot where one is asked for, and wait until it is gone."""
        model, cache, context = request.desired_state, self.client(request), request.custom_context
        with unless_gone():
            deleting = _describe(cache, model)["Status"] == "deleting"
            if context.get("final") and not deleting:
                return failed(model, f"The snapshot {context['final']} could not be taken.")
            if not deleting:
                context = {"final": _final_name(request)} if asks_for_snapshot(request) else {}
                last = {"FinalSnapshotIdentifier": context["final"]} if context else {}
                cache.delete_replication_group(ReplicationGroupId=model["ReplicationGroupId"], **last)
            return waiting(model, **context)
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        model = request.desired_state
        return done(model | _endpoints(_describe(self.client(request), model)))

    def _watch(self, cache: Any, model: Json, **context: Any) -> Progress:
        seen = _describe(cache, model)
        if seen["Status"] == "create-failed":
            return failed(model, f"Replication group {model['ReplicationGroupId']} could not be created.")
        if seen["Status"] != "available":
            return waiting(model, **context)
        source = model.get("SnapshottingClusterId")
        if source and seen.get("SnapshottingClusterId") != source:
            # There is no such member before the group is there.
            cache.modify_replication_group(
                ReplicationGroupId=model["ReplicationGroupId"], SnapshottingClusterId=source, ApplyImmediately=True
            )
        return done(model | _endpoints(seen))

    def _calls(self, model: Json, before: Json) -> list[tuple[str, Json]]:
        changes = {name: model[name] for name in _MODIFIED if name in model and model[name] != before.get(name)}
        # Absent means AWS's default, not "as it was".
        for name in ("AutomaticFailoverEnabled", "MultiAZEnabled"):
            if before.get(name) and name not in model:
                changes[name] = False
        if "AuthToken" in changes:
            # Connected clients and those with the former token go on until the next rotation.
            changes["AuthTokenUpdateStrategy"] = "ROTATE"
        changes |= _user_groups(model, before)
        settings = [("modify_replication_group", {**changes, "ApplyImmediately": True})] if changes else []
        now, wanted = _nodes(before), _nodes(model)
        count = {"NewReplicaCount": wanted - 1, "ApplyImmediately": True}
        if wanted > now:
            return [("increase_replica_count", count), *settings]
        return [*settings, ("decrease_replica_count", count)] if wanted < now else settings


def _user_groups(model: Json, before: Json) -> Json:
    """The move to other users, or between them and a token."""
    old, new = before.get("UserGroupIds") or [], model.get("UserGroupIds") or []
    wanted = {"UserGroupIdsToAdd": sorted(set(new) - set(old)), "UserGroupIdsToRemove": sorted(set(old) - set(new))}
    changes: Json = {name: ids for name, ids in wanted.items() if ids}
    if new and before.get("AuthToken") and not model.get("AuthToken"):
        changes["AuthTokenUpdateStrategy"] = "DELETE"
    if old and not new and model.get("AuthToken"):
        changes["AuthTokenUpdateStrategy"] = "SET"
    return changes


def _nodes(model: Json) -> int:
    """How many nodes the properties ask for: counted with the primary, or beside it."""
    if "ReplicasPerNodeGroup" in model:
        return int(model["ReplicasPerNodeGroup"]) + 1
    return int(model.get("NumCacheClusters") or len(model.get("PreferredCacheClusterAZs") or [0]))


def _describe(cache: Any, model: Json) -> Json:
    found: Json = cache.describe_replication_groups(ReplicationGroupId=model["ReplicationGroupId"])
    seen: Json = found["ReplicationGroups"][0]
    return seen


def _endpoints(seen: Json) -> Json:
    """What GetAtt reads."""
    shard = seen["NodeGroups"][0]
    members = [member["ReadEndpoint"] for member in shard["NodeGroupMembers"]]
    return {
        "PrimaryEndPoint": _texts(shard["PrimaryEndpoint"]),
        "ReaderEndPoint": _texts(shard["ReaderEndpoint"]),
        "ReadEndPoint": {
            "Addresses": ",".join(member["Address"] for member in members),
            "Ports": ",".join(str(member["Port"]) for member in members),
        },
    }


def _texts(endpoint: Json) -> Json:
    return {"Address": endpoint["Address"], "Port": str(endpoint["Port"])}


def _asked(cache: Any, model: Json) -> Json:
    """The properties that the API takes, but for tags; numbers and truth values may be written as text."""
    names = (ReplicationGroup.HONOURED | ReplicationGroup.RECORDED) - {"Tags"}
    return typed(cache, "CreateReplicationGroup", {name: value for name, value in model.items() if name in names})


def _created(cache: Any, model: Json) -> Json:
    """What the creation takes; the member of which snapshots are taken is named when there is one."""
    return {name: value for name, value in _asked(cache, model).items() if name != "SnapshottingClusterId"}


def _final_name(request: Request) -> str:
    """A name for the snapshot of a resource that goes, as CloudFormation makes them, new each time."""
    name = re.sub(r"[^a-z0-9]+", "-", f"{request.stack_name}-snapshot-{request.logical_resource_id}".lower())
    return f"{name[:LONGEST_NAME].strip('-')}-{time.time_ns():x}"


def _set_values(cache: Any, name: str, values: Json) -> None:
    if values:
        listed = [{"ParameterName": key, "ParameterValue": str(value)} for key, value in sorted(values.items())]
        cache.modify_cache_parameter_group(CacheParameterGroupName=name, ParameterNameValues=listed)


def _retag(cache: Any, arn: str, before: Json, model: Json) -> None:
    retag(
        model,
        before,
        put=lambda tags: cache.add_tags_to_resource(ResourceName=arn, Tags=tags),
        take=lambda keys: cache.remove_tags_from_resource(ResourceName=arn, TagKeys=keys),
    )


RESOURCES: list[type[Resource]] = [SubnetGroup, ParameterGroup, ReplicationGroup, User, UserGroup]
