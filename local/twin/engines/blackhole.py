"""An address that never answers: what is led there times out, as where a rule or a route is missing on AWS.

A listener whose queue is full drops every further SYN; a datagram socket that nobody reads swallows what comes.
https://man7.org/linux/man-pages/man2/listen.2.html
"""

import socket

from twin.core.addresses import book
from twin.core.errors import ProcessError
from twin.core.once import Once

_SEATS = 8
_PATIENCE = 0.1


class Blackhole:
    """Holds the sockets for as long as the process lives. address: where to lead to, for either protocol."""

    def __init__(self, host: str) -> None:
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp.bind((host, 0))
        self.address: tuple[str, int] = self._tcp.getsockname()
        self._udp.bind(self.address)
        self._tcp.listen(0)
        self._seated: list[socket.socket] = []
        self._fill()

    def close(self) -> None:
        """Let it be."""
        for one in (*self._seated, self._tcp, self._udp):
            one.close()

    def _fill(self) -> None:
        """Take every seat of the queue: who comes next waits for one that never becomes free."""
        for _ in range(_SEATS):
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            one.settimeout(_PATIENCE)
            try:
                one.connect(self.address)
            except TimeoutError:
                one.close()
                return
            self._seated.append(one)
        raise ProcessError("this kernel answers connections to a listener whose queue is full")


@Once
def blackhole() -> Blackhole:
    """The one of this process."""
    return Blackhole(book().endpoint("blackhole"))
