"""The sales invoice of a subscription payment that nobody has billed: planned with the payment's receipt, which waits for it.

At most one invoice of a payment stands at a time. An invoice is a true claim: when its payment is taken back later it stays
open, unless the connection credits it. Source: sage300.md section 11, "subscription payment without invoice".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bookkeeping.drafting import posting_text, turned_round
from bookkeeping.entities import Payment
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side, require_balance
from bookkeeping.story import Verdict

#: what our invoices are called in the ERP: the payment, and a count from the second one on.
_OURS = re.compile(r"GCI(PM[A-Za-z0-9]+)(?:-(\d+))?")


@dataclass(frozen=True, slots=True)
class SalesInvoicePolicy:
    """The choices of one connection.

    write          for which subscription payments: none, those that follow no recurring charge of the ERP, or all
    document_type, tax_code, text  copied to the posting's facts, for the ERP side
    after_failure  what becomes of the invoice when its payment is taken back
    """

    write: Literal["none", "foreign", "all"] = "none"
    document_type: str = ""
    tax_code: str = ""
    text: str = ""
    after_failure: Literal["keep", "credit"] = "keep"

    def bills(self, payment: Payment, *, follows_charge: bool) -> bool:
        """Whether this payment gets an invoice from us. One that names an invoice has one already."""
        if payment.subscription_id is None or payment.metadata.get("invoice"):
            return False
        return self.write == "all" or (self.write == "foreign" and not follows_charge)


def with_sales_invoice(
    verdict: Verdict, payment: Payment, booked: Sequence[Posting], policy: SalesInvoicePolicy
) -> Verdict:
    """`verdict` on a payment that `policy` bills, with the invoice its receipt settles, or the credit of one taken back.

    `booked` are the payment's earlier postings, its invoices included.
    """
    known = list(booked)
    postings: list[Posting] = []
    for posting in verdict.postings:
        if posting.kind is PostingKind.RECEIPT:
            standing = _standing(known)
            if standing is None:
                standing = _invoice(posting, payment, _invoices(known), policy)
                postings.append(standing)
                known.append(standing)
            posting = replace(
                posting,
                invoices=tuple(dict.fromkeys((standing.reference, *posting.invoices))),
                waits_for=standing.key,
            )
        postings.append(posting)
        known.append(posting)
        if posting.kind is PostingKind.RECEIPT_REVERSAL and policy.after_failure == "credit":
            standing = _standing(known)
            if standing is not None:
                credit = _credit(posting, standing)
                postings.append(credit)
                known.append(credit)
    return replace(verdict, postings=tuple(postings))


def posting_key_of(reference: str) -> str | None:
    """Key of the SALES_INVOICE posting that an invoice with this number or reference belongs to; None when it is not ours."""
    found = _OURS.fullmatch(reference)
    if found is None:
        return None
    payment, number = found.groups()
    return f"{PostingKind.SALES_INVOICE}:{payment}" + (f":{number}" if number else "")


def _invoices(known: Sequence[Posting]) -> list[Posting]:
    return [posting for posting in known if posting.kind is PostingKind.SALES_INVOICE]


def _standing(known: Sequence[Posting]) -> Posting | None:
    """The invoice that was not taken back."""
    credited = {posting.reverses for posting in known if posting.kind is PostingKind.CORRECTION}
    return next((invoice for invoice in _invoices(known) if invoice.key not in credited), None)


def _invoice(receipt: Posting, payment: Payment, earlier: Sequence[Posting], policy: SalesInvoicePolicy) -> Posting:
    """Dated as the receipt, with the shift that closed periods make; due on the day the payment was charged."""
    number = len(earlier) + 1
    suffix = f":{number}" if number > 1 else ""
    party = receipt.party or Party(gocardless_customer=None)
    charged_on = payment.charge_date or receipt.booking_date
    shift = {name: receipt.facts[name] for name in ("original_date", "period_closed") if name in receipt.facts}
    facts = {
        "payment": payment.id,
        "subscription": payment.subscription_id or "",
        "due_on": charged_on.isoformat(),
        "document_type": policy.document_type,
        "tax_code": policy.tax_code,
        "line_text": policy.text or payment.description or "",
        **shift,
    }
    posting = Posting(
        key=f"{PostingKind.SALES_INVOICE}:{payment.id}{suffix}",
        connection=receipt.connection,
        kind=PostingKind.SALES_INVOICE,
        event_id=receipt.event_id,
        subject=payment.id,
        occurred_at=receipt.occurred_at,
        booking_date=receipt.booking_date,
        reference=f"GCI{payment.id}{suffix.replace(':', '-')}",
        text=posting_text("Subscription", payment.id, payment.description),
        lines=(
            Line(AccountRole.RECEIVABLE, Side.DEBIT, payment.amount, payment.id, party),
            Line(AccountRole.REVENUE, Side.CREDIT, payment.amount, policy.text or payment.description or payment.id),
        ),
        party=receipt.party,
        facts={name: value for name, value in facts.items() if value},
    )
    require_balance(posting)
    return posting


def _credit(reversal: Posting, invoice: Posting) -> Posting:
    """Takes the invoice back because its payment was; the ERP's own number of it comes with the work."""
    party = invoice.party or Party(gocardless_customer=None)
    shift = {name: reversal.facts[name] for name in ("original_date", "period_closed") if name in reversal.facts}
    kept = ("payment", "subscription", "document_type", "tax_code", "line_text")
    facts = {name: invoice.facts[name] for name in kept if name in invoice.facts}
    return Posting(
        key=f"{reversal.event_id}:{PostingKind.CORRECTION}",
        connection=reversal.connection,
        kind=PostingKind.CORRECTION,
        event_id=reversal.event_id,
        subject=invoice.subject,
        occurred_at=reversal.occurred_at,
        booking_date=reversal.booking_date,
        reference=f"{invoice.reference}C",
        text=posting_text("Subscription taken back", invoice.subject),
        lines=tuple(turned_round(line, party) for line in reversed(invoice.lines)),
        party=invoice.party,
        invoices=(invoice.reference,),
        reverses=invoice.key,
        facts={**facts, "credits": "sales_invoice", **shift},
    )
