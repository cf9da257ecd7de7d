"""Logs: JSON lines with the request they belong to, and nothing of what people wrote."""

import json

import pytest

from tests.unit.app.conftest import PASSWORD, Browser, MakeApp

TRACE = "Root=1-67891233-abcdef012345678912345678"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What was logged since the last look."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line]


def test_a_request_is_one_line_with_the_balancers_trace(make_app: MakeApp, capsys: pytest.CaptureFixture[str]) -> None:
    one = Browser(make_app(RELEASE="sha256:abc").test_client())
    answer = one.get("/log-in?email=secret", headers={"X-Amzn-Trace-Id": TRACE, "X-Forwarded-For": "1.1.1.1, 9.9.9.9"})
    assert answer.headers["X-Request-Id"] == TRACE
    (line,) = lines(capsys)
    assert line["request_id"] == TRACE
    assert line["release"] == "sha256:abc"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/log-in", 200)
    # The balancer appends who asked it; what the client claims comes before and is not believed.
    assert line["client"] == "9.9.9.9"
    assert isinstance(line["milliseconds"], float)
    assert "secret" not in json.dumps(line)


@pytest.mark.parametrize("given", ['"},{"level":"x', "a" * 300, "line\tbreak"])
def test_what_is_no_trace_is_not_echoed(make_app: MakeApp, capsys: pytest.CaptureFixture[str], given: str) -> None:
    answer = Browser(make_app().test_client()).get("/log-in", headers={"X-Amzn-Trace-Id": given})
    assert given not in answer.headers["X-Request-Id"]
    (line,) = lines(capsys)
    assert line["request_id"] == answer.headers["X-Request-Id"]


def test_health_checks_are_not_logged(make_app: MakeApp, capsys: pytest.CaptureFixture[str]) -> None:
    one = Browser(make_app().test_client())
    one.get("/healthz")
    one.get("/readyz")
    assert lines(capsys) == []


def test_a_mistake_of_ours_is_logged_with_its_trace(make_app: MakeApp, capsys: pytest.CaptureFixture[str]) -> None:
    app = make_app()
    app.add_url_rule("/broken", "broken", lambda: str(1 // 0))
    Browser(app.test_client()).get("/broken")
    errors = [line for line in lines(capsys) if line["level"] == "ERROR"]
    assert len(errors) == 1
    assert "ZeroDivisionError" in str(errors[0]["error"])
    assert errors[0]["request_id"]


def test_what_people_wrote_is_not_in_the_log_of_a_failing_database(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duet.database.STATEMENT_MILLISECONDS", 1)
    one = Browser(make_app().test_client())
    one.send("/sign-up", name="mina", email="secret@example.org", password=PASSWORD)
    told = capsys.readouterr().out
    assert "secret@example.org" not in told
    assert PASSWORD not in told
