"""Each measure is one function: it does what a user does, and returns what that took."""

import os
import random
import signal
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import boto3

from tests.bench.client import Line, a_couples_cookie
from tests.ground import Ground
from tests.processes import cpu_seconds, family, program, pss
from tests.traffic import Traffic

ROUNDS = 1500
WARM_UP = 200
REPLACED_WITHIN = 60
API_ROUNDS, API_WARM_UP = 100, 10
IDLE_SECONDS = 30


@dataclass(frozen=True)
class Figure:
    """One figure. limit: what it must not exceed, aim: what we would like; None where there is none."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    aim: float | None = None
    detail: dict[str, float] = field(default_factory=dict)


def fresh_clone(ground: Ground) -> list[Figure]:
    """From a clone with empty caches to a healthy app."""
    return [Figure("fresh clone, empty caches: make local-up", ground.make("local-up"), "s", 300)]


def restart(ground: Ground) -> list[Figure]:
    """Everything installed: down and up again."""
    down, up = ground.make("local-down"), ground.make("local-up")
    return [Figure("make local-down local-up", down + up, "s", 30, 12, {"down": down, "up": up})]


def unchanged(ground: Ground) -> list[Figure]:
    """Nothing changed, everything runs."""
    return [Figure("make local-up, nothing changed", ground.make("local-up"), "s")]


def one_line(ground: Ground) -> list[Figure]:
    """One changed line of the app rolled in while requests come in steadily."""
    page = ground.root / "app" / "duet" / "health" / "routes.py"
    page.write_text(page.read_text() + f"\n# changed at {time.time()}\n")
    with Traffic(ground.status()["endpoints"]["app"]) as visitors:
        seconds = ground.make("local-up")
        time.sleep(1)
    return [
        Figure("one changed line of the app: make local-up", seconds, "s", 20),
        Figure("requests failed meanwhile", visitors.failures.total(), f"of {visitors.sent}", 0),
    ]


def memory(ground: Ground) -> list[Figure]:
    """The proportional set size of every process of the twin."""
    by_program: dict[str, float] = {}
    for pid in family(ground.keeper()):
        name = program(pid)
        by_program[name] = by_program.get(name, 0) + pss(pid)
    parts = {name: round(size, 1) for name, size in sorted(by_program.items(), key=lambda item: -item[1])}
    return [Figure("memory of all processes (PSS)", sum(by_program.values()), "MB", 1500, 800, parts)]


def through_the_balancer(ground: Ground) -> list[Figure]:
    """The same request in turn straight to a task and through the balancer, on connections that stay open."""
    seen = ground.status()
    task, app = seen["services"][0]["tasks"][0], urlsplit(seen["endpoints"]["app"])
    cookie = a_couples_cookie(seen["endpoints"]["app"], Path(seen["certificate_authority"]))
    assert app.hostname is not None
    figures = []
    for name, path in (("a couple's home page", "/"), ("the health check", "/healthz")):
        direct = Line(task["address"], task["port"], path, cookie)
        balanced = Line(app.hostname, app.port or 443, path, cookie, trust=Path(seen["certificate_authority"]))
        times: dict[Line, list[float]] = {direct: [], balanced: []}
        for number in range(WARM_UP + ROUNDS):
            for line in random.sample([direct, balanced], 2):
                took = line.ask()
                if number >= WARM_UP:
                    times[line].append(took)
        direct_ms, balanced_ms = (statistics.median(times[line]) * 1000 for line in (direct, balanced))
        detail = {"direct ms": round(direct_ms, 3), "balanced ms": round(balanced_ms, 3)}
        limit = 1.25 if path == "/" else None
        figures.append(
            Figure(f"median latency of {name}, balancer to task", balanced_ms / direct_ms, "×", limit, None, detail)
        )
    return figures


def api(ground: Ground) -> list[Figure]:
    """Each slice's describe calls, in turn, over one connection each."""
    calls: dict[str, tuple[str, str]] = {
        "ECS DescribeClusters": ("ecs", "describe_clusters"),
        "ECS DescribeServices": ("ecs", "describe_services"),
        "ECR DescribeRepositories": ("ecr", "describe_repositories"),
        "ELB DescribeLoadBalancers": ("elbv2", "describe_load_balancers"),
        "ELB DescribeTargetHealth": ("elbv2", "describe_target_health"),
        "RDS DescribeDBInstances": ("rds", "describe_db_instances"),
        "ElastiCache DescribeReplicationGroups": ("elasticache", "describe_replication_groups"),
    }
    seen = ground.status()
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    place = {"endpoint_url": seen["endpoints"]["aws"], "region_name": seen["region"]}
    service = seen["services"][0]
    arguments: dict[str, dict[str, object]] = {
        "describe_services": {"cluster": service["cluster"], "services": [service["name"]]}
    }
    clients = {name: boto3.client(name, **place, **keys) for name, _ in calls.values()}  # type: ignore[call-overload]
    group = clients["elbv2"].describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    arguments["describe_target_health"] = {"TargetGroupArn": group}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(API_WARM_UP + API_ROUNDS):
        for name, (service_name, operation) in calls.items():
            began = time.perf_counter()
            getattr(clients[service_name], operation)(**arguments.get(operation, {}))
            if number >= API_WARM_UP:
                times[name].append((time.perf_counter() - began) * 1000)
    medians = {name: round(statistics.median(took), 1) for name, took in times.items()}
    return [Figure("median of the slowest describe call", max(medians.values()), "ms", 30, None, medians)]


def idle(ground: Ground) -> list[Figure]:
    """The processor time of all the twin's processes while nobody asks anything."""
    pids = family(ground.keeper())
    before, began = sum(cpu_seconds(pid) for pid in pids), time.monotonic()
    time.sleep(IDLE_SECONDS)
    spent = sum(cpu_seconds(pid) for pid in pids) - before
    return [Figure("processor time of the idle twin", 100 * spent / (time.monotonic() - began), "% of a core", 5)]


def killed_task(ground: Ground) -> list[Figure]:
    """A task is killed; until another one is healthy in its place."""
    before = ground.status()["services"][0]
    victim = before["tasks"][0]
    os.killpg(victim["pid"], signal.SIGKILL)
    began = time.monotonic()

    def healed() -> bool:
        seen = ground.status()
        service, targets = seen["services"][0], seen["load_balancers"][0]["targets"]
        arns = {task["arn"] for task in service["tasks"] if task["status"] == "RUNNING"}
        healthy = sum(target["state"] == "healthy" for target in targets)
        return victim["arn"] not in arns and len(arns) == service["desired"] <= healthy

    _await(healed, "the task was not replaced")
    return [Figure("kill -9 of a task to a healthy replacement", time.monotonic() - began, "s", 15)]


MEASURES: tuple[Callable[[Ground], list[Figure]], ...] = (
    fresh_clone,
    unchanged,
    memory,
    idle,
    api,
    through_the_balancer,
    killed_task,
    one_line,
    restart,
)


def _await(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + REPLACED_WITHIN
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: {complaint} within {REPLACED_WITHIN} s")
        time.sleep(0.1)
