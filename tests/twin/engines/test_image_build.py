"""Process images from Dockerfiles, and the docker commands that deployers call."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from twin import docker
from twin.core.world import REPOSITORY, World
from twin.engines import image_python
from twin.engines.image import Image, load, store
from twin.engines.image_build import build
from twin.engines.image_stage import Build, BuildError, Stage

type Builder = Callable[..., Image]

LOCK = REPOSITORY / "requirements" / "app.txt"


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder to build from."""
    folder = tmp_path / "context"
    for name, text in (
        ("app/main.py", "print('app')"),
        ("app/cache/old.pyc", "old"),
        ("app/[odd].txt", "odd"),
        ("notes.md", "never in an image"),
        ("locks/app.txt", ""),
        ("locks/dev.txt", "never in an image"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / ".dockerignore").write_text("# what is needed\n*\n!app\n  !locks/app.txt\n**/cache\n")
    return folder


@pytest.fixture
def said() -> list[str]:
    """What builds reported."""
    return []


@pytest.fixture
def make(here: World, context: Path, said: list[str]) -> Builder:
    """Build a Dockerfile and load its image."""

    def made(text: str, *, target: str | None = None, **arguments: str) -> Image:
        (context / "Dockerfile").write_text(text)
        order = Build(here, context, context / "Dockerfile", arguments, target, said.append)
        return load(here, build(order))

    return made


def files(image: Image) -> set[str]:
    """What an image holds, relative to its root; folders end with a slash."""
    root = image.directory / "rootfs"
    found = root.rglob("*")
    return {f"{path.relative_to(root)}{'/' if path.is_dir() and not path.is_symlink() else ''}" for path in found}


def read(image: Image, name: str) -> str:
    """A file of an image."""
    return (image.directory / "rootfs" / name).read_text()


def test_copy_takes_what_dockerignore_leaves_and_no_empty_folders(make: Builder) -> None:
    image = make("FROM x\nWORKDIR /srv\nCOPY . .\n")
    assert files(image) == {
        "srv/",
        "srv/app/",
        "srv/app/main.py",
        "srv/app/[odd].txt",
        "srv/locks/",
        "srv/locks/app.txt",
    }


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        ("app/main.py /srv/", "srv/main.py"),
        ("app/main.py /srv/other.py", "srv/other.py"),
        ("app/*.py /srv/", "srv/main.py"),
        ("app /srv", "srv/main.py"),
        ("--chown=1:1 app/ /srv/", "srv/main.py"),
        ("app/main.py locks/app.txt /srv/", "srv/app.txt"),
        ("app/main.py .", "work/main.py"),
        ("$WHERE/main.py /srv/", "srv/main.py"),
    ],
)
def test_copy_goes_where_docker_puts_it(make: Builder, copy: str, expected: str) -> None:
    image = make(f"FROM x\nWORKDIR /work\nARG WHERE=app\nCOPY {copy}\n")
    assert (image.directory / "rootfs" / expected).is_file(), files(image)


@pytest.mark.parametrize("source", ["notes.md", "locks/dev.txt", "../context/app/main.py"])
def test_what_is_left_out_cannot_be_copied(make: Builder, source: str) -> None:
    with pytest.raises(BuildError, match=f"Dockerfile line 2: {source} is left out by .dockerignore"):
        make(f"FROM x\nCOPY {source} /srv/\n")


def test_a_stage_is_copied_from_and_built_upon_by_name_and_number(make: Builder) -> None:
    image = make(
        "FROM x AS First\nCOPY app/main.py /one.py\nENV FROM_FIRST=1\n"
        "FROM x\nCOPY app/main.py /two.py\n"
        "FROM first AS last\nCOPY --from=1 /two.py /three.py\nCOPY --from=FIRST /one.py /four.py\n"
    )
    assert files(image) == {"one.py", "three.py", "four.py"}
    assert image.config["Env"] == ["FROM_FIRST=1"]


def test_a_target_is_the_stage_to_stop_at(make: Builder, said: list[str]) -> None:
    text = "FROM x AS one\nCOPY app/main.py /one.py\nFROM x AS two\nVOLUME /never-read\n"
    assert files(make(text, target="one")) == {"one.py"}
    with pytest.raises(BuildError, match="Dockerfile has no stage three"):
        make("FROM x AS one\n", target="three")


