"""Orders with their allocation tables, and which collections must not go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bookkeeping.collecting import Books, Part, Standing, propose, to_stop
from bookkeeping.collection_schemes import Limits, LimitSettings
from bookkeeping.eligibility import Attempt, AttemptState, CollectionSettings, Payer, Receivable
from bookkeeping.entities import Mandate
from bookkeeping.money import Money

TODAY = date(2026, 6, 3)
MANDATE = Mandate("MD1", datetime(2026, 1, 1, tzinfo=UTC), "active", "sepa_core", customer_id="CU1")
PAYER = Payer("10001", gocardless_customers=("CU1",), mandates=(MANDATE,))
GROUPED = CollectionSettings(grouped=True)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def item(number: str, minor: int = 10_000, *, due: int = 0, **fields) -> Receivable:
    values = {"customer": "10001", "open_amount": eur(minor), "due_on": TODAY + timedelta(days=due), **fields}
    return Receivable(number=number, **values)


def credit(minor: int) -> Receivable:
    return item("C1", -minor, document_type="credit_note")


def proposed(*items: Receivable, settings: CollectionSettings = CollectionSettings(), **books):  # noqa: B008
    values = {"today": TODAY, "payers": {"10001": PAYER}, **books}
    return propose(items, Books(**values), settings)


def shown(proposal) -> dict[str, list[tuple[str, int]]]:
    return {order.reference: [(p.item, p.amount.minor) for p in order.parts] for order in proposal.orders}


def codes(proposal) -> dict[str, str]:
    return {each.invoice.number: each.code for each in proposal.not_eligible}


def test_each_invoice_gets_a_payment_of_its_own():
    proposal = proposed(item("R1"), item("R2", 2_500))

    assert shown(proposal) == {"R1#1": [("R1", 10_000)], "R2#1": [("R2", 2_500)]}
    assert [order.statement_reference for order in proposal.orders] == ["R1", "R2"]
    assert [order.description for order in proposal.orders] == ["Invoice R1", "Invoice R2"]


def test_grouped_invoices_of_a_payer_share_a_payment_with_an_allocation_table():
    proposal = proposed(item("R2", 2_500, due=-1), item("R1"), settings=GROUPED)

    (order,) = proposal.orders
    assert order.amount == eur(12_500)
    assert [(part.root, part.amount.minor) for part in order.parts] == [("R2", 2_500), ("R1", 10_000)]
    assert order.reference.startswith("10001#G")
    assert order.description == "Invoices R2, R1"
    assert order.statement_reference == "10001"


def test_the_reference_of_a_group_is_made_of_its_attempts():
    once, again = (proposed(item("R1"), item("R2"), settings=GROUPED).orders[0].reference for _ in range(2))
    other = proposed(item("R1"), item("R3"), settings=GROUPED).orders[0].reference

    assert once == again
    assert once != other


def test_invoices_with_other_charge_dates_or_mandates_are_not_grouped():
    pounds = Mandate("MD2", datetime(2026, 1, 1, tzinfo=UTC), "active", "bacs", customer_id="CU1")
    payer = replace(PAYER, mandates=(MANDATE, pounds))
    items = (item("R1"), item("R2", due=5), item("R3", open_amount=Money(5_000, "GBP")))

    proposal = proposed(*items, settings=GROUPED, payers={"10001": payer})

    assert len(proposal.orders) == 3


def test_a_group_is_split_where_it_would_exceed_the_limit():
    settings = replace(GROUPED, limits=LimitSettings(by_currency={"EUR": Limits(largest=15_000)}))

    proposal = proposed(item("R1", due=-2), item("R2", 4_000, due=-1), item("R3", 2_000), settings=settings)

    assert [[p.item for p in order.parts] for order in proposal.orders] == [["R1", "R2"], ["R3"]]


def test_small_invoices_are_collected_together_and_not_alone():
    assert codes(proposed(item("R1", 60), item("R2", 60))) == {"R1": "below_minimum", "R2": "below_minimum"}
    assert proposed(item("R1", 60), item("R2", 60), settings=GROUPED).orders[0].amount == eur(120)
    assert codes(proposed(item("R1", 60), settings=GROUPED)) == {"R1": "below_minimum"}


def test_credit_is_taken_off_the_oldest_invoices_once():
    proposal = proposed(item("R1", due=-9), item("R2", due=-5), item("R3"), credit(12_000))

    assert shown(proposal) == {"R2#1": [("R2", 8_000)], "R3#1": [("R3", 10_000)]}
    assert codes(proposal) == {"C1": "not_an_invoice", "R1": "covered_by_credit"}


def test_credit_that_a_collection_has_used_is_not_used_again():
    used = Attempt(1, "R1#1", AttemptState.IN_FLIGHT, eur(7_000), eur(10_000), "MD1")

    proposal = proposed(item("R1"), item("R2"), credit(3_000), attempts={"R1": [used]})

    assert shown(proposal) == {"R2#1": [("R2", 10_000)]}


def test_credit_of_one_customer_or_currency_helps_no_other():
    pounds = item("C2", open_amount=Money(-9_000, "GBP"), document_type="credit_note")
    other = item("C3", -9_000, customer="10002", document_type="credit_note")

    assert shown(proposed(item("R1"), pounds, other)) == {"R1#1": [("R1", 10_000)]}


def test_an_invoice_and_its_reopened_item_are_one_debt():
    proposal = proposed(item("R1", due=-1), item("GC9", reopens="R1"))

    assert shown(proposal) == {"R1#1": [("R1", 10_000)]}
    assert codes(proposal) == {"GC9": "open_twice"}


def test_a_reopened_item_alone_is_collected_under_the_name_of_its_invoice():
    dead = Attempt(
        1, "R1#1", AttemptState.FAILED, eur(10_000), eur(10_000), "MD1", "PM1", "insufficient_funds",
        ended_on=TODAY - timedelta(days=9),
    )  # fmt: skip

    (order,) = proposed(item("GC9", reopens="R1"), attempts={"R1": [dead]}).orders

    assert order.reference == "R1#2"
    assert order.parts == (Part("R1", "GC9", 2, eur(10_000), eur(10_000)),)
    assert order.statement_reference == "R1"


# --- what must not go on ---------------------------------------------------------------------------------------------


def standing(reference: str = "R1#1", state: str = "in_flight", *, cancellable: bool = True, **fields) -> Standing:
    root = reference.split("#", maxsplit=1)[0]
    part = Part(root, root, 1, eur(10_000), eur(10_000))
    values = {"customer": "10001", "mandate": "MD1", "charge_date": None, "parts": (part,), **fields}
    return Standing(reference, AttemptState(state), cancellable=cancellable, **values)


OPEN = (item("R1"), item("R2"))


def stopped(*given: Standing, invoices=OPEN, mandates=(MANDATE,), collected=None):
    stops = to_stop(given, {i.number: i for i in invoices}, {m.id: m for m in mandates}, collected or {})
    return {stop.standing.reference: (stop.code, stop.possible) for stop in stops}


@pytest.mark.parametrize(
    ("expected", "invoices"),
    [
        ({}, [item("R1")]),
        ({}, [item("R1", 12_000)]),
        ({"R1#1": ("paid_otherwise", True)}, []),
        ({"R1#1": ("open_amount_fell", True)}, [item("R1", 9_999)]),
        ({"R1#1": ("open_amount_fell", True)}, [item("R1", 0)]),
        ({"R1#1": ("on_hold", True)}, [item("R1", on_hold=True)]),
        ({"R1#1": ("currency_changed", True)}, [item("R1", open_amount=Money(10_000, "GBP"))]),
    ],
)
def test_a_collection_stops_when_its_money_is_not_owed_any_more(expected, invoices):
    assert stopped(standing(), invoices=invoices) == expected


def test_what_the_banks_have_can_only_be_reported():
    assert stopped(standing(cancellable=False), invoices=[]) == {"R1#1": ("paid_otherwise", False)}


def test_of_two_collections_of_one_invoice_the_one_that_cannot_be_stopped_stays():
    first, second = standing("R1#1", order=0), standing("R1#2", order=1)

    assert stopped(first, second) == {"R1#2": ("second_collection", True)}
    assert stopped(first, replace(second, cancellable=False)) == {"R1#1": ("second_collection", True)}
    assert stopped(first, collected={"R1": "R1#9"}) == {"R1#1": ("second_collection", True)}


def test_a_group_stops_when_one_of_its_invoices_is_paid():
    parts = (Part("R1", "R1", 1, eur(10_000), eur(10_000)), Part("R2", "R2", 1, eur(5_000), eur(5_000)))

    assert stopped(standing(parts=parts), invoices=[item("R2")]) == {"R1#1": ("paid_otherwise", True)}


@pytest.mark.parametrize("state", ["planned", "held"])
def test_what_was_not_sent_is_planned_anew_when_it_could_not_be_sent_any_more(state):
    lost = replace(MANDATE, status="cancelled")
    moved = replace(MANDATE, next_possible_charge_date=TODAY + timedelta(days=3))

    assert stopped(standing(state=state), mandates=[lost]) == {"R1#1": ("mandate_not_usable", True)}
    assert stopped(standing(state=state), mandates=[]) == {"R1#1": ("mandate_not_usable", True)}
    late = standing(state=state, charge_date=TODAY + timedelta(days=2))
    assert stopped(late, mandates=[moved]) == {"R1#1": ("charge_date_passed", True)}
    assert stopped(standing(), mandates=[lost]) == {}
