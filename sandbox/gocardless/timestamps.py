"""GoCardless's time format: UTC with milliseconds and a Z (gocardless.md section 3.1), which also sorts as text."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """`2026-06-02T09:15:30.125Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_stamp(text: str) -> datetime:
    """Raises `ValueError` when the text is no time with a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment.astimezone(UTC)


def months_before(moment: datetime, months: int) -> datetime:
    """The same day of the month `months` earlier, or the last one that exists."""
    year, month0 = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return moment.replace(year=year, month=month0 + 1, day=min(moment.day, monthrange(year, month0 + 1)[1]))
