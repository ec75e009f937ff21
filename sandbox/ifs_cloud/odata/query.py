"""Reading a collection: options read and checked, rows found through an index where one fits, sorted, cut into pages.

The next link carries the position of the next row, as many servers do: rows inserted meanwhile shift what follows,
which
the vendor warns of (fact sheet 4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sandbox.ifs_cloud.odata import filters
from sandbox.ifs_cloud.odata.edm import EntityType, Row
from sandbox.ifs_cloud.odata.filters import Dialect, Filter
from sandbox.ifs_cloud.odata.service import Call, EntitySet
from sandbox.ifs_cloud.odata.wire import Page
from sandbox.ifs_cloud.refusals import BadRequest, NotImplementedHere

_KNOWN = {"$select", "$filter", "$orderby", "$top", "$skip", "$count", "$skiptoken"}
_LEFT_OUT = {"$expand", "$apply", "$search", "$compute", "$levels"}
_FORMS = ("absolute", "host", "service")


@dataclass(frozen=True, slots=True)
class Options:
    select: tuple[str, ...]
    where: Filter | None
    order: tuple[tuple[str, bool], ...]
    top: int | None
    skip: int
    count: bool
    token: int


def options(call: Call, kind: EntityType, dialect: Dialect) -> Options:
    """Raises `BadRequest` or `NotImplementedHere`."""
    query = call.query
    for name in query:
        if name in _LEFT_OUT:
            raise NotImplementedHere(f"The query option '{name}' is not supported here.")
        if name.startswith("$") and name not in _KNOWN:
            raise BadRequest(f"The query option '{name}' is not known.")
    select = selected(call, kind)
    where = filters.parse(query["$filter"], kind, dialect) if query.get("$filter", "").strip() else None
    top = _whole(query, "$top") if "$top" in query else None
    counting = query.get("$count", "false")
    if counting not in ("true", "false"):
        raise BadRequest("The value of '$count' is true or false.")
    skip, token = _whole(query, "$skip"), _whole(query, "$skiptoken")
    return Options(select, where, tuple(_order(query, kind)), top, skip, counting == "true", token)


def selected(call: Call, kind: EntityType) -> tuple[str, ...]:
    """The names of `$select`; empty for all. Raises `BadRequest` for a property the type does not have."""
    names = tuple(filter(None, (name.strip() for name in call.query.get("$select", "").split(","))))
    for name in names:
        if name != "*":
            kind.member(name)
    return () if "*" in names else names


def read(entities: EntitySet, call: Call, dialect: Dialect, within: Row | None = None) -> Page:
    """One page. `within` limits to rows with these columns (navigation). Raises `Refusal`."""
    asked = options(call, entities.kind, dialect)
    found = [row for row in _candidates(entities, asked, within) if _hit(entities, call, asked, within, row)]
    for column, downwards in reversed(asked.order):
        found.sort(key=lambda row: _sortable(row.get(column)), reverse=downwards)
    return _page(entities, call, asked, found)


def _candidates(entities: EntitySet, asked: Options, within: Row | None) -> Iterable[Row]:
    table = entities.table
    equal: dict[str, Any] = dict(asked.where.equal_to) if asked.where else {}
    for column, value in (within or {}).items():
        equal[column] = frozenset([value])
    if table is None:
        return entities.rows()
    usable = [column for column in equal if table.indexed(column)]
    if not usable:
        return table
    # The key's first column is the least selective of the indexes.
    best = next((column for column in usable if column != table.keys[0]), usable[0])
    return table.where(best, *equal[best])


def _hit(entities: EntitySet, call: Call, asked: Options, within: Row | None, row: Row) -> bool:
    if within and any(row.get(column) != value for column, value in within.items()):
        return False
    return entities.shows(call, row) and (asked.where is None or asked.where.matches(row))


def _page(entities: EntitySet, call: Call, asked: Options, found: list[Row]) -> Page:
    switches = call.switches
    count = len(found) if asked.count and switches.counts else None
    last = len(found) if asked.top is None else min(len(found), asked.skip + asked.top)
    if switches.empty_first_page and "$skiptoken" not in call.query and found:
        return Page([], asked.select, count, _next_link(call, asked.skip, 0))
    start = asked.token or asked.skip
    size = min(switches.page_cap, switches.default_page if asked.top is None else asked.top)
    end = min(start + size, last)
    rows = found[start:end] + _leaked(entities, call, asked)
    link = _next_link(call, end, end // max(size, 1)) if end < last else ""
    return Page(rows, asked.select, count, link)


def _leaked(entities: EntitySet, call: Call, asked: Options) -> list[Row]:
    """The defect of section 3.2: rows of companies that were not asked for."""
    company = entities.kind.company
    wanted = asked.where.equal_to.get(company) if asked.where and company else None
    if not call.switches.leaked_rows or wanted is None:
        return []
    foreign = (row for row in entities.rows() if row[company] not in wanted and entities.shows(call, row))
    return [row for _, row in zip(range(call.switches.leaked_rows), foreign, strict=False)]


def _next_link(call: Call, position: int, number: int) -> str:
    """In the form the tenant has: absolute, relative to the host, or relative to the service."""
    form = call.switches.next_link
    if form == "none":
        return ""
    if form == "mixed":
        form = _FORMS[number % 3]
    pairs = {**call.query, "$skiptoken": str(position)}
    query = "&".join(f"{name}={quote(value, safe=chr(39) + '$(),:/')}" for name, value in pairs.items())
    whole = f"{call.address}?{query}"
    if form == "host":
        return whole.removeprefix(call.host_part)
    if form == "service":
        return whole.removeprefix(f"{call.root}/")
    return whole


def _order(query: Any, kind: EntityType) -> Iterable[tuple[str, bool]]:
    for part in filter(None, (each.strip() for each in query.get("$orderby", "").split(","))):
        name, _, direction = part.partition(" ")
        if direction.strip() not in ("", "asc", "desc"):
            raise BadRequest(f"The order '{part}' cannot be read.")
        yield kind.member(name).column, direction.strip() == "desc"


def _whole(query: Any, name: str) -> int:
    text = query.get(name, "0")
    if not text.isdigit():
        raise BadRequest(f"The value of '{name}' must be a non-negative integer.")
    return int(text)


def _sortable(value: Any) -> tuple[bool, Any]:
    return value is not None, value
