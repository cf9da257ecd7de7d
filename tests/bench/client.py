"""A client that costs little itself: one open connection, one request, again and again."""

import re
import socket
import ssl
import time
import uuid
from pathlib import Path

import httpx

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Line:
    """A connection to one place over which one request is asked; `trust`: the authority of a place that speaks TLS."""

    def __init__(self, address: str, port: int, path: str, cookie: str, trust: Path | None = None) -> None:
        self._socket: socket.socket = socket.create_connection((address, port), 5)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if trust is not None:
            context = ssl.create_default_context(cafile=str(trust))
            self._socket = context.wrap_socket(self._socket, server_hostname=address)
        headers = ["Host: duet.localhost", f"Cookie: {cookie}", "X-Forwarded-Proto: https"]
        self._request = "\r\n".join([f"GET {path} HTTP/1.1", *headers, "", ""]).encode()

    def ask(self) -> float:
        """Ask once; the seconds until the whole answer was there. Raises RuntimeError for any answer but 200."""
        began = time.perf_counter()
        self._socket.sendall(self._request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._receive()
        head, _, body = answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            raise RuntimeError(f"answered: {head[:200]!r}")
        left = int(length[1]) - len(body)
        while left > 0:
            left -= len(self._receive())
        return time.perf_counter() - began

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise RuntimeError("the connection was closed")
        return data


def a_couples_cookie(url: str, trust: Path) -> str:
    """Let two people sign up and become a couple; the cookies of one of them."""
    context = ssl.create_default_context(cafile=str(trust))
    with httpx.Client(base_url=url, verify=context) as one, httpx.Client(base_url=url, verify=context) as other:
        for name, client in (("mina", one), ("jun", other)):
            email = f"{name}.{uuid.uuid4().hex[:8]}@example.org"
            _send(client, "/sign-up", "/sign-up", name=name, email=email, password="a short sentence")
        _send(one, "/pair/invite", "/pair")
        code = re.search(r"data-code>([^<]+)<", one.get("/pair").text)
        assert code
        _send(other, "/pair/accept", "/pair", code=code[1])
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in one.cookies.jar)


def _send(client: httpx.Client, path: str, on: str, **fields: str) -> None:
    token = _TOKEN.search(client.get(on).text)
    assert token, f"{on} has no form"
    answer = client.post(path, data={**fields, "csrf_token": token[1]}, headers={"Referer": str(client.base_url)})
    assert answer.is_redirect, f"{path}: {answer.status_code}"
