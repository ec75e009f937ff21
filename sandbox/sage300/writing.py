"""How a body becomes a record: every property is put in the order it was sent, each put may set others, and each
detail is inserted after its header (sections 2.0 and 9.1).

What putting a property does is told by the rules of the record's type; nothing here knows any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.sage300.refusals import General, HalfWritten
from sandbox.sage300.schema import DetailSet, EntityType, Field, Given, Row, fitted

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

Step = Callable[["Work", Row], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """`begin` fills a new row, `puts` follow a put of that property, `finish` checks and completes the row at the end."""

    begin: Step | None = None
    puts: Mapping[str, Step] = field(default_factory=dict)
    finish: Step | None = None
    #: properties that keep what they have when a full body sends them blank, null or zero (section 10).
    keeps: frozenset[str] = frozenset()


@dataclass(slots=True)
class Work:
    """One write under way. `parents` are the rows around the present one, outermost first."""

    company: Company
    rules: Mapping[str, Rules]
    parents: list[Row] = field(default_factory=list)
    warnings: list[Row] = field(default_factory=list)
    #: entries that may still be written before the write is cut off; None is no cut.
    entries_left: int | None = None
    #: called once, before the first details go in: the header exists from then on.
    inserted: Callable[[], None] | None = None

    @property
    def batch(self) -> Row:
        return self.parents[0]

    @property
    def entry(self) -> Row:
        return self.parents[1]

    def warn(self, message: str) -> None:
        """Tell the caller without refusing."""
        self.warnings.append({"Message": message, "Priority": "1", "PriorityString": "Warning", "Tag": None})


def fill(work: Work, kind: EntityType, row: Row, given: Given, *, new: bool, replace: bool = False) -> None:
    """Put all of `given` into `row`. `replace` is PUT: details that are not listed are purged."""
    rules = work.rules.get(kind.name, Rules())
    if new and rules.begin:
        rules.begin(work, row)
    if replace:
        _purge(kind, row, given)
    for name, value in given.values:
        if name in kind.details:
            _details(work, kind.details[name], row, name, value)
        elif not kind.fields[name].read_only and (new or name not in kind.key):
            put(work, rules, kind.fields[name], row, value)
    if rules.finish:
        rules.finish(work, row)


def put(work: Work, rules: Rules, known: Field, row: Row, value: Any) -> None:
    if known.name in rules.keeps and value in ("", None, 0):
        return
    row[known.name] = fitted(known, value, work.company.switches)
    effect = rules.puts.get(known.name)
    if effect:
        effect(work, row)


def _purge(kind: EntityType, row: Row, given: Given) -> None:
    for name, details in kind.details.items():
        if details.number is None:
            listed = {each.get(details.key) for each in given.get(name) or []}
            row[name] = [each for each in row[name] if each[details.key] in listed]
        else:
            row[name] = []


def _details(work: Work, details: DetailSet, row: Row, name: str, given: list[Given]) -> None:
    if work.inserted and not work.parents:
        work.inserted()
        work.inserted = None
    work.parents.append(row)
    rows: list[Row] = row[name]
    index = {each[details.key]: position for position, each in enumerate(rows)}
    for each in given:
        position = None if each.operation == "Insert" else index.get(each.get(details.key))
        if position is None and each.operation in ("Update", "Delete"):
            raise General(f"{name}: the record to {each.operation.lower()} does not exist.")
        if each.operation == "Delete" and position is not None:
            del rows[position]
            index = {left[details.key]: place for place, left in enumerate(rows)}
        elif position is not None:
            fill(work, details.kind, rows[position], each, new=False)
        else:
            _insert(work, details, rows, each)
            index[rows[-1][details.key]] = len(rows) - 1
    work.parents.pop()


def _insert(work: Work, details: DetailSet, rows: list[Row], given: Given) -> None:
    if len(work.parents) == 1 and work.entries_left is not None:
        if not work.entries_left:
            raise HalfWritten("The write was cut off.")
        work.entries_left -= 1
    fresh = details.kind.blank()
    if details.number is not None:
        fresh["_count"] = rows[-1]["_count"] + 1 if rows else 1
        fresh[details.key] = details.number(fresh["_count"])
        given = Given([pair for pair in given.values if pair[0] != details.key], given.operation)
    fill(work, details.kind, fresh, given, new=True)
    if details.number is None and any(each[details.key] == fresh[details.key] for each in rows):
        raise General(f"{details.key} '{fresh[details.key]}' exists already.")
    rows.append(fresh)
