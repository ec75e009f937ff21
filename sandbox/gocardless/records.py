"""Resources in memory: a record keeps its JSON ready to send, a collection keeps its records ordered for cursor
paging.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

Predicate = Callable[["Record"], bool]


class Record:
    """One resource. `body` is what the API shows and changes only through `change` and `link`; `hidden` is ours
    alone.
    """

    __slots__ = ("_body", "_json", "created_at", "hidden", "id", "removed", "sequence")

    def __init__(
        self, identity: str, created_at: str, body: dict[str, Any], *, hidden: dict[str, Any] | None = None
    ) -> None:
        self.id = identity
        self.created_at = created_at
        self.hidden = {} if hidden is None else hidden
        self.sequence = 0
        self.removed = False
        self._body: dict[str, Any] | None = body
        self._json: bytes | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Position in every list: creation time, then order of creation within the millisecond."""
        return (self.created_at, self.sequence)

    @property
    def body(self) -> dict[str, Any]:
        if self._body is None:
            body: dict[str, Any] = orjson.loads(self.json)
            return body
        return self._body

    @property
    def json(self) -> bytes:
        if self._json is None:
            self._json = compact_json(self.body)
        return self._json

    def prepare(self) -> None:
        """Make the JSON now, so that the first page is as quick as the second, and keep nothing else of the body: a
        million records are many.
        """
        self._json = compact_json(self.body)
        self._body = None

    @property
    def status(self) -> str:
        return str(self.body["status"])

    @property
    def links(self) -> dict[str, Any]:
        links: dict[str, Any] = self.body["links"]
        return links

    def change(self, **values: Any) -> None:
        self._opened().update(values)

    def link(self, **values: str) -> None:
        self._opened()["links"].update(values)

    def _opened(self) -> dict[str, Any]:
        self._body = self.body
        self._json = None
        return self._body


def compact_json(body: dict[str, Any]) -> bytes:
    """JSON to keep. What orjson returns holds on to the kilobytes of its buffer, however short the text is; a copy does not."""
    return bytes(memoryview(orjson.dumps(body)))


def _key(record: Record) -> tuple[str, int]:
    return record.key


class Collection:
    """All records of one resource type, oldest first. `indexed` names links (or hidden values) with an own list
    each.
    """

    def __init__(self, name: str, indexed: tuple[str, ...] = ()) -> None:
        self.name = name
        self.ordered: list[Record] = []
        self._by_id: dict[str, Record] = {}
        self._indexed = frozenset(indexed)
        self._lists: dict[tuple[str, str], list[Record]] = {}
        self._late: list[tuple[str, int, Record]] = []
        self._sequence = 0

    def __iter__(self) -> Iterator[Record]:
        return iter(self.ordered)

    def __len__(self) -> int:
        return len(self.ordered)

    def __contains__(self, identity: str) -> bool:
        return self.get(identity) is not None

    def add(self, record: Record, visible_from: str = "") -> Record:
        """Keep a new record. With `visible_from` it stays out of sight until `release` is called at or after that
        time.
        """
        self._sequence += 1
        record.sequence = self._sequence
        self._by_id[record.id] = record
        if visible_from:
            heapq.heappush(self._late, (visible_from, record.sequence, record))
        else:
            self._insert(record)
        return record

    def hide(self, record: Record, visible_from: str) -> None:
        """Take a record that can be seen out of sight until `release` is called at or after that time."""
        for listed in self._lists_of(record):
            listed.remove(record)
        record.hidden["visible_from"] = visible_from
        heapq.heappush(self._late, (visible_from, record.sequence, record))

    def release(self, now: str) -> list[Record]:
        """Bring late records whose time has come into the lists; returns them."""
        released: list[Record] = []
        while self._late and self._late[0][0] <= now:
            record = heapq.heappop(self._late)[2]
            self._insert(record)
            released.append(record)
        return released

    def get(self, identity: str) -> Record | None:
        """The record, unless it was removed or is not visible yet."""
        record = self._by_id.get(identity)
        if record is None or record.removed or any(late is record for _, _, late in self._late):
            return None
        return record

    def every(self) -> Iterator[Record]:
        """All records in the order in which they were made, whether or not they can be seen yet."""
        return iter(self._by_id.values())

    def known(self, identity: str) -> Record | None:
        """The record even when it was removed: cursors stay valid."""
        return self._by_id.get(identity)

    def remove(self, record: Record) -> None:
        record.removed = True
        for listed in self._lists_of(record):
            position = bisect_left(listed, record.key, key=_key)
            if position < len(listed) and listed[position] is record:
                del listed[position]

    def reindex(self, record: Record) -> None:
        """Put a record into the lists of links that it was given after it was added."""
        for listed in self._lists_of(record):
            position = bisect_left(listed, record.key, key=_key)
            if position == len(listed) or listed[position] is not record:
                listed.insert(position, record)

    def with_link(self, name: str, value: str) -> list[Record]:
        """Records whose indexed link `name` is `value`, oldest first. Raises `KeyError` for a link that is not
        indexed.
        """
        if name not in self._indexed:
            raise KeyError(f"{self.name} has no index on {name}")
        return self._lists.get((name, value), [])

    def has_index(self, name: str) -> bool:
        return name in self._indexed

    def _insert(self, record: Record) -> None:
        for listed in self._lists_of(record):
            if not listed or listed[-1].key < record.key:
                listed.append(record)
            else:
                insort(listed, record, key=_key)

    def _lists_of(self, record: Record) -> Iterator[list[Record]]:
        yield self.ordered
        links = record.body.get("links") or {}
        for name in self._indexed:
            value = links.get(name) or record.hidden.get(name)
            if value:
                yield self._lists.setdefault((name, value), [])


