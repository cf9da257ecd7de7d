"""What the environment tells the app, read once at start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from duet.errors import ConfigurationError

# A bundle that the image may carry: what the database's certificate is rooted in, where the system does not know it.
IMAGE_DATABASE_ROOTS = Path(__file__).parent.parent / "certs" / "database.pem"
SSL_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True)
class DatabaseSettings:
    """Where PostgreSQL is. root_certificates: a PEM file, or `system` for the machine's store."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    ssl_mode: str = "verify-full"
    root_certificates: str = "system"


@dataclass(frozen=True)
class RedisSettings:
    """Where Redis is. ca_bundle: a PEM file, None for the machine's store."""

    host: str
    port: int
    auth_token: str | None = field(repr=False, default=None)
    tls: bool = True
    ca_bundle: str | None = None


@dataclass(frozen=True)
class StorageSettings:
    """The buckets. static_bucket: None serves files from the app's folder. endpoint: None is AWS itself."""

    media_bucket: str
    static_bucket: str | None
    region: str
    endpoint: str | None


@dataclass(frozen=True)
class Settings:
    """All of it. mail_sender: None sends no mail. app_origin: as in mails, `https://host`.

    attempts_per_address: how often one network address may sign up or log in in 15 minutes; None for the app's
    own limit. A load test, whose people all come from one address, needs more.
    """

    release: str
    app_origin: str
    secret_key: str = field(repr=False)
    database: DatabaseSettings
    redis: RedisSettings
    storage: StorageSettings
    mail_sender: str | None = None
    attempts_per_address: int | None = None


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings; raise ConfigurationError naming the variable that is missing or wrong."""
    return Settings(
        release=environment.get("RELEASE", "development"),
        app_origin=_required(environment, "APP_ORIGIN").rstrip("/"),
        secret_key=_required(environment, "SECRET_KEY"),
        database=database_from_environment(environment),
        redis=RedisSettings(
            host=_required(environment, "REDIS_HOST"),
            port=_number(environment, "REDIS_PORT", 6379),
            auth_token=environment.get("REDIS_AUTH_TOKEN") or None,
            tls=_switch(environment, "REDIS_TLS", default=True),
            ca_bundle=environment.get("SSL_CERT_FILE") or None,
        ),
        storage=StorageSettings(
            media_bucket=_required(environment, "MEDIA_BUCKET"),
            static_bucket=environment.get("STATIC_BUCKET") or None,
            region=environment.get("AWS_REGION") or _required(environment, "AWS_DEFAULT_REGION"),
            endpoint=environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or None,
        ),
        mail_sender=environment.get("MAIL_SENDER") or None,
        attempts_per_address=_number(environment, "ATTEMPTS_PER_ADDRESS", 0) or None,
    )


def database_from_environment(environment: Mapping[str, str]) -> DatabaseSettings:
    """Read only what a migration needs; raise ConfigurationError as `from_environment` does."""
    ssl_mode = environment.get("DATABASE_SSLMODE") or "verify-full"
    if ssl_mode not in SSL_MODES:
        raise ConfigurationError(f"DATABASE_SSLMODE is {ssl_mode!r}, not one of {', '.join(SSL_MODES)}")
    return DatabaseSettings(
        host=_required(environment, "DATABASE_HOST"),
        port=_number(environment, "DATABASE_PORT", 5432),
        name=_required(environment, "DATABASE_NAME"),
        user=_required(environment, "DATABASE_USER"),
        password=_required(environment, "DATABASE_PASSWORD"),
        ssl_mode=ssl_mode,
        root_certificates=environment.get("PGSSLROOTCERT") or _image_roots(),
    )


def _image_roots() -> str:
    return str(IMAGE_DATABASE_ROOTS) if IMAGE_DATABASE_ROOTS.exists() else "system"


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ConfigurationError(f"the environment variable {name} is missing")
    return value


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isdecimal():
        raise ConfigurationError(f"the environment variable {name} is {value!r}, not a number")
    return int(value)


def _switch(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = environment.get(name) or str(int(default))
    if value not in ("0", "1"):
        raise ConfigurationError(f"the environment variable {name} is {value!r}, neither 0 nor 1")
    return value == "1"
