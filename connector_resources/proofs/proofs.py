"""What must hold of the books after a run; each proof lists every finding and changes nothing of what it looks at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bookkeeping.payout_proof import prove
from bookkeeping.postings import GOCARDLESS_KINDS, Unbalanced, require_balance
from connector_resources.connections.model import Connection
from connector_resources.erp.contract import Mismatch, PostingWork, VerifyRequest
from connector_resources.errors import BadAnswer, NotSent, Refused
from connector_resources.gocardless.wire import payout_item_of, payout_of
from connector_resources.posting.parties import with_erp_customers
from connector_resources.posting.planning import DECIDED_TYPES, SLICE, Scope, days_subjects, slices
from connector_resources.proofs.clearing import clearing_findings
from connector_resources.proofs.findings import Findings
from connector_resources.runtime import Runtime
from connector_resources.store.deliveries import UNREADABLE_STEP
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.trail import Anchor

SETTLED = ("posted", "delivered")
#: mark: the trail's row and hash up to which it was read and found whole.
TRAIL_VERIFIED = "trail_verified"


def payouts_proven(runtime: Runtime, connection: Connection, scope: Scope) -> Findings:
    """Every payout that the days' events name is proven by its items."""
    findings = Findings("payouts")
    store, name = runtime.store, connection.name
    ids = list(days_subjects(store, name, "payouts", replace(scope, only_new=False)))
    for key, body in store.entities.get(name, "payouts", ids).items():
        findings.checked += 1
        items = store.entities.payout_items(name, key)
        if items is None:
            findings.add(
                key, f"The items of payout {key} were not read.", "Materialise payout_items of this day again."
            )
            continue
        payout = payout_of(body)
        for finding in prove(payout, [payout_item_of(item, payout.amount.currency) for item in items]):
            findings.add(key, finding.message, "Read the payout's items again; if it persists, ask GoCardless support.")
    return findings


def balanced_postings(runtime: Runtime, connection: Connection, scope: Scope) -> Findings:
    """Debits equal credits in every posting of the days."""
    findings = Findings("postings")
    for row in runtime.store.ledger.of_day(connection.name, scope.first_day, scope.last_day):
        findings.checked += 1
        try:
            require_balance(row.posting)
        except Unbalanced as error:
            findings.add(row.posting.key, str(error), "Nothing of it is posted; report this with the posting's trace.")
    return findings


def nothing_missed(runtime: Runtime, connection: Connection, scope: Scope) -> Findings:
    """No event of the days that concerns the books is without a decision, and no webhook of any day cannot be read."""
    findings = Findings("events", severe=False)
    findings.checked = runtime.store.inbox.count(connection.name, scope.first_day, scope.last_day).total
    for event in runtime.store.inbox.new_events(connection.name, scope.first_day, scope.last_day, limit=SLICE):
        if event.resource_type in DECIDED_TYPES or event.action == "bounced_payout":
            findings.add(
                event.event_id,
                f"{event.resource_type}.{event.action} of {event.subject} is not decided yet.",
                "A later run decides it; materialise this day again to do it now.",
            )
    for delivery in runtime.store.deliveries.unreadable(connection.name):
        findings.add(
            delivery.webhook_id or f"delivery {delivery.id}",
            f"Webhook {delivery.described} could not be taken apart.",
            UNREADABLE_STEP,
        )
    return findings


def nothing_unposted(runtime: Runtime, connection: Connection, scope: Scope) -> Findings:
    """No posting of the days is left without an ERP document. What only waits for GoCardless has its own assets."""
    findings = Findings("postings", severe=False)
    ledger = runtime.store.ledger
    waiting = {each.posting_key: each for each in ledger.waiting_on(connection.name)}
    for row in ledger.of_day(connection.name, scope.first_day, scope.last_day):
        findings.checked += 1
        if row.state == "held":
            findings.add(row.posting.key, row.held_reason or "held", row.held_next_step or "")
        elif on := waiting.get(row.posting.key):
            findings.add(row.posting.key, on.reason, on.next_step)
        elif row.state not in (*SETTLED, "withdrawn") and row.posting.kind not in GOCARDLESS_KINDS:
            findings.add(
                row.posting.key, f"{row.posting.kind} {row.posting.subject} is {row.state}.", "Run this day again."
            )
    return findings


def clearing_balance(runtime: Runtime, connection: Connection, scope: Scope) -> Findings:
    """The clearing account explains itself: every remaining difference is a payment or payout that can be named."""
    return clearing_findings(runtime.store, connection, scope, runtime.clock())


def erp_agrees(runtime: Runtime, connection: Connection, scope: Scope) -> Findings:
    """Read the days' documents back from the ERP and compare them with what was posted, where it can be read."""
    findings = Findings("documents", severe=False)
    with runtime.erp(connection) as connector:
        if connector.traits.settled_state == "delivered":
            return findings
        for rows in slices(_settled(runtime, connection, scope), SLICE):
            requests = _requests(runtime, connection, rows)
            findings.checked += len(requests)
            try:
                answers = connector.verify(requests)
            except (NotSent, Refused, BadAnswer) as error:
                findings.add(connection.name, f"The ERP could not be read: {error}", error.next_step)
                return findings
            for request, answer in zip(requests, answers, strict=True):
                if isinstance(answer, Mismatch):
                    findings.add(request.work.posting.key, answer.reason, answer.next_step)
    return findings


def trail_verifies(runtime: Runtime, connection: Connection, scope: Scope, anchors: Sequence[Anchor] = ()) -> Findings:
    """The trail's hash chain is whole; a run for new events reads what was added since the last look.

    `anchors` are heads that were noted elsewhere; those of rows that are read must be in the chain.
    """
    findings = Findings("trail rows")
    trail, marks, name = runtime.store.trail, runtime.store.marks, connection.name
    noted = marks.get(name, TRAIL_VERIFIED) if scope.only_new else None
    report = trail.verify(name, anchored_head=noted, only_after_anchor=True, anchors=anchors)
    findings.checked = report.rows - int(noted.partition(":")[0]) if noted else report.rows
    if report.ok:
        marks.set(name, TRAIL_VERIFIED, f"{report.rows}:{report.head}")
    else:
        findings.add(
            f"row {report.first_bad_seq}", report.problem or "", "Restore the store from a backup; see the runbook."
        )
    return findings


def _settled(runtime: Runtime, connection: Connection, scope: Scope) -> Iterator[LedgerRow]:
    for row in runtime.store.ledger.of_day(connection.name, scope.first_day, scope.last_day):
        if row.state in SETTLED and row.documents and row.posting.lines:
            yield row


def _requests(runtime: Runtime, connection: Connection, rows: Sequence[LedgerRow]) -> list[VerifyRequest]:
    """The newest document of each posting that still stands; what we took back ourselves is expected to be gone."""
    store, name = runtime.store, connection.name
    about = store.ledger.of_subjects(name, [row.posting.subject for row in rows])
    taken_back = {row.posting.reverses for found in about.values() for row in found if row.state in SETTLED}
    work = [PostingWork(row.posting, row.documents) for row in rows if row.posting.key not in taken_back]
    return [
        VerifyRequest(item, item.done[-1].step, item.done[-1].document)
        for item in with_erp_customers(store, name, work)
    ]
