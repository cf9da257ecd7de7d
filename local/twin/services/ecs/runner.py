"""One task from its address to its end: what the agent of Fargate does, in the order in which AWS does it."""

import contextlib
import functools
import json
import secrets as randomness
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from twin.core.addresses import book, loopback
from twin.core.certificates import authority
from twin.core.errors import CoreError
from twin.core.processes import Process
from twin.core.timeline import emit
from twin.core.world import world
from twin.engines import container as engine
from twin.engines.image import Image, load
from twin.services.common.api import client
from twin.services.common.on_behalf import AssumptionError, Session, require, require_trust
from twin.services.ecs.awslogs import Buffer, File, Pump, Stream
from twin.services.ecs.definitions import buffer_bytes, stop_timeout
from twin.services.ecs.models import LOCK, Container, Definition, StopCode, Task, TaskStatus
from twin.services.ecs.secrets import SecretError, resolve
from twin.services.ecs.ways import lacking
from twin.services.network import guard

# A container that lives this long after its start counts as started.
ACTIVATING_SECONDS = 0.3
DRAIN_POLL_SECONDS = 0.5

type Json = dict[str, Any]


class StartError(Exception):
    """A task cannot start; the text is its stoppedReason."""


@dataclass
class Running:
    """What runs of a task, by container name; never stored."""

    processes: dict[str, Process] = field(default_factory=dict)
    pumps: dict[str, Pump] = field(default_factory=dict)
    signals: dict[str, int] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Prepared:
    """What a container is started with, once its image and its secrets are there."""

    image: Image
    environment: dict[str, str]
    execution: Session


def launch(task: Task, definition: Definition, running: Running, register: Callable[[Task], None], region: str) -> None:
    """Bring the task to RUNNING, or to wanted-stopped with AWS's reason; `register` makes it a target."""
    try:
        subnet = client("ec2", region).describe_subnets(SubnetIds=[task.subnet])["Subnets"][0]
        task.ip = book().eni(task.subnet, subnet["CidrBlock"], task.id)
        _become(task, TaskStatus.PENDING)
        emit("ecs", task.id, f"provisioned at {task.ip} in {task.zone}")
        if lost := lacking(task, definition, region):
            raise StartError(lost)
        task.pull_started_at = time.time()
        execution = _execution(task, definition, region)
        images = {one.name: _pull(one, execution) for one in task.containers}
        environments = {one["name"]: _environment(task, one, execution) for one in definition.containers}
        task.pull_stopped_at = time.time()
        if task.desired is TaskStatus.STOPPED:
            return
        _become(task, TaskStatus.ACTIVATING)
        for described, one in zip(definition.containers, task.containers, strict=True):
            _start(task, described, one, running, Prepared(images[one.name], environments[one.name], execution))
        time.sleep(ACTIVATING_SECONDS)
        if _ended(task, running):
            return
        register(task)
        task.started_at = time.time()
        _become(task, TaskStatus.RUNNING)
        emit("ecs", task.id, f"running in {task.zone}")
    except StartError as error:
        task.stop(StopCode.FAILED_TO_START, str(error))
    except (ClientError, BotoCoreError, CoreError, OSError) as error:
        task.stop(StopCode.FAILED_TO_START, f"ResourceInitializationError: {error}")


def finish(task: Task, definition: Definition, running: Running, deregister: Callable[[Task], bool]) -> None:
    """Take the task to STOPPED: targets first, then the stop signal, then, after stopTimeout, the kill.

    `deregister` takes it out of its target groups and says whether it is still draining there; on AWS too the signal
    comes after the deregistration delay. Whatever it fails at, it goes on from there when it is called again.
    """
    if task.status is TaskStatus.RUNNING:
        task.stopping_at = time.time()
        _become(task, TaskStatus.DEACTIVATING)
        # One that ended by itself has no request left to finish.
        while deregister(task) and not _ended(task, running):
            time.sleep(DRAIN_POLL_SECONDS)
    if task.status is not TaskStatus.DEPROVISIONING:
        task.stopping_at = task.stopping_at or time.time()
        _become(task, TaskStatus.STOPPING)
        waits = {described["name"]: stop_timeout(described) for described in definition.containers}
        stop_containers(task, running, waits)
        _become(task, TaskStatus.DEPROVISIONING)
    book().release(task.id)
    # What a container wrote goes with it, as on Fargate.
    shutil.rmtree(world().state / "tasks" / task.id, ignore_errors=True)
    task.stopped_at = time.time()
    _become(task, TaskStatus.STOPPED)
    running.stopped.set()
    emit("ecs", task.id, f"stopped: {task.stopped_reason}")


