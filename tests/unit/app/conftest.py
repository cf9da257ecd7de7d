"""A real database and cache, an app on them, and people who use it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
import psycopg
import pytest
import redis
from argon2 import PasswordHasher
from duet import create_app
from duet.accounts import service as accounts
from duet.settings import from_environment
from flask import Flask
from flask.testing import FlaskClient
from moto import mock_aws
from mypy_boto3_s3 import S3Client
from werkzeug.test import TestResponse

from tests.unit.app.engines import ROOT, Servers, running

ORIGIN = "https://duet.localhost"
PASSWORD = "a short sentence"
REGION: Final = "ap-northeast-2"
MEDIA, STATIC = "duet-test-media", "duet-test-static"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL over verified TLS, migrated as a deployment does it, and Valkey with a password."""
    with running(tmp_path_factory.mktemp("engines")) as servers:
        migrate(servers.environment)
        yield servers


def migrate(environment: dict[str, str], target: str = "head") -> subprocess.CompletedProcess[str]:
    """Run the migration command as the one-off task does."""
    return subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", target],
        cwd=ROOT / "app",
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.fixture
def database(servers: Servers) -> Iterator[psycopg.Connection]:
    """A connection of the test's own; afterwards all tables are empty."""
    given = servers.environment
    with psycopg.connect(
        host=given["DATABASE_HOST"],
        port=given["DATABASE_PORT"],
        dbname=given["DATABASE_NAME"],
        user=given["DATABASE_USER"],
        password=given["DATABASE_PASSWORD"],
        sslmode="verify-full",
        sslrootcert=given["PGSSLROOTCERT"],
        autocommit=True,
    ) as connection:
        yield connection
        connection.execute("truncate person, couple restart identity cascade")


@pytest.fixture
def store(servers: Servers) -> Iterator[redis.Redis]:
    """The cache as the test sees it; afterwards it is empty."""
    with redis.Redis(port=servers.redis_port, password="test-token", decode_responses=True) as client:
        yield client
        client.flushall()


@pytest.fixture(scope="package")
def aws() -> Iterator[S3Client]:
    """S3 and SES as moto plays them, with the buckets and the sender that a deployment makes."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        s3 = boto3.client("s3", region_name=REGION)
        for bucket in (MEDIA, STATIC):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        boto3.client("ses", region_name=REGION).verify_email_identity(EmailAddress="hello@duet.localhost")
        yield s3


@pytest.fixture
def s3(aws: S3Client) -> Iterator[S3Client]:
    """The buckets as the test sees them; afterwards they are empty."""
    yield aws
    for bucket in (MEDIA, STATIC):
        for entry in aws.list_objects_v2(Bucket=bucket).get("Contents", []):
            aws.delete_object(Bucket=bucket, Key=entry["Key"])


REAL_HASHER = accounts._HASHER


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords hashed quickly: people sign up in almost every test."""
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def real_passwords(quick_passwords: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords hashed as the app does it."""
    monkeypatch.setattr(accounts, "_HASHER", REAL_HASHER)


MakeApp = Callable[..., Flask]


@pytest.fixture
def make_app(
    servers: Servers, usual_app: Flask, database: psycopg.Connection, store: redis.Redis, s3: S3Client
) -> Iterator[MakeApp]:
    """Make an app; keyword arguments change its environment."""
    handlers = usual_app.logger.handlers

    def make(**changes: str) -> Flask:
        return create_app(from_environment({**servers.environment, **changes}))

    yield make
    # An app sends the logs of all to where its own go.
    usual_app.logger.handlers = handlers


@pytest.fixture(scope="package")
def usual_app(servers: Servers, aws: S3Client) -> Flask:
    """The app as it is deployed, but for its servers; it keeps nothing between requests."""
    return create_app(from_environment(servers.environment))


@pytest.fixture
def app(usual_app: Flask, database: psycopg.Connection, store: redis.Redis, s3: S3Client) -> Flask:
    """The usual app, with nobody in it."""
    return usual_app


@dataclass
class Browser:
    """Somebody at a browser: keeps cookies, sends forms with the token of the page they are on."""

    client: FlaskClient
    # By session: a page is opened for its token only once.
    tokens: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, base_url=ORIGIN, **more)

    def token(self, page: str = "/log-in") -> str:
        """The token that the forms of a page carry."""
        cookie = self.client.get_cookie("__Host-duet", "duet.localhost")
        if cookie is None or cookie.value not in self.tokens:
            found = _TOKEN.search(self.get(page, follow_redirects=True).text)
            assert found, f"{page} has no form"
            cookie = self.client.get_cookie("__Host-duet", "duet.localhost")
            assert cookie, f"{page} began no session"
            self.tokens[cookie.value] = found[1]
        return self.tokens[cookie.value]

    def send(self, path: str, **fields: str) -> TestResponse:
        """Send a form and stay on what it answers."""
        fields["csrf_token"] = self.token()
        return self.client.post(path, data=fields, base_url=ORIGIN, headers={"Referer": f"{ORIGIN}/"})

    def say(self, path: str, **values: object) -> TestResponse:
        """Send JSON as the page's script does."""
        headers = {"Referer": f"{ORIGIN}/", "X-CSRFToken": self.token(), "Accept": "application/json"}
        return self.client.post(path, json=values, base_url=ORIGIN, headers=headers)

    def sign_up(self, name: str) -> "Browser":
        """Make an account called `name`."""
        answer = self.send("/sign-up", name=name, email=f"{name}@example.org", password=PASSWORD)
        assert answer.status_code == 302, answer.text
        return self

    def code(self) -> str:
        """Ask for an invite code."""
        self.send("/pair/invite")
        found = re.search(r"data-code>([^<]+)<", self.get("/pair").text)
        assert found
        return found[1]


NewBrowser = Callable[[], Browser]


@pytest.fixture
def browser(app: Flask) -> NewBrowser:
    """Make somebody at a browser who is known to nobody yet."""
    return lambda: Browser(app.test_client())


@pytest.fixture
def two(browser: NewBrowser) -> tuple[Browser, Browser]:
    """A couple, each at a browser of their own."""
    mina, jun = browser().sign_up("mina"), browser().sign_up("jun")
    answer = jun.send("/pair/accept", code=mina.code())
    assert answer.status_code == 302, answer.text
    return mina, jun