def test_env_and_arguments_are_put_into_what_follows(make: Builder) -> None:
    image = make(
        "ARG VERSION=3\nFROM python:$VERSION AS base\nARG VERSION\nARG PLACE=/srv NAME=duet\nARG FULL=${PLACE}/$NAME\n"
        'ENV A="one two" B=$VERSION C=${GIVEN:-default} D=${NAME:+set} E=$UNKNOWN. F=$NAMES\nENV OLD old style\n'
        "ENV PATH=/srv/bin:$PATH\nWORKDIR $FULL\nUSER ${NAME}\nEXPOSE ${VERSION}000 53/udp\n",
        VERSION="4",
        GIVEN="undeclared",
    )
    assert dict(entry.split("=", 1) for entry in image.config["Env"]) == {
        "A": "one two",
        "B": "4",
        "C": "default",
        "D": "set",
        "E": ".",
        "F": "",
        "OLD": "old style",
        "PATH": "/srv/bin",
    }
    assert image.working_directory == "/srv/duet"
    assert image.config["User"] == "duet"
    assert set(image.config["ExposedPorts"]) == {"4000/tcp", "53/udp"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A-$AB", "a-"),
        ("${A}B", "aB"),
        (r"\$A", "$A"),
        ("${NONE:-x}${A:-x}", "xa"),
        ("${NONE:+x}${A:+x}", "x"),
        ("/bin:$PATH", "/bin"),
        ("${PATH}:/bin", "/bin"),
        ("price $", "price $"),
    ],
)
def test_variables_are_replaced_as_docker_does(tmp_path: Path, text: str, expected: str) -> None:
    assert Stage(tmp_path, arguments={"A": "a"}).substituted(text) == expected


def test_what_starts_the_program_is_kept_as_it_was_written(make: Builder) -> None:
    image = make('FROM x\nENTRYPOINT ["python3", "-u"]\nCMD echo "$HOME" && true\nSTOPSIGNAL SIGINT\n')
    assert image.entrypoint == ["python3", "-u"]
    assert image.command == ["/bin/sh", "-c", 'echo "$HOME" && true']
    assert image.stop_signal == 2
    assert make("FROM x\n").stop_signal == 15


def test_the_same_sources_give_the_same_digest(make: Builder, context: Path) -> None:
    text = "FROM x\nCOPY app /app\nENV A=1\n"
    first = make(text).digest
    (context / "notes.md").write_text("changed, but left out")
    os.utime(context / "app" / "main.py", (0, 0))
    assert make(text).digest == first
    digests = {first, make(text.replace("A=1", "A=2")).digest}
    (context / "app" / "main.py").chmod(0o755)
    digests.add(make(text).digest)
    (context / "app" / "main.py").write_text("changed")
    digests.add(make(text).digest)
    (context / "app" / "main.py").rename(context / "app" / "other.py")
    digests.add(make(text).digest)
    assert len(digests) == 5


def test_a_build_leaves_nothing_but_its_image(here: World, make: Builder) -> None:
    image = make("FROM x AS one\nCOPY app /app\nFROM one\n")
    with pytest.raises(BuildError):
        make("FROM x\nCOPY app /app\nVOLUME /data\n")
    assert [path.name for path in store(here).iterdir()] == [image.directory.name]


def locked(name: str) -> str:
    """The lines of the app's lock for one package, hashes included."""
    lines = LOCK.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = start + 1
    while lines[end].lstrip().startswith("--hash"):
        end += 1
    return "\n".join(lines[start:end]) + "\n"


