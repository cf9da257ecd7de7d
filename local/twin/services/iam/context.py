"""What a condition can ask about a call: the keys that AWS fills in and the twin does too.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
A key that is not in KNOWN is one that the twin cannot know: a condition on it opens nothing.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import getaddresses, parseaddr
from typing import Any

from twin.services.common.api import ACCOUNT
from twin.services.iam.callers import Caller
from twin.services.iam.evaluate import Kind
from twin.services.iam.policies import Context

type Json = dict[str, Any]
type Found = dict[str, tuple[str, ...]]

KNOWN = frozenset({
    "aws:currenttime", "aws:epochtime", "aws:multifactorauthpresent", "aws:principalaccount", "aws:principalarn",
    "aws:principalisawsservice", "aws:principalservicename", "aws:principalservicenameslist", "aws:principaltag/",
    "aws:principaltype", "aws:referer", "aws:requestedregion", "aws:requesttag/", "aws:resourceaccount",
    "aws:securetransport", "aws:sourceaccount", "aws:sourcearn", "aws:sourceip", "aws:sourceowner", "aws:tagkeys",
    "aws:tokenissuetime", "aws:useragent", "aws:userid", "aws:username", "aws:viaawsservice", "aws:calledvia",
    "aws:calledviafirst", "aws:calledvialast",
    "ecs:cluster", "ecs:task-definition", "ecs:enable-execute-command",
    "iam:passedtoservice", "iam:permissionsboundary", "iam:policyarn", "iam:awsservicename",
    "kms:calleraccount", "kms:viaservice", "kms:grantisforawsresource",
    "s3:authtype", "s3:delimiter", "s3:max-keys", "s3:prefix", "s3:resourceaccount", "s3:signatureversion",
    "s3:tlsversion", "s3:versionid", "s3:x-amz-acl", "s3:x-amz-content-sha256", "s3:x-amz-copy-source",
    "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-storage-class",
    "secretsmanager:secretid", "secretsmanager:versionid", "secretsmanager:versionstage", "secretsmanager:name",
    "ses:fromaddress", "ses:fromdisplayname", "ses:recipients", "ses:feedbackaddress",
    "sns:endpoint", "sns:protocol",
    "sts:externalid", "sts:rolesessionname", "sts:sourceidentity", "sts:transitivetagkeys", "sts:awsservicename",
})  # fmt: skip
# The gateway stands for AWS's endpoints, which speak TLS; on loopback nothing but the twin hears what it carries.
_SECURE = {"aws:securetransport": ("true",), "s3:tlsversion": ("1.3",)}
_TYPES = {Kind.ROOT: "Account", Kind.USER: "User", Kind.ROLE: "AssumedRole", Kind.ANYBODY: "Anonymous"}


def of_call(caller: Caller, region: str, source: str, headers: Mapping[str, str]) -> Found:
    """What is the same for each action of a call: who calls, when, and from where."""
    now = time.time()
    found: Found = {
        **_SECURE,
        "aws:currenttime": (datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:epochtime": (str(int(now)),),
        "aws:requestedregion": (region,),
        "aws:resourceaccount": (ACCOUNT,),
        "s3:resourceaccount": (ACCOUNT,),
        "aws:sourceip": (source,),
        "aws:viaawsservice": ("false",),
        "aws:principalisawsservice": (str(caller.principal.kind is Kind.SERVICE).lower(),),
    }
    for key, header in (("aws:useragent", "User-Agent"), ("aws:referer", "Referer")):
        if headers.get(header):
            found[key] = (headers[header],)
    return found | of_caller(caller)


def of_caller(caller: Caller) -> Found:
    """Who calls."""
    principal = caller.principal
    if principal.kind is Kind.SERVICE:
        return {"aws:principalservicename": (principal.service,)}
    found: Found = {"aws:principaltype": (_TYPES[principal.kind],)}
    if principal.kind is Kind.ANYBODY:
        return found | {"aws:userid": ("anonymous",)}
    found |= {
        "aws:principalaccount": (principal.account,),
        "aws:principalarn": (principal.role or principal.arn,),
        "aws:userid": (caller.user_id,),
        "kms:calleraccount": (principal.account,),
    }
    if principal.kind is Kind.USER:
        found["aws:username"] = (caller.name,)
    if principal.kind is Kind.ROLE:
        found["aws:multifactorauthpresent"] = ("false",)
    tags = {tag["Key"]: tag["Value"] for tag in getattr(caller.held, "tags", None) or [] if isinstance(tag, dict)}
    tags |= getattr(caller.session, "twin_tags", {})
    return found | {f"aws:principaltag/{key.lower()}": (str(value),) for key, value in tags.items()}


def of_request(prefix: str, asked: Mapping[str, Any], headers: Mapping[str, str]) -> Found:
    """What the request itself says, in the keys of its service."""
    tags = _tags(asked)
    found: Found = {f"aws:requesttag/{key.lower()}": (value,) for key, value in tags.items()}
    if tags:
        found["aws:tagkeys"] = tuple(tags)
    for key, name in _FIELDS.get(prefix, ()):
        value = asked.get(name)
        if value not in (None, ""):
            found[key] = (str(value).lower() if isinstance(value, bool) else str(value),)
    more = _MORE.get(prefix)
    return found | (more(asked, headers) if more else {})


def _tags(asked: Mapping[str, Any]) -> dict[str, str]:
    """The tags that a request carries, however its API spells them."""
    for name in ("Tags", "tags", "TagSet", "TagList"):
        given = asked.get(name)
        if isinstance(given, dict):
            return {str(key): str(value) for key, value in given.items()}
        if isinstance(given, list):
            pairs = [one for one in given if isinstance(one, dict)]
            return {
                str(one.get("Key", one.get("key", ""))): str(one.get("Value", one.get("value", ""))) for one in pairs
            }
    return {}


def _mail(asked: Mapping[str, Any], _headers: Mapping[str, str]) -> Found:
    name, address = parseaddr(str(asked.get("FromEmailAddress") or asked.get("Source") or ""))
    to = asked.get("Destination") or {}
    lists = [to.get(one) or [] for one in ("ToAddresses", "CcAddresses", "BccAddresses")] + [
        asked.get("Destinations") or []
    ]
    found = [one for _, one in getaddresses([address for given in lists for address in given])]
    made = {"ses:fromaddress": (address,)} if address else {}
    return (
        made | ({"ses:fromdisplayname": (name,)} if name else {}) | ({"ses:recipients": tuple(found)} if found else {})
    )


def _objects(_asked: Mapping[str, Any], headers: Mapping[str, str]) -> Found:
    names = ("x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-server-side-encryption",
             "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-storage-class")  # fmt: skip
    return {f"s3:{name}": (headers[name],) for name in names if headers.get(name)}


def _assumed(asked: Mapping[str, Any], _headers: Mapping[str, str]) -> Found:
    given = asked.get("TransitiveTagKeys")
    return {"sts:transitivetagkeys": tuple(given)} if given else {}


# Condition keys that are a parameter of the request, by IAM's prefix of the service.
_FIELDS: dict[str, Iterable[tuple[str, str]]] = {
    "s3": (("s3:prefix", "Prefix"), ("s3:delimiter", "Delimiter"), ("s3:max-keys", "MaxKeys"),
           ("s3:versionid", "VersionId")),
    "ecs": (("ecs:cluster", "cluster"), ("ecs:task-definition", "taskDefinition"),
            ("ecs:enable-execute-command", "enableExecuteCommand")),
    "iam": (("iam:permissionsboundary", "PermissionsBoundary"), ("iam:policyarn", "PolicyArn"),
            ("iam:awsservicename", "AWSServiceName")),
    "secretsmanager": (("secretsmanager:secretid", "SecretId"), ("secretsmanager:versionid", "VersionId"),
                       ("secretsmanager:versionstage", "VersionStage"), ("secretsmanager:name", "Name")),
    "sns": (("sns:protocol", "Protocol"), ("sns:endpoint", "Endpoint")),
    "sts": (("sts:externalid", "ExternalId"), ("sts:rolesessionname", "RoleSessionName"),
            ("sts:sourceidentity", "SourceIdentity")),
}  # fmt: skip
_MORE: dict[str, Callable[[Mapping[str, Any], Mapping[str, str]], Found]] = {
    "ses": _mail,
    "s3": _objects,
    "sts": _assumed,
}


def joined(*parts: Context) -> Context:
    """All that is known, later parts first."""
    return {key: values for part in parts for key, values in part.items()}
