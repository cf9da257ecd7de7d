"""IAM's CloudFormation types. Core changes a role by deleting it, with the policies that others attached to it."""

import json
from typing import Any

from twin.services.common.resources import Progress, Request, Resource, done, retag, tagged, unless_gone

type Json = dict[str, Any]

_HOLDERS = (("Roles", "role", "RoleName"), ("Users", "user", "UserName"), ("Groups", "group", "GroupName"))


class Role(Resource):
    """A role with its inline and managed policies."""

    TYPE, REF = "AWS::IAM::Role", "RoleName"
    HONOURED = frozenset({"AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path",
                          "PermissionsBoundary", "Policies", "RoleName", "Tags"})  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Make it."""
        model, iam = request.desired_state, self.client(request)
        name = model.get("RoleName") or self.generated_name(request, 64, distinct=True)
        plain = {one: model[one] for one in ("Description", "Path", "PermissionsBoundary") if model.get(one)}
        if model.get("MaxSessionDuration"):
            plain["MaxSessionDuration"] = int(model["MaxSessionDuration"])
        trust = _text(model["AssumeRolePolicyDocument"])
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **plain, **tagged(model))["Role"]
        model |= {"RoleName": name, "Arn": made["Arn"], "RoleId": made["RoleId"]}
        self._bring_policies(iam, model, {})
        return done(model)

    def update(self, request: Request) -> Progress:
        """Change it where it stands."""
        model, before, iam = request.desired_state, request.previous_state or {}, self.client(request)
        model |= {one: before[one] for one in ("RoleName", "Arn", "RoleId")}
        name = model["RoleName"]
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=_text(model["AssumeRolePolicyDocument"]))
        duration = int(model.get("MaxSessionDuration") or 3600)
        iam.update_role(RoleName=name, Description=model.get("Description") or "", MaxSessionDuration=duration)
        if model.get("PermissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=model["PermissionsBoundary"])
        elif before.get("PermissionsBoundary"):
            iam.delete_role_permissions_boundary(RoleName=name)
        self._bring_policies(iam, model, before)
        retag(
            model,
            before,
            put=lambda tags: iam.tag_role(RoleName=name, Tags=tags),
            take=lambda keys: iam.untag_role(RoleName=name, TagKeys=keys),
        )
        return done(model)

    def delete(self, request: Request) -> Progress:
        """Remove it with the policies that it holds."""
        name, iam = request.desired_state["RoleName"], self.client(request)
        with unless_gone():
            for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=name, PolicyArn=one["PolicyArn"])
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
            iam.delete_role(RoleName=name)
        return done({})

    def read(self, request: Request) -> Progress:
        """The role as IAM has it."""
        model = request.desired_state
        seen = self.client(request).get_role(RoleName=model["RoleName"])["Role"]
        return done(model | {"Arn": seen["Arn"], "RoleId": seen["RoleId"]})

    @staticmethod
    def _bring_policies(iam: Any, model: Json, before: Json) -> None:
        name = model["RoleName"]
        wanted, standing = model.get("ManagedPolicyArns") or [], before.get("ManagedPolicyArns") or []
        for arn in [arn for arn in standing if arn not in wanted]:
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        for arn in [arn for arn in wanted if arn not in standing]:
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        inline = {one["PolicyName"]: _text(one["PolicyDocument"]) for one in model.get("Policies") or []}
        for gone in {one["PolicyName"] for one in before.get("Policies") or []} - set(inline):
            iam.delete_role_policy(RoleName=name, PolicyName=gone)
        for policy, text in inline.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=text)


class Policy(Resource):
    """An inline policy, put into roles, users and groups."""

    TYPE, REF = "AWS::IAM::Policy", "Id"
    HONOURED = frozenset({"Groups", "PolicyDocument", "PolicyName", "Roles", "Users"})

    def create(self, request: Request) -> Progress:
        """Put it into each."""
        model, iam = request.desired_state, self.client(request)
        text = _text(model["PolicyDocument"])
        if not any(model.get(holders) for holders, _, _ in _HOLDERS):
            raise ValueError("At least one of [Groups,Roles,Users] must be non-empty.")
        for holders, kind, key in _HOLDERS:
            for holder in model.get(holders) or []:
                put = getattr(iam, f"put_{kind}_policy")
                put(**{key: holder}, PolicyName=model["PolicyName"], PolicyDocument=text)
        return done(model | {"Id": self.generated_name(request, 128)})

    def update(self, request: Request) -> Progress:
        """Put it anew, and take it from those that are no longer named."""
        model, before, iam = request.desired_state, request.previous_state or {}, self.client(request)
        for holders, kind, key in _HOLDERS:
            standing = before.get(holders) or []
            renamed = before.get("PolicyName") != model["PolicyName"]
            for holder in [one for one in standing if renamed or one not in (model.get(holders) or [])]:
                _take(iam, kind, key, holder, before["PolicyName"])
        return self.create(request)

    def delete(self, request: Request) -> Progress:
        """Take it from each; what is gone is no error."""
        model, iam = request.desired_state, self.client(request)
        for holders, kind, key in _HOLDERS:
            for holder in model.get(holders) or []:
                _take(iam, kind, key, holder, model["PolicyName"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The policy as it was put."""
        return done(request.desired_state)