def test_dependencies_are_installed_once_for_all_images_with_the_same_lock(
    here: World, make: Builder, context: Path, said: list[str]
) -> None:
    (context / "locks" / "app.txt").write_text(locked("itsdangerous"))
    text = (
        "FROM x AS made\nRUN pip install --no-cache-dir uv==0.1 && apt-get update\nWORKDIR /app\n"
        "COPY locks/app.txt lock.txt\nRUN uv venv .venv\nRUN --mount=type=cache,target=/c uv pip sync \\\n"
        "    --require-hashes lock.txt\n"
        "FROM x\nCOPY --from=made /app/.venv /app/.venv\nENV PATH=/app/.venv/bin:$PATH\nENV RELEASE=1\n"
    )
    first = make(text)
    link = first.directory / "rootfs" / "app" / ".venv"
    assert link.is_symlink()
    assert list(link.glob("lib/python3.13/site-packages/itsdangerous/__init__.py"))
    program = first.program("python", {})
    assert program is not None
    assert Path(program).parent == link / "bin"
    assert said == ["skipped: RUN apt-get update", "installed: uv pip sync --require-hashes lock.txt"]
    said.clear()
    second = make(text.replace("RELEASE=1", "RELEASE=2"))
    assert said == ["skipped: RUN apt-get update"], "a second image installs nothing"
    assert (second.directory / "rootfs" / "app" / ".venv").readlink() == link.readlink()
    assert len(list((store(here) / "environments").iterdir())) == 1


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("RUN python -m venv /opt/venv\nRUN pip install -r /lock.txt", "opt/venv"),
        ("RUN uv venv venv\nRUN uv pip install -r /lock.txt", "work/venv"),
        ("RUN uv venv .v --python 3.13\nRUN uv pip sync /lock.txt", "work/.v"),
        ("ENV VIRTUAL_ENV=/env\nRUN uv pip sync /lock.txt", "env"),
        ("RUN uv pip sync --python=.venv/bin/python /lock.txt", "work/.venv"),
        ("ARG V=/e\nRUN uv pip sync --python $V /lock.txt", "e"),
        ("RUN pip install -r /lock.txt", "usr/local/python"),
    ],
)
def test_an_environment_stands_where_the_dockerfile_says(
    make: Builder, monkeypatch: pytest.MonkeyPatch, lines: str, place: str
) -> None:
    monkeypatch.setattr(image_python, "_make_environment", lambda shared, *_: shared.mkdir(parents=True, exist_ok=True))
    image = make(f"FROM x\nWORKDIR /work\nCOPY locks/app.txt /lock.txt\n{lines}\n")
    assert (image.directory / "rootfs" / place).is_symlink(), files(image)


def test_without_an_environment_the_image_s_own_python_gets_what_is_installed_one_after_the_other(
    make: Builder, context: Path
) -> None:
    (context / "locks" / "app.txt").write_text(locked("itsdangerous"))
    image = make(
        "FROM python:3.13\nENV PATH=/tools:$PATH\nCOPY locks/app.txt /lock.txt\nRUN pip install -r /lock.txt\n"
        "RUN pip install blinker\nENV PATH=/more:$PATH\n"
    )
    own = image.directory / "rootfs" / "usr" / "local" / "python"
    assert {"itsdangerous", "blinker"} <= {path.name for path in own.glob("lib/python3.13/site-packages/*")}
    assert image.environment({})["PATH"].startswith(
        f"{image.translate('/more')}:{own}/bin:{image.translate('/tools')}:"
    )
    program = image.program("python", {})
    assert program is not None
    assert Path(program).parent == own / "bin"


@pytest.mark.parametrize("word", [".", "-e .", "/work", "./package"])
def test_a_package_of_the_image_itself_is_not_installed(make: Builder, word: str) -> None:
    with pytest.raises(BuildError, match=r"Dockerfile line 3: the twin installs packages of an index only, not "):
        make(f"FROM x\nENV VIRTUAL_ENV=/env\nRUN pip install {word}\n")


@pytest.mark.parametrize("word", ["-rlock.txt", "--requirement=lock.txt", "--constraint=lock.txt"])
def test_a_file_is_a_word_of_its_own(make: Builder, word: str) -> None:
    with pytest.raises(BuildError, match=f"line 3: write the option and its file as two words, not {word}"):
        make(f"FROM x\nENV VIRTUAL_ENV=/env\nRUN uv pip install {word}\n")


def test_a_lock_that_cannot_be_installed_is_told_in_uvs_last_words(make: Builder, context: Path) -> None:
    (context / "locks" / "app.txt").write_text("itsdangerous==2.2.0\n")
    with pytest.raises(BuildError, match=r"Dockerfile line 4: uv pip sync failed: .*hashes.*itsdangerous==2\.2\.0"):
        make("FROM x\nENV VIRTUAL_ENV=/env\nCOPY locks/app.txt /l.txt\nRUN uv pip sync --require-hashes /l.txt\n")


