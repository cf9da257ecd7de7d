"""IAM's refusals, with the code and the text that the service asked would give.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from localstack.aws.api import CommonServiceException

from twin.services.common.api import fault
from twin.services.iam.evaluate import Asked, Kind, Verdict

# Services that have a code of their own: SNS's is in its API model, EC2's in its list of client error codes,
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_CODES = {"sns": ("AuthorizationError", 403), "sqs": ("AccessDenied", 403), "ec2": ("UnauthorizedOperation", 403)}
# An unknown key, likewise: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_STRANGERS = {
    "s3": ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
    "ec2": ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
}
_EXPIRED = {"s3": ("ExpiredToken", "The provided token has expired.", 400)}
_JSON = ("json", "rest-json")


def text(asked: Asked, verdict: Verdict) -> str:
    """The sentence that says who may not do what, and by which kind of policy."""
    if asked.principal.kind is Kind.ANYBODY:
        return "Access Denied"
    return (
        f"User: {asked.principal.arn} is not authorized to perform: {_action(asked)} on resource: {_where(asked)}"
        + (_why(asked, verdict))
    )


def denied(asked: Asked, verdict: Verdict, service: str, protocol: str) -> CommonServiceException:
    """The refusal in the code of the service."""
    message = text(asked, verdict)
    if service == "ec2":
        message = f"You are not authorized to perform this operation. {message}"
    code, status = _CODES.get(service, _denial(protocol))
    return fault(code, message, status)


def unsigned(service: str, protocol: str) -> CommonServiceException:
    """A call without credentials that nothing opens to anybody."""
    if service == "s3":
        return fault("AccessDenied", "Access Denied", 403)
    suffix = "Exception" if protocol in _JSON else ""
    status = 400 if protocol == "json" else 403
    return fault(f"MissingAuthenticationToken{suffix}", "Missing Authentication Token", status)


def public_policy(who: str, bucket: str) -> CommonServiceException:
    """A bucket policy that Block Public Access does not take."""
    return fault(
        "AccessDenied",
        f'User: {who} is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::{bucket}" because '
        "public policies are blocked by the BlockPublicPolicy block public access setting.",
        403,
    )


def stranger(service: str, protocol: str) -> CommonServiceException:
    """An access key that belongs to nobody here, or a token that is not its own."""
    if service in _STRANGERS:
        return fault(*_STRANGERS[service])
    code, status = ("UnrecognizedClientException", 400) if protocol in _JSON else ("InvalidClientTokenId", 403)
    return fault(code, "The security token included in the request is invalid.", status)


def wrong_signature(service: str, protocol: str) -> CommonServiceException:
    """A signature that is not made with the secret of the key it names."""
    said = "The request signature we calculated does not match the signature you provided."
    if service == "s3":
        return fault("SignatureDoesNotMatch", f"{said} Check your key and signing method.", 403)
    code, status = ("InvalidSignatureException", 400) if protocol in _JSON else ("SignatureDoesNotMatch", 403)
    return fault(
        code,
        f"{said} Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
        status,
    )


def expired(service: str, protocol: str) -> CommonServiceException:
    """A session that is over."""
    if service in _EXPIRED:
        return fault(*_EXPIRED[service])
    code, status = ("ExpiredTokenException", 400) if protocol in _JSON else ("ExpiredToken", 403)
    return fault(code, "The security token included in the request is expired", status)


def _denial(protocol: str) -> tuple[str, int]:
    if protocol == "json":
        return "AccessDeniedException", 400
    return ("AccessDeniedException", 403) if protocol == "rest-json" else ("AccessDenied", 403)


def _action(asked: Asked) -> str:
    # SNS and SQS name their actions in their own case.
    if asked.action.startswith("sqs:"):
        return asked.action.lower()
    return asked.action.replace("sns:", "SNS:", 1) if asked.action.startswith("sns:") else asked.action


def _where(asked: Asked) -> str:
    return f'"{asked.resource}"' if asked.action.startswith("s3:") and asked.resource != "*" else asked.resource


def _why(asked: Asked, verdict: Verdict) -> str:
    # A role that may not be assumed is not told why: neither its trust policy nor whether it exists.
    if verdict.by is None or asked.action.startswith(("sts:AssumeRole", "sts:TagSession")):
        return ""
    if verdict.explicit:
        article = "an" if verdict.by.value.startswith("i") else "a"
        return f" with an explicit deny in {article} {verdict.by.value}"
    return f" because no {verdict.by.value} allows the {_action(asked)} action"
