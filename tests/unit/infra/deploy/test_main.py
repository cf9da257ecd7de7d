"""The command: its exit codes, its one plain line, and that nothing happens unasked."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.deploy import __main__ as command
from infra.deploy import assembly, bootstrap, plan, preflight
from infra.deploy.aws import Aws
from infra.deploy.preflight import Caller
from infra.errors import DeployError, Interrupted
from tests.unit.infra.conftest import a_stack


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """What the command does to signals is undone."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A caller with an assembly of one stack; returns what was done, in order."""
    done: list[str] = []

    class FakeDeployment:
        def __init__(self, *_: object) -> None: ...

        def run(self) -> str:
            done.append("deployed")
            return "https://dev.duet.example"

    def ensure(*_: object, by_itself: bool, **__: object) -> str:
        done.append("bootstrap")
        assert not by_itself
        return "version 30"

    monkeypatch.setenv("DUET_DOMAIN", "duet.example")
    monkeypatch.setattr(preflight, "identify", lambda _: Caller(account="1", arn="arn"))
    monkeypatch.setattr(command, "synthesize", lambda _: False)
    monkeypatch.setattr(assembly, "read", lambda *_, **__: (a_stack(),))
    monkeypatch.setattr(command, "Deployment", FakeDeployment)
    monkeypatch.setattr(bootstrap, "ensure", ensure)
    monkeypatch.setattr(plan, "plan", _noted(done, "planned", []))
    monkeypatch.setattr(command, "destroy", _noted(done, "destroyed", ["a bucket"]))
    return done


def _noted(done: list[str], what: str, answer: object) -> Callable[..., object]:
    def run(*_: object, **__: object) -> object:
        done.append(what)
        return answer

    return run


def _answer(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    def read(_: str) -> str:
        if given is None:
            raise EOFError
        return given

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", read)


def test_without_credentials_it_stops_with_one_plain_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DUET_DOMAIN", "duet.example")
    assert command.main(["--environment", "prod"]) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "deploy: no AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ]
    assert said.out == ""


def test_prod_without_a_domain_stops_with_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--environment", "prod"]) == 1
    said = capsys.readouterr()
    assert said.err == "deploy: prod requires a domain: set DUET_DOMAIN, for example DUET_DOMAIN=duet.example\n"
    assert said.out == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("ended")])
def test_an_interrupt_is_130_and_says_what_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    def interrupted(*_: object) -> None:
        raise error

    monkeypatch.setattr(command, "_run", interrupted)
    assert command.main(["--environment", "dev"]) == 130
    assert capsys.readouterr().err == (
        "deploy: interrupted; what AWS is at goes on, and the next run takes it from there\n"
    )


def test_sigterm_is_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_run", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert command.main(["--environment", "dev"]) == 130


def test_what_aws_refuses_is_one_line(
    somebody: list[str], aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "ensure", lambda *_, **__: aws.ecr.describe_images(repositoryName="ghost"))
    assert command.main(["--environment", "dev", "--yes"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("deploy: AWS refused: An error occurred (RepositoryNotFoundException)")


def test_it_checks_shows_asks_and_then_deploys(
    somebody: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_known_image", lambda *_: "sha256:1")
    _answer(monkeypatch, "Y")
    assert command.main(["--environment", "dev"]) == 0
    assert somebody == ["bootstrap", "planned", "deployed"]
    assert "https://dev.duet.example" in capsys.readouterr().out


@pytest.mark.parametrize("given", ["n", "", None])
def test_without_a_yes_nothing_is_deployed(
    somebody: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str | None
) -> None:
    monkeypatch.setattr(command, "_known_image", lambda *_: None)
    _answer(monkeypatch, given)
    assert command.main(["--environment", "dev"]) == 1
    assert somebody == ["bootstrap", "planned"]
    assert capsys.readouterr().err == "deploy: not confirmed, nothing was changed\n"


def test_what_is_not_bootstrapped_is_not_even_shown(
    somebody: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DeployError("account 1 is not bootstrapped")

    monkeypatch.setattr(bootstrap, "ensure", refuse)
    assert command.main(["--environment", "dev"]) == 1
    assert somebody == []
    assert capsys.readouterr().err == "deploy: account 1 is not bootstrapped\n"


def test_with_nobody_to_ask_it_does_not_go_on(
    somebody: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_known_image", lambda *_: None)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert command.main(["--environment", "dev"]) == 1
    assert "deployed" not in somebody
    assert capsys.readouterr().err == "deploy: there is nobody to ask: give --yes to go on without\n"


def test_a_diff_changes_nothing(
    somebody: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_known_image", lambda *_: None)
    assert command.main(["--environment", "dev", "--diff"]) == 0
    assert somebody == ["planned"]
    assert "the app's image: to be built" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "answer", "done"),
    [
        (["--environment", "dev", "--destroy"], "dev", ["destroyed"]),
        (["--environment", "dev", "--destroy"], "y", []),
        (["--environment", "dev", "--destroy", "--yes"], "", ["destroyed"]),
        (["--environment", "prod", "--destroy"], "prod", ["destroyed"]),
        (["--environment", "prod", "--destroy", "--yes"], "", []),
    ],
)
def test_an_environment_is_removed_by_typing_its_name(
    somebody: list[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], answer: str, done: list[str]
) -> None:
    _answer(monkeypatch, answer)
    assert command.main(arguments) == (0 if done else 1)
    assert somebody == done


def test_the_three_files_of_a_certificate_belong_together(
    somebody: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--environment", "dev", "--chain", str(tmp_path / "ca.pem")]) == 1
    assert capsys.readouterr().err == "deploy: --certificate, --private-key and --chain belong together\n"


@pytest.mark.parametrize("mode", [[], ["--diff"], ["--destroy"]])
def test_prod_at_an_endpoint_is_refused_with_one_plain_line(
    somebody: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: list[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert command.main(["--environment", "prod", *mode]) == 1
    assert somebody == []
    assert capsys.readouterr().err == (
        "deploy: prod goes to AWS, but AWS_ENDPOINT_URL is http://127.0.0.1:4566: unset it, or say --on-endpoint\n"
    )


def test_an_unknown_environment_is_a_wrong_use() -> None:
    with pytest.raises(SystemExit) as end:
        command.main(["--environment", "stage"])
    assert end.value.code == 2


def test_the_image_is_looked_up_by_the_repositorys_output(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    target: Any = type("Target", (), {"stacks": (), "root": Path()})
    assert command._known_image(aws, target) is None
