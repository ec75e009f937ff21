"""What a month needs of a ledger, whichever it is: to be filled with customers and invoices, and a bookkeeper at its screen."""

from __future__ import annotations

from datetime import date
from typing import Protocol, runtime_checkable

from sandbox.business.ledger_plan import LedgerCharge, LedgerCredit, LedgerCustomer, LedgerInvoice


class Ledger(Protocol):
    """A stand-in's books as its own people use them; none of this goes through an API that a connector could use."""

    def add_customer(self, customer: LedgerCustomer) -> None: ...

    def add_invoice(self, invoice: LedgerInvoice) -> None:
        """Book it; from now on it is open. One that is `held` is kept from being collected by the ledger's own means."""
        ...

    def add_credit(self, credit: LedgerCredit) -> None: ...

    def book_transfer(self, invoice: str, amount_minor: int, on: date) -> None:
        """Money of the invoice has come to the ordinary bank account; settle what it pays."""
        ...

    def tell(self) -> None:
        """Send the notifications that wait, if the ledger has any."""
        ...


@runtime_checkable
class RecurringLedger(Ledger, Protocol):
    """A ledger that also bills recurring charges."""

    def add_charge(self, charge: LedgerCharge) -> None: ...

    def bill_charges(self, on: date) -> None:
        """Make the invoices of all charges that are due on that day, as its people do."""
        ...