def stop_containers(task: Task, running: Running, waits: dict[str, float]) -> None:
    """Ask every container to stop at once, kill what has not after its time, and record how each ended."""
    for one in task.containers:
        if (process := running.processes.get(one.name)) is not None and process.alive:
            process.signal_leader(running.signals[one.name])
    began = time.monotonic()
    for one in task.containers:
        process = running.processes.get(one.name)
        if process is None:
            one.status = TaskStatus.STOPPED
            continue
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, began + waits.get(one.name, 30) - time.monotonic()))
        process.kill()
        running.pumps[one.name].finish()
        observe(task, running)


def observe(task: Task, running: Running) -> None:
    """Record the containers that have ended; an essential one takes the task with it."""
    with LOCK:
        for one in task.containers:
            process = running.processes.get(one.name)
            code = process.poll() if process is not None else None
            if code is None or one.exit_code is not None:
                continue
            one.exit_code, one.pid, one.status = engine.exit_code(code), None, TaskStatus.STOPPED
            if one.essential:
                task.stop(StopCode.ESSENTIAL_EXITED, "Essential container in task exited")


def _ended(task: Task, running: Running) -> bool:
    observe(task, running)
    return any(one.essential and one.exit_code is not None for one in task.containers)


def _become(task: Task, status: TaskStatus) -> None:
    with LOCK:
        task.become(status)


def _execution(task: Task, definition: Definition, region: str) -> Session:
    """The session of the execution role, by which everything before the start is done; raises StartError without.

    The session's name is the task's, as on Fargate.
    """
    found = {}
    for name in ("taskRoleArn", "executionRoleArn"):
        role = task.overrides.get(name) or definition.registered.get(name) or ""
        found[name] = Session(role, task.id, "ecs-tasks.amazonaws.com", region)
        try:
            if role:
                require_trust(found[name])
        except AssumptionError as error:
            raise StartError(
                f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the "
                "role being passed has the proper trust relationship and permissions and that your IAM user has "
                "permissions to pass this role."
            ) from error
    return found["executionRoleArn"]


