"""The company's general ledger: every released document arrives here as a balanced entry, and balances are kept from
it.

Balances are kept in the currency of the entries and in the base currency of the company.
It knows accounts, currencies and customers and nothing of documents' life cycles; what it says about the clearing
account or a customer's debt is therefore a second opinion on what any connector believes it has booked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Line:
    """`minor` is positive for a debit and negative for a credit. `customer` is named on receivable lines only."""

    account: str
    minor: int
    customer: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One booked document. `kind` and `number` name it as the API does; `reference` is the outside id it carries."""

    kind: str
    number: str
    reference: str
    dated: date
    period: str
    currency: str
    lines: tuple[Line, ...]
    base_lines: tuple[Line, ...]


class Unbalanced(Exception):
    """An entry whose debits and credits differ was about to be booked: a defect of the stand-in itself."""


class Books:
    """Append-only entries and the balances that follow from them, per currency."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._accounts: dict[tuple[str, str], int] = defaultdict(int)
        self._receivable: dict[tuple[str, str], int] = defaultdict(int)
        self._base: dict[str, int] = defaultdict(int)

    def book(self, entry: Entry) -> None:
        """Add an entry. Raises `Unbalanced` when its lines do not sum to zero in either currency."""
        for lines in (entry.lines, entry.base_lines):
            if sum(line.minor for line in lines) != 0:
                raise Unbalanced(f"{entry.kind} {entry.number}: {lines}")
        self.entries.append(entry)
        for line in entry.lines:
            self._accounts[entry.currency, line.account] += line.minor
            if line.customer:
                self._receivable[entry.currency, line.customer] += line.minor
        for line in entry.base_lines:
            self._base[line.account] += line.minor

    def balance(self, account: str, currency: str) -> int:
        """Debits less credits of one account in one currency, in minor units."""
        return self._accounts.get((currency, account), 0)

    def base_balance(self, account: str) -> int:
        """Debits less credits of one account over all currencies, in minor units of the base currency."""
        return self._base.get(account, 0)

    def base_balances(self) -> dict[str, int]:
        """Every account ever touched, in minor units of the base currency."""
        return dict(sorted(self._base.items()))

    def receivable(self, customer: str, currency: str) -> int:
        """What the customer owes in one currency, in minor units; negative when we owe."""
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
