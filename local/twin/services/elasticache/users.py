"""The operations on users and user groups; who is in the group of a cache may come into it, within moments.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from twin.engines import valkey
from twin.services.common.api import Json, Provider, RequestContext, only, operation, tags_from
from twin.services.common.paging import page
from twin.services.elasticache import controller, errors, parameters, registry
from twin.services.elasticache.models import LOCK, ElastiCacheStore, User, UserGroup
from twin.services.elasticache.nodes import FORBIDDEN

MOST_PASSWORDS = 2
OLDEST = "7.2"
_PASSWORD = re.compile(r"[\x21-\x7e]{16,128}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,119}")
# Passwords are given beside the access string, never in it; selectors could give back what is forbidden.
_RULE = re.compile(
    r"on|off|allkeys|resetkeys|allchannels|resetchannels|allcommands|nocommands|"
    r"(%[RW]{1,2})?~[^\s\"'()]+|&[^\s\"'()]+|[+-]@?[a-z0-9|_.-]+"
)


class Users(Provider):
    """Create, describe, change, delete users and user groups."""

    @operation("CreateUser")
    def create_user(self, context: RequestContext, request: Json) -> Json:
        """Record a user who has passwords; IAM is refused by name."""
        known = ("UserId", "UserName", "Engine", "Passwords", "AccessString", "AuthenticationMode", "Tags",
                 "NoPasswordRequired")  # fmt: skip
        only("elasticache", "CreateUser", request, known)
        _check_engine(request)
        kept = registry.store(context)
        user_id = registry.checked_id(request["UserId"], "UserId")
        if not _NAME.fullmatch(request["UserName"]) or request["UserName"] == valkey.OWN_USER:
            raise errors.value(f"The parameter UserName {request['UserName']} is not a valid name.")
        user = User(
            id=user_id,
            arn=registry.arn(context, "user", user_id),
            name=request["UserName"],
            access=_access(request["AccessString"]),
            hashes=_hashes(request),
            tags=tags_from(request),
        )
        with LOCK:
            if user_id in kept.users:
                raise errors.user_exists(user_id)
            kept.users[user_id] = user
        return _user(kept, user)

    @operation("DescribeUsers")
    def describe_users(self, context: RequestContext, request: Json) -> Json:
        """All users, or the one named."""
        only("elasticache", "DescribeUsers", request, ("Engine", "UserId", "MaxRecords", "Marker"))
        kept = registry.store(context)
        name = request.get("UserId")
        found = [registry.user(kept, name)] if name else sorted(kept.users.values(), key=lambda user: user.id)
        if request.get("Engine") not in (None, parameters.ENGINE):
            found = []
        return page("Users", [_user(kept, user) for user in found], request)

    @operation("ModifyUser")
    def modify_user(self, context: RequestContext, request: Json) -> Json:
        """Change what a user may do, and his passwords; it counts at once wherever he may come in."""
        known = ("UserId", "AccessString", "AppendAccessString", "Passwords", "NoPasswordRequired",
                 "AuthenticationMode", "Engine")  # fmt: skip
        only("elasticache", "ModifyUser", request, known)
        if request.get("Engine"):
            _check_engine(request)
        kept = registry.store(context)
        with LOCK:
            user = registry.user(kept, request["UserId"])
            access = request.get("AccessString") or user.access
            if request.get("AppendAccessString"):
                access = f"{access} {request['AppendAccessString']}"
            asked = any(request.get(name) for name in ("Passwords", "AuthenticationMode", "NoPasswordRequired"))
            hashes = _hashes(request) if asked else user.hashes
            user = kept.users[user.id] = replace(user, access=_access(access), hashes=hashes)
        controller.wake()
        return _user(kept, user)

    @operation("DeleteUser")
    def delete_user(self, context: RequestContext, request: Json) -> Json:
        """Forget a user; he is in no group any more."""
        kept = registry.store(context)
        with LOCK:
            user = registry.user(kept, request["UserId"])
            shown = _user(kept, user) | {"Status": "deleting"}
            for team in list(kept.user_groups.values()):
                left = tuple(one for one in team.users if one != user.id)
                kept.user_groups[team.id] = replace(team, users=left)
            del kept.users[user.id]
        controller.wake()
        return shown

    @operation("CreateUserGroup")
    def create_user_group(self, context: RequestContext, request: Json) -> Json:
        """Record a group of users; one for Valkey needs no user named default."""
        only("elasticache", "CreateUserGroup", request, ("UserGroupId", "Engine", "UserIds", "Tags"))
        _check_engine(request)
        kept = registry.store(context)
        group_id = registry.checked_id(request["UserGroupId"], "UserGroupId")
        with LOCK:
            if group_id in kept.user_groups:
                raise errors.user_group_exists(group_id)
            team = kept.user_groups[group_id] = UserGroup(
                id=group_id,
                arn=registry.arn(context, "usergroup", group_id),
                users=_members(kept, request.get("UserIds") or []),
                tags=tags_from(request),
            )
        return _group(kept, team)

    @operation("DescribeUserGroups")
    def describe_user_groups(self, context: RequestContext, request: Json) -> Json:
        """All user groups, or the one named."""
        kept = registry.store(context)
        name = request.get("UserGroupId")
        found = [registry.user_group(kept, name)] if name else sorted(kept.user_groups.values(), key=lambda one: one.id)
        return page("UserGroups", [_group(kept, team) for team in found], request)

    @operation("ModifyUserGroup")
    def modify_user_group(self, context: RequestContext, request: Json) -> Json:
        """Add users and take some away; it counts at once in every cache that is for them."""
        only("elasticache", "ModifyUserGroup", request, ("UserGroupId", "UserIdsToAdd", "UserIdsToRemove", "Engine"))
        if request.get("Engine"):
            _check_engine(request)
        kept = registry.store(context)
        added = [one.lower() for one in request.get("UserIdsToAdd") or []]
        taken = [one.lower() for one in request.get("UserIdsToRemove") or []]
        if not (added or taken) or set(added) & set(taken):
            raise errors.combination("UserIdsToAdd or UserIdsToRemove must be given, and no user in both.")
        with LOCK:
            team = registry.user_group(kept, request["UserGroupId"])
            for one in taken:
                if one not in team.users:
                    raise errors.user_not_found(one)
            left = [one for one in team.users if one not in taken]
            team = kept.user_groups[team.id] = replace(team, users=_members(kept, [*left, *added]))
        controller.wake()
        return _group(kept, team)

    @operation("DeleteUserGroup")
    def delete_user_group(self, context: RequestContext, request: Json) -> Json:
        """Forget a user group of which no cache is."""
        kept = registry.store(context)
        with LOCK:
            team = registry.user_group(kept, request["UserGroupId"])
            for group_id in _caches(kept, team):
                raise errors.user_group_state(team.id, group_id)
            del kept.user_groups[team.id]
        return _group(kept, team) | {"Status": "deleting"}


def _check_engine(request: Json) -> None:
    if str(request["Engine"]).lower() != parameters.ENGINE:
        raise errors.not_done(f"users and user groups of the engine {request['Engine']}; it runs {parameters.ENGINE}")


def _access(text: str) -> str:
    """The access string, which must be such as the engine takes, without a forbidden command."""
    rules = text.split()
    forbidden = {f"+{name}" for name in FORBIDDEN}
    for rule in rules:
        if not _RULE.fullmatch(rule) or rule.split("|")[0] in forbidden or rule in forbidden:
            raise errors.value(f"Access String has an invalid rule: {rule}")
    if reason := valkey.refusal(["reset", *rules]):
        raise errors.value(f"Access String is not valid: {reason}")
    return " ".join(rules)


def _hashes(request: Json) -> tuple[str, ...]:
    """The hashes of the passwords that a request gives in one of two ways."""
    mode = request.get("AuthenticationMode") or {}
    kind = mode.get("Type") or "password"
    if request.get("NoPasswordRequired") or kind == "no-password-required":
        raise errors.combination(f"Users of the engine {parameters.ENGINE} need a password or IAM.")
    if kind != "password":
        raise errors.not_done(f"users who come in by {kind}")
    passwords = mode.get("Passwords") or request.get("Passwords") or []
    if not 1 <= len(passwords) <= MOST_PASSWORDS:
        raise errors.combination(f"A user has 1 to {MOST_PASSWORDS} passwords.")
    if not all(_PASSWORD.fullmatch(one) for one in passwords):
        raise errors.value("Passwords must be 16 to 128 printable characters long.")
    return tuple(hashlib.sha256(one.encode()).hexdigest() for one in passwords)


def _members(kept: ElastiCacheStore, ids: Sequence[str]) -> tuple[str, ...]:
    """The ids as a group keeps them: of users who are there, each with a name of his own."""
    users = [registry.user(kept, one) for one in dict.fromkeys(one.lower() for one in ids)]
    names = [user.name for user in users]
    for name in names:
        if names.count(name) > 1:
            raise errors.user_name_twice(name)
    return tuple(user.id for user in users)


def _caches(kept: ElastiCacheStore, team: UserGroup) -> list[str]:
    return sorted(group.id for group in kept.groups.values() if group.user_group == team.id)


def _user(kept: ElastiCacheStore, user: User) -> Json:
    return {
        "UserId": user.id,
        "UserName": user.name,
        "Status": "active",
        "Engine": parameters.ENGINE,
        "MinimumEngineVersion": OLDEST,
        "AccessString": user.access,
        "UserGroupIds": sorted(team.id for team in kept.user_groups.values() if user.id in team.users),
        "Authentication": {"Type": "password", "PasswordCount": len(user.hashes)},
        "ARN": user.arn,
    }


def _group(kept: ElastiCacheStore, team: UserGroup) -> Json:
    caches = [kept.groups[one] for one in _caches(kept, team)]
    seen = [controller.look(one, kept.parameter_groups.get(one.parameter_group)) for one in caches]
    settled = all(node.settled for one in seen for node in one.nodes)
    return {
        "UserGroupId": team.id,
        "Status": "active" if settled else "modifying",
        "Engine": parameters.ENGINE,
        "UserIds": list(team.users),
        "MinimumEngineVersion": OLDEST,
        "ReplicationGroups": [one.id for one in caches],
        "ARN": team.arn,
    }
