"""What was denied, and what each role and user has used, since the twin started; both bounded."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

MOST_DENIALS = 500
MOST_RESOURCES = 20

type Json = dict[str, Any]


@dataclass
class Denial:
    """One thing refused to one caller, however often."""

    caller: str
    action: str
    resource: str
    message: str
    doubts: tuple[str, ...] = ()
    first: float = 0.0
    last: float = 0.0
    times: int = 0


@dataclass
class Use:
    """How often a caller has used an action, and on what."""

    times: int = 0
    last: float = 0.0
    resources: OrderedDict[str, None] = field(default_factory=OrderedDict)


class Ledger:
    """The book; its methods may be called by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._denials: OrderedDict[tuple[str, str, str], Denial] = OrderedDict()
        self._uses: dict[str, dict[str, Use]] = {}

    def deny(self, caller: str, action: str, resource: str, message: str, doubts: tuple[str, ...]) -> bool:
        """Note a refusal; says whether it is the first of its kind."""
        key, now = (caller, action, resource), time.time()
        with self._lock:
            known = self._denials.pop(key, None)
            noted = known or Denial(caller, action, resource, message, doubts, first=now)
            noted.message, noted.doubts, noted.last, noted.times = message, doubts, now, noted.times + 1
            self._denials[key] = noted
            while len(self._denials) > MOST_DENIALS:
                self._denials.popitem(last=False)
        return known is None

    def use(self, caller: str, action: str, resource: str) -> None:
        """Note that something was allowed."""
        with self._lock:
            used = self._uses.setdefault(caller, {}).setdefault(action, Use())
            used.times, used.last = used.times + 1, time.time()
            used.resources.pop(resource, None)
            used.resources[resource] = None
            while len(used.resources) > MOST_RESOURCES:
                used.resources.popitem(last=False)

    def denials(self) -> list[Denial]:
        """What was refused, the latest last."""
        with self._lock:
            return list(self._denials.values())

    def uses(self) -> dict[str, dict[str, Use]]:
        """What was used, by caller and action."""
        with self._lock:
            return {
                caller: {
                    action: Use(one.times, one.last, OrderedDict(one.resources)) for action, one in actions.items()
                }
                for caller, actions in self._uses.items()
            }


BOOK = Ledger()
