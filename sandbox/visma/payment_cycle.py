"""The life of a customer payment: applications, release, void, and what each does to invoices and books (sections
2.5, 3, 9).

Hold -> Balanced -> (release) Open or Closed -> Voided. Nothing but a release moves an invoice's balance or reaches
the books.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sandbox.visma import bookings, periods
from sandbox.visma.books import Line
from sandbox.visma.records import Application, ArDocument, Payment
from sandbox.visma.refusals import AlreadyReleased, Invalid

if TYPE_CHECKING:
    from sandbox.visma.company import Company

RECEIPTS = ("Payment", "Prepayment")
#: the type of the document that takes one of another type back.
VOIDED_BY = {"Payment": "VoidPayment", "Prepayment": "VoidPayment", "Refund": "VoidRefund"}
VOIDS = ("VoidPayment", "VoidRefund")
_TARGETS = {
    "Payment": ("Invoice", "DebitNote", "FinCharge"),
    "Prepayment": ("Invoice", "DebitNote", "FinCharge"),
    "Refund": ("CreditNote", "Payment", "Prepayment"),
}


def check_applications(company: Company, payment: Payment, lines: Iterable[Application]) -> None:
    """Raises `Invalid` when a line's document is not there, not open, of another currency, or owed less than is
    applied.
    """
    wanted: dict[tuple[str, str], int] = {}
    for line in lines:
        target = _target(company, payment, line)
        if target.currency != payment.currency:
            raise Invalid(f"Error: '{line.number}' is in {target.currency}, the payment in {payment.currency}.")
        if line.amount_minor <= 0 or line.write_off_minor < 0:
            raise Invalid("Error: 'Amount Paid': the value must be greater than 0.")
        if line.write_off_minor and line.reason_code not in company.reason_codes:
            raise Invalid(f"Error: Reason code '{line.reason_code}' cannot be found in the system.")
        key = (line.document_type, line.number)
        wanted[key] = wanted.get(key, 0) + line.settled_minor
        if wanted[key] > _free(company, payment, line, target):
            raise Invalid(f"Error: 'Amount Paid': the application exceeds the balance of '{line.number}'.")


def _target(company: Company, payment: Payment, line: Application) -> ArDocument | Payment:
    """The document a line applies to. Its absence for whatever reason has one text (section 6.3)."""
    target: ArDocument | Payment | None = None
    if line.document_type in _TARGETS[payment.type]:
        if line.document_type in RECEIPTS:
            target = company.payments.get((line.document_type, line.number))
        else:
            target = company.documents.get((line.document_type, line.number))
    if target is None or target.customer != payment.customer or target.status != "Open":
        raise Invalid(f"Error: AdjdRefNbr '{line.number}' cannot be found in the system.")
    return target


def _free(company: Company, payment: Payment, line: Application, target: ArDocument | Payment) -> int:
    """How much of the target may still be applied, counting what other drafts reserve."""
    balance = target.balance_minor if isinstance(target, ArDocument) else target.available_minor
    if not company.switches.drafts_reserve_invoices:
        return balance
    reserved = sum(
        each.settled_minor
        for other in company.payments_on[line.number].values()
        if other is not payment and other.type not in VOIDS and other.status != "Voided"
        for each in other.lines
        if not each.released and (each.document_type, each.number) == (line.document_type, line.number)
    )
    return balance - reserved


def release(company: Company, payment: Payment) -> Payment:
    """Release a document, or new applications of an open one. Raises `Invalid` or `AlreadyReleased`."""
    waiting = [line for line in payment.lines if not line.released]
    if payment.released and not (payment.status == "Open" and waiting):
        raise AlreadyReleased("Payment can't be updated because it is already released.")
    if payment.status == "Hold":
        raise Invalid("Error: Document is On Hold and cannot be released.")
    periods.require_open(company, periods.of(company, payment.applied_on), "AR", "CA")
    if payment.type in VOIDS:
        _release_void(company, payment)
        return payment
    if payment.type == "Refund" and payment.applied_minor != payment.amount_minor:
        raise Invalid("Error: The customer refund must be fully applied before it can be released.")
    check_applications(company, payment, waiting)
    first = not payment.released
    for line in waiting:
        _settle(company, payment, line, line.settled_minor)
        line.released, line.applied_on = True, payment.applied_on
    if first:
        _book(company, payment, sign=1)
    _book_write_offs(company, payment, waiting, sign=1)
    payment.status = "Open" if payment.available_minor else "Closed"
    company.touch(payment)
    return payment


def void(company: Company, payment: Payment) -> Payment:
    """Make the unreleased document that voids `payment`: same number, negative amounts. Raises `Invalid`."""
    if payment.status not in ("Open", "Closed") or payment.type not in VOIDED_BY:
        raise Invalid(f"Error: {payment.type} '{payment.number}' cannot be voided in status {payment.status}.")
    kind = VOIDED_BY[payment.type]
    if (kind, payment.number) in company.payments:
        raise Invalid(f"Error: {kind} '{payment.number}' already exists.")
    dated = payment.dated if company.switches.void_date == "original" else company.clock.now().date()
    voiding = Payment(
        **company.stamps(),
        type=kind,
        number=payment.number,
        customer=payment.customer,
        method=payment.method,
        cash_account=payment.cash_account,
        currency=payment.currency,
        rate=payment.rate,
        amount_minor=-payment.amount_minor,
        dated=dated,
        applied_on=dated,
        period=periods.of(company, dated).id,
        reference=payment.reference,
        text=payment.text,
        branch=payment.branch,
        lines=[
            Application(line.document_type, line.number, -line.amount_minor, -line.write_off_minor, line.reason_code)
            for line in payment.lines
            if line.released
        ],
        charges=list(payment.charges),
    )
    company.store_payment(voiding)
    company.touch(payment)
    return voiding


def original_of(company: Company, voiding: Payment) -> Payment:
    """The payment that a VoidPayment or VoidRefund takes back."""
    kinds = [kind for kind, voided_by in VOIDED_BY.items() if voided_by == voiding.type]
    return next(each for each in company.payments_by_number[voiding.number] if each.type in kinds)


def _release_void(company: Company, voiding: Payment) -> None:
    payment = original_of(company, voiding)
    if payment.drawn_minor:
        raise Invalid(f"Error: '{payment.number}' is applied to a customer refund and cannot be voided.")
    for line in voiding.lines:
        _settle(company, payment, line, line.settled_minor)
        line.released, line.applied_on = True, voiding.applied_on
    _book(company, payment, sign=-1, voiding=voiding)
    _book_write_offs(company, payment, [line for line in payment.lines if line.released], sign=-1, voiding=voiding)
    payment.status, voiding.status = "Voided", "Closed"
    company.touch(payment)
    company.touch(voiding)


def _settle(company: Company, payment: Payment, line: Application, minor: int) -> None:
    """Move the target's balance by an application, or back by a negative one."""
    if line.document_type in RECEIPTS:
        target = company.payments[line.document_type, line.number]
        target.drawn_minor += minor
        target.status = "Open" if target.available_minor else "Closed"
        company.touch(target)
        return
    document = company.documents[line.document_type, line.number]
    document.balance_minor -= minor
    document.status = "Open" if document.balance_minor else "Closed"
    company.touch(document)
    company.webhooks.emit("CUSTOMER_INVOICE_CHANGED", {"documentType": document.kind, "number": document.number})


