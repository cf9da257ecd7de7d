"""A health check over HTTP/2, which targets of the versions HTTP2 and GRPC speak from the first byte on."""

import asyncio

from h2.connection import H2Connection
from h2.events import ConnectionTerminated, Event, ResponseReceived, StreamEnded, StreamReset, TrailersReceived

AGENT = "ELB-HealthChecker/2.0"
_EMPTY_MESSAGE = bytes(5)


async def status(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, host: str, path: str, grpc: bool, secure: bool
) -> int:
    """The status of the answer: HTTP's, or with `grpc` the grpc-status; ValueError when there is none."""
    connection = H2Connection()
    connection.initiate_connection()
    headers = [
        (":method", "POST" if grpc else "GET"),
        (":scheme", "https" if secure else "http"),
        (":authority", host),
        (":path", path),
        ("user-agent", AGENT),
    ]
    if grpc:
        headers += [("content-type", "application/grpc"), ("te", "trailers")]
    connection.send_headers(1, headers, end_stream=not grpc)
    if grpc:
        connection.send_data(1, _EMPTY_MESSAGE, end_stream=True)
    wanted = b"grpc-status" if grpc else b":status"
    while True:
        writer.write(connection.data_to_send())
        data = await reader.read(65536)
        if not data:
            raise ValueError("the connection was closed")
        for event in connection.receive_data(data):
            if (found := _told(event, wanted)) is not None:
                return found
            ended = isinstance(event, StreamEnded | StreamReset | ConnectionTerminated)
            if ended:
                raise ValueError("no status came")


def _told(event: Event, wanted: bytes) -> int | None:
    """The status, where the event brings it."""
    if isinstance(event, ResponseReceived | TrailersReceived):
        for name, value in event.headers or []:
            if bytes(name) == wanted:
                return int(value)
    return None
