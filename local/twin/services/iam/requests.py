"""Which decisions a call needs: each action on each resource, with what is known of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from twin.services.common.api import ACCOUNT
from twin.services.iam import context
from twin.services.iam.actions import FREE, needed
from twin.services.iam.arns import about
from twin.services.iam.callers import Caller
from twin.services.iam.evaluate import Asked
from twin.services.iam.holdings import is_missing
from twin.services.iam.names import finished, key_of_secret, resolved, source_of_copy
from twin.services.iam.policies import Context
from twin.services.iam.templates import template_of

# Who takes the role that is passed; where nothing is named the service itself.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
_PASSED_TO = {
    "ecs": "ecs-tasks.amazonaws.com",
    "rds": "monitoring.rds.amazonaws.com",
    "ec2": "vpc-flow-logs.amazonaws.com",
    "elasticloadbalancing": "elasticloadbalancing.amazonaws.com",
    "application-autoscaling": "application-autoscaling.amazonaws.com",
}
_PASSES = (
    "Create",
    "Put",
    "Register",
    "Run",
    "Start",
    "Update",
    "Modify",
    "Execute",
    "Set",
    "Add",
    "Restore",
    "Associate",
)
_DEEPEST = 4
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
# What takes no role: IAM itself, and STS, which assumes them.
_NEVER_PASSES = frozenset({"iam", "sts"})


@dataclass(frozen=True)
class Call:
    """An API call as the decision needs it. prefix: IAM's name of the service; headers in lower case."""

    caller: Caller
    prefix: str
    operation: str
    asked: Mapping[str, Any]
    region: str
    source: str = "127.0.0.1"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)


def decisions(call: Call) -> Iterator[Asked]:
    """What must be allowed for the call to be allowed: all of it."""
    if f"{call.prefix}:{call.operation}" in FREE:
        return
    asked = resolved(call.prefix, call.asked, call.region)
    known = context.joined(
        context.of_call(call.caller, call.region, call.source, call.headers),
        context.of_request(call.prefix, call.asked, call.headers),
    )
    actions = needed(call.prefix, call.operation, call.asked, call.method) if call.operation != "DeleteObjects" else ()
    for action in actions:
        for arn in about(action, asked, call.region):
            yield _one(call, action, finished(action, arn), known)
    if call.prefix == "s3":
        yield from _of_objects(call, known)
    if call.prefix == "cloudformation" and (found := template_of(call.asked)):
        yield _one(call, "s3:GetObject", found, known)
    if call.prefix == "secretsmanager" and call.operation == "BatchGetSecretValue":
        for name in call.asked.get("SecretIdList") or []:
            one = resolved("secretsmanager", {"SecretId": name}, call.region)
            for found in about("secretsmanager:GetSecretValue", one, call.region):
                yield _one(call, "secretsmanager:GetSecretValue", found, known)
    if call.prefix == "secretsmanager":
        yield from _keys_of_secrets(call, known)
    yield from _passed_roles(call, known)


def _keys_of_secrets(call: Call, known: Context) -> Iterator[Asked]:
    """The key of the customer's own under which a secret lies is asked too, in the caller's name.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    """
    uses = {"GetSecretValue": ("kms:Decrypt",), "PutSecretValue": ("kms:GenerateDataKey", "kms:Decrypt")}
    for action in uses.get(call.operation, ()):
        if arn := key_of_secret(str(call.asked.get("SecretId")), call.region):
            via = {"kms:viaservice": (f"secretsmanager.{call.region}.amazonaws.com",)}
            yield _one(call, action, arn, context.joined(known, via))


def _of_objects(call: Call, known: Context) -> Iterator[Asked]:
    """The objects that a request names otherwise than by its key: the source of a copy, the list of a deletion."""
    if source := source_of_copy(call.asked):
        name, key, versioned = source
        action = "s3:GetObjectVersion" if versioned else "s3:GetObject"
        yield _one(call, action, f"arn:aws:s3:::{name}/{key}", known)
    if call.operation in ("GetObject", "HeadObject") and is_missing(str(call.asked["Bucket"]), str(call.asked["Key"])):
        # Who may not list is not told that it is not there: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        yield _one(call, "s3:ListBucket", f"arn:aws:s3:::{call.asked['Bucket']}", known)
    for one in (call.asked.get("Delete") or {}).get("Objects") or []:
        action = "s3:DeleteObjectVersion" if one.get("VersionId") else "s3:DeleteObject"
        yield _one(call, action, f"arn:aws:s3:::{call.asked['Bucket']}/{one['Key']}", known)


def _passed_roles(call: Call, known: Context) -> Iterator[Asked]:
    """Whoever gives a service a role must be allowed to pass it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    if call.prefix in _NEVER_PASSES or not call.operation.startswith(_PASSES):
        return
    service = _PASSED_TO.get(call.prefix, f"{call.prefix}.amazonaws.com")
    for arn in dict.fromkeys(_roles(call.asked, _DEEPEST)):
        yield _one(call, "iam:PassRole", arn, context.joined(known, {"iam:passedtoservice": (service,)}))


def _roles(asked: Any, deepest: int) -> Iterator[str]:
    """The ARNs of roles in parameters that are named for one."""
    if deepest == 0:
        return
    for name, value in asked.items() if isinstance(asked, dict) else ():
        if isinstance(value, str):
            if value.startswith(_ROLE) and "role" in str(name).lower():
                yield value
        elif isinstance(value, dict):
            yield from _roles(value, deepest - 1)
        elif isinstance(value, list):
            for one in value:
                yield from _roles(one, deepest - 1)


def _one(call: Call, action: str, arn: str, known: Context) -> Asked:
    return Asked(call.caller.principal, action, arn, known, context.KNOWN)
