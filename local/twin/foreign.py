"""`twin up --app`: deploys a CDK app that is not the product's, from what `cdk synth` wrote, by the CDK's own CLI."""

import json
import subprocess
from pathlib import Path
from typing import Any

from twin.core.errors import CoreError, WorldError
from twin.core.world import REPOSITORY, World

CDK = REPOSITORY / "infra" / "node_modules" / ".bin" / "cdk"
ACCOUNT = "000000000000"
_STACK = "aws:cloudformation:stack"
_ANY = "unknown"


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
    """Make the CDK's bootstrap stack, or see that it is there."""
    _cdk(here, environment, "bootstrap", f"aws://{ACCOUNT}/{here.region}")


def deploy(here: World, assembly: Path, environment: dict[str, str]) -> dict[str, dict[str, str]]:
    """Deploy all stacks and return their outputs by stack; raises CoreError with the reason of the first failure."""
    outputs = here.directory("run") / "outputs.json"
    outputs.unlink(missing_ok=True)
    _cdk(
        here, environment, "deploy", "--all", "--app", str(assembly.absolute()), "--require-approval", "never",
        "--progress", "events", "--outputs-file", str(outputs),
    )  # fmt: skip
    said: dict[str, dict[str, str]] = json.loads(outputs.read_text()) if outputs.exists() else {}
    return said


def _stacks(manifest: Path) -> dict[str, Any]:
    try:
        artifacts = json.loads(manifest.read_text())["artifacts"]
    except (ValueError, KeyError) as error:
        raise WorldError(f"{manifest} is no manifest of a CDK app: {error}") from error
    return {name: artifact for name, artifact in artifacts.items() if artifact["type"] == _STACK}


def _cdk(here: World, environment: dict[str, str], command: str, *arguments: str) -> None:
    log = here.directory("logs") / f"cdk-{command}.log"
    with log.open("w") as output:
        done = subprocess.run(
            [CDK, command, *arguments, "--no-color", "--no-notices", "--ci"],
            cwd=here.directory("run"),
            env=environment,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        reasons = [line for line in lines if "CREATE_FAILED" in line or "UPDATE_FAILED" in line or "❌" in line]
        raise CoreError(f"cdk {command} failed: {(reasons or lines or ['without a word'])[0]} (log: {log})")
