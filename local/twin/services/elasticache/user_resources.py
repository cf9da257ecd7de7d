"""CloudFormation's types of users and user groups."""

from typing import Any

from twin.services.common.api import Json
from twin.services.common.resources import Progress, Request, Resource, done, retag, tags_of, unless_gone
from twin.services.common.typed import typed


class User(Resource):
    """Somebody who may come into caches."""

    TYPE = "AWS::ElastiCache::User"
    REF = "UserId"
    HONOURED = frozenset(
        {
            "AccessString",
            "AuthenticationMode",
            "Engine",
            "NoPasswordRequired",
            "Passwords",
            "Tags",
            "UserId",
            "UserName",
        }
    )

    def create(self, request: Request) -> Progress:
        """Make him."""
        model, cache = request.desired_state, self.client(request)
        made = cache.create_user(**_asked(cache, "CreateUser", model), Tags=tags_of(model))
        return done(_model(model, made))

    def update(self, request: Request) -> Progress:
        """Change what he may do, his passwords, his tags."""
        model, before, cache = request.desired_state, request.previous_state or {}, self.client(request)
        asked = _asked(cache, "ModifyUser", model)
        asked.pop("UserName", None)
        made = cache.modify_user(**asked)
        _retag(cache, made["ARN"], before, model)
        return done(_model(model, made))

    def delete(self, request: Request) -> Progress:
        """Remove him."""
        with unless_gone():
            self.client(request).delete_user(UserId=request.desired_state["UserId"])
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of him."""
        model = request.desired_state
        seen = self.client(request).describe_users(UserId=model["UserId"])["Users"][0]
        return done(_model(model, seen) | {"UserName": seen["UserName"], "AccessString": seen["AccessString"]})


class UserGroup(Resource):
    """Users who may come into the same caches."""

    TYPE = "AWS::ElastiCache::UserGroup"
    REF = "UserGroupId"
    HONOURED = frozenset({"Engine", "Tags", "UserGroupId", "UserIds"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model, cache = request.desired_state, self.client(request)
        made = cache.create_user_group(**_asked(cache, "CreateUserGroup", model), Tags=tags_of(model))
        return done(_model(model, made))

    def update(self, request: Request) -> Progress:
        """Change who is in it, and its tags."""
        model, before, cache = request.desired_state, request.previous_state or {}, self.client(request)
        name = before["UserGroupId"]
        seen = cache.describe_user_groups(UserGroupId=name)["UserGroups"][0]
        old, new = set(seen["UserIds"]), {one.lower() for one in model["UserIds"]}
        wanted = {"UserIdsToAdd": sorted(new - old), "UserIdsToRemove": sorted(old - new)}
        if changes := {key: ids for key, ids in wanted.items() if ids}:
            seen = cache.modify_user_group(UserGroupId=name, **changes)
        _retag(cache, seen["ARN"], before, model)
        return done(_model(model, seen))

    def delete(self, request: Request) -> Progress:
        """Remove it."""
        with unless_gone():
            self.client(request).delete_user_group(UserGroupId=request.desired_state["UserGroupId"])
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        model = request.desired_state
        seen = self.client(request).describe_user_groups(UserGroupId=model["UserGroupId"])["UserGroups"][0]
        return done(_model(model, seen) | {"UserIds": seen["UserIds"]})


def _asked(cache: Any, operation: str, model: Json) -> Json:
    """The properties that the API takes, but for tags."""
    names = (User.HONOURED | UserGroup.HONOURED) - {"Tags"}
    return typed(cache, operation, {name: value for name, value in model.items() if name in names})


def _model(model: Json, seen: Json) -> Json:
    return model | {"Arn": seen["ARN"], "Status": seen["Status"]}


def _retag(cache: Any, arn: str, before: Json, model: Json) -> None:
    retag(
        model,
        before,
        put=lambda tags: cache.add_tags_to_resource(ResourceName=arn, Tags=tags),
        take=lambda keys: cache.remove_tags_from_resource(ResourceName=arn, TagKeys=keys),
    )
