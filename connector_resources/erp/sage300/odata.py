"""OData as Sage 300 speaks it: literals and addresses going out; feeds, single records, dates and errors coming in. Pure.

Sources: sage300.md sections 2.0, 3.1, 3.2, 4 and 6. Only operators that the sheet confirms are used, and no parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from connector_resources.transport.messages import Response

#: characters that IIS refuses or misreads in a key inside the path (section 2.0).
UNSAFE_IN_KEY = frozenset("/\\?#%&+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a feed. `skip` is what the server's next link asks for, None on the last page; `count` of all rows."""

    rows: list[Any]
    skip: int | None = None
    count: int | None = None


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def moment(day: date, dialect: str) -> str:
    """The literal of a day's midnight; Sage compares the day alone (section 4)."""
    return f"datetime'{day.isoformat()}T00:00'" if dialect == "v3" else f"{day.isoformat()}T00:00:00Z"


def any_of(name: str, literals: Iterable[str]) -> str:
    """`name eq a or name eq b`; stands alone in a filter, because parentheses are not confirmed."""
    return " or ".join(f"{name} eq {literal}" for literal in literals)


def address(path: str, *, skip: int = 0, top: int | None = None, **options: str) -> str:
    """`path` with its query options (`select`, `filter`), each value percent-encoded as a whole."""
    given = {f"${name}": value for name, value in options.items() if value}
    given |= {"$count": "true", "$skip": str(skip), "$top": str(top)} if top is not None else {}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    return f"{path}?{query}" if query else path


def key(value: str) -> str:
    """A key literal for a path. Raises `ValueError` for characters that do not survive there."""
    if not value or UNSAFE_IN_KEY & set(value):
        raise ValueError(f"{value!r} cannot stand in an address of the Web API")
    return quote(text(value), safe="'")


def page_of(content: Any) -> Page:
    """The rows of a feed, or the one record of an answer without its wrapper (section 2.0). Raises `ValueError`."""
    if not isinstance(content, dict):
        raise ValueError("the answer is no JSON object")
    if "value" not in content:
        return Page([content])
    rows = content["value"]
    if not isinstance(rows, list):
        raise ValueError("value is no list")
    link = content.get("@odata.nextLink") or content.get("odata.nextLink")
    count = content.get("@odata.count", content.get("odata.count"))
    return Page(rows, _skip_of(str(link)) if link else None, int(count) if count is not None else None)


def _skip_of(link: str) -> int:
    """Only the number is taken: the host of the link is an internal name behind most proxies (section 4)."""
    given = parse_qs(urlsplit(link).query).get("$skip", [""])[0]
    if not given.isdecimal():
        raise ValueError("the next link has no $skip")
    return int(given)


def day_of(value: object) -> date | None:
    """The day of a date in an answer, never through a time zone; None for an empty one (section 3.2)."""
    found = _DATE.match(str(value or ""))
    return date.fromisoformat(found[0]) if found else None


def envelope(response: Response | None) -> tuple[str, str] | None:
    """(code, message) of Sage's error body; None when the answer comes from somebody else, such as IIS (section 6)."""
    if response is None:
        return None
    try:
        content = response.json()
    except ValueError:
        return None
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return None
    # Codes are words such as RecordNotFound; other systems use numbers in the same place.
    code = error.get("code")
    if not isinstance(code, str) or not code.isalpha():
        return None
    message = error.get("message")
    value = message.get("value") if isinstance(message, dict) else message
    return code, str(value or "")


def explain(response: Response) -> tuple[str, str]:
    """(code, message) of any answer that is not 2xx; without code where Sage itself did not answer."""
    return envelope(response) or ("", response.body[:300].decode("utf-8", "replace"))
