"""The certificate that the load balancer shows: one that is given, else one that ACM issues for the domain."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from cryptography import x509

from infra.deploy.aws import Aws
from infra.errors import DeployError
from infra.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_acm.type_defs import CertificateSummaryTypeDef

_TAG = "duet:environment"
_RECORD_LOOKS = 20


@dataclass(frozen=True, slots=True)
class GivenCertificate:
    """A certificate in PEM files, as the twin gives one of its own authority."""

    certificate: Path
    private_key: Path
    chain: Path


def ensure(aws: Aws, settings: Settings, given: GivenCertificate | None) -> str:
    """Return the ARN of the certificate for the environment's domain.

    Raises DeployError where a given one cannot be read, or ACM waits for the domain's owner to prove it.
    """
    return _imported(aws, settings, given) if given is not None else _issued(aws, settings)


def _imported(aws: Aws, settings: Settings, given: GivenCertificate) -> str:
    leaf, key, chain = (_read(path) for path in (given.certificate, given.private_key, given.chain))
    known = _ours(aws, settings)
    if known is not None and _is_same(aws, known, leaf):
        return known
    again = {"CertificateArn": known} if known else {"Tags": [{"Key": _TAG, "Value": settings.name}]}
    try:
        # With an ARN the certificate is replaced where it is, and the listeners that use it follow.
        return aws.acm.import_certificate(
            Certificate=leaf,
            PrivateKey=key,
            CertificateChain=chain,
            **again,
        )["CertificateArn"]
    except ClientError as error:
        raise DeployError(f"ACM refused the certificate {given.certificate}: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeployError(f"{path} cannot be read: {error.strerror}") from error


def _ours(aws: Aws, settings: Settings) -> str | None:
    """The certificate imported for this environment by an earlier run."""
    for summary in _all(aws):
        arn = summary.get("CertificateArn", "")
        if summary.get("Type", "IMPORTED") == "IMPORTED" and _tagged(aws, arn) == settings.name:
            return arn
    return None


def _tagged(aws: Aws, arn: str) -> str | None:
    tags = aws.acm.list_tags_for_certificate(CertificateArn=arn).get("Tags", [])
    return next((tag.get("Value") for tag in tags if tag["Key"] == _TAG), None)


def _is_same(aws: Aws, arn: str, leaf: bytes) -> bool:
    there = aws.acm.get_certificate(CertificateArn=arn).get("Certificate", "")
    try:
        return x509.load_pem_x509_certificate(there.encode()) == x509.load_pem_x509_certificate(leaf)
    except ValueError:
        return False


def _issued(aws: Aws, settings: Settings) -> str:
    known = [each for each in _all(aws) if settings.domain in _names(each)]
    issued = next((each for each in known if each.get("Status") == "ISSUED"), None)
    if issued is not None:
        return issued.get("CertificateArn", "")
    waiting = next((each for each in known if each.get("Status") == "PENDING_VALIDATION"), None)
    arn = waiting.get("CertificateArn", "") if waiting else _request(aws, settings)
    raise DeployError(
        f"ACM waits for a proof that {settings.domain} is yours: create the DNS record {_proof(aws, arn)}, "
        "wait some minutes, then deploy again"
    )


def _all(aws: Aws) -> "Sequence[CertificateSummaryTypeDef]":
    pages = aws.acm.get_paginator("list_certificates").paginate(
        Includes={"keyTypes": ["RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1"]}
    )
    return [summary for page in pages for summary in page["CertificateSummaryList"]]


def _names(summary: "CertificateSummaryTypeDef") -> set[str]:
    return {summary.get("DomainName", ""), *summary.get("SubjectAlternativeNameSummaries", [])}


def _request(aws: Aws, settings: Settings) -> str:
    return aws.acm.request_certificate(
        DomainName=settings.domain,
        ValidationMethod="DNS",
        # Within an hour ACM answers the same token with the same certificate: another domain needs another token.
        IdempotencyToken=hashlib.sha256(settings.domain.encode()).hexdigest()[:32],
        Tags=[{"Key": _TAG, "Value": settings.name}],
    )["CertificateArn"]


def _proof(aws: Aws, arn: str) -> str:
    """The record that proves the domain; ACM knows it some seconds after the request."""
    for _ in range(_RECORD_LOOKS):
        for option in aws.acm.describe_certificate(CertificateArn=arn)["Certificate"].get(
            "DomainValidationOptions", []
        ):
            if record := option.get("ResourceRecord"):
                return f"{record['Name']} {record['Type']} {record['Value']}"
        aws.pause()
    return f"that ACM shows for {arn}"
