"""How values look in answers: amounts with four decimals, three spellings of one date, zoneless stamps (sections 3
and 4).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from bookkeeping.money import Money, NotRepresentable
from sandbox.visma.refusals import Invalid, Malformed


def amount(minor: int, currency: str) -> orjson.Fragment:
    """A JSON number with four decimals: 12500 EUR cents are `125.0000`."""
    return number(Money(minor, currency).major)


def number(value: Decimal, places: int = 4) -> orjson.Fragment:
    return orjson.Fragment(f"{value:.{places}f}".encode())


def minor_units(value: Decimal, currency: str, field: str) -> int:
    """The amount in minor units. Raises `Invalid` for more decimals than the currency has."""
    try:
        return Money.from_major(value, currency).minor
    except NotRepresentable as problem:
        raise Invalid(f"Error: '{field}': {problem}.") from problem


def day(value: date, style: str) -> str:
    """A date as the endpoint writes it: at midnight, with no zone, `Z` or an offset."""
    suffix = {"plain": "", "z": "Z", "offset": "+01:00"}[style]
    return f"{value.isoformat()}T00:00:00{suffix}"


def stamp(moment: datetime, zone: str) -> str:
    """A modification stamp in the server's local time, to the millisecond and without a zone."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def offset_stamp(moment: datetime) -> str:
    """Background stamps are named `...Utc` and carry a local offset (section 2.11)."""
    return moment.astimezone(ZoneInfo("Europe/Oslo")).isoformat(timespec="milliseconds")


_STAMP_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
)


def read_stamp(text: str, zone: str) -> datetime:
    """A stamp of a query, in one of the documented zoneless formats. Raises `Malformed` for any other, zones
    included.
    """
    for known in _STAMP_FORMATS:
        try:
            return datetime.strptime(text, known).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        except ValueError:
            continue
    raise Malformed(f"'{text}' is not a date and time in an accepted format.")


def read_day(text: str, field: str) -> date:
    """A date of a body or query: `YYYY-MM-DD`, optionally with a time. Raises `Malformed`."""
    try:
        return datetime.fromisoformat(text).date()
    except ValueError as problem:
        raise Malformed(f"Could not convert '{text}' to a date. Path '{field}'.") from problem


def dumps(payload: Any) -> bytes:
    return orjson.dumps(payload)
