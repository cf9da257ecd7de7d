"""What a deployment tells while it runs."""

import io
import json

import pytest

from infra.deploy.progress import Event, Progress


def _lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_programs_get_one_json_object_a_line() -> None:
    stream = io.StringIO()
    progress = Progress(as_json=True, stream=stream)
    with progress.step("image") as step:
        step.note("빌드")
        step.detail, step.url = "built", "https://duet.example"
    progress.say("for people only")
    events = [json.loads(line) for line in _lines(stream)]
    assert [(event["status"], event["detail"]) for event in events] == [
        ("started", ""),
        ("started", "빌드"),
        ("done", "built"),
    ]
    assert events[-1].keys() == {"step", "status", "seconds", "detail", "url"}
    assert events[-1]["url"] == "https://duet.example"


def test_people_get_a_line_when_a_step_ends_and_no_markup_of_a_reason() -> None:
    stream = io.StringIO()
    progress = Progress(as_json=False, stream=stream)
    with progress.step("network") as step:
        step.note("CREATE_IN_PROGRESS")
        step.detail = "[red]is no colour[/red] [0:1]"
    progress.say("[bold] too")
    first, second = _lines(stream)
    assert first.split()[:2] == ["✓", "network"]
    assert first.endswith("[red]is no colour[/red] [0:1]")
    assert second == "[bold] too"


@pytest.mark.parametrize(
    ("error", "text"), [(ValueError("why"), "why"), (KeyboardInterrupt(), "interrupted"), (ValueError(), "ValueError")]
)
def test_a_failure_is_told_and_goes_on(error: BaseException, text: str) -> None:
    stream = io.StringIO()
    with pytest.raises(type(error)), Progress(as_json=True, stream=stream).step("data"):
        raise error
    last = json.loads(_lines(stream)[-1])
    assert (last["status"], last["detail"]) == ("failed", text)


@pytest.mark.parametrize(("as_json", "lines"), [(True, 2), (False, 0)])
def test_a_step_alone_leaves_the_last_line_to_the_program(as_json: bool, lines: int) -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="why"), Progress(as_json=as_json, stream=stream).step("preflight", alone=True):
        raise ValueError("why")
    assert len(_lines(stream)) == lines


def test_an_event_for_people_ends_with_its_url() -> None:
    stream = io.StringIO()
    Progress(as_json=False, stream=stream).tell(Event("ready", "done", 61.25, "dev answers", "https://duet.example"))
    assert " ".join(_lines(stream)[0].split()) == "✓ ready 61.2 s dev answers https://duet.example"
