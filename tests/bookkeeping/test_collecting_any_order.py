"""Whatever happens in whatever order: never more than is owed is under way, and never two collections of one invoice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bookkeeping.collecting import Books, Order, Standing, propose, to_stop
from bookkeeping.collection_outcomes import outcome_of
from bookkeeping.eligibility import WITHOUT_END, Attempt, AttemptState, CollectionSettings, Payer, Receivable
from bookkeeping.entities import Event, Mandate, Payment
from bookkeeping.money import Money

START = date(2026, 6, 1)
MANDATES = tuple(
    Mandate(f"MD{n}", datetime(2026, 1, 1, tzinfo=UTC), "active", "sepa_core", customer_id=f"CU{n}") for n in (1, 2)
)
INVOICES = ("A1", "A2", "B1")


@dataclass
class Bank:
    """A payment as GoCardless has it. `open_amount` is what was open in the ERP when it was ordered."""

    order: Order
    status: str = "pending_submission"
    story: list[Event] = field(default_factory=list)


@dataclass
class Village:
    """An ERP with three invoices of two customers, GoCardless, and the connector's memory of its own orders.

    `settled` is what the ERP knows to be paid, minor units by invoice; receipts and their reversals reach it late.
    """

    rules: CollectionSettings
    today: date = START
    credit: int = 0
    settled: dict[str, int] = field(default_factory=lambda: dict.fromkeys(INVOICES, 0))
    receipts: set[str] = field(default_factory=set)
    payments: dict[str, Bank] = field(default_factory=dict)
    ours: set[str] = field(default_factory=set)
    clock: int = 0

    # --- what the connector sees -----------------------------------------------------------------------------------

    def open_items(self) -> list[Receivable]:
        items = [
            Receivable(number, number[0], Money(10_000 - self.settled[number], "EUR"), START)
            for number in INVOICES
            if self.settled[number] < 10_000
        ]
        note = Receivable("C1", "A", Money(-self.credit, "EUR"), START, document_type="credit_note")
        return [*items, note] if self.credit else items

    def attempts(self) -> dict[str, list[Attempt]]:
        found: dict[str, list[Attempt]] = {}
        for reference, bank in self.payments.items():
            payment = Payment(reference, datetime(2026, 6, 1, tzinfo=UTC), bank.order.amount, bank.status, _NOTHING)
            outcome = outcome_of(payment, bank.story)
            for part in bank.order.parts:
                found.setdefault(part.root, []).append(
                    Attempt(
                        part.attempt,
                        reference,
                        outcome.state,
                        part.amount,
                        part.open_amount,
                        bank.order.mandate.id,
                        reference,
                        outcome.cause,
                        reference in self.ours,
                        outcome.ended_at.date() if outcome.ended_at else None,
                    )
                )
        return found

    # --- what can happen -------------------------------------------------------------------------------------------

    def plan(self) -> None:
        items, attempts = self.open_items(), self.attempts()
        by_reference = {a.reference: a for found in attempts.values() for a in found}
        standing = [
            Standing(
                reference,
                by_reference[reference].state,
                bank.order.customer,
                bank.order.mandate.id,
                None,
                bank.order.parts,
                bank.status == "pending_submission",
                place,
            )
            for place, (reference, bank) in enumerate(self.payments.items())
            if by_reference[reference].state in WITHOUT_END
        ]
        collected = {
            root: a.reference for root, found in attempts.items() for a in found if a.state is AttemptState.COLLECTED
        }
        for stop in to_stop(standing, {i.number: i for i in items}, {m.id: m for m in MANDATES}, collected):
            if stop.possible:
                self.payments[stop.standing.reference].status = "cancelled"
                self.ours.add(stop.standing.reference)
        payers = {
            name: Payer(name, gocardless_customers=(f"CU{n}",), mandates=(MANDATES[n - 1],))
            for n, name in ((1, "A"), (2, "B"))
        }
        for order in propose(items, Books(self.today, payers, self.attempts()), self.rules).orders:
            assert order.reference not in self.payments, "a reference is used once"
            self.payments[order.reference] = Bank(order)

    def move(
        self, pick: int, from_statuses: set[str], to: str, action: str = "", cause: str = "", **event: bool
    ) -> None:
        there = sorted(key for key, bank in self.payments.items() if bank.status in from_statuses)
        if there:
            bank = self.payments[there[pick % len(there)]]
            bank.status = to
            self.clock += 1
            moment = datetime(self.today.year, self.today.month, self.today.day, tzinfo=UTC)
            told = Event(
                f"EV{self.clock:05}",
                moment + timedelta(seconds=self.clock),
                "payments",
                action or to,
                cause=cause,
                **event,
            )
            bank.story.append(told)

    def try_again(self) -> None:
        for bank in self.payments.values():
            if bank.status == "failed" and bank.story[-1].will_attempt_retry:
                bank.status = "pending_submission"
                self.clock += 1
                moment = bank.story[-1].created_at + timedelta(seconds=self.clock)
                bank.story.append(Event(f"EV{self.clock:05}", moment, "payments", "resubmission_requested"))

    def receipt(self, pick: int) -> None:
        """A receipt, or its reversal, reaches the ERP."""
        for reference in sorted(self.payments)[pick % max(len(self.payments), 1) :][:1]:
            bank = self.payments[reference]
            stands = bank.status in ("confirmed", "paid_out")
            if stands != (reference in self.receipts):
                self.receipts ^= {reference}
                for part in bank.order.parts:
                    moved = part.amount.minor if stands else -part.amount.minor
                    self.settled[part.root] = min(max(self.settled[part.root] + moved, 0), 10_000)

    def assert_sound(self) -> None:
        for number in INVOICES:
            live = [
                (reference, part.amount.minor)
                for reference, bank in self.payments.items()
                for part in bank.order.parts
                if part.root == number and not _is_dead(bank)
            ]
            assert len(live) <= 1, f"{number} is collected twice: {live}"
            assert sum(amount for _, amount in live) <= 10_000, live


_NOTHING = Money(0, "EUR")


def _is_dead(bank: Bank) -> bool:
    over = bank.status in ("cancelled", "charged_back")
    return over or (bank.status == "failed" and not bank.story[-1].will_attempt_retry)


EVENTS: dict[str, Callable[[Village, int], None]] = {
    "plan": lambda v, n: v.plan(),
    "submit": lambda v, n: v.move(n, {"pending_submission"}, "submitted"),
    "confirm": lambda v, n: v.move(n, {"submitted"}, "confirmed"),
    "pay out": lambda v, n: v.move(n, {"confirmed"}, "paid_out"),
    "fail": lambda v, n: v.move(
        n, {"submitted", "confirmed", "paid_out"}, "failed", cause="insufficient_funds", will_attempt_retry=False
    ),
    "fail for now": lambda v, n: v.move(
        n, {"submitted"}, "failed", cause="insufficient_funds", will_attempt_retry=True
    ),
    "GoCardless tries again": lambda v, n: v.try_again(),
    "chargeback withdrawn": lambda v, n: v.move(n, {"charged_back"}, "confirmed", "chargeback_cancelled"),
    "charge back": lambda v, n: v.move(n, {"confirmed", "paid_out"}, "charged_back", cause="refund_requested"),
    "cancelled by a person": lambda v, n: v.move(n, {"pending_submission"}, "cancelled", cause="payment_cancelled"),
    "receipt": lambda v, n: v.receipt(n),
    "paid otherwise": lambda v, n: v.settled.update({INVOICES[n % 3]: min(10_000, v.settled[INVOICES[n % 3]] + 4_000)}),
    "credit note": lambda v, n: setattr(v, "credit", n * 1_000),
    "days pass": lambda v, n: setattr(v, "today", v.today + timedelta(days=n)),
}
HAPPENINGS = st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.integers(0, 9)), max_size=60)
RULES = st.builds(CollectionSettings, grouped=st.booleans(), credit_notes=st.sampled_from(["net", "hold", "ignore"]))


@settings(max_examples=400, deadline=None)
@given(HAPPENINGS, RULES)
def test_no_order_of_events_collects_an_invoice_twice_or_too_much(happenings, rules):
    village = Village(rules)
    for name, number in happenings:
        EVENTS[name](village, number)
        village.assert_sound()


@settings(max_examples=200, deadline=None)
@given(HAPPENINGS, RULES)
def test_planning_again_without_news_orders_nothing(happenings, rules):
    village = Village(rules)
    for name, number in happenings:
        EVENTS[name](village, number)
    village.plan()
    before = {reference: bank.status for reference, bank in village.payments.items()}

    village.plan()

    assert {reference: bank.status for reference, bank in village.payments.items()} == before


@settings(max_examples=200, deadline=None)
@given(HAPPENINGS, RULES)
def test_every_open_item_is_ordered_or_has_a_reason(happenings, rules):
    village = Village(rules)
    for name, number in happenings:
        EVENTS[name](village, number)
    items = village.open_items()
    payers = {"A": Payer("A", gocardless_customers=("CU1",), mandates=MANDATES[:1])}

    proposal = propose(items, Books(village.today, payers, village.attempts()), rules)

    ordered = [part.item for order in proposal.orders for part in order.parts]
    refused = [each.invoice.number for each in proposal.not_eligible]
    assert sorted(ordered + refused) == sorted(item.number for item in items)
    for order in proposal.orders:
        assert all(0 < part.amount.minor <= part.open_amount.minor for part in order.parts)


@given(st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.integers(0, 4)), max_size=6))
def test_after_stopping_no_two_collections_of_an_invoice_are_left_that_could_be_stopped(given_standing):
    order = propose(
        [Receivable("A1", "A", Money(10_000, "EUR"), START)],
        Books(START, {"A": Payer("A", gocardless_customers=("CU1",), mandates=MANDATES[:1])}),
        CollectionSettings(),
    ).orders[0]
    standing = [
        Standing(
            f"A{root}#{n}",
            AttemptState.IN_FLIGHT,
            "A",
            "MD1",
            None,
            (replace(order.parts[0], root=f"A{root}", item="A1"),),
            cancellable,
            place,
        )
        for n, (root, cancellable, place) in enumerate(given_standing)
    ]
    invoices = {"A1": Receivable("A1", "A", Money(10_000, "EUR"), START)}

    stops = to_stop(standing, invoices, {"MD1": MANDATES[0]}, {})

    gone = {stop.standing.reference for stop in stops if stop.possible}
    for root in ("A0", "A1"):
        left = [each for each in standing if each.parts[0].root == root and each.reference not in gone]
        assert sum(each.cancellable for each in left) <= 1
        assert not (any(each.cancellable for each in left) and any(not each.cancellable for each in left))
