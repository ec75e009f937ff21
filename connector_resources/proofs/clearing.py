"""The clearing account, explained: feeds the pure proof with everything known of one connection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from bookkeeping.entities import Payout, PayoutItem
from bookkeeping.expected_clearing import ClearingProof, Holdings, prove_clearing
from bookkeeping.postings import PAYOUT_KINDS, Posting
from bookkeeping.rules import Outcome
from connector_resources.connections.model import Connection
from connector_resources.gocardless.wire import mandate_of, payment_of, payout_item_of, payout_of, refund_of
from connector_resources.posting.planning import SLICE, Scope, slices
from connector_resources.proofs.findings import Findings
from connector_resources.store.store import Store

#: a run for new events leaves the proof of larger stores to the nightly sweep: it looks at every payment ever read.
MOST_PAYMENTS_AT_ONCE = 20_000

BOOKED_STATES = ("posted", "delivered")
#: actions of payments, refunds and payouts after which they stand in the books, besides a payment's receipt trigger.
BRINGS = frozenset({"paid", "chargeback_cancelled"})
TAKES_BACK = frozenset({"failed", "cancelled", "charged_back", "bounced", "funds_returned", "bounced_payout"})


def clearing_findings(store: Store, connection: Connection, scope: Scope, now: datetime) -> Findings:
    """Every payment or refund on which the books and GoCardless differ, by name, with its age."""
    findings = Findings("payments and refunds", severe=False)
    count = store.entities.count(connection.name, "payments")
    if scope.only_new and count > MOST_PAYMENTS_AT_ONCE:
        findings.what = "payments and refunds (left to the nightly sweep)"
        return findings
    findings.checked = count + store.entities.count(connection.name, "refunds")
    for proof in clearing_proofs(store, connection, now):
        for entry in proof.differences:
            findings.add(
                entry.subject,
                f"{entry.explanation} (books {entry.booked}, GoCardless {entry.held}, {entry.age_days} days old)",
                f"connector trace {entry.subject}",
            )
    return findings


def clearing_proofs(store: Store, connection: Connection, now: datetime) -> tuple[ClearingProof, ...]:
    """The clearing account of each currency, as the books have it and as GoCardless must have it."""
    postings = booked_postings(store, connection.name)
    return prove_clearing(postings, _holdings(store, connection), now, connection.book_settings)


def booked_postings(store: Store, name: str) -> Iterator[Posting]:
    """Every posting that stands in the ERP's books, of any day; streamed."""
    for row in store.ledger.of_day(name, date.min, date.max):
        if row.state in BOOKED_STATES and (row.posting.lines or row.posting.kind in PAYOUT_KINDS):
            yield row.posting


def _holdings(store: Store, connection: Connection) -> Holdings:
    """Streams, not lists: the store may hold years."""
    name = connection.name

    def items(payout: Payout) -> Iterator[PayoutItem]:
        for item in store.entities.payout_items(name, payout.id) or ():
            yield payout_item_of(item, payout.amount.currency)

    mandates = (mandate_of(body) for body in store.entities.all(name, "mandates"))
    return Holdings(
        payments=(payment_of(body) for body in store.entities.all(name, "payments")),
        refunds=(refund_of(body) for body in store.entities.all(name, "refunds")),
        payouts=(payout_of(body) for body in store.entities.all(name, "payouts")),
        payout_items=items,
        mandates={mandate.id: mandate for mandate in mandates if mandate.funds_settlement == "direct"},
        before_cut_over=frozenset(stood_at_cut_over(store, connection)),
    )


def stood_at_cut_over(store: Store, connection: Connection) -> Iterator[str]:
    """Ids of what stood in the books at the cut-over: the last thing that moved it before then brought it."""
    opening = {*BRINGS, "confirmed" if connection.books.receipt_trigger == "confirmed" else "paid_out"}
    for ids in slices(store.decisions.subjects(connection.name, Outcome.BEFORE_CUT_OVER), SLICE):
        decided = store.decisions.of_subjects(connection.name, ids)
        for subject, story in store.inbox.story(connection.name, ids).items():
            early = {row.event_id for row in decided[subject] if row.outcome == Outcome.BEFORE_CUT_OVER}
            actions = [body["action"] for body in story if body["id"] in early]
            moves = [action for action in actions if action in opening or action in TAKES_BACK]
            if moves and moves[-1] in opening:
                yield subject
