"""What the commands ask of a running twin, over its gateway."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from twin.core.errors import ProcessError
from twin.core.world import World

TIMEOUT = 10.0
PRUNE_TIMEOUT = 60.0
# A stack whose update was rolled back is what it was before, and well; one whose creation was rolled back is nothing.
# Of one that is in review nothing was made yet, and nothing is to be well.
STANDING = {
    "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "REVIEW_IN_PROGRESS",
}  # fmt: skip
EMPTY: dict[str, Any] = {
    "load_balancers": [],
    "services": [],
    "databases": [],
    "caches": [],
    "distributions": [],
    "functions": [],
    "alarms": [],
}


def healthy(here: World, keeper: int | None) -> bool:
    """Whether the gateway of the life that `keeper` keeps answers and all its slices have started."""
    try:
        with urllib.request.urlopen(f"{here.gateway_url}/_twin/health", timeout=TIMEOUT) as answer:
            return keeper is not None and json.load(answer)["keeper"] == keeper
    except (urllib.error.URLError, OSError):
        return False


def prune(here: World) -> None:
    """Let the running twin remove the images that nothing refers to; raise ProcessError when it cannot."""
    asked = urllib.request.Request(f"{here.gateway_url}/_twin/prune", method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=PRUNE_TIMEOUT):
            return
    except OSError as error:
        raise ProcessError(f"images that nothing refers to could not be removed: {error}") from error


def status(here: World) -> dict[str, Any]:
    """The machine's view of the twin, in the shape that docs/architecture.md gives.

    A twin that does not run has `ready` false and empty lists.
    """
    seen: dict[str, Any] = {
        "ready": False,
        "speed": here.speed,
        "region": here.region,
        "endpoints": {"aws": here.gateway_url, "app": None, "websocket": None, "console": None},
        "stacks": [],
        **EMPTY,
        "certificate_authority": str(here.state / "certs" / "ca.pem"),
        "encryption_at_rest": "recorded, not done: the disk is this machine's",
    }
    try:
        with urllib.request.urlopen(f"{here.gateway_url}/_twin/status", timeout=TIMEOUT) as answer:
            seen |= json.load(answer)
    except urllib.error.HTTPError as error:
        raise ProcessError(f"the twin runs, but does not say how it is: HTTP {error.code} (see its logs)") from error
    except (urllib.error.URLError, OSError):
        return seen
    app_url = _app_url(here)
    seen["endpoints"]["app"] = app_url or None
    seen["ready"] = app_url is not None and bool(seen["stacks"]) and all(_is_well(seen))
    return seen


def explain(here: World, source: str, target: str) -> list[dict[str, Any]]:
    """The ways from one to the other, a port each; raises ProcessError when nobody has one of the names."""
    asked = urllib.parse.urlencode({"source": source, "target": target})
    try:
        with urllib.request.urlopen(f"{here.gateway_url}/_twin/explain?{asked}", timeout=TIMEOUT) as answer:
            ways: list[dict[str, Any]] = json.load(answer)
            return ways
    except urllib.error.HTTPError as error:
        text = json.load(error)["error"] if error.code == 404 else f"HTTP {error.code}"  # noqa: PLR2004 - our own
        raise ProcessError(text) from error
    except (urllib.error.URLError, OSError) as error:
        raise ProcessError("the twin does not run; `bin/twin up` starts it") from error


def _app_url(here: World) -> str | None:
    """The URL that `up` has ended with, empty where it deployed an app that names none; None before it has ended."""
    path = here.state / "app-url"
    return path.read_text().strip() if path.exists() else None


def _is_served(targets: list[dict[str, Any]]) -> bool:
    """Whether a balancer with targets has a healthy one, and none whose first check is still to come."""
    states = {target["state"] for target in targets} - {"draining", "unused"}
    return not states or ("healthy" in states and "initial" not in states)


def _is_well(seen: dict[str, Any]) -> list[bool]:
    return [
        *(stack["status"] in STANDING for stack in seen["stacks"]),
        *(service["running"] >= service["desired"] for service in seen["services"]),
        *(database["status"] == "available" and not database["lacks"] for database in seen["databases"]),
        *(cache["status"] == "available" for cache in seen["caches"]),
        *(any(zone["up"] for zone in balancer["zones"]) for balancer in seen["load_balancers"]),
        *(_is_served(balancer["targets"]) for balancer in seen["load_balancers"]),
    ]