def _authorize_pull(image: str, repository: str, execution: Session) -> None:
    """Raise StartError unless the execution role may log in to the registry and pull from the repository.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    try:
        require(execution, "ecr", "GetAuthorizationToken", {})
    except ClientError as error:
        raise StartError(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
            "failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): "
            f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        ) from error
    try:
        for operation in ("BatchGetImage", "GetDownloadUrlForLayer"):
            require(execution, "ecr", operation, {"repositoryName": repository})
    except ClientError as error:
        raise StartError(
            f"CannotPullContainerError: Error response from daemon: pull access denied for {image.partition('@')[0]}, "
            f"repository does not exist or may require 'docker login': denied: {error.response['Error']['Message']}"
        ) from error


def _pull(one: Container, execution: Session) -> Image:
    """The image that the task definition names, from the twin's own repositories."""
    host, _, rest = one.image.partition("/")
    name, at, digest = rest.partition("@")
    if not at:
        name, _, tag = rest.rpartition(":") if ":" in rest else (rest, "", "latest")
    which = {"imageDigest": digest} if at else {"imageTag": tag}
    if ".dkr.ecr." not in host:
        raise StartError(f"CannotPullContainerError: {one.image}: the twin runs images of its own repositories only")
    _authorize_pull(one.image, name, execution)
    try:
        answer = client("ecr", execution.region).batch_get_image(repositoryName=name, imageIds=[which])
    except ClientError as error:
        raise StartError(f"CannotPullContainerError: {error.response['Error']['Message']}") from error
    if not answer["images"]:
        raise StartError(f"CannotPullContainerError: failed to resolve ref {one.image}: not found")
    found = answer["images"][0]
    one.image_digest = found["imageId"]["imageDigest"]
    try:
        return load(world(), str(json.loads(found["imageManifest"])["config"]["digest"]))
    except CoreError as error:
        raise StartError(f"CannotPullContainerError: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        text = f"CannotPullContainerError: {one.image}: its manifest is not of a single image: {error!r}"
        raise StartError(text) from error


def _environment(task: Task, described: Json, execution: Session) -> dict[str, str]:
    """What the container is given: its definition, the overrides, its secrets, and what Fargate adds."""
    gateway = world().gateway_url
    task.token = task.token or randomness.token_urlsafe(24)
    home = world().directory("tasks", task.id, described["name"])
    added = {
        "AWS_ENDPOINT_URL": gateway,
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_REGION": execution.region,
        "AWS_DEFAULT_REGION": execution.region,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{gateway}/_twin/tasks/{task.id}/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": task.token,
        "ECS_CONTAINER_METADATA_URI_V4": f"{gateway}/_twin/tasks/{task.id}/v4/{described['name']}",
        "SSL_CERT_FILE": str(authority().bundle_path),
        "PGSSLROOTCERT": str(authority().ca_path),
        "HOME": str(home),
        "TMPDIR": str(home),
    }
    plain = {entry["name"]: entry["value"] for entry in described.get("environment") or []}
    for override in task.overrides.get("containerOverrides") or []:
        if override.get("name") == described["name"]:
            plain |= {entry["name"]: entry["value"] for entry in override.get("environment") or []}
    try:
        return added | plain | resolve(described.get("secrets") or [], execution)
    except SecretError as error:
        raise StartError(f"ResourceInitializationError: {error}") from error


def _start(task: Task, described: Json, one: Container, running: Running, prepared: Prepared) -> None:
    """Start one container and let its output flow to its log stream."""
    stream = _stream(task, described, prepared.execution)
    override: Json = next((o for o in task.overrides.get("containerOverrides") or [] if o.get("name") == one.name), {})
    run = engine.Run(
        name=f"{task.id}-{one.name}",
        image=prepared.image,
        address=loopback(task.ip),
        entrypoint=described.get("entryPoint"),
        command=override.get("command") or described.get("command"),
        directory=described.get("workingDirectory"),
        environment=prepared.environment,
        outside=frozenset({world().gateway_port}),
        gate=functools.partial(guard.lets, loopback(task.ip)),
    )
    try:
        process = engine.start(run)
    except CoreError as error:
        one.reason = f"CannotStartContainerError: {error}"
        raise StartError(one.reason) from error
    assert process.stdout is not None
    running.processes[one.name], running.signals[one.name] = process, prepared.image.stop_signal
    running.pumps[one.name] = Pump(process.stdout, _puts(one.name, task, stream), _buffer(described))
    with LOCK:
        one.pid, one.status = process.pid, TaskStatus.RUNNING


def _puts(container: str, task: Task, stream: Stream | None) -> Callable[[list[tuple[int, str]]], None]:
    """Where a container's lines go: to the twin's own logs, and to its log stream when it has one."""
    file = File(log_file(task, container))

    def put(lines: list[tuple[int, str]]) -> None:
        file.put(lines)
        if stream:
            stream.put(lines)

    return put


def log_file(task: Task, container: str) -> Path:
    """Where `bin/twin logs` finds what the container prints; removed when the task is forgotten."""
    return world().directory("logs") / f"ecs-{container}-{task.id[:8]}.log"


def _buffer(described: Json) -> Buffer:
    options = (described.get("logConfiguration") or {}).get("options") or {}
    return Buffer(buffer_bytes(options), blocking=options.get("mode") == "blocking")


def _stream(task: Task, described: Json, execution: Session) -> Stream | None:
    options = (described.get("logConfiguration") or {}).get("options")
    if not options:
        return None
    name = f"{options['awslogs-stream-prefix']}/{described['name']}/{task.id}"
    region = options.get("awslogs-region", execution.region)
    stream = Stream(replace(execution, region=region), options["awslogs-group"], name)
    try:
        stream.open(create_group=options.get("awslogs-create-group") == "true")
    except ClientError as error:
        raise StartError(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
            f"failed to create Cloudwatch log stream: {error.response['Error']['Code']}: "
            f"{error.response['Error']['Message']}"
        ) from error
    return stream
