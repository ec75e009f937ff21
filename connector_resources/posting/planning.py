"""From GoCardless events to postings in the ledger: reads what the store knows, asks the pure rules, records both answers.

Every event gets exactly one decision, and a posting exists at most once per key, so planning the same day again adds nothing.
Work goes on in slices of subjects (payments, refunds, payouts …): memory does not grow with the day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from bookkeeping.collecting import Part
from bookkeeping.entities import Event, Mandate, Payment, PayoutItem
from bookkeeping.payout_lines import suspense_payments
from bookkeeping.postings import Allocation, Party, Posting, PostingKind
from bookkeeping.rules import (
    Decision,
    Outcome,
    ReceiptState,
    Verdict,
    decide_mandate,
    decide_payment,
    decide_payout,
    decide_refund,
    receipt_state,
)
from bookkeeping.sales_invoice_rules import SalesInvoicePolicy
from bookkeeping.settings import BookSettings
from connector_resources.erp.contract import Hold
from connector_resources.gocardless.wire import (
    event_of,
    mandate_of,
    payment_of,
    payout_item_of,
    payout_of,
    refund_of,
)
from connector_resources.gocardless.writing.documents import OUR_REFERENCE
from connector_resources.posting.subscription_payments import SubscriptionPayments, without_invoices
from connector_resources.store.decisions import DecisionRow
from connector_resources.store.store import Store

T = TypeVar("T")

#: events of these types are decided by the rules; a bounced payout is announced by its creditor.
DECIDED_TYPES = ("payments", "refunds", "payouts", "mandates")
#: how many payments, refunds … are decided in one transaction.
SLICE = 500


@dataclass(slots=True)
class PlanReport:
    """What planning did: decisions by outcome, new postings by kind, and the events that wait for something."""

    outcomes: Counter[str] = field(default_factory=Counter)
    postings: Counter[str] = field(default_factory=Counter)
    subjects: int = 0
    new_postings: int = 0
    waiting: list[Decision] = field(default_factory=list)

    def add(self, verdicts: Iterable[Verdict], new: int) -> None:
        for verdict in verdicts:
            self.subjects += 1
            self.outcomes.update(str(d.outcome) for d in verdict.decisions)
            self.postings.update(str(p.kind) for p in verdict.postings)
            self.waiting.extend(d for d in verdict.decisions if d.outcome is Outcome.WAITING)
        self.new_postings += new


@dataclass(frozen=True, slots=True)
class Scope:
    """Which activity days to plan, and whether only events that are new to us are looked at."""

    first_day: date
    last_day: date
    only_new: bool


class Planner:
    """Plans one connection's postings. `record=False` is a dry run: verdicts are given, nothing is written.

    `invoicing` says which payments of subscriptions get a sales invoice; by default none does. `late_by` is how much later
    than its time an event may appear.
    """

    def __init__(
        self,
        store: Store,
        settings: BookSettings,
        *,
        record: bool = True,
        invoicing: SalesInvoicePolicy | None = None,
        late_by: timedelta = timedelta(0),
    ) -> None:
        self._store = store
        self._late_by = late_by
        self._settings = settings
        self._connection = settings.connection
        self._record = record
        self._subscriptions = SubscriptionPayments(store, settings.connection, invoicing or SalesInvoicePolicy())
        #: every posting of a dry run, for `connector plan`.
        self.dry_postings: list[Posting] = []

    def plan_payments(self, scope: Scope) -> PlanReport:
        """Receipts and their reversals."""
        return self._plan("payments", scope, self._payment_verdicts)

    def plan_refunds(self, scope: Scope) -> PlanReport:
        """Credit memos with outgoing payments, and their reversals."""
        return self._plan("refunds", scope, self._refund_verdicts)

    def plan_payouts(self, scope: Scope) -> PlanReport:
        """Payout journals, bounced and repeated payouts. Payments must be planned before."""
        return self._plan("payouts", scope, self._payout_verdicts)

    def plan_master_data(self, scope: Scope) -> PlanReport:
        """Mandate states to be written back to the ERP. Events that never lead to a posting are closed here as well."""
        report = self._plan("mandates", scope, self._mandate_verdicts)
        self._close_information(scope)
        return report

    def _close_information(self, scope: Scope) -> None:
        """Mark events of resources without rules (subscriptions, billing requests, unknown ones) as processed."""
        if self._record:
            self._store.inbox.close_undecidable(self._connection, scope.first_day, scope.last_day, DECIDED_TYPES)

    # --- one slice after another -----------------------------------------------------------------------------------

    def _plan(self, resource_type: str, scope: Scope, decide: Callable[[_Slice], list[Verdict]]) -> PlanReport:
        report = PlanReport()
        # The ids are read to their end first: a reader that stays open would keep SQLite from clearing its log.
        subjects = list(days_subjects(self._store, self._connection, resource_type, scope))
        for ids in slices(subjects, SLICE):
            self._plan_ids(resource_type, ids, decide, report)
        return report

    def _plan_ids(
        self, resource_type: str, ids: Sequence[str], decide: Callable[[_Slice], list[Verdict]], report: PlanReport
    ) -> None:
        known = self._read_slice(resource_type, ids)
        verdicts = decide(known)
        report.add(verdicts, self._write_slice(verdicts))

    def _read_slice(self, resource_type: str, ids: Sequence[str]) -> _Slice:
        store, name = self._store, self._connection
        story = store.inbox.story(name, ids)
        decided = store.decisions.of_subjects(name, ids)
        booked = store.ledger.of_subjects(name, ids)
        return _Slice(
            ids=ids,
            bodies=store.entities.get(name, resource_type, ids),
            story={key: [event_of(body) for body in bodies] for key, bodies in story.items()},
            decided={key: {row.event_id: _decision(row) for row in rows} for key, rows in decided.items()},
            booked={key: [row.posting for row in rows] for key, rows in booked.items()},
        )

    def _write_slice(self, verdicts: Sequence[Verdict]) -> int:
        postings = [posting for verdict in verdicts for posting in verdict.postings]
        if not self._record:
            self.dry_postings.extend(postings)
            return len(postings)
        # An event that waits stays new: a later run decides it.
        decisions = [d for verdict in verdicts for d in verdict.decisions if d.outcome is not Outcome.WAITING]
        with self._store.begin() as transaction:
            new = self._store.ledger.plan(self._connection, postings, within=transaction)
            if new == len(postings):
                self._store.ledger.hold(self._connection, _in_closed_periods(postings), within=transaction)
            self._store.decisions.record(self._connection, decisions, within=transaction)
            done = [d.event_id for d in decisions]
            self._store.inbox.mark_processed(self._connection, done, within=transaction)
        return new

    # --- verdicts by resource --------------------------------------------------------------------------------------

    def _payment_verdicts(self, known: _Slice) -> list[Verdict]:
        payments = {key: payment_of(body) for key, body in known.bodies.items()}
        mandates = self._mandates(p.mandate_id for p in payments.values())
        verdicts = [
            decide_payment(
                payment,
                known.story.get(key, ()),
                known.decided.get(key, {}),
                without_invoices(known.booked.get(key, ())),
                mandates.get(payment.mandate_id or ""),
                self._party(payment.mandate_id, mandates),
                self._settings,
            )
            for key, payment in payments.items()
        ]
        verdicts = self._subscriptions.complete(verdicts, list(payments.values()), known.booked)
        return self._settling_collections(verdicts, payments)

    def _settling_collections(self, verdicts: list[Verdict], payments: Mapping[str, Payment]) -> list[Verdict]:
        """The receipt of a payment that we ordered settles the invoices of its allocation table."""
        new = {p.subject for verdict in verdicts for p in verdict.postings if p.kind is PostingKind.RECEIPT}
        ordered = {key: reference for key in new if (reference := payments[key].metadata.get(OUR_REFERENCE))}
        rows = self._store.collections.get_many(self._connection, ordered.values())
        if not rows:
            return verdicts
        parts = {key: rows[reference].parts for key, reference in ordered.items() if reference in rows}
        return [
            replace(verdict, postings=tuple(_settling(posting, parts) for posting in verdict.postings))
            for verdict in verdicts
        ]

    def _refund_verdicts(self, known: _Slice) -> list[Verdict]:
        refunds = {key: refund_of(body) for key, body in known.bodies.items()}
        payments = self._payments(r.payment_id for r in refunds.values())
        wanted = {r.mandate_id for r in refunds.values()} | {p.mandate_id for p in payments.values()}
        mandates = self._mandates(wanted)
        verdicts = []
        for key, refund in refunds.items():
            payment = payments.get(refund.payment_id or "")
            mandate_id = refund.mandate_id or (payment.mandate_id if payment else None)
            verdicts.append(
                decide_refund(
                    refund,
                    payment,
                    mandates.get(mandate_id or ""),
                    known.story.get(key, ()),
                    known.decided.get(key, {}),
                    known.booked.get(key, ()),
                    self._party(mandate_id, mandates),
                    self._settings,
                )
            )
        return verdicts

    def _payout_verdicts(self, known: _Slice) -> list[Verdict]:
        verdicts = []
        for key, body in known.bodies.items():
            items = self._store.entities.payout_items(self._connection, key)
            if items is None:
                continue
            payout = payout_of(body)
            entities = [payout_item_of(item, payout.amount.currency) for item in items]
            states = self._receipt_states(entities)
            verdicts.append(
                decide_payout(
                    payout,
                    entities,
                    known.story.get(key, ()),
                    known.decided.get(key, {}),
                    known.booked.get(key, ()),
                    states,
                    self._settings,
                    self._heard_until(key) if suspense_payments(entities, states) else None,
                )
            )
        return verdicts

    def _heard_until(self, payout_id: str) -> datetime:
        """Until when all events are known that the payout presupposes: they are read right after it."""
        return self._store.entities.fetched_at(self._connection, "payouts", payout_id) - self._late_by

    def _mandate_verdicts(self, known: _Slice) -> list[Verdict]:
        mandates = {key: mandate_of(body) for key, body in known.bodies.items()}
        return [
            decide_mandate(
                mandate,
                known.story.get(key, ()),
                known.decided.get(key, {}),
                Party(mandate.customer_id) if mandate.customer_id else None,
                self._settings,
            )
            for key, mandate in mandates.items()
        ]

    # --- what the rules need to know of other resources ------------------------------------------------------------

    def _payments(self, ids: Iterable[str | None]) -> dict[str, Payment]:
        wanted = sorted({key for key in ids if key})
        return {k: payment_of(b) for k, b in self._store.entities.get(self._connection, "payments", wanted).items()}

    def _mandates(self, ids: Iterable[str | None]) -> dict[str, Mandate]:
        wanted = sorted({key for key in ids if key})
        return {k: mandate_of(b) for k, b in self._store.entities.get(self._connection, "mandates", wanted).items()}

    def _party(self, mandate_id: str | None, mandates: Mapping[str, Mandate]) -> Party | None:
        mandate = mandates.get(mandate_id or "")
        return Party(mandate.customer_id) if mandate is not None and mandate.customer_id else None

    def _receipt_states(self, items: Sequence[PayoutItem]) -> dict[str, ReceiptState]:
        """What the books know of each payment in a payout. Receipts that were overlooked are planned first."""
        states: dict[str, ReceiptState] = {}
        for ids in slices(sorted({item.payment_id for item in items if item.payment_id}), SLICE):
            known = self._read_slice("payments", ids)
            verdicts = self._payment_verdicts(known)
            self._write_slice(verdicts)
            if any(verdict.postings or verdict.decisions for verdict in verdicts) and self._record:
                known = self._read_slice("payments", ids)
            for key, body in known.bodies.items():
                fresh = [p for v in verdicts for p in v.postings if p.subject == key] if not self._record else []
                states[key] = receipt_state(
                    payment_of(body),
                    known.story.get(key, ()),
                    known.decided.get(key, {}),
                    [*known.booked.get(key, ()), *fresh],
                )
        return states


@dataclass(frozen=True, slots=True)
class _Slice:
    ids: Sequence[str]
    bodies: Mapping[str, dict[str, Any]]
    story: Mapping[str, Sequence[Event]]
    decided: Mapping[str, Mapping[str, Decision]]
    booked: Mapping[str, Sequence[Posting]]


def _settling(posting: Posting, parts: Mapping[str, Sequence[Part]]) -> Posting:
    """With the invoices its collection was for. One invoice is matched, because it may have been paid otherwise since."""
    own = parts.get(posting.subject)
    if posting.kind is not PostingKind.RECEIPT or not own:
        return posting
    invoices = tuple(part.item for part in own)
    shares = tuple(Allocation(part.item, part.amount) for part in own) if len(own) > 1 else ()
    return replace(posting, invoices=tuple(dict.fromkeys((*invoices, *posting.invoices))), allocations=shares)


def _in_closed_periods(postings: Sequence[Posting]) -> list[Hold]:
    """Holds for postings that the rules marked, because `books.closed_period` says that a person decides."""
    return [
        Hold(
            posting.key,
            "period_closed",
            f"{posting.booking_date} lies in a closed period (books.closed_through).",
            "Reopen the period, or set books.closed_period to next_open_day for coming postings; then release it.",
        )
        for posting in postings
        if posting.facts.get("period_closed")
    ]


def days_subjects(store: Store, connection: str, resource_type: str, scope: Scope) -> Iterator[str]:
    """Ids of the resources that the scope's events are about, each once.

    Payouts are also named by their creditors' events, when one bounced.
    """
    named = store.inbox.subjects(
        connection, scope.first_day, scope.last_day, only_new=scope.only_new, resource_type=resource_type
    )
    if resource_type != "payouts":
        yield from named
        return
    announced = store.inbox.subjects(
        connection, scope.first_day, scope.last_day, only_new=scope.only_new, resource_type="creditors"
    )
    yield from dict.fromkeys((*named, *(subject for subject in announced if subject.startswith("PO"))))


def _decision(row: DecisionRow) -> Decision:
    return Decision(row.event_id, row.subject, Outcome(row.outcome), row.reason, row.posting_key)


def slices(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size`, without holding all of `items`."""
    rest = iter(items)
    while taken := list(islice(rest, size)):
        yield taken
