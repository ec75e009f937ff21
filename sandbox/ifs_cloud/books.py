"""One company's general ledger: every approved voucher arrives here balanced, and balances are kept from it.

It knows accounts, currencies and customers and nothing of documents' life cycles; what it says about an account or a
customer's debt is therefore a second opinion on what any connector believes it has booked.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from sandbox.ifs_cloud.odata.tables import Journal

#: accounting year, voucher type, voucher number.
VoucherKey = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """`minor` is positive for a debit and negative for a credit, in `currency`; `base_minor` in the company's.

    `customer` is named on rows of the ledger account; `reference` is what the row carries as serie and number.
    """

    account: str
    currency: str
    minor: int
    base_minor: int
    customer: str = ""
    text: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One voucher. `kind` is its function group (M manual, N mixed payment, F invoice …), `text` its head's text."""

    key: VoucherKey
    kind: str
    dated: date
    period: str
    text: str
    lines: tuple[Line, ...]


class Unbalanced(Exception):
    """A voucher whose debits and credits differ was about to be booked: a defect of the stand-in itself."""


class Books:
    """Entries by voucher and the balances that follow from them. A voucher whose approval is withdrawn is taken out."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._entries: dict[VoucherKey, Entry] = {}
        self._accounts: dict[tuple[str, str], int] = defaultdict(int)
        self._base: dict[str, int] = defaultdict(int)
        self._receivable: dict[tuple[str, str], int] = defaultdict(int)

    @property
    def entries(self) -> list[Entry]:
        return list(self._entries.values())

    def book(self, entry: Entry) -> None:
        """Raises `Unbalanced` when the lines do not sum to zero in the company's currency."""
        if sum(line.base_minor for line in entry.lines):
            raise Unbalanced(f"{entry.key}: {entry.lines}")
        self._add(entry)
        self._journal.record(lambda: self._remove(entry))

    def take_out(self, key: VoucherKey) -> None:
        entry = self._entries[key]
        self._remove(entry)
        self._journal.record(lambda: self._add(entry))

    def __contains__(self, key: VoucherKey) -> bool:
        return key in self._entries

    def balance(self, account: str, currency: str) -> int:
        """Debits less credits of one account in one currency, in minor units."""
        return self._accounts.get((currency, account), 0)

    def base_balance(self, account: str) -> int:
        """Debits less credits of one account over all currencies, in minor units of the company's currency."""
        return self._base.get(account, 0)

    def receivable(self, customer: str, currency: str) -> int:
        """What the customer owes in one currency, in minor units; negative when we owe."""
        return self._receivable.get((currency, customer), 0)

    def told(self) -> dict[str, Any]:
        """Balances per currency and account, in the company's currency per account, and debts per currency and
        customer.
        """
        return {
            "balances": _nested(self._accounts),
            "base_balances": dict(sorted(self._base.items())),
            "receivable": _nested(self._receivable),
        }

    def _add(self, entry: Entry) -> None:
        self._entries[entry.key] = entry
        self._sum(entry, 1)

    def _remove(self, entry: Entry) -> None:
        del self._entries[entry.key]
        self._sum(entry, -1)

    def _sum(self, entry: Entry, sign: int) -> None:
        for line in entry.lines:
            self._accounts[line.currency, line.account] += sign * line.minor
            self._base[line.account] += sign * line.base_minor
            if line.customer:
                self._receivable[line.currency, line.customer] += sign * line.minor


def _nested(flat: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    result: dict[str, dict[str, int]] = {}
    for (currency, name), minor in sorted(flat.items()):
        result.setdefault(currency, {})[name] = minor
    return result
