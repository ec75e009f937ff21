"""OData v3 as Exact Online speaks it: literals and addresses going out, the shapes of `d`, dates and errors coming in.

Sources: exact_online.md sections 3.1, 3.4, 3.5, 4.1 and 6.1. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from connector_resources.transport.messages import Response

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CODE_WIDTH = 18


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a collection. `next_url` is Exact's own link, "" on the last page."""

    rows: list[Any]
    next_url: str = ""


def guid(value: str) -> str:
    """Raises `ValueError` for anything else, so that no value can change what a filter asks."""
    if not _GUID.fullmatch(value):
        raise ValueError(f"{value!r} is no GUID")
    return f"guid'{value.lower()}'"


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def long(value: int) -> str:
    return f"{value}L"


def moment(day: date) -> str:
    return f"datetime'{day.isoformat()}'"


def account_code(code: str) -> str:
    """A customer's code as a filter wants it: padded with blanks on the left (section 3.5)."""
    return text(f"{code:>{CODE_WIDTH}}")


def equal(name: str, literals: Iterable[str]) -> str:
    """`(name eq a or name eq b)`."""
    return "(" + " or ".join(f"{name} eq {literal}" for literal in literals) + ")"


def containing(name: str, needles: Iterable[str]) -> str:
    return "(" + " or ".join(f"substringof({text(needle)},{name})" for needle in needles) + ")"


def address(
    path: str,
    *,
    select: str = "",
    filter: str = "",
    orderby: str = "",
    top: int | None = None,
    **others: str,
) -> str:
    """`path` with its query options, each value percent-encoded as a whole."""
    options = {"$select": select, "$filter": filter, "$orderby": orderby, "$top": "" if top is None else str(top)}
    given = [*options.items(), *others.items()]
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given if value)
    return f"{path}?{query}" if query else path


def page_of(content: Any) -> Page:
    """The rows of an answer in any of its shapes: `d.results`, a bare array, or one entity. Raises `ValueError`."""
    if not isinstance(content, dict) or "d" not in content:
        raise ValueError("the answer has no d")
    inside = content["d"]
    if isinstance(inside, list):
        return Page(inside)
    if isinstance(inside, dict) and isinstance(inside.get("results"), list):
        return Page(inside["results"], str(inside.get("__next") or "").replace(" ", "%20"))
    if isinstance(inside, dict):
        return Page([inside])
    raise ValueError("d is neither an entity nor a collection")


def day_of(value: object) -> date | None:
    """The day of a date in an answer. Date-only values come as midnight UTC: never through a local zone (section 3.4)."""
    found = moment_of(value)
    return found.date() if found else None


def moment_of(value: object) -> datetime | None:
    """`/Date(ms)/` or zone-less ISO as written; None when there is none."""
    given = str(value or "")
    if ticks := _DATE.fullmatch(given):
        return _EPOCH + timedelta(milliseconds=int(ticks[1]))
    if _ISO.match(given):
        return datetime.fromisoformat(given.rstrip("Z")).replace(tzinfo=UTC)
    return None


def key_of(location: str) -> str:
    """The GUID in an address such as `…/BankEntries(guid'…')`; "" when there is none."""
    found = re.search(rf"\(guid'({_GUID.pattern})'\)/?$", urlsplit(location).path)
    return found[1].lower() if found else ""


def date_time(day: date) -> str:
    """A date in a body: without a zone, because a trailing Z would move it (section 3.4)."""
    return f"{day.isoformat()}T00:00:00"


def explain(response: Response) -> tuple[str, str]:
    """(code, message) of an error: the OData envelope, else the header `Reason` or the start of the text."""
    message = envelope(response)
    if message is None:
        return "", response.headers.get("reason", "") or response.body[:300].decode("utf-8", "replace")
    return "", message


def envelope(response: Response | None) -> str | None:
    """The message of the OData error envelope; None when the answer has none (section 6.1)."""
    if response is None:
        return None
    try:
        content = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return None
    message = error.get("message")
    value = message.get("value") if isinstance(message, dict) else message
    return str(value or "")
