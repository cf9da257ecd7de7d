"""Whether a request that carries no signature may do what it asks: by bucket policy and Block Public Access.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

import hmac
import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from botocore.auth import SigV4Auth
from botocore.credentials import Credentials
from localstack.aws import handlers
from localstack.aws.api.s3 import AccessDenied, SignatureDoesNotMatch
from localstack.services.s3 import presigned_url
from localstack.services.s3.models import s3_stores

from twin.services.common.api import fault
from twin.services.s3.keys import secret_of

type Json = dict[str, Any]

_SIGNED_BY_QUERY = ("X-Amz-Signature", "Signature")
# What the signature of a form covers: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html
_FORM = ("policy", "x-amz-credential", "x-amz-signature")


def install() -> None:
    """Put the check into LocalStack's chain: who came unsigned is seen before core signs for them."""
    handlers.preprocess_request.handlers.insert(0, _note)
    handlers.serve_custom_service_request_handlers.append(_check)
    presigned_url.get_secret_access_key_from_access_key_id = _secret_or_refusal


def _secret_or_refusal(access_key: str, region: str) -> str:
    """What core signs with to compare; core itself would take any strange key for the account's own."""
    secret = secret_of(access_key, region)
    if secret is None:
        raise fault("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403)
    return secret


def _note(_chain: Any, context: Any, _response: Any) -> None:
    request = context.request
    context.came_unsigned = "Authorization" not in request.headers and not any(
        name in request.args for name in _SIGNED_BY_QUERY
    )


def _check(_chain: Any, context: Any, _response: Any) -> None:
    if context.service is None or context.service.service_name != "s3" or context.operation is None:
        return
    if context.is_internal_call or not getattr(context, "came_unsigned", False):
        return
    if context.operation.name == "PostObject" and "policy" in {name.lower() for name in context.request.form}:
        _check_form({name.lower(): value for name, value in context.request.form.items()})
        return
    asked = context.service_request or {}
    bucket, key = str(asked.get("Bucket", "")), asked.get("Key")
    if not allows_anybody(*_settings(bucket), action=f"s3:{context.operation.name}", bucket=bucket, key=key):
        raise AccessDenied("Access Denied")


def allows_anybody(policy: str | None, block: Mapping[str, bool], *, action: str, bucket: str, key: str | None) -> bool:
    """Whether the bucket policy lets anybody do `action`. A condition never opens and always closes: nothing that
    it could ask of is known of somebody unsigned."""
    if not policy or block.get("RestrictPublicBuckets"):
        return False
    wanted = {"s3:HeadObject": "s3:GetObject", "s3:ListObjects": "s3:ListBucket", "s3:ListObjectsV2": "s3:ListBucket"}
    action, resource = wanted.get(action, action), f"arn:aws:s3:::{bucket}" + (f"/{key}" if key is not None else "")
    effects = [
        (statement["Effect"], "Condition" in statement)
        for statement in _listed(json.loads(policy).get("Statement"))
        if _is_anybody(statement.get("Principal"))
        and any(fnmatchcase(action.lower(), one.lower()) for one in _listed(statement.get("Action")))
        and any(fnmatchcase(resource, one) for one in _listed(statement.get("Resource")))
    ]
    return ("Allow", False) in effects and all(effect != "Deny" for effect, _ in effects)


def _check_form(form: Mapping[str, str]) -> None:
    """Whether the form of a browser's upload is signed by whom it names; its conditions are core's to check."""
    if any(name not in form for name in _FORM):
        raise AccessDenied("Access Denied")
    parts = form["x-amz-credential"].split("/")
    if len(parts) != 5:  # noqa: PLR2004 - key, date, region, service, aws4_request
        raise AccessDenied("Access Denied")
    key, date, region, service, _ = parts
    wanted = _signature(_secret_or_refusal(key, region), date, region, service, form)
    if not hmac.compare_digest(wanted, form["x-amz-signature"]):
        raise SignatureDoesNotMatch(
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )


def _signature(secret: str, date: str, region: str, service: str, form: Mapping[str, str]) -> str:
    class Asked:
        context: Mapping[str, str] = {"timestamp": f"{date}T000000Z"}

    signer = SigV4Auth(Credentials("", secret), service, region)
    return str(signer.signature(form["policy"], Asked))


def _settings(bucket_name: str) -> tuple[str | None, Mapping[str, bool]]:
    for _, _, store in list(s3_stores.iter_stores()):
        if bucket_name in store.buckets:
            bucket = store.buckets[bucket_name]
            return bucket.policy, bucket.public_access_block or {}
    return None, {}


def _is_anybody(principal: object) -> bool:
    return principal == "*" or (isinstance(principal, dict) and "*" in _listed(principal.get("AWS")))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
