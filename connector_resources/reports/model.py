"""What a report says, as plain values: facts, charts and tables with typed cells. `page` and `workbook` lay it out.

Nothing here reads the store and nothing here knows HTML or a spreadsheet: whatever one of the two shows, the other has too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from bookkeeping.money import Money, exponent

#: rows of a table that a page shows; the workbook has them all.
PAGE_ROWS = 200


class Mark(StrEnum):
    """How a state is to be taken. It is always shown as a sign and a word, never by colour alone."""

    GOOD = "good"
    BAD = "bad"
    WAITS = "waits"


@dataclass(frozen=True, slots=True)
class Amount:
    """Minor units of `currency`, with fractions where payout items have them."""

    units: Decimal
    currency: str

    @classmethod
    def of(cls, money: Money) -> Amount:
        return cls(Decimal(money.minor), money.currency)

    @property
    def major(self) -> Decimal:
        """In major units, exactly: `Amount(Decimal("45.5"), "GBP").major == Decimal("0.455")`."""
        return self.units.scaleb(-exponent(self.currency))


@dataclass(frozen=True, slots=True)
class State:
    word: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, shown in per cent; nothing is shown of an empty whole."""

    part: Decimal
    whole: Decimal

    @property
    def value(self) -> Decimal | None:
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class Ref:
    """The id or number of something that can be looked at elsewhere. Only web addresses become links."""

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar beside the figure that says the same; `size` is its length between -1 and 1."""

    size: Decimal


Cell = str | int | date | Amount | State | Share | Ref | Bar | None


class Kind(StrEnum):
    """What a column holds: decides alignment and format."""

    TEXT = "text"
    NOTE = "note"
    CODE = "code"
    COUNT = "count"
    AMOUNT = "amount"
    SHARE = "share"
    DATE = "date"
    STATE = "state"
    BAR = "bar"


@dataclass(frozen=True, slots=True)
class Column:
    """`optional` ones are left out of a page on which no row has anything in them; the workbook always has them."""

    title: str
    kind: Kind = Kind.TEXT
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a page, and a sheet of the workbook. Tables with the same `sheet` are one sheet, one below the other.

    caption    what it lists; unique within its section
    total      a last row, such as the sums; it is no row of a sheet that several tables share
    empty      the sentence in place of a table without rows
    keys       leading columns with one value each, which only the workbook needs because the page has them in a heading
    page_rows  how many rows the page shows; 0 leaves the table to the workbook
    """

    sheet: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str
    total: tuple[Cell, ...] = ()
    keys: tuple[tuple[Column, Cell], ...] = ()
    note: str = ""
    page_rows: int = PAGE_ROWS

    def __post_init__(self) -> None:
        for row in (*self.rows, *([self.total] if self.total else [])):
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {self.caption!r} has {len(row)} cells for {len(self.columns)} columns")


@dataclass(frozen=True, slots=True)
class Point:
    """A balance at the end of a day."""

    day: date
    minor: int


@dataclass(frozen=True, slots=True)
class StepChart:
    """A balance over days. `alternative` says the same in words for those who do not see it."""

    title: str
    currency: str
    points: tuple[Point, ...]
    alternative: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A headline figure with what it counts; `note` explains it."""

    value: Cell
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what belongs to it. A `folded` one is shut on a screen until it is asked for, and open on paper."""

    title: str
    lead: str = ""
    facts: tuple[Fact, ...] = ()
    charts: tuple[StepChart, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: bool = False
    state: State | None = None
    amount: Amount | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What every report of a connection says at its top. `written_at` is aware UTC; days are in `time_zone`."""

    connection: str
    erp: str
    time_zone: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `question` is what it answers, `period` what it is about; `landscape` turns the paper for wide tables."""

    head: Head
    title: str
    question: str
    period: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    landscape: bool = False
    foot: str = ""


def share_bars(amounts: Sequence[Decimal]) -> list[Bar]:
    """One bar per figure, the longest of full length."""
    longest = max((abs(each) for each in amounts), default=Decimal(0))
    return [Bar(each / longest if longest else Decimal(0)) for each in amounts]
