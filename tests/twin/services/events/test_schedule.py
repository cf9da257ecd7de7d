"""When rules with a schedule are due; the table is of AWS's page on schedule expressions.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""

from datetime import UTC, datetime, timedelta

import pytest
from twin.services.events.schedule import ScheduleError, parse

WEDNESDAY = datetime(2026, 11, 25, 16, 3, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("rate(1 minute)", "2026-11-25 16:04:20"),
        ("rate(5 minutes)", "2026-11-25 16:08:20"),
        ("rate(1 day)", "2026-11-26 16:03:20"),
        ("cron(0 10 * * ? *)", "2026-11-26 10:00:00"),
        ("cron(15 12 * * ? *)", "2026-11-26 12:15:00"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-25 18:00:00"),
        ("cron(0 18 ? * 2-3 *)", "2026-11-30 18:00:00"),
        ("cron(0 8 1 * ? *)", "2026-12-01 08:00:00"),
        ("cron(0/15 * * * ? *)", "2026-11-25 16:15:00"),
        ("cron(0 9 L * ? *)", "2026-11-30 09:00:00"),
        ("cron(0 9 ? * 6L *)", "2026-11-27 09:00:00"),
        ("cron(* * * * ? *)", "2026-11-25 16:04:00"),
    ],
)
def test_a_rule_is_due_at_the_time_that_its_expression_names(expression: str, due: str) -> None:
    assert f"{parse(expression).next_after(WEDNESDAY):%Y-%m-%d %H:%M:%S}" == due


def test_a_year_that_is_over_never_comes_again() -> None:
    assert parse("cron(0 0 1 1 ? 2020)").next_after(WEDNESDAY) is None


def test_a_rate_is_a_wait_and_passes_with_the_speed_but_the_clock_is_everybody_s() -> None:
    assert parse("rate(10 minutes)").next_after(WEDNESDAY, speed=20) == WEDNESDAY + timedelta(seconds=30)
    assert parse("cron(0 18 * * ? *)").next_after(WEDNESDAY, speed=20) == datetime(2026, 11, 25, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)",
        "rate(0 minutes)",
        "rate(5 minute)",
        "cron(0 20 * * ?)",
        "cron(0 20 * * * *)",
        "cron(0 20 ? * ? *)",
        "cron(61 * * * ? *)",
        "cron(0 9 ? * 8 *)",
        "cron(0 9 ? * MON#2 *)",
        "cron(0 9 15W * ? *)",
        "tomorrow",
    ],
)
def test_what_would_never_fire_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError):
        parse(expression)
