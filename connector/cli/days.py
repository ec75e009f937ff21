"""Day options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import click

from connector_resources.connections.model import Connection
from connector_resources.errors import ConfigurationError


class Day(click.ParamType[date]):
    """A date written 2026-06-30."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day such as 2026-06-30", param, ctx)


def day_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--day`, the first or only activity day, and `--to`, the last one."""
    function = click.option("--to", "last_day", type=Day(), help="Last activity day; default: the same day.")(function)
    return click.option("--day", "first_day", type=Day(), help="Activity day, such as 2026-06-30; default: today.")(
        function
    )


def chosen_days(
    connection: Connection, first_day: date | None, last_day: date | None, now: datetime
) -> tuple[date, date]:
    """The days meant, checked against cut-over and today. Raises `ConfigurationError`."""
    today = now.astimezone(connection.zone).date()
    first = first_day or today
    last = last_day or first
    if last < first:
        raise ConfigurationError(f"--to {last} lies before --day {first}.", connection=connection.name)
    if first < connection.books.cut_over:
        raise ConfigurationError(
            f"{first} lies before the cut-over {connection.books.cut_over}; such days are never posted.",
            connection=connection.name,
            next_step="choose a later day, or change books.cut_over before anything is posted",
        )
    if last > today:
        raise ConfigurationError(
            f"{last} lies ahead; today is {today} in {connection.books.time_zone}.", connection=connection.name
        )
    return first, last
