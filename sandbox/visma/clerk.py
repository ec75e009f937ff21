"""A bookkeeper at the screen: edits, releases, voids and deletes documents while a connector is at work."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sandbox.visma import credit_notes, journals, payment_cycle, periods, rates
from sandbox.visma.records import Application, ArDocument, Batch, CashTransaction, Customer, Payment

if TYPE_CHECKING:
    from sandbox.visma.company import Company


class Clerk:
    """Screen work. Raises `KeyError` for an unknown document and a `Refusal` where the screen would refuse, too."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def edit_payment(
        self, number: str, kind: str = "Payment", *, amount_minor: int | None = None, reference: str | None = None
    ) -> Payment:
        """Change the amount or reference of a draft."""
        with self._company.lock:
            payment = self._draft(number, kind)
            if amount_minor is not None:
                payment.amount_minor = amount_minor
            if reference is not None:
                payment.reference = reference
            self._company.touch(payment)
            return payment

    def hold_payment(self, number: str, kind: str = "Payment", *, hold: bool = True) -> Payment:
        with self._company.lock:
            payment = self._draft(number, kind)
            payment.status = "Hold" if hold else "Balanced"
            self._company.touch(payment)
            return payment

    def delete_payment(self, number: str, kind: str = "Payment") -> None:
        """Delete a draft: a later read of its number is a 404."""
        with self._company.lock:
            self._company.drop_payment(self._draft(number, kind))

    def release_payment(self, number: str, kind: str = "Payment") -> Payment:
        with self._company.lock:
            return payment_cycle.release(self._company, self._company.payments[kind, number])

    def void_payment(self, number: str, kind: str = "Payment") -> Payment:
        """Void and release the voiding document."""
        with self._company.lock:
            voiding = payment_cycle.void(self._company, self._company.payments[kind, number])
            return payment_cycle.release(self._company, voiding)

    def pay_invoice(
        self, number: str, amount_minor: int, *, cash_account: str = "1920", on: date | None = None
    ) -> Payment:
        """Record and release a receipt that came in another way, so that less of the invoice is open."""
        company = self._company
        with company.lock:
            invoice = company.documents["Invoice", number]
            dated = on or company.clock.now().date()
            payment = Payment(
                **company.stamps(),
                type="Payment",
                number=company.next_number("payment"),
                customer=invoice.customer,
                method="BANK",
                cash_account=cash_account,
                currency=invoice.currency,
                rate=rates.rate(company, invoice.currency, dated),
                amount_minor=amount_minor,
                dated=dated,
                applied_on=dated,
                period=periods.of(company, dated).id,
                reference="by hand",
                lines=[Application("Invoice", number, amount_minor)],
            )
            payment_cycle.check_applications(company, payment, payment.lines)
            company.store_payment(payment)
            return payment_cycle.release(company, payment)

    def edit_customer(self, number: str, name: str) -> Customer:
        with self._company.lock:
            customer = self._company.customers[number]
            customer.name = name
            self._company.touch(customer)
            return customer

    def edit_invoice(self, number: str, text: str) -> ArDocument:
        with self._company.lock:
            invoice = self._company.documents["Invoice", number]
            invoice.text = text
            self._company.touch(invoice)
            return invoice

    def release_credit_note(self, number: str) -> ArDocument:
        with self._company.lock:
            return credit_notes.release(self._company, self._company.documents["CreditNote", number])

    def release_journal(self, number: str) -> Batch:
        with self._company.lock:
            return journals.release(self._company, self._company.batches["GL", number])

    def delete_journal(self, number: str) -> None:
        """Delete an unreleased batch. Raises `ValueError` for a released one."""
        with self._company.lock:
            batch = self._company.batches["GL", number]
            if batch.status not in ("Hold", "Balanced"):
                raise ValueError(f"batch {number} is {batch.status}")
            del self._company.batches["GL", number]

    def post_journal(self, number: str, module: str = "GL") -> Batch:
        """Post an unposted batch. Raises `ValueError` for any other."""
        with self._company.lock:
            batch = self._company.batches[module, number]
            if batch.status != "Unposted":
                raise ValueError(f"batch {number} is {batch.status}")
            batch.status = "Posted"
            self._company.touch(batch)
            return batch

    def delete_cash_transaction(self, number: str) -> CashTransaction:
        """Delete a draft. Raises `ValueError` for a released one."""
        with self._company.lock:
            if self._company.cash_transactions[number].status not in ("Hold", "Balanced"):
                raise ValueError(f"cash transaction {number} is released")
            return self._company.cash_transactions.pop(number)

    def _draft(self, number: str, kind: str) -> Payment:
        payment = self._company.payments[kind, number]
        if payment.released:
            raise ValueError(f"{kind} {number} is {payment.status}")
        return payment
