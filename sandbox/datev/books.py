"""The adviser's books of one company: imported rows, balances in cents of EUR, turnovers, foreign amounts, doubles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class BookedRow:
    """One row as booked. Amounts are minor units: `amount_minor` of `currency`, `base_minor` of EUR. Never negative.

    `reversal` marks a Generalumkehr: debit and credit are then those of the row as written, with its side flipped.
    """

    filename: str
    line: int
    debit: str
    credit: str
    amount_minor: int
    currency: str
    base_minor: int
    day: date
    document: str
    gocardless_ids: tuple[str, ...]
    settlement: str
    tax_key: str
    text: str
    reversal: bool

    @property
    def meaning(self) -> tuple[object, ...]:
        """What makes two rows the same booking: everything but the place, the wording and the reversal flag.

        A reversal is told with the sides of the row it takes back, so that it cancels that row in a count.
        """
        sides = (self.credit, self.debit) if self.reversal else (self.debit, self.credit)
        money = (self.amount_minor, self.currency, self.base_minor)
        return (*sides, *money, self.day, self.document, self.gocardless_ids, self.settlement, self.tax_key)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What became of a delivered file: `imported`, `rejected` with reasons, or `ignored` as a repeated name."""

    job_id: str
    filename: str
    reference_id: str
    category: int
    state: str
    rows: int = 0
    locked: bool = False
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Turnover:
    """Minor units of EUR moved on each side; a Generalumkehr books a minus on the original side."""

    debit_minor: int = 0
    credit_minor: int = 0


@dataclass(slots=True)
class Books:
    """Read these after an import: everything adds up from `rows`; nothing is ever changed by hand."""

    client_id: str
    files: list[FileRecord] = field(default_factory=list)
    rows: list[BookedRow] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    #: debtors and creditors: number -> the filled columns of category 16, by column number
    parties: dict[str, dict[int, str]] = field(default_factory=dict)
    turnovers: dict[str, Turnover] = field(default_factory=lambda: defaultdict(Turnover))
    _foreign: Counter[tuple[str, str]] = field(default_factory=Counter)
    personal: frozenset[str] = frozenset()

    def balance(self, account: str) -> int:
        """Minor units of EUR, debit positive; zero for an account that was never touched."""
        turnover = self.turnovers.get(account)
        return turnover.debit_minor - turnover.credit_minor if turnover else 0

    def foreign_balance(self, account: str, currency: str) -> int:
        """Minor units of a foreign currency, debit positive."""
        return self._foreign[account, currency]

    def rows_of(self, *, document: str = "", gocardless_id: str = "") -> list[BookedRow]:
        """The rows with this Belegfeld 1 and this GoCardless id (Beleginfo, Auftragsnummer, Abrechnungsreferenz)."""
        return [
            row
            for row in self.rows
            if (not document or row.document == document)
            and (not gocardless_id or gocardless_id in (*row.gocardless_ids, row.settlement))
        ]

    @property
    def double_rows(self) -> list[tuple[int, list[BookedRow]]]:
        """Bookings that stand more than once, reversals taken off: how often, and all their rows."""
        places: dict[tuple[object, ...], list[BookedRow]] = defaultdict(list)
        for row in self.rows:
            places[row.meaning].append(row)
        counted = ((sum(-1 if row.reversal else 1 for row in rows), rows) for rows in places.values())
        return [(times, rows) for times, rows in counted if times > 1]

    @property
    def rejected(self) -> list[FileRecord]:
        return [record for record in self.files if record.state == "rejected"]

    @property
    def balanced(self) -> bool:
        return sum(self.balance(account) for account in self.turnovers) == 0

    def enter(self, entries: Sequence[tuple[str, int]], row: BookedRow) -> None:
        """Book one row: `entries` are (account, signed minor units of EUR) that sum to zero."""
        assert sum(minor for _, minor in entries) == 0, entries
        self.rows.append(row)
        for account, minor in entries:
            turnover = self.turnovers[account]
            if row.reversal:
                minor = -minor
            if minor > 0:
                turnover.debit_minor += -minor if row.reversal else minor
            else:
                turnover.credit_minor += minor if row.reversal else -minor
        if row.currency != "EUR":
            self._foreign[row.debit, row.currency] += row.amount_minor
            self._foreign[row.credit, row.currency] -= row.amount_minor

    def to_json(self) -> dict[str, Any]:
        """The books for the control API; all amounts are minor units, debit positive."""
        foreign: dict[str, dict[str, int]] = defaultdict(dict)
        for (account, currency), minor in sorted(self._foreign.items()):
            if minor:
                foreign[account][currency] = minor
        balances = {account: self.balance(account) for account in sorted(self.turnovers)}
        return {
            "client": self.client_id,
            "currency": "EUR",
            "balanced": self.balanced,
            "accounts": {a: minor for a, minor in balances.items() if a not in self.personal},
            "debtors": {a: minor for a, minor in balances.items() if a in self.personal},
            "foreign": foreign,
            "turnovers": {account: asdict(turnover) for account, turnover in sorted(self.turnovers.items())},
            "labels": self.labels,
            "parties": {n: {str(c): v for c, v in columns.items()} for n, columns in sorted(self.parties.items())},
            "files": [asdict(record) for record in self.files],
            "rejected": [asdict(record) for record in self.rejected],
            "rows": [asdict(row) for row in self.rows],
            "double_rows": [
                {"times": times, "rows": [asdict(row) for row in rows]} for times, rows in self.double_rows
            ],
        }
