"""What the rooms see, under one roof."""

import pytest
from twin.core import status


def test_every_observer_is_asked_for_each_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_observers", {})
    seen = iter(["starting", "available"])
    status.register("databases", lambda: next(seen))
    assert status.collect() == {"databases": "starting"}
    assert status.collect() == {"databases": "available"}
