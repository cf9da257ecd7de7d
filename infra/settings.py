"""How the environments differ: sizes, counts, retention, domain, Spot. Nothing else may differ between them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from infra.errors import SettingsError

REGION = "ap-northeast-2"
ZONES = ("ap-northeast-2a", "ap-northeast-2c")
DOMAIN_VARIABLE = "DUET_DOMAIN"
# Names as ACM and browsers take them: letters, digits, hyphens, at least two labels.
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)+{_LABEL}")

EnvironmentName = Literal["prod", "dev", "small", "twin"]
ENVIRONMENTS: tuple[EnvironmentName, ...] = ("prod", "dev", "small", "twin")


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The network: what is logged and how many ways lead out of the private subnets."""

    nat_gateways: int
    flow_log_traffic: Literal["ALL", "REJECT"]
    cidr: str = "10.20.0.0/16"
    zones: tuple[str, ...] = ZONES


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """The database instance; storage in GiB, of which `storage_most` is where its growth ends."""

    instance_class: str
    multi_az: bool
    storage: int
    storage_most: int
    backup_days: int


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """The cache: one primary and `replicas`; with a replica it fails over between zones."""

    node_type: str
    replicas: int
    snapshot_days: int


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """The service: size of a task (CPU units, MiB), how many, and how they leave."""

    cpu: int
    memory: int
    tasks: int
    workers: int
    spot: bool
    deregistration_seconds: int = 30
    stop_seconds: int = 40


@dataclass(frozen=True, slots=True)
class Settings:
    """One environment. `keep_data` protects everything that holds data from deletion."""

    name: EnvironmentName
    domain: str
    network: NetworkSettings
    database: DatabaseSettings
    cache: CacheSettings
    service: ServiceSettings
    log_days: int
    keep_data: bool
    # Further origins that browsers may upload photos from; the app's own is always one.
    other_origins: tuple[str, ...] = ()

    @property
    def upload_origins(self) -> tuple[str, ...]:
        """The origins whose pages may upload into the media bucket."""
        return (self.origin, *self.other_origins)

    @property
    def origin(self) -> str:
        """The app's origin as browsers see it."""
        return f"https://{self.domain}"

    @property
    def mail_sender(self) -> str:
        """The address that the app sends mail from."""
        return f"no-reply@{self.domain}"

    def stack_name(self, part: str) -> str:
        """The name of a part's stack."""
        return f"duet-{self.name}-{part}"


_PROD = Settings(
    name="prod",
    domain="",
    network=NetworkSettings(nat_gateways=len(ZONES), flow_log_traffic="ALL"),
    database=DatabaseSettings(
        instance_class="db.t4g.medium", multi_az=True, storage=50, storage_most=500, backup_days=14
    ),
    cache=CacheSettings(node_type="cache.t4g.small", replicas=1, snapshot_days=3),
    service=ServiceSettings(cpu=1024, memory=2048, tasks=2, workers=3, spot=False),
    log_days=90,
    keep_data=True,
)

# A place to try things: one of each, interruptible tasks, nothing kept.
_DEV = Settings(
    name="dev",
    domain="dev.duet.localhost",
    network=NetworkSettings(nat_gateways=1, flow_log_traffic="REJECT"),
    database=DatabaseSettings(
        instance_class="db.t4g.micro", multi_az=False, storage=20, storage_most=50, backup_days=1
    ),
    cache=CacheSettings(node_type="cache.t4g.micro", replicas=0, snapshot_days=0),
    service=ServiceSettings(cpu=256, memory=512, tasks=1, workers=1, spot=True),
    log_days=7,
    keep_data=False,
)

# A first production for few couples: single database and cache node, but two tasks and everything kept.
_SMALL = Settings(
    name="small",
    domain="small.duet.localhost",
    network=NetworkSettings(nat_gateways=1, flow_log_traffic="REJECT"),
    database=DatabaseSettings(
        instance_class="db.t4g.micro", multi_az=False, storage=20, storage_most=100, backup_days=7
    ),
    cache=CacheSettings(node_type="cache.t4g.micro", replicas=0, snapshot_days=1),
    service=ServiceSettings(cpu=256, memory=512, tasks=2, workers=2, spot=False),
    log_days=30,
    keep_data=True,
)

# Production, with nothing but what a laptop must change.
_TWIN = replace(
    _PROD,
    name="twin",
    domain="duet.localhost",
    database=replace(_PROD.database, instance_class="db.t4g.micro", storage=20, storage_most=50),
    cache=replace(_PROD.cache, node_type="cache.t4g.micro"),
    service=replace(_PROD.service, cpu=256, memory=512, workers=1),
    log_days=7,
    keep_data=False,
    # A port below 1024 moves up by 8000 where it may not be bound, and the balancer also answers by its addresses.
    other_origins=("https://duet.localhost:8443", "https://127.*"),
)

_ALL: Mapping[str, Settings] = {each.name: each for each in (_PROD, _DEV, _SMALL, _TWIN)}


def settings(name: str, *, domain: str | None = None) -> Settings:
    """Return the environment `name`; its domain is `domain`, else DUET_DOMAIN, else the environment's own.

    `dev` and `small` stand beside production under one domain, as `dev.<domain>` and `small.<domain>`; the twin
    keeps its own. Raises SettingsError where `name` is unknown, `prod` has no domain, or the domain is none.
    """
    found = _ALL.get(name)
    if found is None:
        raise SettingsError(f"unknown environment {name!r}: there are {', '.join(ENVIRONMENTS)}")
    given = (domain if domain is not None else os.environ.get(DOMAIN_VARIABLE, "")).strip().rstrip(".").lower()
    if given and not _DOMAIN.fullmatch(given):
        raise SettingsError(f"{given!r} is not a domain: {DOMAIN_VARIABLE} is a name such as duet.example")
    if name == "prod":
        if not given:
            raise SettingsError(
                f"prod requires a domain: set {DOMAIN_VARIABLE}, for example {DOMAIN_VARIABLE}=duet.example"
            )
        return replace(found, domain=given)
    if given and name != "twin":
        return replace(found, domain=f"{name}.{given}")
    return found
