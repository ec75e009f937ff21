"""The division's general ledger: every entry arrives here balanced, and balances are kept from it.

It knows accounts, currencies and customers and nothing of documents' life cycles; what it says about an account or a
customer's debt is therefore a second opinion on what any connector believes it has booked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date


@dataclass(frozen=True, slots=True)
class Line:
    """`minor` is positive for a debit and negative for a credit, in the entry's currency; `base_minor` in the
    division's. `customer` is named on receivable lines that were booked with a relation.
    """

    account: str
    minor: int
    base_minor: int
    customer: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One booked document. `kind`, `journal` and `number` name it as the API does; `reference` is what its first line
    says.
    """

    kind: str
    entry_id: str
    journal: str
    number: int
    reference: str
    dated: date
    period: str
    currency: str
    lines: tuple[Line, ...]


class Unbalanced(Exception):
    """An entry whose debits and credits differ was about to be booked: a defect of the stand-in itself."""


class Books:
    """Append-only entries and the balances that follow from them, per currency. A deleted document is counter-booked."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._by_id: dict[str, Entry] = {}
        self._accounts: dict[tuple[str, str], int] = defaultdict(int)
        self._base: dict[str, int] = defaultdict(int)
        self._receivable: dict[tuple[str, str], int] = defaultdict(int)

    def book(self, entry: Entry) -> None:
        """Add an entry. Raises `Unbalanced` when its lines do not sum to zero in both currencies."""
        if sum(line.minor for line in entry.lines) or sum(line.base_minor for line in entry.lines):
            raise Unbalanced(f"{entry.kind} {entry.number}: {entry.lines}")
        self.entries.append(entry)
        self._by_id[entry.entry_id] = entry
        for line in entry.lines:
            self._accounts[entry.currency, line.account] += line.minor
            self._base[line.account] += line.base_minor
            if line.customer:
                self._receivable[entry.currency, line.customer] += line.minor

    def take_back(self, entry_id: str) -> None:
        """Counter-book a deleted document."""
        entry = self._by_id.pop(entry_id)
        lines = tuple(replace(line, minor=-line.minor, base_minor=-line.base_minor) for line in entry.lines)
        self.book(replace(entry, kind=f"Deleted{entry.kind}", lines=lines))
        del self._by_id[entry_id]

    def effective(self) -> list[Entry]:
        """Entries that were not deleted, oldest first."""
        return list(self._by_id.values())

    def balance(self, account: str, currency: str) -> int:
        """Debits less credits of one account in one currency, in minor units."""
        return self._accounts.get((currency, account), 0)

    def base_balance(self, account: str) -> int:
        """Debits less credits of one account over all currencies, in minor units of the division's currency."""
        return self._base.get(account, 0)

    def receivable(self, customer: str, currency: str) -> int:
        """What the customer (by unpadded code) owes in one currency, in minor units; negative when we owe."""
        return self._receivable.get((currency, customer), 0)

    def balances(self) -> dict[str, dict[str, int]]:
        """Every account ever touched, per currency."""
        return _nested(self._accounts)

    def receivables(self) -> dict[str, dict[str, int]]:
        """Every customer ever booked on, per currency."""
        return _nested(self._receivable)

    def text(self, kinds: Sequence[str] = ()) -> str:
        """The entries as an accountant reads them, for comparison in tests; optionally of some kinds only."""
        blocks = []
        for entry in self.entries:
            if kinds and entry.kind not in kinds:
                continue
            rows = [f"{entry.dated} {entry.kind} {entry.number} {entry.reference}".rstrip()]
            rows += [f"  {line.account:<8}{line.minor:>12} {entry.currency}" for line in entry.lines]
            blocks.append("\n".join(rows))
        return "\n".join(blocks)


def _nested(flat: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    result: dict[str, dict[str, int]] = {}
    for (currency, name), minor in sorted(flat.items()):
        result.setdefault(currency, {})[name] = minor
    return result
