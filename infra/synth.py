"""`python -m infra.synth [environment…]`: write the cloud assembly of each environment into `cdk.out/<environment>/`.

Without arguments all environments are written. One whose inputs are unchanged is left as it is, in a few
milliseconds: the CDK, which takes seconds to load, is imported only when there is something to write.
"""

import fcntl
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.errors import InfraError, SynthError
from infra.settings import ENVIRONMENTS, Settings, settings

REPOSITORY = Path(__file__).resolve().parent.parent
ASSEMBLIES = REPOSITORY / "cdk.out"
_STAMP = "inputs.sha256"


def main(arguments: Sequence[str] | None = None) -> int:
    """Synthesize the environments named by `arguments` (sys.argv by default); return the exit code."""
    names = list(sys.argv[1:] if arguments is None else arguments) or list(ENVIRONMENTS)
    try:
        wanted = [settings(name) for name in names]
        for one in wanted:
            print(f"{one.name}: {'written' if synthesize(one) else 'unchanged'}", flush=True)
    except InfraError as error:
        print(f"synth: {error}", file=sys.stderr)
        return 1
    return 0


def assembly(name: str) -> Path:
    """The directory of an environment's cloud assembly."""
    return ASSEMBLIES / name


def synthesize(of: Settings) -> bool:
    """Write the assembly of an environment unless its inputs are unchanged; tell whether it was written.

    Raises SynthError where a rule is broken; then the assembly that was there before stays.
    """
    target = assembly(of.name)
    stamp = inputs_hash(of)
    with _alone():
        if _read(target / _STAMP) == stamp and (target / "manifest.json").exists():
            return False
        fresh = ASSEMBLIES / f".{of.name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        write(of, fresh)
        (fresh / _STAMP).write_text(stamp + "\n")
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    return True


def inputs_hash(of: Settings) -> str:
    """A hash of everything that the templates are made from: the code, the libraries' lock, the settings."""
    room = REPOSITORY / "infra"
    elsewhere = {"deploy", "node_modules"}
    sources = sorted(path for path in room.rglob("*.py") if elsewhere.isdisjoint(path.relative_to(room).parts))
    digest = hashlib.sha256(repr(of).encode())
    for path in [*sources, REPOSITORY / "requirements" / "infra.txt"]:
        digest.update(path.relative_to(REPOSITORY).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def write(of: Settings, outdir: Path) -> None:
    """Write the assembly of an environment into `outdir`. Raises SynthError where a rule is broken."""
    from infra.app import compose, new_app  # noqa: PLC0415  # seconds to import, needed only here

    app = new_app(outdir=outdir)
    try:
        compose(app, of)
        app.synth()
    except RuntimeError as error:
        reason = _broken_rules(outdir / "validation-report.json") or str(error).splitlines()[0]
        raise SynthError(f"{of.name} was not written: {reason}") from error


def _broken_rules(report: Path) -> str:
    """Say which rules of which packs are broken where; empty when no pack complained."""
    if not report.exists():
        return ""
    broken = [
        f"{violation['ruleName']} at {place['constructPath']}"
        for pack in json.loads(report.read_text())["pluginReports"]
        for violation in pack["violations"]
        for place in violation["violatingConstructs"]
    ]
    return f"{'; '.join(broken)} (see {report})" if broken else ""


@contextmanager
def _alone() -> Iterator[None]:
    ASSEMBLIES.mkdir(exist_ok=True)
    with (ASSEMBLIES / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
