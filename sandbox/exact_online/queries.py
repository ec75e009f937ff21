"""Reading a collection: the query options of OData v3, Exact Online's own refusals on top, and one page of rows.

Pages continue after the key (or row version, or sort values) of the last row, not after a count: rows that come or go
between two pages move nothing else. Sections 4.1 to 4.4 of the fact sheet.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sandbox.exact_online import filters
from sandbox.exact_online.calls import Answer, Call, Endpoint, literal
from sandbox.exact_online.filters import Filter
from sandbox.exact_online.refusals import BadRequest, TooBroad
from sandbox.exact_online.schema import EntityType, Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

_OPTIONS = frozenset({
    "$select", "$filter", "$top", "$skip", "$skiptoken", "$orderby", "$expand", "$inlinecount", "$format",
})  # fmt: skip
_SUBJECT = "A GET request for this endpoint must have a $filter parameter with one of the following fields in the url"


@dataclass(frozen=True, slots=True)
class _Order:
    name: str
    descending: bool


@dataclass(slots=True)
class _Query:
    """The options of one request, read and checked."""

    select: tuple[str, ...]
    filter: Filter | None
    top: int | None
    skip: int
    token: str
    order: tuple[_Order, ...]
    count: bool


def read(division: Division, endpoint: Endpoint, call: Call, within: frozenset[str] | None = None) -> Answer:
    """One page. `within` limits it to those keys (a navigation property). Raises `BadRequest` and `TooBroad`."""
    query = _query(division, endpoint, call)
    hits = _hits(division, endpoint, call, query)
    if within is not None:
        hits = (row for row in hits if row[endpoint.kind.key] in within)
    if division.switches.too_broad_rows and endpoint.style == "normal" and query.top is None:
        hits = _bounded(hits, division.switches.too_broad_rows)
    total: int | None = None
    if query.count or query.order:
        counted = list(hits)
        total = len(counted) if query.count else None
        hits = iter(_sorted(counted, query))
    if query.skip:
        hits = islice(hits, query.skip, None)
    size = endpoint.page_size if query.top is None else min(query.top, endpoint.page_size)
    page = list(islice(hits, size + 1))
    more = len(page) > size and query.top is None
    page = page[:size]
    link = _next_link(endpoint, call, query, page[-1]) if more else ""
    return Answer(
        kind=endpoint.kind,
        path=endpoint.path,
        rows=page,
        select=query.select,
        next_link=link,
        bare=query.top is not None,
        count=total,
    )


def count(division: Division, endpoint: Endpoint, call: Call) -> Answer:
    """`/$count`: the number of rows as text."""
    query = _query(division, endpoint, call, counting=True)
    return Answer(text=str(sum(1 for _ in _hits(division, endpoint, call, query))), content_type="text/plain")


def selected(endpoint: Endpoint, call: Call) -> tuple[str, ...]:
    """The properties `$select` names; none is all. Raises `BadRequest`."""
    return _select(endpoint, endpoint.kind, call.query.get("$select", ""))


def _query(division: Division, endpoint: Endpoint, call: Call, *, counting: bool = False) -> _Query:
    kind = endpoint.kind
    for name in call.query:
        if name.startswith("$") and name not in _OPTIONS:
            raise BadRequest(f"The query parameter '{name}' is not supported.")
    query = _Query(
        select=_select(endpoint, kind, call.query.get("$select", "")),
        filter=filters.parse(text, kind) if (text := call.query.get("$filter", "")) else None,
        top=_whole(call, "$top"),
        skip=_whole(call, "$skip") or 0,
        token=call.query.get("$skiptoken", ""),
        order=_order(kind, call.query.get("$orderby", "")),
        count=call.query.get("$inlinecount", "none") == "allpages",
    )
    if call.query.get("$expand", kind.lines) != kind.lines:
        raise BadRequest(f"Bad Request - the navigation property '{call.query['$expand']}' cannot be expanded.")
    if not counting:
        _check_select(endpoint, call, query)
    _check_filter(division, endpoint, query)
    if query.skip and endpoint.style != "normal":
        raise BadRequest("The query parameter '$skip' is not supported on this endpoint.")
    return query


def _select(endpoint: Endpoint, kind: EntityType, text: str) -> tuple[str, ...]:
    if not text:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if "*" in names:
        if endpoint.style == "sync":
            raise BadRequest("$select=* is not supported on this endpoint. Please list the properties.")
        return ()
    for name in names:
        if name != kind.lines:
            kind.property(name)
    return names


def _order(kind: EntityType, text: str) -> tuple[_Order, ...]:
    order = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, way = part.partition(" ")
        if way.strip() not in ("", "asc", "desc"):
            raise BadRequest(f"Bad Request - Error in query syntax: {part}.")
        order.append(_Order(kind.property(name).name, way.strip() == "desc"))
    # The key settles ties, so that a page can continue after its last row.
    return (*order, _Order(kind.key, False)) if order else ()


def _whole(call: Call, name: str) -> int | None:
    text = call.query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise BadRequest(f"The value of {name} must be a whole number.")
    return int(text)


def _check_select(endpoint: Endpoint, call: Call, query: _Query) -> None:
    given = "$select" in call.query
    if endpoint.style in ("bulk", "sync") and not given:
        raise BadRequest("Please add a $select statement to the query string.")
    if endpoint.needs_select and not given and query.top != 1:
        raise BadRequest("Please add a $select or a $top=1 statement to the query string.")


def _check_filter(division: Division, endpoint: Endpoint, query: _Query) -> None:
    names = query.filter.names if query.filter else frozenset()
    demanded = endpoint.style != "bulk" or division.switches.mandatory_filter_on_bulk
    if endpoint.must_filter and demanded and not names & endpoint.must_filter:
        raise BadRequest(f"{_SUBJECT}:{', '.join(sorted(endpoint.must_filter))}")
    if endpoint.filterable and (strange := names - endpoint.filterable):
        raise BadRequest(f"Filtering on {', '.join(sorted(strange))} is not supported on this endpoint.")


def _hits(division: Division, endpoint: Endpoint, call: Call, query: _Query) -> Iterator[Row]:
    test = query.filter.matches if query.filter else None
    for raw in _candidates(division, endpoint, query):
        if not endpoint.shows(division, call, raw):
            continue
        row = endpoint.shaped(division, raw)
        if test is None or test(row):
            yield row


def _candidates(division: Division, endpoint: Endpoint, query: _Query) -> Iterable[Row]:
    """The fewest rows the tables can give: by version, by an indexed equality, or from the key after the token on."""
    if endpoint.source is not None:
        rows = endpoint.source(division)
        if query.token and not query.order:
            after, name = _key(query.token), endpoint.kind.key
            return (row for row in rows if row[name] > after)
        return rows
    table = division.tables[endpoint.table]
    if endpoint.style == "sync":
        start = query.filter.above.get("Timestamp", 0) if query.filter else 0
        return table.after_version(max(start, _key(query.token) if query.token else 0))
    for name, values in (query.filter.equal_to if query.filter else {}).items():
        if table.indexed(name):
            found = table.where(name, *values)
            if query.token and not query.order:
                after = _key(query.token)
                return [row for row in found if row[table.key] > after]
            return found
    if query.token and not query.order:
        return table.after_key(_key(query.token))
    return table


def _bounded(rows: Iterable[Row], limit: int) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number >= limit:
            raise TooBroad("The request is too broad. Please narrow the $filter or use the sync API.")
        yield row


def _sorted(rows: list[Row], query: _Query) -> list[Row]:
    rows.sort(key=functools.cmp_to_key(functools.partial(_compare, query.order)))
    if query.order and query.token:
        last = _unpacked(query.token)
        return [row for row in rows if _compare(query.order, last, row) < 0]
    return rows


def _compare(order: tuple[_Order, ...], left: Row, right: Row) -> int:
    for each in order:
        first, second = left.get(each.name), right.get(each.name)
        if first == second:
            continue
        smaller = first is None or (second is not None and first < second)
        return 1 if smaller == each.descending else -1
    return 0


def _next_link(endpoint: Endpoint, call: Call, query: _Query, last: Row) -> str:
    """The address of the next page, with `$` and the token percent-encoded as Exact Online writes them."""
    if query.order:
        token = _packed(query.order, last)
    elif endpoint.style == "sync":
        token = literal(last["Timestamp"])
    else:
        token = literal(last[endpoint.kind.key])
    options = {name: value for name, value in call.query.items() if name not in ("$skiptoken", "$skip")}
    kept = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in options.items())
    return f"{call.base}/{endpoint.path}?{kept}{'&' if kept else ''}%24skiptoken={quote(token, safe='')}"


def _key(token: str) -> Any:
    if token.startswith("guid'") and token.endswith("'"):
        return token[5:-1]
    if token.endswith("L") and token[:-1].lstrip("-").isdigit():
        return int(token[:-1])
    if token.startswith("'") and token.endswith("'"):
        return token[1:-1]
    raise BadRequest("The value of $skiptoken is not valid.")


def _packed(order: tuple[_Order, ...], row: Row) -> str:
    values = {each.name: row.get(each.name) for each in order}
    return base64.urlsafe_b64encode(json.dumps(values, default=_tagged).encode()).decode()


def _tagged(value: Any) -> list[str]:
    return ["T", value.isoformat()] if isinstance(value, datetime) else ["D", str(value)]


def _unpacked(token: str) -> Row:
    try:
        values = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError) as problem:
        raise BadRequest("The value of $skiptoken is not valid.") from problem
    readers: dict[str, Callable[[str], Any]] = {"T": datetime.fromisoformat, "D": Decimal}
    return {name: readers[each[0]](each[1]) if isinstance(each, list) else each for name, each in values.items()}
