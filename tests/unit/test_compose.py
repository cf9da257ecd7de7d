"""The twin in a container: nothing of it is reachable from outside the machine."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_container_publishes_on_loopback_only_and_keeps_its_state() -> None:
    (service,) = yaml.safe_load((ROOT / "docker-compose.localstack.yml").read_text())["services"].values()
    assert service["ports"] == ["127.0.0.1:4566:4566", "127.0.0.1:8443:8443"]
    assert "network_mode" not in service
    assert "privileged" not in service
    assert service["volumes"] == ["state:/duet/.twin"]
    assert (ROOT / service["build"]["dockerfile"]).exists()
