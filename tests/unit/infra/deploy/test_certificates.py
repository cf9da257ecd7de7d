"""The certificate of the app's domain: a given one imported once, else one of ACM's, proven by its domain's owner."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.deploy.aws import Aws
from infra.deploy.certificates import GivenCertificate, ensure
from infra.errors import DeployError
from infra.settings import settings

DEV = settings("dev", domain="duet.example")


def _given(directory: Path) -> GivenCertificate:
    """A self-signed certificate, its key, and itself as its chain."""
    directory.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DEV.domain)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    leaf, secret = directory / "leaf.pem", directory / "key.pem"
    leaf.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return GivenCertificate(certificate=leaf, private_key=secret, chain=leaf)


def _count(aws: Aws) -> int:
    return len(aws.acm.list_certificates()["CertificateSummaryList"])


def test_a_given_certificate_is_imported_once(aws: Aws, tmp_path: Path) -> None:
    given = _given(tmp_path / "first")
    arn = ensure(aws, DEV, given)
    assert ensure(aws, DEV, given) == arn
    assert _count(aws) == 1


def test_a_new_one_replaces_it_where_it_is(aws: Aws, tmp_path: Path) -> None:
    arn = ensure(aws, DEV, _given(tmp_path / "first"))
    second = _given(tmp_path / "second")
    assert ensure(aws, DEV, second) == arn, "the listeners that use it follow"
    there = aws.acm.get_certificate(CertificateArn=arn)["Certificate"]
    assert there.strip() == second.certificate.read_text().strip()
    assert _count(aws) == 1


def test_each_environment_has_its_own(aws: Aws, tmp_path: Path) -> None:
    given = _given(tmp_path / "first")
    assert ensure(aws, DEV, given) != ensure(aws, settings("small", domain="duet.example"), given)


def test_a_file_that_cannot_be_read_is_named(aws: Aws, tmp_path: Path) -> None:
    given = replace(_given(tmp_path / "first"), chain=tmp_path / "ghost.pem")
    with pytest.raises(DeployError, match=f"{tmp_path}/ghost.pem cannot be read: No such file or directory"):
        ensure(aws, DEV, given)


def test_what_acm_refuses_is_one_line(aws: Aws, tmp_path: Path) -> None:
    given = _given(tmp_path / "first")
    given.certificate.write_text("no certificate")
    with pytest.raises(DeployError, match=r"ACM refused the certificate .*leaf\.pem: "):
        ensure(aws, DEV, given)


def test_acm_is_asked_and_the_owner_told_which_record_proves_the_domain(aws: Aws) -> None:
    with pytest.raises(DeployError, match=r"a proof that dev\.duet\.example is yours: create the DNS record _.* CNAME"):
        ensure(aws, DEV, None)
    with pytest.raises(DeployError):
        ensure(aws, DEV, None)
    assert _count(aws) == 1, "a second run asks for no second certificate"


def test_a_corrected_domain_gets_a_certificate_of_its_own(aws: Aws) -> None:
    for domain in ("deut.example", "duet.example"):
        with pytest.raises(DeployError, match=f"that dev.{domain} is yours"):
            ensure(aws, settings("dev", domain=domain), None)
    names = {each["DomainName"] for each in aws.acm.list_certificates()["CertificateSummaryList"]}
    assert names == {"dev.deut.example", "dev.duet.example"}


def test_an_issued_certificate_is_used(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moto.settings.ACM_VALIDATION_WAIT", -1)
    for domain in (DEV.domain, "other.example"):
        aws.acm.request_certificate(DomainName=domain)
    arns = {
        each["DomainName"]: each["CertificateArn"] for each in aws.acm.list_certificates()["CertificateSummaryList"]
    }
    aws.acm.describe_certificate(CertificateArn=arns[DEV.domain])  # moto issues it on this look
    assert ensure(aws, DEV, None) == arns[DEV.domain]
