"""Fires the rules that have a schedule.

Core's own scheduler fires up to a minute early, keeps firing deleted rules and fires one whose targets were put twice
twice: it is put to rest, and the rules themselves are looked at.
"""

import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localstack.services.plugins import SERVICE_PLUGINS
from localstack.utils.xray.trace_header import TraceHeader

from twin.core.loop import Loop, tend_each
from twin.core.timeline import emit
from twin.core.world import world
from twin.services.events.schedule import parse

LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class _Scheduled:
    """A rule that waits. `expression`: of when it was looked at; another one counts anew."""

    rule: Any
    account: str
    region: str
    expression: str

    @property
    def arn(self) -> str:
        return str(self.rule.arn)


class Scheduler:
    """Remembers for each enabled rule when it is due next, and sends its event then."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, str], datetime | None] = {}

    def cycle(self) -> str | None:
        """Fire what is due; rules that are gone are forgotten."""
        scheduled = list(_scheduled())
        now = datetime.now(UTC)
        self._due = {
            key: self._due[key] if key in self._due else parse(one.expression).next_after(now, world().speed)
            for one in scheduled
            for key in [(one.arn, one.expression)]
        }
        return "; ".join(tend_each(scheduled, lambda one: self._tend(one, now))) or None

    def _tend(self, one: _Scheduled, now: datetime) -> str | None:
        due = self._due[one.arn, one.expression]
        if due is None or due > now:
            return None
        self._due[one.arn, one.expression] = parse(one.expression).next_after(now, world().speed)
        for target in list(one.rule.targets.values()):
            _send(one, target, due)
        return f"{one.rule.name} was due"


_loop = Loop("events", Scheduler().cycle, LOOK_SECONDS)
start, stop = _loop.start, _loop.stop


def _scheduled() -> Iterator[_Scheduled]:
    # Looking must not load EventBridge: without a rule it is not loaded.
    models = sys.modules.get("localstack.services.events.models")
    if models is None:
        return
    for account, region, store in list(models.events_stores.iter_stores()):
        for rule in [rule for bus in list(store.event_buses.values()) for rule in list(bus.rules.values())]:
            if rule.schedule_expression and str(rule.state) != "DISABLED":
                yield _Scheduled(rule, account, region, rule.schedule_expression)


def _send(one: _Scheduled, target: Any, due: datetime) -> None:
    """Send the event that https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-list.html shows."""
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": one.account,
        "time": f"{due:%Y-%m-%dT%H:%M:%SZ}",
        "region": one.region,
        "resources": [one.arn],
        "detail": {},
    }
    provider: Any = getattr(SERVICE_PLUGINS.get_service("events"), "_provider")  # noqa: B009 - no public way
    began = time.monotonic()
    try:
        sender = provider._target_sender_store[f"{one.arn}-{target['Id']}"]
        sender.process_event(event, trace_header=TraceHeader().ensure_root_exists())
    except Exception as error:  # noqa: BLE001 - whatever the target's service says; the other targets go on
        emit("events", one.rule.name, f"target {target['Id']} could not be invoked: {error}")
    else:
        emit("events", one.rule.name, f"target {target['Id']} was invoked in {time.monotonic() - began:.1f} s")
