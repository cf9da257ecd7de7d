"""The twin's own authority: one for ever, and leaves that are renewed before they end."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from twin.core import certificates
from twin.core.certificates import LEAF_DAYS, Authority, Certificate
from twin.core.world import World

NAMES = ["db.example"]
ADDRESSES = ["127.20.3.5"]


@pytest.fixture
def directory(here: World) -> Path:
    """Where an authority is kept."""
    return here.directory("certs")


def _leaf(certificate: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.cert_path.read_bytes())


def test_the_authority_stays_the_same_over_a_restart(directory: Path) -> None:
    first = Authority(directory)
    before = first.ca_path.read_bytes()
    serial = _leaf(first.issue("db", ADDRESSES, NAMES)).serial_number
    again = Authority(directory)
    assert again.ca_path.read_bytes() == before
    assert _leaf(again.issue("db", ADDRESSES, NAMES)).serial_number == serial


def test_a_leaf_is_for_exactly_what_was_asked(directory: Path) -> None:
    leaf = _leaf(Authority(directory).issue("db", [*ADDRESSES, *ADDRESSES], NAMES))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ADDRESSES
    assert names.get_values_for_type(x509.DNSName) == NAMES
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=398)


def test_a_leaf_that_is_about_to_end_is_renewed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(directory)
    before = _leaf(authority.issue("db", ADDRESSES, NAMES)).serial_number
    monkeypatch.setattr(certificates, "RENEW_BEFORE", timedelta(days=LEAF_DAYS + 1))
    assert _leaf(authority.issue("db", ADDRESSES, NAMES)).serial_number != before


def test_a_new_authority_signs_anew(directory: Path) -> None:
    Authority(directory).issue("db", ADDRESSES, NAMES)
    (directory / "ca.pem").unlink()
    authority = Authority(directory)
    leaf = _leaf(authority.issue("db", ADDRESSES, NAMES))
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.ca_path.read_bytes()))


def test_the_bundle_trusts_this_twin_too_and_keys_are_private(directory: Path) -> None:
    authority = Authority(directory)
    assert authority.ca_path.read_text() in authority.bundle_path.read_text()
    for key in directory.glob("*-key.pem"):
        assert key.stat().st_mode & 0o777 == 0o600
    assert list(directory.glob("*-key.pem"))
