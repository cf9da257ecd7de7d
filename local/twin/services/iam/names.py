"""What a request names, as an ARN carries it: a secret's with its suffix, a role's with its path, a key's by alias."""

import struct
from collections.abc import Callable, Mapping
from email.utils import parseaddr
from typing import Any
from urllib.parse import unquote

from localstack.services.cloudformation.stores import cloudformation_stores
from localstack.services.kms.models import deserialize_ciphertext_blob, kms_stores
from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.ses.models import ses_backends

from twin.services.common.api import ACCOUNT
from twin.services.iam.callers import role_by_name

type Json = dict[str, Any]


def resolved(prefix: str, asked: Mapping[str, Any], region: str) -> Json:
    """The request with names replaced by what they stand for."""
    resolve = _RESOLVERS.get(prefix)
    found = dict(asked)
    return found | resolve(found, region) if resolve else found


def finished(action: str, arn: str) -> str:
    """The ARN as the service itself asks for it.

    Logs asks of a group with what follows it, but for its tags: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
    """
    if action.startswith("logs:") and ":log-group:" in arn and ":log-stream:" not in arn and "Tag" not in action:
        return f"{arn.removesuffix(':*')}:log-stream:"
    return arn


def source_of_copy(asked: Mapping[str, Any]) -> tuple[str, str, bool] | None:
    """Bucket and key that an object is copied from, and whether a version is named."""
    source = asked.get("CopySource")
    if not source:
        return None
    path, _, version = (str(source).lstrip("/") if isinstance(source, str) else "").partition("?versionId=")
    name, _, key = unquote(path).partition("/")
    return name, key, bool(version)


def key_of_secret(name: str, region: str) -> str | None:
    """The ARN of the customer's own key under which a secret lies, None for the one that AWS manages."""
    found = secretsmanager_backends[ACCOUNT][region].secrets.get(name)
    key = getattr(found, "kms_key_id", None)
    if not key or str(key).endswith("alias/aws/secretsmanager"):
        return None
    return _keys({"KeyId": key}, region).get("KeyId")


def _secrets(asked: Json, region: str) -> Json:
    name = asked.get("SecretId")
    found = secretsmanager_backends[ACCOUNT][region].secrets.get(name) if name else None
    return {"SecretId": found.arn} if found is not None else {}


def _iam(asked: Json, _region: str) -> Json:
    made: Json = {}
    if name := asked.get("RoleName"):
        arns = (role.arn for role in role_by_name(name))
        made["RoleName"] = next(arns, f"{str(asked.get('Path') or '/').lstrip('/')}{name}")
    user = iam_backends[ACCOUNT]["aws"].users.get(str(asked.get("UserName") or ""))
    return made | ({"UserName": user.arn} if user is not None else {})


def _keys(asked: Json, region: str) -> Json:
    given = next((asked[one] for one in ("KeyId", "TargetKeyId", "DestinationKeyId") if asked.get(one)), None)
    name = str(given or _key_in(asked.get("CiphertextBlob"))).rpartition(":")[2]
    if not name:
        return {}
    store = kms_stores[ACCOUNT][region]
    alias = store.aliases.get(name)
    key = store.keys.get(alias.metadata["TargetKeyId"] if alias is not None else name.removeprefix("key/"))
    return {"KeyId": key.metadata["Arn"]} if key is not None else {}


def _key_in(ciphertext: Any) -> str:
    """The key that a ciphertext names; who decrypts need not."""
    try:
        return str(deserialize_ciphertext_blob(ciphertext).key_id) if ciphertext else ""
    except (struct.error, ValueError, TypeError):
        return ""


def _stacks(asked: Json, region: str) -> Json:
    name = asked.get("StackName")
    if not name or str(name).startswith("arn:"):
        return {}
    every = cloudformation_stores[ACCOUNT][region].stacks_v2.values()
    standing = (one for one in every if one.stack_name == name and str(one.status) != "DELETE_COMPLETE")
    known = next((one.stack_id for one in standing), None)
    return {"StackName": known or f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{name}/*"}


def _parameters(asked: Json, _region: str) -> Json:
    made: Json = {one: str(asked[one]).lstrip("/") for one in ("Name", "Path") if isinstance(asked.get(one), str)}
    return made | ({"Names": [one.lstrip("/") for one in asked["Names"]]} if asked.get("Names") else {})


def _mail(asked: Json, region: str) -> Json:
    """The identity that sends: the address where it was verified itself, else its domain.

    https://docs.aws.amazon.com/ses/latest/dg/sending-authorization-identity-owner-tasks-identity.html
    """
    field = "FromEmailAddress" if "FromEmailAddress" in asked else "Source"
    address = parseaddr(str(asked.get(field) or ""))[1]
    if not address:
        return {}
    verified = address in ses_backends[ACCOUNT][region].email_identities
    return {field: address if verified else address.rpartition("@")[2]}


def _ecs(asked: Json, region: str) -> Json:
    """The cluster that is meant where none is named."""
    made: Json = {} if asked.get("cluster") or asked.get("clusterName") else {"cluster": "default"}
    wanted = str(asked.get("taskDefinition") or "")
    if wanted and not wanted.startswith("arn:"):
        family, _, revision = wanted.partition(":")
        made["taskDefinition"] = f"arn:aws:ecs:{region}:{ACCOUNT}:task-definition/{family}:{revision or '*'}"
    return made


_RESOLVERS: dict[str, Callable[[Json, str], Json]] = {
    "secretsmanager": _secrets,
    "iam": _iam,
    "kms": _keys,
    "cloudformation": _stacks,
    "ssm": _parameters,
    "ses": _mail,
    "ecs": _ecs,
}
