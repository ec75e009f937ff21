"""OData v4 as IFS Cloud speaks it: literals, keys and addresses going out, pages, links and errors coming in.

Sources: ifs_cloud.md sections 2.1, 3, 4 and 6. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urljoin
from zoneinfo import ZoneInfo

from connector_resources.transport.messages import Response

#: what stays unescaped in an address: readable conditions, and nothing that another reader could take differently.
_SAFE_IN_QUERY = "',()/:$"
_ORA = re.compile(r"^ORA-(\d{5}): (?:(\w+)\.(\w+): )?(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a collection. `next_link` is the server's own link as it came, "" on the last page."""

    rows: list[dict[str, Any]]
    next_link: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error of IFS: its code, and the Oracle number, entity and tag of the first detail that has them (section 6.1)."""

    code: str = ""
    message: str = ""
    ora: int = 0
    entity: str = ""
    tag: str = ""

    @property
    def name(self) -> str:
        """`Entity.TAG`, or the tag or code alone; what a hold is decided on, because texts are translated."""
        return f"{self.entity}.{self.tag}" if self.tag else self.code


# --- going out ---------------------------------------------------------------------------------------------------------


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def literal(value: object) -> str:
    """A value as a key or a condition has it. Raises `TypeError` for what OData has no literal for here."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, datetime):
        return stamp(value, None)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"{value!r} has no literal")


def stamp(moment: datetime, zone: ZoneInfo | None) -> str:
    """A moment in whole seconds: in UTC, or in the clock of `zone` where IFS reads its local time (section 3).

    Either way it is written with Z, as IFS writes it.
    """
    return moment.astimezone(zone or UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key(parts: Mapping[str, object]) -> str:
    """`(Company='10',InvoiceId=1234)`."""
    return "(" + ",".join(f"{name}={literal(value)}" for name, value in parts.items()) + ")"


def any_of(member: str, literals: Iterable[str]) -> str:
    """`(member eq a or member eq b)`; `in` is not supported (section 4)."""
    return "(" + " or ".join(f"{member} eq {each}" for each in literals) + ")"


def every(*conditions: str) -> str:
    return " and ".join(condition for condition in conditions if condition)


def address(path: str, **options: str | int | None) -> str:
    """`path` with its system query options. The `$` of their names is not encoded, gateways mangle it (section 4)."""
    given = [(name, str(value)) for name, value in options.items() if value not in (None, "")]
    query = "&".join(f"${name}={quote(value, safe=_SAFE_IN_QUERY)}" for name, value in given)
    return f"{encoded(path)}?{query}" if query else encoded(path)


def encoded(path: str) -> str:
    """An address with what it may not hold percent-encoded; what is encoded already stays as it is."""
    return quote(path, safe="%/'(),=$?&:;@*!-._~")


def segment(value: str) -> str:
    """A key or parameter list, percent-encoded to stand in a path."""
    return quote(value, safe="'(),=.:-")


# --- coming in ---------------------------------------------------------------------------------------------------------


def page_of(content: Any) -> Page:
    """The rows of a collection, or the one entity of a single read. Raises `ValueError`."""
    if not isinstance(content, dict):
        raise ValueError("the answer is no object")
    rows = content.get("value", [content] if "@odata.etag" in content or "keyref" in content else None)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("the answer has no value that is a list")
    return Page(rows, str(content.get("@odata.nextLink") or content.get("@nextLink") or ""))


def next_address(link: str, root: str) -> str:
    """Where a next link leads: absolute, relative to the host, or to the service's `root` (section 4).

    Blanks that the server left in its link are encoded; nothing else is touched.
    """
    return urljoin(root, link.replace(" ", "%20")) if link else ""


def service_root(url: str) -> str:
    """The address of the service that `url` asks, with its final slash."""
    head, found, _ = url.partition(".svc/")
    return f"{head}.svc/" if found else urljoin(url, ".")


def problem_of(response: Response | None) -> Problem | None:
    """The error in an answer's body; None when it has none, such as a proxy's page."""
    if response is None:
        return None
    try:
        content = response.json()
    except ValueError:
        return None
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return None
    details = error.get("details")
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    texts = [*(str(row.get("message") or "") for row in rows), str(error.get("message") or "")]
    found = next((match for text in texts if (match := _ORA.match(text.strip()))), None)
    code = str(error.get("code") or "")
    if found is None:
        numbers = [str(row.get("code") or "") for row in rows]
        ora = next((int(number) for number in numbers if number.isdecimal()), 0)
        return Problem(code, next((text for text in texts if text), ""), ora)
    return Problem(code, found[4].strip(), int(found[1]), found[2] or "", found[3] or "")


def explain(response: Response) -> tuple[str, str]:
    """(code, message) of an error for the transport: `Entity.TAG` where there is one."""
    found = problem_of(response)
    if found is None:
        return "", response.body[:300].decode("utf-8", "replace")
    return found.name, found.message


def day_of(value: object) -> date | None:
    """The day of an `Edm.Date`, or of a timestamp as it is written; None when there is none."""
    given = str(value or "")[:10]
    try:
        return date.fromisoformat(given)
    except ValueError:
        return None


def decimal_of(value: object) -> Decimal:
    """A number that came as JSON number or string (section 3); nothing counts as 0."""
    return Decimal(str(value)) if value not in (None, "") else Decimal(0)