class ManagedPolicy(Resource):
    """A policy of its own, attached to roles, users and groups. Core drops its path and description."""

    TYPE, REF = "AWS::IAM::ManagedPolicy", "PolicyArn"
    HONOURED = frozenset({"Description", "Groups", "ManagedPolicyName", "Path", "PolicyDocument", "Roles", "Users"})

    def create(self, request: Request) -> Progress:
        """Make it and attach it."""
        model, iam = request.desired_state, self.client(request)
        name = model.get("ManagedPolicyName") or self.generated_name(request, 128, distinct=True)
        plain = {one: model[one] for one in ("Description", "Path") if model.get(one)}
        made = iam.create_policy(PolicyName=name, PolicyDocument=_text(model["PolicyDocument"]), **plain)
        model["PolicyArn"] = made["Policy"]["Arn"]
        self._attach(iam, model, {})
        return done(model)

    def update(self, request: Request) -> Progress:
        """Give it a new version in place of the former, and attach it to those that are named now."""
        model, before, iam = request.desired_state, request.previous_state or {}, self.client(request)
        arn = model["PolicyArn"] = before["PolicyArn"]
        if (text := _text(model["PolicyDocument"])) != _text(before["PolicyDocument"]):
            standing = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
            iam.delete_policy_version(PolicyArn=arn, VersionId=standing)
        self._attach(iam, model, before)
        return done(model)

    def delete(self, request: Request) -> Progress:
        """Detach and remove it; one that is gone is no error."""
        model, iam = request.desired_state, self.client(request)
        self._attach(iam, {"PolicyArn": model["PolicyArn"]}, model)
        with unless_gone():
            iam.delete_policy(PolicyArn=model["PolicyArn"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The policy, if it is there."""
        self.client(request).get_policy(PolicyArn=request.desired_state["PolicyArn"])
        return done(request.desired_state)

    @staticmethod
    def _attach(iam: Any, model: Json, before: Json) -> None:
        for holders, kind, key in _HOLDERS:
            wanted, standing = model.get(holders) or [], before.get(holders) or []
            for holder in [one for one in standing if one not in wanted]:
                with unless_gone():
                    getattr(iam, f"detach_{kind}_policy")(**{key: holder}, PolicyArn=model["PolicyArn"])
            for holder in [one for one in wanted if one not in standing]:
                getattr(iam, f"attach_{kind}_policy")(**{key: holder}, PolicyArn=model["PolicyArn"])


def _take(iam: Any, kind: str, key: str, holder: str, policy: str) -> None:
    with unless_gone():
        getattr(iam, f"delete_{kind}_policy")(**{key: holder}, PolicyName=policy)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


RESOURCES: list[type[Resource]] = [Role, Policy, ManagedPolicy]
