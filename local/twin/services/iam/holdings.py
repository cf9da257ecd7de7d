"""Which policies bear on a call: those that the caller holds, and the one of the resource it asks for."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from localstack.services.kms.models import kms_stores
from localstack.services.lambda_.invocation.models import lambda_stores
from localstack.services.s3.models import S3Object, s3_stores
from localstack.services.sns.models import sns_stores
from localstack.services.sqs.models import sqs_stores
from moto.ecr.models import ecr_backends
from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends

from twin.services.common.api import ACCOUNT
from twin.services.iam.callers import Caller, role_by_arn
from twin.services.iam.evaluate import Kind, Policies
from twin.services.iam.policies import Policy, parse

# Their own policy must allow, whatever the caller's do:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
# What a role's trust policy decides.
TRUST = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
_DECIDES = "arn:aws:kms:"
_WITHOUT_BUCKET_POLICY = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})


def bearing(caller: Caller, action: str, resource: str) -> Policies:
    """All policies that bear on the caller's `action` on `resource`."""
    held = caller.held
    # The account can always mend a bucket policy that shuts everybody out:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html
    is_shut_out = caller.principal.kind is Kind.ROOT and action in _WITHOUT_BUCKET_POLICY
    of_resource = () if is_shut_out else _of_resource(action, resource)
    return Policies(
        identity=tuple(parse(text) for _, text in documents(held)) if held is not None else (),
        resource=of_resource or (),
        boundary=_boundary(held),
        session=_of_session(caller.session),
        # A key that is not there is for its service to say.
        resource_decides=(resource.startswith(_DECIDES) and of_resource is not None) or action.startswith(TRUST),
    )


def documents(held: Any) -> Iterator[tuple[str, str]]:
    """The identity policies of a role or a user, each with its name: its own, and those of a user's groups."""
    yield from list(held.policies.items())
    for policy in list(held.managed_policies.values()):
        yield policy.arn, document_of(policy)
    for group in list(iam_backends[ACCOUNT]["aws"].groups.values()):
        if any(user is held for user in group.users):
            yield from list(group.policies.items())
            for policy in list(group.managed_policies.values()):
                yield policy.arn, document_of(policy)


def document_of(policy: Any) -> str:
    """The text of a managed policy's default version."""
    return next((str(version.document) for version in policy.versions if version.is_default), "")


def managed(arn: str) -> Policy:
    """The managed policy of this ARN; one that is not there allows nothing."""
    policy = next((one for one in list(iam_backends[ACCOUNT]["aws"].managed_policies.values()) if one.arn == arn), None)
    return parse(document_of(policy)) if policy is not None else ()


def _boundary(held: Any) -> tuple[Policy, ...] | None:
    arn = getattr(held, "permissions_boundary_arn", None) or getattr(held, "permissions_boundary", None)
    return (managed(str(arn)),) if arn else None


def _of_session(session: Any) -> tuple[Policy, ...] | None:
    """What limits a session; the ARNs are kept on moto's session by `sessions.remember`."""
    if session is None:
        return None
    arns = getattr(session, "twin_policy_arns", ())
    if not session.policy and not arns:
        return None
    return (*((parse(session.policy),) if session.policy else ()), *(managed(arn) for arn in arns))


def _of_resource(action: str, resource: str) -> Policy | None:
    parts = resource.split(":", 5)
    if len(parts) != 6:  # noqa: PLR2004 - an ARN has six
        return None
    if action.startswith(TRUST):
        role = role_by_arn(resource)
        return parse(_text(role.assume_role_policy_document)) if role is not None else None
    find = _FINDERS.get(parts[2])
    found = find(parts[3], parts[5], resource) if find else None
    return parse(_text(found)) if found else None


def _bucket(_region: str, name: str, _arn: str) -> str | None:
    found = bucket(name.partition("/")[0])
    return found.policy if found is not None else None


def bucket(name: str) -> Any:
    """The bucket of this name, None when there is none."""
    for _, _, store in list(s3_stores.iter_stores()):
        if name in store.buckets:
            return store.buckets[name]
    return None


def is_missing(name: str, key: str) -> bool:
    """Whether the bucket is there, and the object is not."""
    found = bucket(name)
    return found is not None and not isinstance(found.objects.get(key), S3Object)


def _queue(region: str, name: str, _arn: str) -> str | None:
    found = sqs_stores[ACCOUNT][region].queues.get(name)
    return found.attributes.get("Policy") if found is not None else None


def _topic(region: str, _name: str, arn: str) -> str | None:
    found = sns_stores[ACCOUNT][region].topics.get(arn)
    return found["attributes"].get("Policy") if found is not None else None


def _key(region: str, name: str, _arn: str) -> str | None:
    found = kms_stores[ACCOUNT][region].keys.get(name.removeprefix("key/"))
    return str(found.policy) if found is not None else None


def _secret(region: str, _name: str, arn: str) -> str | None:
    found = secretsmanager_backends[ACCOUNT][region].secrets.get(arn)
    return getattr(found, "policy", None)


def _repository(region: str, name: str, _arn: str) -> str | None:
    found = ecr_backends[ACCOUNT][region].repositories.get(name.removeprefix("repository/"))
    return found.policy if found is not None else None


def _function(region: str, name: str, _arn: str) -> str | None:
    found = lambda_stores[ACCOUNT][region].functions.get(name.removeprefix("function:").partition(":")[0])
    if found is None:
        return None
    statements = [one for held in found.permissions.values() for one in held.policy.Statement]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, default=str)


_FINDERS: dict[str, Callable[[str, str, str], str | None]] = {
    "s3": _bucket,
    "sqs": _queue,
    "sns": _topic,
    "kms": _key,
    "secretsmanager": _secret,
    "ecr": _repository,
    "lambda": _function,
}


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)
