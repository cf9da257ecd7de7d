"""What this twin is: its number, its speed, its place on disk, its gateway."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twin.core.errors import WorldError
from twin.core.once import Once

REPOSITORY = Path(__file__).resolve().parents[3]
REGION = "ap-northeast-2"
HIGHEST_ID = 7


@dataclass(frozen=True)
class World:
    """The settings all rooms share.

    twin_id: 0 to 7; selects ports and the loopback block.
    speed: what AWS waits is divided by it; 1 is AWS's pace.
    state: the directory that holds everything the twin remembers.
    iam: whether calls are decided by the policies of who makes them.
    """

    twin_id: int
    speed: float
    state: Path
    region: str = REGION
    iam: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "World":
        """Read TWIN_ID, TWIN_SPEED, TWIN_STATE and TWIN_IAM; raise WorldError naming the bad one."""
        twin_id = _number(environment, "TWIN_ID", 0)
        if twin_id != int(twin_id) or not 0 <= twin_id <= HIGHEST_ID:
            raise WorldError(f"TWIN_ID must be 0 to {HIGHEST_ID}, not {environment['TWIN_ID']}")
        speed = _number(environment, "TWIN_SPEED", 1)
        if not speed > 0:
            raise WorldError(f"TWIN_SPEED must be above 0, not {environment['TWIN_SPEED']}")
        default = ".twin" if twin_id == 0 else f".twin-{int(twin_id)}"
        state = Path(environment.get("TWIN_STATE") or REPOSITORY / default).absolute()
        iam = environment.get("TWIN_IAM") or "on"
        if iam not in ("on", "off"):
            raise WorldError(f"TWIN_IAM must be on or off, not {iam}")
        return cls(twin_id=int(twin_id), speed=speed, state=state, iam=iam == "on")

    @property
    def gateway_port(self) -> int:
        """The port of the AWS API, 4566 and each further twin 100 above."""
        return 4566 + 100 * self.twin_id

    @property
    def gateway_url(self) -> str:
        """Where AWS clients call this twin."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def marker(self) -> str:
        """The value of TWIN_MARK in the environment of every process of this twin."""
        return f"{self.twin_id}:{self.state}"

    @property
    def unwritten(self) -> Path:
        """A file that is there from the start of a control plane until its last snapshot: a full disk can remove it."""
        return self.state / "run" / "unwritten"

    def directory(self, *parts: str) -> Path:
        """Return the directory `parts` under the state, made if missing, private to the user."""
        path = self.state
        # `parents` would make those in between for everybody to read.
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        for part in parts:
            path = path / part
            path.mkdir(mode=0o700, exist_ok=True)
        return path

    def wait_scaled(self, seconds: float) -> float:
        """Turn `seconds` that AWS would wait into the twin's seconds."""
        return seconds / self.speed


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise WorldError(f"{name} must be a number, not {text}")
    return number


@Once
def world() -> World:
    """The world of this process, read once from its environment."""
    return World.from_environment()
