"""`twin up`: from whatever is there to a healthy app, step by step, each with its time."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from twin import foreign
from twin.core.addresses import book
from twin.core.certificates import authority
from twin.core.errors import CoreError, WorldError
from twin.core.timeline import emit, told
from twin.core.world import REPOSITORY, World
from twin.gateway import healthy, prune, status
from twin.keeper_control import STOPPED, holder, start, stop
from twin.tables import render_status

START_SECONDS = 90
STOP_SECONDS = 60
ENDING_SECONDS = 5
READY_SECONDS = 60
LEAST_DISK = 1 << 30
# pidfd_getfd, by which a connection is given its container's address.
OLDEST_KERNEL = (5, 6)
PRODUCT_PYTHON = REPOSITORY / ".venv" / "bin" / "python"
APP_DOMAIN = "duet.localhost"


def up(here: World, *, keep: bool = False, app: Path | None = None) -> int:
    """Start the twin, deploy the product's `twin` environment or the synthesized CDK app `app` into it, print the URLs.

    A twin that this call started does not outlive its failure, unless `keep`; its data stays in any case.
    """
    with _alone(here):
        began = time.monotonic()
        if app is not None:
            foreign.check(here, app)
        _preflight(here)
        since = datetime.now(UTC).isoformat(timespec="milliseconds")
        with _nothing_left_running(here, keep=keep), _told_when_stopped(here, since):
            with _step("twin"):
                start(here, START_SECONDS)
            for event in told():
                if event["time"] >= since and event["source"] == "snapshot" and "cannot be read" in event["message"]:
                    print(
                        f"    {event['resource']} {event['message']}: all is deployed anew, on the data that is there"
                    )
            shown = _deploy(here) if app is None else _deploy_foreign(here, app)
            (here.state / "app-url").write_text(shown.get("app", "") + "\n")
            with _step("healthy"):
                _await_ready(here)
            try:
                prune(here)
            except CoreError as error:
                print(f"    {error}")
        emit("twin", "up", f"healthy after {time.monotonic() - began:.1f} s")
        urls = "\n".join(f"  {name}  {url}" for name, url in {**shown, "aws": here.gateway_url}.items())
        print(f"\n{urls}\n\nready after {time.monotonic() - began:.1f} s")
    return 0


@contextlib.contextmanager
def _nothing_left_running(here: World, *, keep: bool) -> Iterator[None]:
    ran_before = holder(here) is not None
    try:
        yield
    except BaseException:  # raised on; Ctrl-C too must leave nothing running
        if not ran_before and not keep and stop(here, STOP_SECONDS):
            print("  the twin was stopped again; its data stays (`bin/twin up --keep` leaves it running)", flush=True)
        raise


@contextlib.contextmanager
def _told_when_stopped(here: World, since: str) -> Iterator[None]:
    """Give what failed because the twin was stopped meanwhile that reason."""
    try:
        yield
    except (CoreError, OSError) as error:
        if not _was_stopped(here, since):
            raise
        raise CoreError("the twin was stopped while `up` was at work; `bin/twin up` takes it from here") from error


def _was_stopped(here: World, since: str) -> bool:
    deadline = time.monotonic() + ENDING_SECONDS
    while (keeper := holder(here)) is not None and not healthy(here, keeper) and time.monotonic() < deadline:
        time.sleep(0.1)
    if holder(here) is not None:
        return False
    events = told()
    # After `clean` there is no timeline either.
    return not events or any(one["message"] == STOPPED and one["time"] >= since for one in events)


@contextlib.contextmanager
def _alone(here: World) -> Iterator[None]:
    """Refuse a second `up` at the same time: both would deploy."""
    try:
        lock = (here.directory("run") / "up.lock").open("a")
    except OSError as error:
        raise WorldError(f"the state directory cannot be written: {error.filename}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorldError("another `up` of this twin is at work; wait for it or interrupt it") from None
        yield


def _preflight(here: World) -> None:
    release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    if release < OLDEST_KERNEL:
        raise WorldError(
            f"the kernel is {os.uname().release}: tasks need Linux 5.6 or newer to have their own addresses"
        )
    free = shutil.disk_usage(here.state).free
    if free < LEAST_DISK:
        raise WorldError(f"{here.state} has {free >> 20} MiB free; the twin needs {LEAST_DISK >> 20} MiB")
    if holder(here) is None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", here.gateway_port))
            except OSError:
                raise WorldError(
                    f"port {here.gateway_port} is in use: end what listens there, or choose another twin by TWIN_ID=1"
                ) from None


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    _begin(name)
    try:
        yield
    except BaseException:  # raised on, after the step is told as failed
        print(f"{_clear()}  ✗ {name:<12} {time.monotonic() - began:6.1f} s", flush=True)
        raise
    print(f"{_clear()}  ✓ {name:<12} {time.monotonic() - began:6.1f} s", flush=True)


def _clear() -> str:
    """What takes away the line of a step at work, on a terminal."""
    return "\x1b[2K" if sys.stdout.isatty() else ""


def _begin(name: str, detail: str = "") -> None:
    if sys.stdout.isatty():
        print(f"{_clear()}  … {name:<12} {detail}", end="\r", flush=True)


def _environment(here: World) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{PRODUCT_PYTHON.parent}:{os.environ.get('PATH', os.defpath)}",
        "AWS_ENDPOINT_URL": here.gateway_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": here.region,
        "AWS_DEFAULT_REGION": here.region,
        "CDK_DEFAULT_ACCOUNT": "000000000000",
        "CDK_DEFAULT_REGION": here.region,
        "CDK_DOCKER": str(REPOSITORY / "bin" / "twin-docker"),
        "TWIN_ID": str(here.twin_id),
        "TWIN_STATE": str(here.state),
    }


def _deploy_foreign(here: World, app: Path) -> dict[str, str]:
    """Deploy a synthesized CDK app by the CDK's own CLI; return its outputs by stack and name."""
    environment = _environment(here)
    with _step("bootstrap"):
        foreign.bootstrap(here, environment)
    with _step("deploy"):
        outputs = foreign.deploy(here, app, environment, lambda line: _begin("deploy", line))
    return {f"{stack}.{name}": value for stack, said in outputs.items() for name, value in said.items()}


