"""Who is calling and which divisions there are: current/Me and the division lists (fact sheet, section 2.1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.exact_online.schema import AMSTERDAM, Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division


def me(division: Division) -> Row:
    """The user. `CurrentDivision` is what he last selected, whichever division the application works in."""
    offset = division.now().astimezone(AMSTERDAM).utcoffset() or timedelta()
    return {
        "UserID": division.user_id,
        "UserName": "connector",
        "FullName": "Connector User",
        "Email": "connector@example.test",
        "LanguageCode": "nl-NL" if division.switches.language == "nl" else "en-GB",
        "DivisionCustomerName": division.name,
        "CurrentDivision": division.current_division,
        "AccountingDivision": division.code,
        "Legislation": 1,
        "ServerUtcOffset": Decimal(int(offset.total_seconds())) / 3600,
        "ServerTime": division.local_time(),
    }


def visible(division: Division) -> Iterable[Row]:
    """The divisions the user may enter."""
    return (row for row in _all(division) if row["Code"] == division.code or division.siblings[row["Code"]].accessible)


def all_of_licence(division: Division) -> Iterable[Row]:
    return _all(division)


def _all(division: Division) -> list[Row]:
    own = _row(division, division.code, division.name, division.status)
    own["BlockingStatus"], own["DivisionMoveDate"] = division.blocking_status, division.moved_at
    others = [_row(division, each.code, each.description, each.status) for each in division.siblings.values()]
    return sorted([own, *others], key=lambda row: row["Code"])


def _row(division: Division, code: int, description: str, status: int) -> Row:
    return {
        "Code": code,
        "HID": code,
        "Description": description,
        "CustomerName": division.name,
        "CustomerCode": "1".rjust(18),
        "Country": division.region.upper().replace("UK", "GB"),
        "Currency": division.base_currency,
        "Status": status,
        "BlockingStatus": 0,
        "Legislation": "Netherlands",
        "Current": code == division.current_division,
        "DivisionMoveDate": None,
    }
