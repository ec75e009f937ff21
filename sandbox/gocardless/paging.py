"""Lists: cursor paging, the bracketed time filters and the other filters of gocardless.md section 4.1, checked
strictly.

An unknown filter is refused, because a misspelt one would silently return the wrong records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson

from sandbox.gocardless.calls import Call, Reply
from sandbox.gocardless.problems import invalid_filters
from sandbox.gocardless.records import Collection, Page, Predicate, Record, Window, cut_page
from sandbox.gocardless.timestamps import parse_stamp, stamp

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
_COMPARISONS = ("gt", "gte", "lt", "lte")
_BRACKETS = re.compile(r"^(\w+)\[(\w+)\]$")

Match = Callable[[Record, str], bool]


@dataclass(frozen=True, slots=True)
class ListRules:
    """Which filters a list knows.

    links      filters on a link; the indexed one with the shortest list is walked
    fields     filters on a field of the body; several values are comma-joined
    matches    filters with their own test
    dates      body fields with bracketed date filters
    sorts      allowed `sort_field`s
    exclusive  groups of filters of which only one may be given
    timed      whether `created_at[...]` is known
    """

    links: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    matches: Mapping[str, Match] | None = None
    dates: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    timed: bool = True


def list_records(call: Call, collection: Collection, rules: ListRules, always: Predicate | None = None) -> Reply:
    """A page of the collection as JSON. `always` further restricts it."""
    return render(collection.name, *find_page(call, collection, rules, always))


def find_page(
    call: Call, collection: Collection, rules: ListRules, always: Predicate | None = None, floor: str = ""
) -> tuple[Page, int]:
    """The page asked for and its limit. Records created before `floor` do not exist. Raises 400 `invalid_filters`."""
    query = call.query
    _refuse_conflicts(query, rules)
    limit = read_limit(query)
    bounds = _bounds(query, rules)
    ordered, tests = _candidates(collection, query, rules)
    if always is not None:
        tests.append(always)
    predicate = _all(tests)
    window = Window(max(bounds.low, floor), bounds.high)
    if "sort_field" in query or "sort_direction" in query:
        return _sorted_page(ordered, window, predicate, query, rules, limit), limit
    page = cut_page(
        ordered, window, limit,
        after=_cursor(collection, query, "after"), before=_cursor(collection, query, "before"), predicate=predicate,
    )  # fmt: skip
    return page, limit


def render(name: str, page: Page, limit: int, extra: bytes = b"") -> Reply:
    meta = orjson.dumps({"cursors": {"before": page.before, "after": page.after}, "limit": limit})
    records = b",".join([record.json for record in page.records])
    return Reply(200, b'{"' + name.encode() + b'":[' + records + b'],"meta":' + meta + extra + b"}")


def read_limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_LIMIT:
        raise invalid_filters(f"limit must be a whole number from 1 to {MAX_LIMIT}, not {text!r}")
    return int(text)


def _refuse_conflicts(query: Mapping[str, str], rules: ListRules) -> None:
    if "after" in query and "before" in query:
        raise invalid_filters("'after' and 'before' exclude each other")
    for group in rules.exclusive:
        given = [name for name in group if name in query]
        if len(given) > 1:
            raise invalid_filters(f"these filters exclude each other: {', '.join(given)}")
    known = {"limit", "after", "before", *rules.links, *rules.fields, *(rules.matches or {})}
    if rules.sorts:
        known |= {"sort_field", "sort_direction"}
    bracketed = {*rules.dates, *(("created_at",) if rules.timed else ())}
    for name in query:
        found = _BRACKETS.match(name)
        allowed = found is not None and found[1] in bracketed and found[2] in _COMPARISONS
        if name not in known and not allowed:
            raise invalid_filters(f"unknown filter {name!r}")


def _bounds(query: Mapping[str, str], rules: ListRules) -> Window:
    low, high = "", ""
    for comparison in _COMPARISONS if rules.timed else ():
        text = query.get(f"created_at[{comparison}]")
        if text is None:
            continue
        try:
            moment = parse_stamp(text)
        except ValueError as problem:
            raise invalid_filters(f"created_at[{comparison}]: {problem}") from problem
        # Stored times have milliseconds, so "later than" is "at or after the next millisecond".
        edge = stamp(moment + timedelta(milliseconds=1 if comparison in ("gt", "lte") else 0))
        if comparison in ("gt", "gte"):
            low = max(low, edge)
        else:
            high = min(high, edge) if high else edge
    return Window(low, high)


def _candidates(
    collection: Collection, query: Mapping[str, str], rules: ListRules
) -> tuple[list[Record], list[Predicate]]:
    ordered, indexed = collection.ordered, ""
    for name in rules.links:
        if name in query and collection.has_index(name):
            mine = collection.with_link(name, query[name])
            if not indexed or len(mine) < len(ordered):
                ordered, indexed = mine, name
    tests: list[Predicate] = []
    for name in rules.links:
        if name in query and name != indexed:
            tests.append(_link_test(name, query[name]))
    for name in rules.fields:
        if name in query:
            tests.append(_field_test(name, frozenset(query[name].split(","))))
    for name, match in (rules.matches or {}).items():
        if name in query:
            tests.append(_own_test(match, query[name]))
    for name in rules.dates:
        for comparison in _COMPARISONS:
            if f"{name}[{comparison}]" in query:
                tests.append(_date_test(name, comparison, query[f"{name}[{comparison}]"]))
    return ordered, tests


def _all(tests: list[Predicate]) -> Predicate | None:
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda record: all(test(record) for test in tests)


def _link_test(name: str, value: str) -> Predicate:
    return lambda record: (record.body["links"].get(name) or record.hidden.get(name)) == value


def _field_test(name: str, values: frozenset[str]) -> Predicate:
    def test(record: Record) -> bool:
        found = record.body[name]
        shown = ("true" if found else "false") if isinstance(found, bool) else found
        return shown in values

    return test


def _own_test(match: Match, value: str) -> Predicate:
    return lambda record: match(record, value)


def _date_test(name: str, comparison: str, text: str) -> Predicate:
    try:
        edge = date.fromisoformat(text).isoformat()
    except ValueError as problem:
        raise invalid_filters(f"{name}[{comparison}]: {problem}") from problem

    def test(record: Record) -> bool:
        value: str | None = record.body[name]
        if value is None:
            return False
        return {"gt": value > edge, "gte": value >= edge, "lt": value < edge, "lte": value <= edge}[comparison]

    return test


def _cursor(collection: Collection, query: Mapping[str, str], name: str) -> Record | None:
    if name not in query:
        return None
    record = collection.known(query[name])
    if record is None:
        raise invalid_filters(f"the cursor {name}={query[name]} names no {collection.name}")
    return record


def _sorted_page(
    ordered: list[Record],
    window: Window,
    predicate: Predicate | None,
    query: Mapping[str, str],
    rules: ListRules,
    limit: int,
) -> Page:
    field = query.get("sort_field", "created_at")
    direction = query.get("sort_direction", "desc")
    if field not in (*rules.sorts, "created_at") or direction not in ("asc", "desc"):
        raise invalid_filters(f"cannot sort by {field} {direction}")
    low, high = window.positions(ordered)
    chosen = [record for record in ordered[low:high] if predicate is None or predicate(record)]
    chosen.sort(key=lambda record: (_sortable(record.body[field]), record.key), reverse=direction == "desc")
    places = {record.id: place for place, record in enumerate(chosen)}
    start = 0
    if "after" in query:
        start = places.get(query["after"], -1) + 1
    elif "before" in query:
        start = max(0, places.get(query["before"], 0) - limit)
    part = chosen[start : start + limit]
    return Page(
        part,
        part[0].id if part and start > 0 else None,
        part[-1].id if part and start + limit < len(chosen) else None,
    )


def _sortable(value: Any) -> tuple[int, int, str]:
    return (0, value, "") if isinstance(value, int) else (1, 0, str(value or ""))
