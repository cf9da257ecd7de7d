"""Health checks: each target is asked in its own rhythm, all on one thread, and every result is reported at once."""

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from h2.exceptions import ProtocolError

from twin.core.addresses import listening_port, loopback
from twin.core.world import world
from twin.services.elbv2 import health_h2
from twin.services.elbv2.decide import Outcome, Result, TargetKey, zones_of
from twin.services.elbv2.models import TRAFFIC_PORT, Snapshot, Target, TargetGroup

LEAST_PAUSE = 0.05
# Registering takes AWS some seconds too, Elb.RegistrationInProgress meanwhile; a program that starts in that time
# passes its first check and need not wait for the next.
REGISTRATION_SECONDS = 2.0


@dataclass(frozen=True)
class Probe:
    """How one target is asked. host: what the request names; pause: seconds from one check's start to the next's;
    timeout: seconds a check may take."""

    address: str
    port: int
    host: str
    path: str
    matcher: str
    pause: float
    timeout: float
    secure: bool = False
    version: str = "HTTP1"


class Checker:
    """Runs the probes it was last told to `watch`; `report` is called on its thread after each check."""

    def __init__(self, report: Callable[[TargetKey, Result], None]) -> None:
        self._report = report
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="elbv2-health", daemon=True)
        self._tasks: dict[TargetKey, tuple[Probe, asyncio.Task[None]]] = {}

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End all checks and the thread."""
        self.watch({})
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2)

    def watch(self, probes: Mapping[TargetKey, Probe]) -> None:
        """Check exactly these targets; one that is new, or asked otherwise than before, after its registration."""
        self._loop.call_soon_threadsafe(self._watch, dict(probes))

    def _watch(self, probes: Mapping[TargetKey, Probe]) -> None:
        for key, (probe, task) in list(self._tasks.items()):
            if probes.get(key) != probe:
                task.cancel()
                del self._tasks[key]
        for key, probe in probes.items():
            if key not in self._tasks:
                self._tasks[key] = (probe, self._loop.create_task(self._check_for_ever(key, probe)))

    async def _check_for_ever(self, key: TargetKey, probe: Probe) -> None:
        await asyncio.sleep(world().wait_scaled(REGISTRATION_SECONDS))
        while True:
            began = time.monotonic()
            self._report(key, await ask(probe))
            await asyncio.sleep(max(LEAST_PAUSE, probe.pause - (time.monotonic() - began)))


async def ask(probe: Probe) -> Result:
    """Check once."""
    try:
        async with asyncio.timeout(probe.timeout):
            code = await _status(probe)
    except TimeoutError:
        return Result(Outcome.TIMED_OUT)
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ProtocolError):
        return Result(Outcome.FAILED)
    return Result(Outcome.PASSED if matches(probe.matcher, code) else Outcome.WRONG_CODE, code)


def matches(matcher: str, code: int) -> bool:
    """Whether a matcher such as 200,300-399 takes the code."""
    for part in matcher.split(","):
        low, _, high = part.partition("-")
        if int(low) <= code <= int(high or low):
            return True
    return False


def probes(snapshot: Snapshot) -> dict[TargetKey, Probe]:
    """How every target that is to be checked is asked: those registered in a group that a balancer uses."""
    found: dict[TargetKey, Probe] = {}
    for group in snapshot.groups.values():
        zones = zones_of(snapshot, group)
        if zones is None or not group.check.enabled:
            continue
        for target in group.targets.values():
            if target.draining_until is None and (target.zone is None or target.zone in zones):
                found[(group.arn, *target.key)] = _probe(group, target)
    return found


def _probe(group: TargetGroup, target: Target) -> Probe:
    check = group.check
    port = target.port if check.port == TRAFFIC_PORT else int(check.port)
    return Probe(
        address=loopback(target.id),
        port=listening_port(port),
        host=f"{target.id}:{port}",
        path=check.path,
        matcher=check.matcher,
        pause=world().wait_scaled(check.interval),
        timeout=check.timeout,
        secure=check.protocol == "HTTPS",
        version=group.version,
    )


@cache
def _any_certificate(version: str) -> ssl.SSLContext:
    """As AWS's, a check takes any certificate of a target."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"] if version != "HTTP1" else ["http/1.1"])
    return context


async def _status(probe: Probe) -> int:
    reader, writer = await asyncio.open_connection(
        probe.address, probe.port, ssl=_any_certificate(probe.version) if probe.secure else None
    )
    try:
        if probe.version != "HTTP1":
            grpc, secure = probe.version == "GRPC", probe.secure
            return await health_h2.status(reader, writer, host=probe.host, path=probe.path, grpc=grpc, secure=secure)
        writer.write(
            f"GET {probe.path} HTTP/1.1\r\nHost: {probe.host}\r\nUser-Agent: {health_h2.AGENT}\r\n"
            "Accept-Encoding: gzip, compressed\r\nConnection: close\r\n\r\n".encode()
        )
        line = await reader.readuntil(b"\r\n")
        version, code, *_ = line.decode("latin-1").split(" ", 2)
        if not version.startswith("HTTP/1."):
            raise ValueError(f"no HTTP/1 answer: {version}")
        # A target that is reset in mid-answer may log an error for each check.
        with contextlib.suppress(TimeoutError, OSError):
            await asyncio.wait_for(reader.read(), 1)
        return int(code)
    finally:
        writer.close()
