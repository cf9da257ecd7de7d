"""Finding what a request names, page by page; raises AWS's error when it is not there."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from twin.core.world import world
from twin.services.common.api import Json, RequestContext, tag_list
from twin.services.elasticache import errors
from twin.services.elasticache.models import (
    LOCK,
    ElastiCacheStore,
    Node,
    ParameterGroup,
    ReplicationGroup,
    Snapshot,
    SubnetGroup,
    User,
    UserGroup,
    stores,
)

ARN_COLONS = 6
# 1 to 40 letters, digits or single hyphens, beginning with a letter, not ending with a hyphen:
# https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
_ID = re.compile(r"(?=.{1,40}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NAME = re.compile(r"(?=.{1,255}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")


def store(context: RequestContext) -> ElastiCacheStore:
    """The store of the caller's account and region; caches run in the twin's own region."""
    if context.region != world().region:
        raise errors.not_done(f"caches in {context.region}: they run in {world().region}")
    found: ElastiCacheStore = stores[context.account_id][context.region]
    return found


def arn(context: RequestContext, kind: str, name: str) -> str:
    """The ARN of something of this API."""
    return f"arn:aws:elasticache:{context.region}:{context.account_id}:{kind}:{name}"


def checked_id(text: str, parameter: str = "ReplicationGroupId") -> str:
    """A replication group's id, or a snapshot's name, as it is stored: small letters."""
    if not (_ID if parameter == "ReplicationGroupId" else _NAME).fullmatch(text.lower()):
        raise errors.value(
            f"The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must "
            "contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two "
            "consecutive hyphens."
        )
    return text.lower()


def checked_name(parameter: str, text: str) -> str:
    """The name of a subnet or parameter group as it is stored: small letters."""
    if not _NAME.fullmatch(text.lower()):
        raise errors.value(f"The parameter {parameter} must be provided and must not be blank: it is not a valid name.")
    return text.lower()


def group(kept: ElastiCacheStore, name: str) -> ReplicationGroup:
    """The replication group with this id."""
    found = kept.groups.get(name.lower())
    if found is None:
        raise errors.group_not_found(name)
    return found


def node(kept: ElastiCacheStore, cluster_id: str) -> tuple[ReplicationGroup, Node]:
    """The node with this CacheClusterId, and its group."""
    for one in kept.groups.values():
        for member in one.nodes:
            if one.node_id(member) == cluster_id.lower():
                return one, member
    raise errors.cluster_not_found(cluster_id)


def subnet_group(kept: ElastiCacheStore, name: str) -> SubnetGroup:
    """The subnet group with this name."""
    found = kept.subnet_groups.get(name.lower())
    if found is None:
        raise errors.subnet_group_not_found(name)
    return found


def parameter_group(kept: ElastiCacheStore, name: str) -> ParameterGroup:
    """The parameter group with this name, not the family's default one."""
    found = kept.parameter_groups.get(name.lower())
    if found is None:
        raise errors.parameter_group_not_found(name)
    return found


def snapshot(kept: ElastiCacheStore, name: str) -> Snapshot:
    """The snapshot with this name."""
    found = kept.snapshots.get(name.lower())
    if found is None:
        raise errors.snapshot_not_found(name)
    return found


def user(kept: ElastiCacheStore, user_id: str) -> User:
    """The user with this id."""
    found = kept.users.get(user_id.lower())
    if found is None:
        raise errors.user_not_found(user_id)
    return found


def user_group(kept: ElastiCacheStore, group_id: str) -> UserGroup:
    """The user group with this id."""
    found = kept.user_groups.get(group_id.lower())
    if found is None:
        raise errors.user_group_not_found(group_id)
    return found


class Tagged:
    """What an ARN names: its tags, and how they are changed."""

    def __init__(self, kept: ElastiCacheStore, name: str) -> None:
        # The kinds have nothing in common but an ARN and tags.
        shelves: tuple[dict[str, Any], ...] = (
            kept.groups,
            kept.subnet_groups,
            kept.parameter_groups,
            kept.snapshots,
            kept.users,
            kept.user_groups,
        )
        if not name.startswith("arn:aws:elasticache:") or name.count(":") < ARN_COLONS:
            raise errors.invalid_arn(name)
        for shelf in shelves:
            for key, one in shelf.items():
                if one.arn == name:
                    self._shelf, self._key = shelf, key
                    return
        kind, thing = name.split(":")[5:7]
        missing = {
            "subnetgroup": errors.subnet_group_not_found,
            "parametergroup": errors.parameter_group_not_found,
            "snapshot": errors.snapshot_not_found,
            "user": errors.user_not_found,
            "usergroup": errors.user_group_not_found,
        }
        raise missing.get(kind, errors.group_not_found)(thing)

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags that stand."""
        found: Mapping[str, str] = self._shelf[self._key].tags
        return found

    def put(self, tags: Mapping[str, str]) -> list[Json]:
        """Replace the tags, and return them as the API lists them."""
        with LOCK:
            self._shelf[self._key] = replace(self._shelf[self._key], tags=dict(tags))
        return tag_list(dict(tags))
