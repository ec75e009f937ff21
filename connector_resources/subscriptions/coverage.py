"""What of the ERP's invoices the known subscriptions collect, and which charge a subscription's payment is for. Reads only."""

from __future__ import annotations

from collections.abc import Iterable

from bookkeeping.eligibility import Receivable
from bookkeeping.entities import Payment
from bookkeeping.money import Money
from bookkeeping.postings import PostingKind
from bookkeeping.sales_invoice_rules import posting_key_of
from bookkeeping.subscribing import FOLLOWING, SubscriptionState
from bookkeeping.subscription_coverage import ChargedOccurrence, Coverage
from bookkeeping.subscription_rules import change_of, order_of
from connector_resources.store.store import Store
from connector_resources.store.subscriptions import SubscriptionRow


def coverages(store: Store, connection: str) -> list[Coverage]:
    """The occurrences that each subscription has charged or will. Of one that ended, those up to its last payment."""
    rows = [row for row in store.subscriptions.all(connection) if _may_have_charged(row)]
    charges = store.recurring_charges.of_numbers(connection, {row.charge for row in rows})
    return [
        Coverage(
            subscription=row.subscription_id or row.reference,
            charge=charges[row.charge],
            start_on=row.start_on,
            # Until its payments were looked at, an ended subscription may have charged anything.
            through=row.paid_through if row.payments_read else None,
            amounts=_amounts(store, connection, row) | {charges[row.charge].amount},
        )
        for row in rows
        if row.charge in charges
    ]


def _amounts(store: Store, connection: str, row: SubscriptionRow) -> frozenset[Money]:
    """All that the subscription has ever charged: what it was made with, and every amendment."""
    if not row.changes:
        return frozenset({row.amount})
    keys = [f"{PostingKind.SUBSCRIPTION_CHANGE}:{row.reference}/{number + 1}" for number in range(row.changes)]
    asked = [change_of(each.posting).amount for each in store.ledger.by_key(connection, keys).values()]
    made = store.ledger.get(connection, row.posting_key)
    first = {order_of(made.posting).amount} if made is not None else set()
    return frozenset({row.amount, *first, *(amount for amount in asked if amount is not None)})


def own_invoices(store: Store, connection: str, invoices: Iterable[Receivable]) -> dict[str, str]:
    """Root of each invoice that we wrote for a subscription's payment -> the subscription: that payment pays it."""
    keys = {
        key: invoice.root
        for invoice in invoices
        for reference in (invoice.number, *invoice.references)
        if (key := posting_key_of(reference)) is not None
    }
    rows = store.ledger.by_key(connection, keys)
    return {keys[key]: row.posting.facts["subscription"] for key, row in rows.items()}


def _may_have_charged(row: SubscriptionRow) -> bool:
    if row.state in FOLLOWING:
        return True
    return row.state is not SubscriptionState.WITHDRAWN and (not row.payments_read or row.paid_through is not None)


def charged_occurrences(store: Store, connection: str, payments: Iterable[Payment]) -> dict[str, ChargedOccurrence]:
    """Payment id -> the charge it is for, of those payments whose subscription follows one."""
    by_id = {payment.id: payment for payment in payments if payment.subscription_id}
    rows = store.subscriptions.by_id(connection, [payment.subscription_id or "" for payment in by_id.values()])
    return {
        key: ChargedOccurrence(rows[payment.subscription_id].charge, payment.charge_date or payment.created_at.date())
        for key, payment in by_id.items()
        if payment.subscription_id in rows
    }
