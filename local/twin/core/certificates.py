"""The twin's own certificate authority: what TLS in this world is rooted in."""

import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from twin.core.atomic import write_atomic
from twin.core.once import Once
from twin.core.world import world

AUTHORITY_DAYS = 3650
LEAF_DAYS = 397  # browsers refuse leaves that are valid for longer than 398 days
RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Certificate:
    """A leaf on disk, PEM: the certificate, its private key, and the authority that signed it."""

    cert_path: Path
    key_path: Path
    chain_path: Path


class Authority:
    """Signs certificates for this twin; made at first use and kept in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.ca_path = directory / "ca.pem"
        self.bundle_path = directory / "bundle.pem"
        self._key_path = directory / "ca-key.pem"
        if not (self.ca_path.exists() and self._key_path.exists()):
            self._make()
        self._write_bundle()
        self._key = _load_key(self._key_path)
        self._ca = x509.load_pem_x509_certificate(self.ca_path.read_bytes())

    def issue(self, name: str, addresses: list[str], names: list[str]) -> Certificate:
        """Return the certificate `name` for exactly these IP addresses and DNS names.

        The one on disk is given again while it fits and is not about to expire.
        """
        leaf = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}-key.pem", self.ca_path)
        if leaf.cert_path.exists() and leaf.key_path.exists() and self._fits(leaf.cert_path, addresses, names):
            return leaf
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = [x509.IPAddress(ip_address(a)) for a in sorted(set(addresses))]
        alternatives += [x509.DNSName(n) for n in sorted(set(names))]
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = (
            _builder(names[0] if names else name, self._ca.subject, key.public_key(), LEAF_DAYS)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(_authority_key_identifier(self._ca), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        write_atomic(leaf.key_path, _pem(key))
        write_atomic(leaf.cert_path, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
        return leaf

    def _fits(self, path: Path, addresses: list[str], names: list[str]) -> bool:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (
            {str(a) for a in alternatives.get_values_for_type(x509.IPAddress)} == set(addresses)
            and set(alternatives.get_values_for_type(x509.DNSName)) == set(names)
            and certificate.issuer == self._ca.subject
            and certificate.not_valid_after_utc > datetime.now(UTC) + RENEW_BEFORE
        )

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = f"twin {world().twin_id} local authority {os.urandom(4).hex()}"
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _builder(name, subject, key.public_key(), AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_atomic(self._key_path, _pem(key))
        write_atomic(self.ca_path, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)

    def _write_bundle(self) -> None:
        """What a process of this world trusts: the machine's authorities and ours."""
        system = ssl.get_default_verify_paths().openssl_cafile
        trusted = Path(system).read_text() if system and Path(system).exists() else ""
        bundle = f"{trusted.rstrip()}\n{self.ca_path.read_text()}".lstrip()
        if not self.bundle_path.exists() or self.bundle_path.read_text() != bundle:
            write_atomic(self.bundle_path, bundle, mode=0o644)


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
    )


def _authority_key_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no EC key; remove it to have one made")
    return key


@Once
def authority() -> Authority:
    """The authority of this twin."""
    return Authority(world().directory("certs"))
