"""The environments: what they are called, and the domain that each answers at."""

import pytest

from infra.errors import SettingsError
from infra.settings import ENVIRONMENTS, settings


def test_prod_requires_a_domain_and_says_how_to_give_it() -> None:
    with pytest.raises(SettingsError, match="prod requires a domain: set DUET_DOMAIN, for example DUET_DOMAIN=duet"):
        settings("prod")


def test_an_unknown_environment_is_answered_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="unknown environment 'stage': there are prod, dev, small, twin"):
        settings("stage")


@pytest.mark.parametrize(
    ("name", "given", "domain"),
    [
        ("prod", "Duet.Example.", "duet.example"),
        ("dev", "duet.example", "dev.duet.example"),
        ("small", "duet.example", "small.duet.example"),
        ("twin", "duet.example", "duet.localhost"),
        ("dev", "", "dev.duet.localhost"),
        ("small", "", "small.duet.localhost"),
        ("twin", "", "duet.localhost"),
    ],
)
def test_environments_stand_beside_production_under_one_domain(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str, domain: str
) -> None:
    assert settings(name, domain=given).domain == domain
    monkeypatch.setenv("DUET_DOMAIN", given)
    assert settings(name).domain == domain
    assert settings(name).origin == f"https://{domain}"
    assert settings(name).mail_sender == f"no-reply@{domain}"


@pytest.mark.parametrize("given", ["https://duet.example", "duet", "duet.example/", "duet..example", "-a.example"])
@pytest.mark.parametrize("name", ["prod", "dev"])
def test_what_is_no_domain_is_refused(name: str, given: str) -> None:
    with pytest.raises(SettingsError, match="is not a domain"):
        settings(name, domain=given)


def test_every_name_is_an_environment_of_that_name() -> None:
    assert [settings(name, domain="duet.example").name for name in ENVIRONMENTS] == list(ENVIRONMENTS)