def _book(company: Company, payment: Payment, *, sign: int, voiding: Payment | None = None) -> None:
    """Receipts: Dr cash (less deducted charges), Dr charges, Cr receivables. Refunds the other way round."""
    shown = voiding or payment
    if payment.type == "Refund":
        sign = -sign
    cash = company.cash_accounts[payment.cash_account].account
    lines = [
        Line(cash, sign * (payment.amount_minor - payment.charges_minor)),
        *(Line(charge.account, sign * charge.amount_minor) for charge in payment.charges),
        Line(company.receivable_account, -sign * payment.amount_minor, payment.customer),
    ]
    bookings.book_document(
        company,
        "AR",
        shown.type,
        shown.number,
        shown.reference,
        shown.applied_on,
        payment.currency,
        lines,
        rate=payment.rate,
    )


def _book_write_offs(
    company: Company,
    payment: Payment,
    applications: Iterable[Application],
    *,
    sign: int,
    voiding: Payment | None = None,
) -> None:
    shown = voiding or payment
    for line in applications:
        if line.write_off_minor:
            minor = sign * abs(line.write_off_minor)
            lines = [
                Line(company.reason_codes[line.reason_code], minor),
                Line(company.receivable_account, -minor, payment.customer),
            ]
            bookings.book_document(
                company,
                "AR",
                "SmallBalanceWo",
                shown.number,
                shown.reference,
                shown.applied_on,
                payment.currency,
                lines,
                rate=payment.rate,
            )
