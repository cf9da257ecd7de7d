"""What was denied, and what each role and user has used; bounded, and kept from one life of the twin to the next."""

import json
import threading
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from pathlib import Path

from twin.core.atomic import write_atomic

MOST_DENIALS = 500
MOST_RESOURCES = 20


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

    def save(self, path: Path) -> None:
        """Write it all down."""
        uses = {
            caller: {action: {**asdict(one), "resources": list(one.resources)} for action, one in actions.items()}
            for caller, actions in self.uses().items()
        }
        write_atomic(path, json.dumps({"denials": [asdict(one) for one in self.denials()], "uses": uses}))

    def load(self, path: Path) -> None:
        """Take up what was written down; what cannot be read is begun anew."""
        try:
            read = json.loads(path.read_text())
            denials = [Denial(**{**one, "doubts": tuple(one["doubts"])}) for one in read["denials"]]
            uses = {
                caller: {
                    action: Use(one["times"], one["last"], OrderedDict.fromkeys(one["resources"]))
                    for action, one in actions.items()
                }
                for caller, actions in read["uses"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return
        with self._lock:
            self._denials = OrderedDict(((one.caller, one.action, one.resource), one) for one in denials)
            self._uses = uses


BOOK = Ledger()
