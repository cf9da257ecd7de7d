"""`bin/twin`: the twin's command. Each failure is one plain line on stderr and a non-zero exit."""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from twin import up
from twin.core import timeline
from twin.core.errors import CoreError
from twin.core.world import World, world
from twin.gateway import explain, status
from twin.keeper_control import stop
from twin.permissions import asked, render_denied, render_used
from twin.tables import render_status, render_way

STOP_SECONDS = 60
FOLLOW_SECONDS = 0.3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command given by `arguments` (sys.argv by default) and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options, world()))
    except CoreError as error:
        print(f"twin: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"twin: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if options.run is _up:
            print("twin: interrupted; `bin/twin up` takes it from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bin/twin", description="AWS, running for real on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up_parser = _command(commands, "up", _up, "start everything and deploy; prints the URLs")
    up_parser.add_argument("--keep", action="store_true", help="leave the twin running when the deployment fails")
    up_parser.add_argument(
        "--app", type=Path, metavar="DIRECTORY", help="deploy the CDK app that `cdk synth` wrote there, not the product"
    )
    _command(commands, "down", _down, "stop everything; data stays")
    _command(commands, "clean", _clean, "stop everything and forget all data")
    status_parser = _command(commands, "status", _status, "what runs where")
    status_parser.add_argument("--json", action="store_true", help="for machines")
    logs = _command(commands, "logs", _logs, "the logs of tasks and engines")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as they grow")
    logs.add_argument("name", nargs="?", default="", help="only files whose name holds this")
    support = _command(commands, "support", _support, "what of a synthesized CDK app would run for real")
    support.add_argument("app", nargs="?", type=Path, help="the directory that `cdk synth` wrote")
    form = support.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for machines")
    form.add_argument("--markdown", action="store_true", help="docs/limits.md: all that the twin does and does not do")
    events = _command(commands, "events", _events, "what happened, in order")
    events.add_argument("-f", "--follow", action="store_true", help="go on as they come")
    events.add_argument("--json", action="store_true", help="one JSON object a line")
    way = _command(commands, "explain", _explain, "whether one reaches the other, and the one rule that is missing")
    names = "client, or a load balancer, service, task, database, cache, or address"
    way.add_argument("source", help=names)
    way.add_argument("target", help=f"{names}, or an API such as secretsmanager; with :PORT where it has several")
    way.add_argument("--json", action="store_true", help="for machines")
    iam = _command(commands, "iam", _iam, "what was denied, and what each role used of what it may")
    iam.add_argument("what", choices=("denied", "used"))
    iam.add_argument("role", nargs="?", default="", help="only roles whose ARN holds this")
    iam.add_argument("--json", action="store_true", help="for machines")
    return parser


def _command(commands, name: str, run, text: str) -> argparse.ArgumentParser:  # type: ignore[no-untyped-def]
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _up(options: argparse.Namespace, here: World) -> int:
    return up.up(here, keep=options.keep, app=options.app)


def _down(_: argparse.Namespace, here: World) -> int:
    ran = stop(here, STOP_SECONDS)
    print("stopped" if ran else "nothing was running")
    if ran and here.unwritten.exists():
        newest = max((path.stat().st_mtime for path in here.state.glob("snapshots/snapshot-*")), default=None)
        stands = f"what it knew at {time.ctime(newest)} stands" if newest else "it will begin anew"
        raise CoreError(f"the control plane could not be written down at its end; {stands}")
    return 0


def _clean(_: argparse.Namespace, here: World) -> int:
    stop(here, STOP_SECONDS)
    if here.state.exists():
        try:
            shutil.rmtree(here.state)
        except OSError as error:
            raise CoreError(f"{here.state} could not be removed: {error}") from error
    print("stopped; all data forgotten")
    return 0


def _status(options: argparse.Namespace, here: World) -> int:
    seen = status(here)
    if options.json:
        print(json.dumps(seen, indent=2, ensure_ascii=False))
    else:
        print(render_status(seen))
    return 0 if seen["ready"] else 1


def _explain(options: argparse.Namespace, here: World) -> int:
    ways = explain(here, options.source, options.target)
    print(json.dumps(ways, indent=2, ensure_ascii=False) if options.json else "\n\n".join(map(render_way, ways)))
    return 0 if all(way["open"] for way in ways) else 1


def _support(options: argparse.Namespace, here: World) -> int:
    from twin import limits, support  # noqa: PLC0415 - they know every type, and that takes a second to load

    if options.markdown:
        print(limits.markdown(), end="")
        return 0
    if options.app is None:
        raise CoreError("support needs the directory that `cdk synth` wrote, or --markdown")
    report = support.look(here, options.app)
    print(support.as_json(report) if options.json else support.as_text(report))
    return 1 if report.reasons else 0


def _end_quietly() -> None:
    """Let `bin/twin events | head` end without a word; what changes anything must not end like that."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _logs(options: argparse.Namespace, here: World) -> int:
    _end_quietly()
    logs = here.state / "logs"
    positions: dict[Path, int] = {}
    while True:
        every = sorted(logs.rglob("*.log"))
        chosen = [path for path in every if options.name in path.name]
        for path in chosen:
            lines, positions[path] = _grown(path, positions.get(path, 0), whole_lines=options.follow)
            for line in lines:
                print(f"{path.stem}: {line.rstrip()}")
        sys.stdout.flush()
        if not options.follow:
            break
        time.sleep(FOLLOW_SECONDS)
    if chosen:
        return 0
    names = ", ".join(path.stem for path in every)
    raise CoreError(f"no log's name holds {options.name}; there are {names}" if every else f"no logs in {logs}")


def _grown(path: Path, position: int, *, whole_lines: bool) -> tuple[list[str], int]:
    """What a log has got since `position`, and how far that goes; one that begins anew is read from its start."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) < position:
            position = 0
        file.seek(position)
        data = file.read()
    if whole_lines:
        data = data[: data.rfind(b"\n") + 1]
    return data.decode(errors="replace").splitlines(), position + len(data)


def _events(options: argparse.Namespace, _: World) -> int:
    _end_quietly()
    path, position = timeline.file(), 0
    while True:
        if path.exists():
            lines, position = _grown(path, position, whole_lines=options.follow)
            for event in timeline.parsed(lines):
                print(json.dumps(event, ensure_ascii=False) if options.json else _sentence(event))
            sys.stdout.flush()
        if not options.follow:
            return 0
        time.sleep(FOLLOW_SECONDS)


def _sentence(event: dict[str, str]) -> str:
    return f"{event['time']}  {event['source']:<14} {event['resource']}: {event['message']}"


def _iam(options: argparse.Namespace, here: World) -> int:
    _end_quietly()
    said = asked(here, options.what)
    if options.json:
        print(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        print(render_denied(said) if options.what == "denied" else render_used(said, options.role))
    return 0


if __name__ == "__main__":
    sys.exit(main())
