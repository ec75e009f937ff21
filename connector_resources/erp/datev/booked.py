"""What the items of a foreign payout stand for on the clearing account, in euros: without it no exchange difference.

Reads the payout's items and our own ledger, never DATEV. Every figure is made again from the posting it was booked by, so
it agrees with the rows that were sent as long as the rates in the settings are not changed afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bookkeeping.entities import PayoutItem
from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Posting, Side
from connector_resources.erp.datev.exchange import Conversion
from connector_resources.erp.datev.extf import BASE_CURRENCY
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.payout_books import movements
from connector_resources.erp.refusal import CannotBook


class Books(Protocol):
    """What is needed of the store for one connection."""

    def items(self, payout_id: str) -> list[PayoutItem] | None:
        """The payout's items; None when they were never read."""
        ...

    def postings(self, subjects: Sequence[str]) -> Mapping[str, Sequence[Posting]]:
        """The postings about these payments and refunds that are or will be booked, oldest first."""
        ...


def clearing_base(payout: Posting, books: Books, settings: DatevSettings) -> Money | None:
    """Euros by which the payout's items raised the clearing account; None when one of them is not known.

    Payments on the suspense account never reached clearing and are left out.
    """
    items = books.items(payout.subject)
    if items is None:
        return None
    wanted = movements(payout, items)
    known = books.postings([each.subject for each in wanted])
    base = Money.zero(BASE_CURRENCY)
    for each in wanted:
        moved = [posting for posting in known.get(each.subject, ()) if posting.kind is each.kind]
        raised = _raised(moved[-1], settings) if moved else None
        if raised is None:
            return None
        base = base + raised
    return base


def _raised(posting: Posting, settings: DatevSettings) -> Money | None:
    """Euros by which a posting raised the clearing account; None when its rate is not known any more."""
    raised = Money.zero(BASE_CURRENCY)
    conversion = Conversion(posting, settings)
    for line in posting.lines:
        if line.role is not AccountRole.CLEARING:
            continue
        try:
            converted = conversion.convert(line.amount)
        except CannotBook:
            return None
        euros = converted.base if converted else line.amount
        raised = raised + euros if line.side is Side.DEBIT else raised - euros
    return raised
