"""What the environment must hold, and that a process without it does not start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from duet.errors import ConfigurationError
from duet.settings import from_environment
from duet.static.__main__ import build

from tests.unit.app.engines import ROOT, Servers

REQUIRED = ["APP_ORIGIN", "SECRET_KEY", "DATABASE_HOST", "DATABASE_PASSWORD", "REDIS_HOST", "MEDIA_BUCKET"]


@pytest.mark.parametrize("name", REQUIRED)
def test_what_is_missing_is_named(servers: Servers, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        from_environment({**servers.environment, name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [("REDIS_PORT", "no"), ("DATABASE_SSLMODE", "maybe"), ("REDIS_TLS", "yes"), ("ATTEMPTS_PER_ADDRESS", "-1")],
)
def test_nonsense_is_named(servers: Servers, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        from_environment({**servers.environment, name: value})


def test_secrets_are_not_shown(servers: Servers) -> None:
    shown = repr(from_environment(servers.environment))
    for secret in ("test-password", "test-token", "only-for-tests"):
        assert secret not in shown


def test_gunicorn_ends_with_one_line_that_names_the_variable(servers: Servers) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"],
        cwd=ROOT / "app",
        env={"PATH": os.environ["PATH"], **servers.environment, "GUNICORN_BIND": "127.0.0.1:0", "SECRET_KEY": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "duet cannot start: the environment variable SECRET_KEY is missing" in done.stderr.splitlines()
    assert "Traceback" not in done.stderr + done.stdout


def test_static_files_are_built_under_their_public_names(tmp_path: Path) -> None:
    names = build(tmp_path / "out")
    assert {"style.css", "photo.js", "duet.svg"} <= names.keys()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*names.values(), "manifest.json"}
