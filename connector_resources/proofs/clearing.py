"""The clearing account, explained: feeds the pure proof with everything known of one connection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bookkeeping.expected_clearing import Holdings, prove_clearing
from bookkeeping.postings import PAYOUT_KINDS, PostingKind
from bookkeeping.rules import Outcome
from connector_resources.connections.model import Connection
from connector_resources.gocardless.wire import mandate_of, payment_of, payout_item_of, payout_of, refund_of
from connector_resources.posting.planning import SLICE, Scope, slices
from connector_resources.proofs.findings import Findings
from connector_resources.store.store import Store

#: a run for new events leaves the proof of larger stores to the nightly sweep: it looks at every payment ever read.
MOST_PAYMENTS_AT_ONCE = 20_000

BOOKED_STATES = ("posted", "delivered")


def clearing_findings(store: Store, connection: Connection, scope: Scope, now: datetime) -> Findings:
    """Every payment or refund on which the books and GoCardless differ, by name, with its age."""
    findings = Findings("payments and refunds", severe=False)
    count = store.entities.count(connection.name, "payments")
    if scope.only_new and count > MOST_PAYMENTS_AT_ONCE:
        findings.what = "payments and refunds (left to the nightly sweep)"
        return findings
    holdings = _holdings(store, connection)
    findings.checked = len(holdings.payments) + len(holdings.refunds)
    postings = [
        row.posting
        for row in store.ledger.of_day(connection.name, connection.books.cut_over, now.date())
        if row.state in BOOKED_STATES and (row.posting.lines or row.posting.kind in PAYOUT_KINDS)
    ]
    for proof in prove_clearing(postings, holdings, now, connection.book_settings):
        for entry in proof.differences:
            findings.add(
                entry.subject,
                f"{entry.explanation} (books {entry.booked}, GoCardless {entry.held}, {entry.age_days} days old)",
                f"connector trace {entry.subject}",
            )
    return findings


def _holdings(store: Store, connection: Connection) -> Holdings:
    name = connection.name
    payments = [payment_of(body) for body in store.entities.all(name, "payments")]
    payouts = [payout_of(body) for body in store.entities.all(name, "payouts")]
    items = {
        payout.id: [
            payout_item_of(item, payout.amount.currency) for item in store.entities.payout_items(name, payout.id) or ()
        ]
        for payout in payouts
    }
    return Holdings(
        payments=payments,
        refunds=[refund_of(body) for body in store.entities.all(name, "refunds")],
        payouts=payouts,
        payout_items=items,
        mandates={body["id"]: mandate_of(body) for body in store.entities.all(name, "mandates")},
        before_cut_over=frozenset(_before_cut_over(store, name, [*(p.id for p in payments), *(p.id for p in payouts)])),
    )


def _before_cut_over(store: Store, name: str, ids: list[str]) -> Iterator[Any]:
    """Ids whose money events were all decided to lie before the cut-over, and that were never booked by us."""
    for chunk in slices(ids, SLICE):
        booked = store.ledger.of_subjects(name, chunk)
        for subject, rows in store.decisions.of_subjects(name, chunk).items():
            receipts = [row for row in booked.get(subject, ()) if row.posting.kind is PostingKind.RECEIPT]
            if not receipts and any(row.outcome == Outcome.BEFORE_CUT_OVER for row in rows):
                yield subject