@pytest.mark.parametrize(
    ("run", "reported"),
    [
        ("useradd --system duet", ["skipped: RUN useradd --system duet"]),
        ("sh -c 'one && two'", ["skipped: RUN sh -c 'one", "skipped: RUN two'"]),
        (
            "apt-get update && \\\n  # why\n  apt-get clean",
            ["skipped: RUN apt-get update", "skipped: RUN apt-get clean"],
        ),
        ("pip install uv", []),
    ],
)
def test_every_other_run_is_reported_as_skipped(make: Builder, said: list[str], run: str, reported: list[str]) -> None:
    make(f"FROM x\nRUN {run}\n")
    assert said == reported


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM x\n\n# why\nVOLUME /data\n", "line 4: the twin cannot do VOLUME"),
        ("FROM x\nENV A=1 \\\n  B=2\nSHELL /bin/bash\n", "line 4: the twin cannot do SHELL"),
        ("FROM x\nCOPY --chmod=755 app /app\n", "line 2: the twin cannot do COPY --chmod"),
        ('FROM x\nCOPY ["app", "/app"]\n', "line 2: the twin does COPY source… target, not its JSON form"),
        ("FROM x\nCOPY ghost /app\n", "line 2: ghost is not there"),
        ("FROM x\nENV A=${B%%x}\n", "line 2: the twin cannot do ${B%%x}"),
        ('FROM x\nENV A="open\n', "line 2: No closing quotation"),
        ("FROM x\nRUN <<EOF\n", "line 2: the twin cannot do RUN with a here-document"),
        ("COPY app /app\n", "line 1: COPY before FROM"),
        ("# nothing\n", "has no FROM"),
    ],
)
def test_a_line_that_cannot_be_done_is_named_with_its_number(make: Builder, text: str, message: str) -> None:
    with pytest.raises(BuildError) as error:
        make(text)
    assert str(error.value) == f"Dockerfile {message}"


def test_the_apps_own_dockerfile_can_be_built(here: World, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_python, "_make_environment", lambda shared, *_: shared.mkdir(parents=True, exist_ok=True))
    order = Build(here, REPOSITORY, REPOSITORY / "app" / "Dockerfile", report=said.append)
    image = load(here, build(order))
    assert image.command[0] == "gunicorn"
    assert {"app/duet/__init__.py", "app/gunicorn.conf.py", "app/.venv"} <= files(image)
    assert not [name for name in files(image) if name.endswith(".pyc") or "__pycache__" in name]


def test_docker_builds_tags_and_inspects(
    here: World, context: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (context / "other").write_text('FROM x\nARG A\nARG B\nENV A=$A B=$B\nCMD ["run"]\n')
    monkeypatch.setenv("B", "from the environment")
    build_ = ["build", "-f", str(context / "other"), "-t", "registry/app:1", "--tag", "registry/app:2"]
    more = ["--build-arg", "A=given", "--build-arg", "B", "--platform", "linux/amd64", str(context)]
    assert docker.main([*build_, *more]) == 0
    digest = capsys.readouterr().out.strip()
    assert docker.main(["tag", "registry/app:1", "registry/app:3"]) == 0
    for name in ("registry/app:1", "registry/app:2", "registry/app:3", digest):
        assert docker.main(["inspect", name]) == 0
        (found,) = json.loads(capsys.readouterr().out)
        assert found["Id"] == digest
        assert found["Config"]["Cmd"] == ["run"]
        assert found["Config"]["Env"] == ["A=given", "B=from the environment"]


def test_docker_reads_the_password_and_keeps_it_nowhere(
    here: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a-password"))
    assert docker.main(["login", "--username", "AWS", "--password-stdin", "registry"]) == 0
    assert capsys.readouterr().out == "Login Succeeded\n"
    kept = [path for path in here.state.rglob("*") if path.is_file() and "a-password" in path.read_text()]
    assert not kept


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["inspect", "ghost:1"], "twin-docker inspect: no such image: ghost:1"),
        (["tag", "ghost:1", "other:1"], "twin-docker tag: no such image: ghost:1"),
        (["inspect", f"sha256:{'0' * 64}"], f"twin-docker inspect: no image sha256:{'0' * 64} is in the store"),
        (["push", "ghost:1"], "twin-docker push: no such image: ghost:1"),
    ],
)
def test_docker_names_what_is_missing(
    here: World, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert docker.main(arguments) == 1
    assert capsys.readouterr().err == f"{line}\n"


def test_docker_pushes_only_into_a_registry(here: World, context: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (context / "Dockerfile").write_text("FROM x\n")
    assert docker.main(["build", "-t", "app:1", str(context)]) == 0
    assert docker.main(["push", "app:1"]) == 1
    assert capsys.readouterr().err == "twin-docker push: app:1 names no registry, repository and tag\n"
