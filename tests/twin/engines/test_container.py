"""Process images and containers: built from a Dockerfile without Docker, each at an address of its own."""

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twin.core.errors import ProcessError
from twin.core.processes import Process
from twin.core.world import World
from twin.engines import addressing, container
from twin.engines.addressing import Gate, Place, Supervisor
from twin.engines.image import Image, load
from twin.engines.image_build import build
from twin.engines.image_stage import Build, BuildError

DOCKERFILE = """\
FROM python:3.13-slim AS made
WORKDIR /made
COPY words.txt .

FROM python:3.13-slim
RUN useradd somebody
WORKDIR /srv
COPY --from=made /made/words.txt words.txt
COPY serve.py .
ENV GREETING="hello there" PLACE=/srv/words.txt
USER somebody
EXPOSE 8080
CMD ["python3", "serve.py"]
"""
SERVER = """\
import http.server, os, socket, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/self":
            text = urllib.request.urlopen("http://127.0.0.1:8080/").read().decode()
        elif self.path == "/host":
            try:
                socket.create_connection(("127.0.0.1", int(os.environ["HOST_PORT"])), 1)
                text = "reached"
            except OSError as error:
                text = type(error).__name__
        else:
            text = f"{os.environ['GREETING']} {open(os.environ['PLACE']).read()} {self.client_address[0]} {os.getuid()}"
        self.send_response(200); self.end_headers(); self.wfile.write(text.encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""

type Builder = Callable[..., str]


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "serve.py").write_text(SERVER)
    (folder / "words.txt").write_text("words")
    (folder / "secret.txt").write_text("never in an image")
    (folder / ".dockerignore").write_text("secret.txt\n")
    return folder


@pytest.fixture
def make(here: World, context: Path) -> Builder:
    def made(text: str = DOCKERFILE) -> str:
        (context / "Dockerfile").write_text(text)
        return build(Build(here, context, context / "Dockerfile", report=lambda _: None))

    return made


@pytest.fixture
def started() -> Iterator[list[Process]]:
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.kill()
        if process.stdout is not None:
            process.stdout.close()


def get(url: str) -> str:
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError as error:
            if time.monotonic() > deadline:
                raise AssertionError(f"{url} did not answer, last: {error}") from error
            time.sleep(0.05)


def test_two_containers_listen_on_one_port_each_at_its_own_address(
    here: World, make: Builder, started: list[Process]
) -> None:
    image = load(here, make())
    addresses = ["127.244.1.17", "127.244.2.18"]
    started += [container.start(container.Run(a, image, a)) for a in addresses]
    for address in addresses:
        greeting, _, words, peer, uid = get(f"http://{address}:8080/").split(" ")
        assert (greeting, words, peer) == ("hello", "words", "127.0.0.1")
        assert uid != "0"
        assert get(f"http://{address}:8080/self").split(" ")[3] == address


def test_a_container_does_not_reach_what_listens_on_the_machines_own_loopback(
    here: World, make: Builder, started: list[Process]
) -> None:
    image = load(here, make())
    host = container.Run("host", image, "127.244.3.1")
    started.append(container.start(host))
    get("http://127.244.3.1:8080/")
    environment = {"HOST_PORT": "8080"}
    started.append(container.start(container.Run("other", image, "127.244.3.2", environment=environment)))
    assert get("http://127.244.3.2:8080/host") == "reached", "its own 127.0.0.1 is itself"
    environment = {"HOST_PORT": "8081"}
    started.append(container.start(container.Run("third", image, "127.244.3.3", environment=environment)))
    assert get("http://127.244.3.3:8080/host") == "ConnectionRefusedError"


def test_a_stopped_container_gives_its_exit_code(here: World, make: Builder, started: list[Process]) -> None:
    image = load(here, make())
    process = container.start(
        container.Run("exits", image, "127.244.4.1", command=["python3", "-c", "import sys; sys.exit(3)"])
    )
    started.append(process)
    assert container.exit_code(process.wait(10)) == 3
    killed = container.start(container.Run("sleeps", image, "127.244.4.2", command=["sleep", "60"]))
    started.append(killed)
    assert container.exit_code(killed.kill()) == 137


def test_a_program_that_is_not_there_is_named(here: World, make: Builder) -> None:
    image = load(here, make())
    with pytest.raises(ProcessError, match='"nowhere": executable file not found'):
        container.start(container.Run("none", image, "127.244.5.1", command=["nowhere"]))


def test_the_same_files_give_the_same_image_and_a_changed_line_another(make: Builder, context: Path) -> None:
    first = make()
    assert make() == first
    (context / "words.txt").write_text("other words")
    assert make() != first


def test_what_dockerignore_leaves_out_is_not_in_the_image(here: World, make: Builder) -> None:
    image: Image = load(here, make(DOCKERFILE.replace("COPY serve.py .", "COPY . .")))
    assert (image.directory / "rootfs" / "srv" / "serve.py").exists()
    assert not (image.directory / "rootfs" / "srv" / "secret.txt").exists()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("VOLUME /data", "cannot do VOLUME"),
        ("COPY nothing.txt .", "nothing.txt is not there"),
        ("COPY --from=nginx /etc /etc", "--from=nginx"),
        ("ADD https://example.com/x .", "nothing is fetched"),
        ("RUN pip install .", "packages of an index only"),
    ],
)
def test_a_line_that_cannot_be_done_is_named(make: Builder, line: str, reason: str) -> None:
    with pytest.raises(BuildError, match=reason) as failure:
        make(f"FROM scratch\n{line}\n")
    assert "line 2" in str(failure.value)


@pytest.mark.parametrize(
    ("address", "family"), [("10.244.4.9", "AF_INET"), ("192.0.2.1", "AF_INET"), ("fe80::1", "AF_INET6")]
)
def test_a_container_cannot_listen_outside_loopback(
    here: World, make: Builder, started: list[Process], address: str, family: str
) -> None:
    script = f"import socket; socket.socket(socket.{family}).bind(('{address}', 8080))"
    process = container.start(
        container.Run("outside", load(here, make()), "127.244.4.1", command=["python3", "-c", script])
    )
    started.append(process)
    assert process.stdout is not None
    assert "Cannot assign requested address" in process.stdout.read().decode()


def test_a_bind_outside_loopback_is_refused_before_the_kernel_is_asked() -> None:
    with pytest.raises(OSError, match="Cannot assign requested address"):
        Place("127.244.4.1", frozenset()).bound(socket.inet_aton("192.0.2.1"), 8080)


def test_a_bind_that_cannot_be_moved_does_not_happen(
    here: World, make: Builder, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise OSError("its memory cannot be read")

    monkeypatch.setattr(Supervisor, "_answer", broken)
    script = "import socket; s = socket.socket(); s.bind(('0.0.0.0', 8099)); print('listens')"
    process = container.start(
        container.Run("unmoved", load(here, make()), "127.244.4.2", command=["python3", "-c", script])
    )
    started.append(process)
    assert process.stdout is not None
    said = process.stdout.read().decode()
    assert "Cannot assign requested address" in said
    assert "listens" not in said


CALLER = """\
import os, socket, sys, time
host, port = sys.argv[1], int(sys.argv[2])
began = time.monotonic()
try:
    if sys.argv[3] == "poll":
        socket.create_connection((host, port), timeout=0.7)
    elif sys.argv[3] == "six":
        made = socket.socket(socket.AF_INET6)
        made.settimeout(0.7)
        made.connect((f"::ffff:{host}", port))
    elif sys.argv[3] == "blocking":
        import struct
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 0, 700_000))
        made.connect((host, port))
    elif sys.argv[3] == "spoof":
        made = socket.socket()
        made.bind(("127.244.6.1", 0))
        made.settimeout(0.7)
        made.connect((host, port))
    elif sys.argv[3] == "fast":
        socket.socket().sendto(b"x", socket.MSG_FASTOPEN, (host, port))
    elif sys.argv[3] == "udp":
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.sendto(b"x", (host, port))
        made.connect((host, port))
        made.send(b"x")
    print("through", flush=True)