@dataclass(frozen=True, slots=True)
class Window:
    """Bounds on `created_at` as stored text: `low <= created_at < high`, each open when empty."""

    low: str = ""
    high: str = ""

    def positions(self, ordered: list[Record]) -> tuple[int, int]:
        low = bisect_left(ordered, (self.low, 0), key=_key) if self.low else 0
        high = bisect_left(ordered, (self.high, 0), key=_key) if self.high else len(ordered)
        return low, max(low, high)


@dataclass(frozen=True, slots=True)
class Page:
    """Records newest first, with the cursors to the newer and the older neighbours (None at the ends)."""

    records: list[Record]
    before: str | None
    after: str | None


def cut_page(
    ordered: list[Record],
    window: Window,
    limit: int,
    *,
    after: Record | None = None,
    before: Record | None = None,
    predicate: Predicate | None = None,
) -> Page:
    """One page of `ordered` (oldest first): older than `after`, or the nearest ones newer than `before`."""
    low, high = window.positions(ordered)
    if before is not None:
        start = max(low, bisect_right(ordered, before.key, key=_key))
        found = _matching(ordered, range(start, high), predicate, limit + 1)
        more_newer, more_older = len(found) > limit, _any(ordered, range(low, min(start, high)), predicate)
        records = found[:limit][::-1]
    else:
        start = high if after is None else min(high, bisect_left(ordered, after.key, key=_key))
        start = max(start, low)
        found = _matching(ordered, range(start - 1, low - 1, -1), predicate, limit + 1)
        more_older, more_newer = len(found) > limit, after is not None and _any(ordered, range(start, high), predicate)
        records = found[:limit]
    return Page(
        records,
        records[0].id if records and more_newer else None,
        records[-1].id if records and more_older else None,
    )


def _matching(ordered: list[Record], positions: range, predicate: Predicate | None, count: int) -> list[Record]:
    if predicate is None:
        return [ordered[position] for position in positions[:count]]
    found: list[Record] = []
    for position in positions:
        if predicate(ordered[position]):
            found.append(ordered[position])
            if len(found) == count:
                break
    return found


def _any(ordered: list[Record], positions: Iterable[int], predicate: Predicate | None) -> bool:
    return any(predicate is None or predicate(ordered[position]) for position in positions)
