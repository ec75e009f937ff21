"""What is special about the payments of subscriptions: the charge of the ERP they are for, and the invoice nobody wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bookkeeping.entities import Payment
from bookkeeping.postings import SALES_KINDS, Posting, PostingKind
from bookkeeping.sales_invoice_rules import SalesInvoicePolicy, with_sales_invoice
from bookkeeping.story import Verdict
from bookkeeping.subscription_coverage import ChargedOccurrence
from connector_resources.erp.invoice_book import CHARGE_DATE, RECURRING_CHARGE
from connector_resources.store.store import Store
from connector_resources.subscriptions.coverage import charged_occurrences

#: what an invoice of ours adds to the postings of a payment; the rules of payments know nothing of it.
_INVOICING = SALES_KINDS | {PostingKind.CORRECTION}


class SubscriptionPayments:
    """One connection's. `policy` says which payments get an invoice."""

    def __init__(self, store: Store, connection: str, policy: SalesInvoicePolicy) -> None:
        self._store = store
        self._name = connection
        self._policy = policy

    def complete(
        self,
        verdicts: Sequence[Verdict],
        payments: Sequence[Payment],
        booked: Mapping[str, Sequence[Posting]],
    ) -> list[Verdict]:
        """The verdicts on `payments`, in order: receipts say which charge they are for, or wait for our invoice."""
        collected = {p.subject for verdict in verdicts for p in verdict.postings}
        of_subscriptions = [each for each in payments if each.subscription_id and each.id in collected]
        if not of_subscriptions:
            return list(verdicts)
        charged = charged_occurrences(self._store, self._name, of_subscriptions)
        return [
            self._completed(verdict, payment, booked.get(payment.id, ()), charged.get(payment.id))
            for verdict, payment in zip(verdicts, payments, strict=True)
        ]

    def _completed(
        self, verdict: Verdict, payment: Payment, booked: Sequence[Posting], charged: ChargedOccurrence | None
    ) -> Verdict:
        if self._policy.bills(payment, follows_charge=charged is not None):
            return with_sales_invoice(verdict, payment, booked, self._policy)
        if charged is None:
            return verdict
        return replace(verdict, postings=tuple(_for_charge(posting, charged) for posting in verdict.postings))


def without_invoices(booked: Sequence[Posting]) -> list[Posting]:
    """The postings that the rules of payments made."""
    return [posting for posting in booked if posting.kind not in _INVOICING]


def _for_charge(posting: Posting, charged: ChargedOccurrence) -> Posting:
    if posting.kind is not PostingKind.RECEIPT:
        return posting
    facts = {RECURRING_CHARGE: charged.charge, CHARGE_DATE: charged.charge_date.isoformat()}
    return replace(posting, facts={**posting.facts, **facts})
