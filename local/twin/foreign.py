"""`twin up --app`: deploys a CDK app that is not the product's, from what `cdk synth` wrote, by the CDK's own CLI."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twin.core.errors import CoreError, WorldError
from twin.core.world import REPOSITORY, World

CDK = REPOSITORY / "infra" / "node_modules" / ".bin" / "cdk"
ACCOUNT = "000000000000"
PYTHON = REPOSITORY / ".venv" / "bin" / "python"
# What a line of the CLI has that tells why it fails.
_FAILURES = ("CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED", "twin-docker ", "cannot be deployed", "❌")
_STACK = "aws:cloudformation:stack"
_ANY = "unknown"

type Tell = Callable[[str], object]


def check(here: World, assembly: Path) -> None:
    """Refuse what is no synthesized app, or one for another account or region; raises WorldError."""
    manifest = assembly / "manifest.json"
    if not manifest.is_file():
        raise WorldError(f"{assembly} holds no synthesized CDK app: run `cdk synth` and give its output directory")
    for name, artifact in _stacks(manifest).items():
        account, _, region = str(artifact.get("environment", "")).removeprefix("aws://").partition("/")
        for what, asked, ours in (("account", account, ACCOUNT), ("region", region, here.region)):
            if asked != ours and not asked.startswith(_ANY):
                raise WorldError(
                    f"stack {name} is for {what} {asked}, this twin is {ours}: synthesize it without, "
                    f"or with CDK_DEFAULT_ACCOUNT={ACCOUNT} CDK_DEFAULT_REGION={here.region}"
                )


def bootstrap(here: World, environment: dict[str, str]) -> None:
    """Install the CDK's CLI where it is missing, and let it make its bootstrap stack, or see that it is there."""
    if not CDK.exists():
        command = "from infra.deploy.bootstrap import install_cli; install_cli()"
        subprocess.run([PYTHON, "-c", command], cwd=REPOSITORY, env=environment, check=True)
    _cdk(here, environment, ["bootstrap", f"aws://{ACCOUNT}/{here.region}"], lambda _: None)


def deploy(here: World, assembly: Path, environment: dict[str, str], tell: Tell) -> dict[str, dict[str, str]]:
    """Deploy all stacks and return their outputs by stack; raises CoreError with the reason of the first failure.

    tell: is called with each line that the CLI says.
    """
    outputs = here.directory("run") / "outputs.json"
    outputs.unlink(missing_ok=True)
    command = ["deploy", "--all", "--app", str(assembly.absolute()), "--require-approval", "never",
               "--progress", "events", "--outputs-file", str(outputs)]  # fmt: skip
    _cdk(here, environment, command, tell)
    said: dict[str, dict[str, str]] = json.loads(outputs.read_text()) if outputs.exists() else {}
    return said


def _stacks(manifest: Path) -> dict[str, Any]:
    try:
        artifacts = json.loads(manifest.read_text())["artifacts"]
    except (ValueError, KeyError) as error:
        raise WorldError(f"{manifest} is no manifest of a CDK app: {error}") from error
    return {name: artifact for name, artifact in artifacts.items() if artifact["type"] == _STACK}


def _cdk(here: World, environment: dict[str, str], command: list[str], tell: Tell) -> None:
    log = here.directory("logs") / f"cdk-{command[0]}.log"
    lines: list[str] = []
    with log.open("w") as output:
        process = subprocess.Popen(
            [CDK, *command, "--no-color", "--no-notices", "--ci"],
            cwd=here.directory("run"),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                output.write(line)
                if line.strip():
                    lines.append(line.strip())
                    tell(line.strip())
            code = process.wait()
        except BaseException:  # raised on; the CLI must not go on alone
            process.terminate()
            process.wait()
            raise
    if code:
        reasons = [line for line in lines if any(word in line for word in _FAILURES)]
        raise CoreError(f"cdk {command[0]} failed: {(reasons or lines or ['without a word'])[0]} (log: {log})")
