"""A few visitors who ask for a page again and again, each request on a connection of its own."""

import http.client
import ssl
import threading
from collections import Counter
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Traffic:
    """While the block runs, four visitors ask some twenty times a second each; `failures` says what went wrong."""

    def __init__(self, url: str, path: str = "/log-in", pause: float = 0.05) -> None:
        self.sent = 0
        self.failures: Counter[str] = Counter()
        self._url, self._path, self._pause = urlsplit(url), path, pause
        self._ended, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._visit) for _ in range(4)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _visit(self) -> None:
        while not self._ended.wait(self._pause):
            outcome = self._ask()
            with self._lock:
                self.sent += 1
                if outcome != "200":
                    self.failures[outcome] += 1

    def _ask(self) -> str:
        assert self._url.hostname is not None
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(self._url.hostname, self._url.port or 443, timeout=10, context=context)
        try:
            connection.request("GET", self._path)
            return str(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()
