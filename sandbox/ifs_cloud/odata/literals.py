"""Values of OData v4 addresses, filters and JSON bodies: read into Python values by kind, and written back.

Timestamps carry a `Z` but mean UTC only for time-zone-aware requests (fact sheet 0.7): `Zone` knows which it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.ifs_cloud.odata.edm import Property

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d+)?(Z|[+-]\d{2}:\d{2})")
_WHOLE = re.compile(r"-?\d+")


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone in which timestamps of one request are written, with `Z` after them whatever it is."""

    info: ZoneInfo | None = None

    def shown(self, moment: datetime) -> datetime:
        """The wall-clock time, without a zone, that stands for the aware `moment`."""
        return moment.astimezone(self.info or UTC).replace(tzinfo=None)

    def read(self, text: str) -> datetime:
        """The zone-less wall-clock time of a literal. An offset other than `Z` is taken at its word."""
        found = _MOMENT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a timestamp")
        moment = datetime.fromisoformat(found[1])
        return moment if found[2] == "Z" else self.shown(datetime.fromisoformat(found[1] + found[2]))

    def aware(self, wall: datetime) -> datetime:
        """The moment a wall-clock time stands for; the earlier one in the repeated hour of autumn."""
        return wall.replace(tzinfo=self.info or UTC).astimezone(UTC)


def from_json(known: Property, value: Any, zone: Zone) -> Any:
    """The value of a body's member. Raises `ValueError` for another type or form."""
    try:
        return _READERS[known.kind](value, zone)
    except InvalidOperation as problem:
        raise ValueError(f"{value!r} is not a number") from problem


def number(value: Decimal) -> str:
    """A decimal as the service writes it, without trailing zeros: `100.1`, `0`, `1200`."""
    plain = value.normalize()
    return format(plain if plain else Decimal(0), "f")


def key_text(known: Property, value: Any) -> str:
    """A key value in an address: strings in quotes, everything else bare."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int) or known.kind == "G":
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None


def _text(value: Any, zone: Zone) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string")
    return value


def _decimal(value: Any, zone: Zone) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError(f"{value!r} is not a number")
    read = Decimal(value)
    if not read.is_finite():
        raise ValueError(f"{value!r} is not a number")
    return read


def _whole(value: Any, zone: Zone) -> int:
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value))):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def _flag(value: Any, zone: Zone) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not a boolean")
    return value


def _day(value: Any, zone: Zone) -> date:
    if not isinstance(value, str) or not is_date(value):
        raise ValueError(f"{value!r} is not a date")
    return date.fromisoformat(value)


def _moment(value: Any, zone: Zone) -> datetime:
    return zone.aware(zone.read(_text(value, zone)))


def _guid(value: Any, zone: Zone) -> str:
    if not isinstance(value, str) or not GUID.fullmatch(value):
        raise ValueError(f"{value!r} is not a GUID")
    return value.lower()


_READERS: dict[str, Any] = {
    "S": _text, "E": _text, "D": _decimal, "I": _whole, "B": _flag, "Y": _day, "T": _moment, "G": _guid,
}  # fmt: skip