def _deploy(here: World) -> dict[str, str]:
    """Run the deployer, show its steps, return the URL that it ends with."""
    leaf = authority().issue("app", ["127.0.0.1", *book().first_endpoints(20)], ["localhost", APP_DOMAIN])
    command = [
        str(PRODUCT_PYTHON), "-m", "infra.deploy", "--environment", "twin", "--yes", "--json-progress",
        "--certificate", str(leaf.cert_path), "--private-key", str(leaf.key_path), "--chain", str(leaf.chain_path),
    ]  # fmt: skip
    log = here.directory("logs") / "deploy.log"
    url, failure = "", ""
    with log.open("w") as errors:
        deployer = subprocess.Popen(
            command, cwd=REPOSITORY, env=_environment(here), stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert deployer.stdout is not None
        try:
            for line in deployer.stdout:
                event = json.loads(line)
                url = event.get("url") or url
                failure = _show(event) or failure
            code = deployer.wait()
        except BaseException:  # raised on; the deployer must not go on alone
            deployer.terminate()
            deployer.wait()
            raise
    if code:
        raise CoreError(f"deployment failed: {failure or _tail(log.read_text())} (log: {log})")
    return {"app": url}


def _await_ready(here: World) -> None:
    """Wait until everything is well, targets included; raises CoreError that says what is not."""
    deadline = time.monotonic() + READY_SECONDS
    while not (seen := status(here))["ready"]:
        if time.monotonic() > deadline:
            raise CoreError(f"not everything is well after {READY_SECONDS} s:\n{render_status(seen)}")
        time.sleep(0.1)


def _show(event: dict[str, object]) -> str:
    """Print an event of the deployer when it ends a step; return the reason when it tells of a failure."""
    name, state, detail = str(event.get("step", "")), event.get("status"), str(event.get("detail") or "")
    seconds = float(str(event.get("seconds") or 0))
    if name == "ready":
        return ""  # no step: it ends the deployment, and brings the URL
    if state in ("done", "unchanged"):
        print(f"{_clear()}  ✓ {name:<12} {seconds:6.1f} s  {detail}", flush=True)
    elif state == "failed":
        print(f"{_clear()}  ✗ {name:<12} {seconds:6.1f} s", flush=True)
        return f"{name}: {detail}"
    else:
        _begin(name, detail)
    return ""


def _tail(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "without a word"