except OSError as error:
    print(type(error).__name__, error.errno, "late" if time.monotonic() - began > 0.6 else "at once", flush=True)
"""


def _calls(here: World, make: Builder, started: list[Process], how: str, gate: Gate) -> str:
    """What a container at 127.244.6.2 sees that calls the server at 127.244.6.1."""
    image = load(here, make())
    started.append(container.start(container.Run("server", image, "127.244.6.1")))
    get("http://127.244.6.1:8080/")
    command = ["python3", "-c", CALLER, "127.244.6.1", "8080", how]
    caller = container.start(container.Run("caller", image, "127.244.6.2", command=command, gate=gate))
    started.append(caller)
    assert caller.stdout is not None
    return caller.stdout.read().decode().strip()


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ("poll", "TimeoutError None late"),
        ("six", "TimeoutError None late"),
        ("spoof", "TimeoutError None late"),
        ("blocking", "BlockingIOError 115 late"),
        ("fast", "OSError 95 at once"),
        ("udp", "through"),
    ],
)
def test_what_the_gate_does_not_let_through_gets_lost_however_it_is_opened(
    here: World, make: Builder, started: list[Process], how: str, seen: str
) -> None:
    asked: list[tuple[str, str, int]] = []

    def shut(protocol: str, address: str, port: int) -> bool:
        asked.append((protocol, address, port))
        return False

    assert _calls(here, make, started, how, shut) == seen
    assert set(asked) == (set() if how == "fast" else {("udp" if how == "udp" else "tcp", "127.244.6.1", 8080)})


@pytest.mark.parametrize("how", ["poll", "six", "blocking"])
def test_what_the_gate_lets_through_arrives(here: World, make: Builder, started: list[Process], how: str) -> None:
    assert _calls(here, make, started, how, lambda *_: True) == "through"


def test_a_gate_that_fails_is_shut_and_the_others_are_still_answered(
    here: World, make: Builder, started: list[Process]
) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("a bug")

    assert _calls(here, make, started, "poll", broken).startswith("OSError 101")
    get("http://127.244.6.1:8080/self")


def test_the_machines_resolver_is_reached_through_any_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html"""
    monkeypatch.setattr(addressing, "_nameservers", lambda: frozenset({"10.9.9.9"}))
    place = Place("127.244.4.1", frozenset(), lambda *_: False)
    resolver = socket.inet_aton("10.9.9.9")
    assert place.connected(resolver, 53) == (resolver, 53)
    assert place.lets("udp", "10.9.9.9", 53)
    assert place.connected(resolver, 54) != (resolver, 54)
    assert not place.lets("udp", "10.9.9.9", 54)
