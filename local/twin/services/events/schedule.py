"""When a rule with a schedule is due.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from crontab import CronTab

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\(([^)]+)\)")
_FIELDS = 6
_DAY, _WEEKDAY = 2, 4
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class ScheduleError(ValueError):
    """The expression is none, or one that the twin does not know."""


@dataclass(frozen=True)
class Schedule:
    """A parsed expression: `every` so long, or at the times of `table`."""

    every: timedelta | None = None
    table: CronTab | None = None

    def next_after(self, moment: datetime, speed: float = 1) -> datetime | None:
        """When it is due for the first time after `moment` (UTC); None for never again.

        A rate is a wait, which `speed` shortens; a cron table is the wall clock's, in UTC.
        """
        if self.every is not None:
            return moment + self.every / speed
        assert self.table is not None
        seconds = self.table.next(now=moment, default_utc=True)
        return None if seconds is None else moment + timedelta(seconds=seconds)


def parse(expression: str) -> Schedule:
    """Read `rate(5 minutes)` or `cron(0 20 ? * MON-FRI *)`; raise ScheduleError for what is neither."""
    if rate := _RATE.fullmatch(expression):
        count, unit, plural = int(rate[1]), rate[2], bool(rate[3])
        if count < 1 or plural != (count > 1):
            raise ScheduleError(f"{expression}: 1 {unit}, or more {unit}s")
        return Schedule(every=timedelta(**{f"{unit}s": count}))
    cron = _CRON.fullmatch(expression)
    fields = cron[1].split() if cron else []
    if len(fields) != _FIELDS:
        raise ScheduleError(f"{expression} is neither rate(value unit) nor cron(minute hour day month weekday year)")
    if (fields[_DAY] == "?") == (fields[_WEEKDAY] == "?"):
        raise ScheduleError(f"{expression}: one of day and weekday, and only one, must be ?")
    if "W" in fields[_DAY].upper() or "#" in fields[_WEEKDAY]:
        raise ScheduleError(f"{expression}: the twin does not know W and #")
    fields[_WEEKDAY] = _weekdays(fields[_WEEKDAY])
    try:
        return Schedule(table=CronTab(" ".join(fields)))
    except ValueError as error:
        raise ScheduleError(f"{expression}: {error}") from error


def _weekdays(field: str) -> str:
    """AWS counts the days of the week from 1 for Sunday, the library from 0; a step is no day, 6L the last Friday."""
    days, slash, step = field.partition("/")
    named = re.sub(r"\d+", lambda number: _weekday(int(number[0])), days)
    last = re.sub(r"([a-zA-Z]{3})L\b", lambda day: f"L{_DAYS.index(day[1].lower())}", named)
    return f"{last}{slash}{step}"


def _weekday(number: int) -> str:
    if not 1 <= number <= len(_DAYS):
        raise ScheduleError(f"{number} is no day of the week: 1 (Sunday) to 7 (Saturday)")
    return _DAYS[number - 1]
