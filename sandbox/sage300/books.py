"""The company's general ledger: every posting arrives here balanced, and balances are kept from it.

It knows accounts, currencies and customers and nothing of batches; what it says about an account or about a customer's
debt is therefore a second opinion on what any connector believes it has booked.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Line:
    """`minor` is positive for a debit, in the posting's currency; `base_minor` in the functional one. `customer` is
    named on lines of a receivables control account that came from the sub-ledger."""

    account: str
    minor: int
    base_minor: int
    customer: str = ""
    text: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """One posted document. `kind` is its type, `number` its own number, `batch` and `entry` where it came from."""

    kind: str
    number: str
    reference: str
    customer: str
    batch: str
    entry: str
    dated: date
    period: str
    currency: str
    lines: tuple[Line, ...]
    #: what it was applied to, and with how much, in minor units of the customer's currency.
    applied: tuple[tuple[str, int], ...] = ()


class Unbalanced(Exception):
    """A posting whose functional debits and credits differ was about to be booked: a defect of the stand-in itself."""


class Books:
    """Append-only postings, and the balances that follow from them. Posting is permanent (section 3.8)."""

    def __init__(self) -> None:
        self.postings: list[Posting] = []
        self._base: dict[str, int] = defaultdict(int)
        self._accounts: dict[tuple[str, str], int] = defaultdict(int)
        self._receivable: dict[tuple[str, str], int] = defaultdict(int)

    def book(self, posting: Posting) -> None:
        """Raises `Unbalanced` when the lines do not sum to zero in the functional currency."""
        if sum(line.base_minor for line in posting.lines):
            raise Unbalanced(f"{posting.kind} {posting.number}: {posting.lines}")
        self.postings.append(posting)
        for line in posting.lines:
            self._base[line.account] += line.base_minor
            self._accounts[posting.currency, line.account] += line.minor
            if line.customer:
                self._receivable[posting.currency, line.customer] += line.minor

    def balance(self, account: str) -> int:
        """Debits less credits of one account, in minor units of the functional currency."""
        return self._base.get(account, 0)

    def receivable(self, customer: str, currency: str) -> int:
        """What the customer owes, in minor units of one currency; negative when we owe."""
        return self._receivable.get((currency, customer), 0)

    def balances(self) -> dict[str, int]:
        """Every account ever posted to, in the functional currency."""
        return dict(sorted(self._base.items()))

    def source_balances(self) -> dict[str, dict[str, int]]:
        """Every account, per currency of the postings."""
        return _nested(self._accounts)

    def receivables(self) -> dict[str, dict[str, int]]:
        """Every customer ever posted to, per currency."""
        return _nested(self._receivable)


def _nested(flat: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    result: dict[str, dict[str, int]] = {}
    for (currency, name), minor in sorted(flat.items()):
        result.setdefault(currency, {})[name] = minor
    return result
