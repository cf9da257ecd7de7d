"""`bin/twin iam`: what was denied, and what each role has used of what it may."""

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from typing import Any

from twin.core.errors import ProcessError
from twin.core.world import World
from twin.gateway import TIMEOUT

type Json = dict[str, Any]

MOST_SHOWN = 3
OF_AWS = "arn:aws:iam::aws:"
OFF = "TWIN_IAM is off: nothing is decided"


def asked(here: World, what: str) -> Json:
    """What the running twin says under /_twin/iam/; raises ProcessError when none runs."""
    try:
        with urllib.request.urlopen(f"{here.gateway_url}/_twin/iam/{what}", timeout=TIMEOUT) as answer:
            said: Json = json.load(answer)
    except (urllib.error.URLError, OSError) as error:
        raise ProcessError(f"no twin answers at {here.gateway_url}: {error}") from error
    return said


def render_denied(said: Json) -> str:
    """The refusals as a person reads them, the latest last."""
    if not said["denied"]:
        return "nothing was denied" if said["on"] else OFF
    lines = []
    for one in said["denied"]:
        when = time.strftime("%H:%M:%S", time.localtime(one["last"]))
        lines.append(f"{when}  {one['times']:>3} x  {one['message']}")
        if one["message"] == "Access Denied":
            lines[-1] += f": {one['caller']}, {one['action']} on {one['resource']}"
        if one["not_judged"]:
            lines.append(
                f"{'':>17}the twin cannot judge {', '.join(one['not_judged'])}: a condition on it opens nothing"
            )
    return "\n".join(lines)


def _some(names: list[str]) -> str:
    """The names, or the first of many."""
    more = len(names) - MOST_SHOWN
    return ", ".join(names[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def render_used(said: Json, part: str = "") -> str:
    """Per role and user: what was used, and what of its policies never was. part: only those whose ARN holds it."""
    chosen = [one for one in said["callers"] if part in one["arn"] and (part or one["used"])]
    if not chosen:
        return "no role has called anything" if said["on"] else OFF
    return "\n\n".join(_caller(one) for one in chosen)


def _caller(one: Json) -> str:
    lines = [one["arn"]]
    for use in one["used"]:
        lines.append(f"  used    {use['times']:>5} x  {use['action']}  on {_some(use['resources'])}")
    unused = [grant for grant in one["may"] if not grant["used"]]
    for grant in [grant for grant in unused if not grant["policy"].startswith(OF_AWS)]:
        lines.append(f"  unused           {grant['action']}  on {_some(grant['resources'])}  ({grant['policy']})")
    # A policy of AWS's own is taken whole or not at all, and some have a thousand actions.
    for policy, count in Counter(grant["policy"] for grant in unused if grant["policy"].startswith(OF_AWS)).items():
        every = sum(grant["policy"] == policy for grant in one["may"])
        lines.append(f"  unused           {count} of {every} actions of {policy}")
    return "\n".join(lines)
