"""Signatures that are not in a request's header: of addresses signed beforehand, and of a browser's form.

What their signer may do is for the gate to decide, in the slice of IAM.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from botocore.auth import SigV4Auth
from botocore.credentials import Credentials
from localstack.aws import handlers
from localstack.aws.api.s3 import AccessDenied, SignatureDoesNotMatch
from localstack.services.s3 import presigned_url

from twin.services.common.api import fault
from twin.services.s3.keys import secret_of

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
    if context.operation.name == "PostObject":
        form = {name.lower(): value for name, value in context.request.form.items()}
        if any(name in form for name in _FORM):
            _check_form(form)


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
