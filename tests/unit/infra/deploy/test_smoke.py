"""The smoke test: through the load balancer, with its certificate verified."""

import itertools
import socket
import ssl
from typing import Any

import pytest

from infra.deploy import smoke
from infra.deploy.smoke import Front, check, url
from infra.errors import DeployError
from tests.unit.infra.conftest import fake_aws

_NAMES = {"duet.example": "203.0.113.1", "lb.example": "203.0.113.1", "elsewhere.example": "203.0.113.9"}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small world of names; an address is its own."""

    def look_up(host: str, port: int, *_: object, **__: object) -> list[Any]:
        address = _NAMES.get(host, host)
        if not address[0].isdigit():
            raise OSError("no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize(
    ("host", "domain", "port", "expected"),
    [
        ("lb.example", "duet.example", 443, "https://duet.example"),
        ("lb.example", "elsewhere.example", 443, "https://lb.example"),
        ("lb.example", "unknown.example", 443, "https://lb.example"),
        ("127.248.0.11", "duet.localhost", 8443, "https://127.248.0.11:8443"),
    ],
)
def test_the_url_is_the_domain_only_where_it_leads_to_the_balancer(
    host: str, domain: str, port: int, expected: str
) -> None:
    assert url(Front(host=host, domain=domain, chain=None), port) == expected


@pytest.mark.parametrize(
    ("host", "ports"),
    [("lb.example", (443,)), ("127.248.0.11", (443, 8443)), ("localhost", (443, 8443)), ("203.0.113.1", (443,))],
)
def test_another_port_is_tried_on_this_machine_only(host: str, ports: tuple[int, ...]) -> None:
    assert Front(host=host, domain="duet.example", chain=None).ports() == ports


def test_every_path_must_answer_and_is_asked_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([(0, "503 starting"), (443, ""), (443, "")])
    asked: list[str] = []

    def ask(_: Front, path: str, context: ssl.SSLContext) -> tuple[int, str]:
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        asked.append(path)
        return next(answers)

    monkeypatch.setattr(smoke, "_ask", ask)
    assert check(fake_aws(), Front(host="lb.example", domain="duet.example", chain=None)) == "https://duet.example"
    assert asked == ["/healthz", "/healthz", "/readyz"]


def test_what_was_answered_last_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 61)
    monkeypatch.setattr(smoke, "_ask", lambda *_: (0, "503 no database"))
    monkeypatch.setattr("infra.deploy.smoke.time.monotonic", lambda: next(clock))
    with pytest.raises(
        DeployError, match=r"https://duet.example/healthz through lb.example does not answer well: 503 no database"
    ):
        check(fake_aws(), Front(host="lb.example", domain="duet.example", chain=None))


def test_a_port_where_nothing_listens_is_named() -> None:
    context = ssl.create_default_context()
    port, last = smoke._ask(Front(host="127.255.255.254", domain="duet.example", chain=None), "/healthz", context)
    assert port == 0
    assert last.startswith("port 443: ")
