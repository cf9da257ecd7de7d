"""Synthesis: what is unchanged is left alone, what fails leaves what was there."""

from pathlib import Path

import pytest

from infra import synth
from infra.errors import SynthError
from infra.settings import Settings, settings


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where assemblies are written, by a CDK that writes only a manifest."""

    def write(of: Settings, outdir: Path) -> None:
        outdir.mkdir()
        (outdir / "manifest.json").write_text(of.domain)

    monkeypatch.setattr(synth, "ASSEMBLIES", tmp_path / "cdk.out")
    monkeypatch.setattr(synth, "write", write)
    return tmp_path / "cdk.out"


def test_without_names_every_environment_is_written(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DUET_DOMAIN", "duet.example")
    assert synth.main([]) == 0
    assert sorted(path.parent.name for path in output.glob("*/manifest.json")) == ["dev", "prod", "small", "twin"]
    assert capsys.readouterr().out.split("\n")[:2] == ["prod: written", "dev: written"]


def test_prod_without_a_domain_is_one_line(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert synth.main(["prod"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "synth: prod requires a domain: set DUET_DOMAIN, for example DUET_DOMAIN=duet.example"
    ]


def test_an_unchanged_environment_is_left_and_another_domain_is_written(output: Path) -> None:
    assert synth.synthesize(settings("dev"))
    assert not synth.synthesize(settings("dev"))
    assert synth.synthesize(settings("dev", domain="duet.example"))
    assert (output / "dev" / "manifest.json").read_text() == "dev.duet.example"


def test_what_could_not_be_written_leaves_what_was_there(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synth.synthesize(settings("dev"))

    def refuse(of: Settings, outdir: Path) -> None:
        raise SynthError("a rule is broken")

    monkeypatch.setattr(synth, "write", refuse)
    with pytest.raises(SynthError):
        synth.synthesize(settings("dev", domain="duet.example"))
    assert (output / "dev" / "manifest.json").read_text() == "dev.duet.localhost"


def test_the_hash_covers_the_code_but_not_the_deployer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synth, "REPOSITORY", tmp_path)
    for name in ("infra/app.py", "infra/deploy/order.py", "requirements/infra.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    before = synth.inputs_hash(settings("dev"))
    (tmp_path / "infra/deploy/order.py").write_text("changed")
    assert synth.inputs_hash(settings("dev")) == before
    (tmp_path / "infra/app.py").write_text("changed")
    assert synth.inputs_hash(settings("dev")) != before
