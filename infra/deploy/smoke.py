"""Asks the deployed app, through its load balancer and with its certificate verified, whether it is well."""

import http.client
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

from infra.deploy.aws import Aws
from infra.errors import DeployError

PATHS = ("/healthz", "/readyz")
_HTTPS = 443
# Where an unprivileged emulator answers instead; never tried on an address that is not this machine's.
_MOVED_BY = 8000
_TIMEOUT = 10
_DEADLINE = 120
_OK = 200


@dataclass(frozen=True, slots=True)
class Front:
    """Where the load balancer answers, and the domain that it answers for."""

    host: str
    domain: str
    chain: Path | None

    def ports(self) -> tuple[int, ...]:
        """The ports to try, in order."""
        return (_HTTPS, _HTTPS + _MOVED_BY) if _is_loopback(self.host) else (_HTTPS,)


def check(aws: Aws, front: Front) -> str:
    """Wait until every path of PATHS answers 200; return the URL at which the app was met.

    Raises DeployError with the last answer when it does not within two minutes.
    """
    context = ssl.create_default_context(cafile=str(front.chain) if front.chain else None)
    deadline = time.monotonic() + _DEADLINE
    port, last = 0, "nothing was asked"
    for path in PATHS:
        while True:
            port, last = _ask(front, path, context)
            if port:
                break
            if time.monotonic() > deadline:
                raise DeployError(f"https://{front.domain}{path} through {front.host} does not answer well: {last}")
            aws.pause()
    return url(front, port)


def url(front: Front, port: int) -> str:
    """The URL for people: the domain where it leads to the load balancer, else the load balancer itself."""
    suffix = "" if port == _HTTPS else f":{port}"
    return f"https://{front.domain if _leads_to(front, port) else front.host}{suffix}"


def _ask(front: Front, path: str, context: ssl.SSLContext) -> tuple[int, str]:
    """Ask for `path`; return the port that answered 200, or 0 and what was answered instead."""
    last = ""
    for port in front.ports():
        try:
            with (
                socket.create_connection((front.host, port), _TIMEOUT) as plain,
                context.wrap_socket(plain, server_hostname=front.domain) as secure,
            ):
                connection = http.client.HTTPSConnection(front.domain, port, timeout=_TIMEOUT)
                connection.sock = secure
                connection.request("GET", path, headers={"User-Agent": "duet-deployer"})
                answer = connection.getresponse()
                body = answer.read(300).decode(errors="replace").strip()
        except (OSError, http.client.HTTPException) as error:
            last = last or f"port {port}: {error}"
            continue
        if answer.status == _OK:
            return port, ""
        return 0, f"{answer.status} {body}"
    return 0, last


def _leads_to(front: Front, port: int) -> bool:
    try:
        at_domain = {info[4][0] for info in socket.getaddrinfo(front.domain, port, type=socket.SOCK_STREAM)}
        at_host = {info[4][0] for info in socket.getaddrinfo(front.host, port, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return bool(at_domain & at_host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
