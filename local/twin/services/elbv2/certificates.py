"""The certificates of HTTPS listeners: out of ACM, with their private keys, onto this machine's disk."""

import hashlib
from dataclasses import dataclass

from cryptography import x509
from moto.acm.models import AWS_ROOT_CA, acm_backends

from twin.core.atomic import write_atomic
from twin.core.certificates import Certificate
from twin.core.world import world


@dataclass(frozen=True)
class Material:
    """PEM: the leaf with what of its chain was imported, and the leaf's private key."""

    chain: bytes
    key: bytes

    @property
    def digest(self) -> str:
        """Tells one import from the next under the same ARN."""
        return hashlib.sha256(self.chain + self.key).hexdigest()[:24]

    @property
    def names(self) -> str:
        """The DNS names the leaf is for, in its order, as Envoy tells them."""
        leaf = x509.load_pem_x509_certificate(self.chain)
        try:
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ""
        return ",".join(names.get_values_for_type(x509.DNSName))


def material(arn: str) -> Material | None:
    """What ACM holds under the ARN; None when it holds nothing."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[2] != "acm":  # noqa: PLR2004 - an ARN's parts
        return None
    # No API of ACM gives an imported private key; the balancer reads it where ACM keeps it, as AWS's does.
    try:
        bundle = acm_backends[parts[4]][parts[3]]._certificates.get(arn)
    except KeyError:  # there is no such region
        return None
    if bundle is None:
        return None
    intermediate = bytes(bundle.chain or b"").replace(AWS_ROOT_CA, b"")
    return Material(b"\n".join((bytes(bundle.cert).strip(), intermediate.strip(), b"")), bytes(bundle.key))


def on_disk(found: Material) -> Certificate:
    """The files, readable by the user alone."""
    directory = world().directory("elbv2", "certificates")
    certificate, key = directory / f"{found.digest}.pem", directory / f"{found.digest}-key.pem"
    for path, content in ((certificate, found.chain), (key, found.key)):
        if not path.exists():
            write_atomic(path, content, mode=0o600)
    return Certificate(certificate, key, certificate)
