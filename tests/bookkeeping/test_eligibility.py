"""Which open invoices are collected, with how much, from which mandate and when; and why each other is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bookkeeping.collection_schemes import Limits, LimitSettings
from bookkeeping.eligibility import (
    Attempt,
    AttemptState,
    CollectionSettings,
    Context,
    Eligible,
    NotEligible,
    Payer,
    Receivable,
    RetryPolicy,
    judge,
)
from bookkeeping.entities import Mandate
from bookkeeping.money import Money

TODAY = date(2026, 6, 3)
SETTINGS = CollectionSettings()


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def mandate(mandate_id: str = "MD1", scheme: str = "sepa_core", customer: str = "CU1", **fields) -> Mandate:
    values = {"status": "active", "next_possible_charge_date": TODAY + timedelta(days=3), **fields}
    created = values.pop("created_at", datetime(2026, 1, 1, tzinfo=UTC))
    return Mandate(id=mandate_id, created_at=created, scheme=scheme, customer_id=customer, **values)


def payer(*mandates: Mandate, **fields) -> Payer:
    return Payer("10001", **{"gocardless_customers": ("CU1",), "mandates": mandates or (mandate(),), **fields})


def invoice(amount: Money | None = None, **fields) -> Receivable:
    opened = eur(10_000) if amount is None else amount
    return Receivable(**{"number": "R1", "customer": "10001", "open_amount": opened, "due_on": TODAY, **fields})


def attempt(state: str, number: int = 1, **fields) -> Attempt:
    values = {"amount": eur(10_000), "open_amount": eur(10_000), "mandate": "MD1", **fields}
    return Attempt(number, f"R1#{number}", AttemptState(state), **values)


def judged(item: Receivable | None = None, settings: CollectionSettings = SETTINGS, **context):
    return judge(item or invoice(), Context(**{"today": TODAY, "payer": payer(), **context}), settings)


def code(item: Receivable | None = None, settings: CollectionSettings = SETTINGS, **context) -> str:
    answer = judged(item, settings, **context)
    return answer.code if isinstance(answer, NotEligible) else "eligible"


def test_a_due_invoice_of_a_payer_with_a_mandate_is_collected_whole():
    answer = judged()

    assert answer == Eligible(invoice(), 1, eur(10_000), mandate(), None)


@pytest.mark.parametrize(
    ("expected", "item"),
    [
        ("not_an_invoice", invoice(document_type="credit_note")),
        ("negative_amount", invoice(eur(-1))),
        ("nothing_open", invoice(eur(0))),
        ("currency_not_collectable", invoice(Money(1_000, "JPY"))),
        ("on_hold", invoice(on_hold=True)),
        ("no_due_date", invoice(due_on=None)),
        ("not_due_yet", invoice(due_on=TODAY + timedelta(days=8))),
        ("eligible", invoice(due_on=TODAY + timedelta(days=7))),
        ("eligible", invoice(due_on=TODAY - timedelta(days=400))),
        ("over_limit", invoice(eur(500_001))),
        ("eligible", invoice(eur(500_000))),
        ("below_minimum", invoice(eur(99))),
        ("eligible", invoice(eur(100))),
    ],
)
def test_what_the_invoice_itself_says(expected, item):
    assert code(item) == expected


def test_an_invoice_from_before_the_first_day_is_left_alone():
    settings = CollectionSettings(issued_from=date(2026, 5, 1))

    assert code(invoice(issued_on=date(2026, 4, 30)), settings) == "issued_too_early"
    assert code(invoice(issued_on=date(2026, 5, 1)), settings) == "eligible"


@pytest.mark.parametrize(
    ("expected", "who"),
    [
        ("customer_inactive", payer(is_active=False)),
        ("no_gocardless_customer", Payer("10001")),
        ("no_mandate", Payer("10001", gocardless_customers=("CU1",))),
        ("mandate_not_usable", payer(mandate(status="cancelled"))),
        ("mandate_not_usable", payer(mandate(status="some_new_status"))),
        ("mandate_not_usable", payer(mandate(scheme="faster_payments"))),
        ("mandate_not_usable", payer(mandate(new_mandate_id="MD9"))),
        ("currency_mismatch", payer(mandate(scheme="bacs"))),
        ("duplicate_customer", payer(mandate(), mandate("MD2", customer="CU2"))),
        ("eligible", payer(mandate(), mandate("MD2", customer="CU2"), preferred="MD2")),
        ("eligible", payer(mandate(), mandate("MD2", customer="CU2", status="failed"))),
        ("eligible", payer(mandate(), mandate("MD2", scheme="bacs", customer="CU2"))),
        ("eligible", payer(mandate(status="pending_submission"))),
        ("eligible", payer(mandate(status="pending_customer_approval"))),
    ],
)
def test_what_the_payer_must_have(expected, who):
    assert code(payer=who) == expected


def test_of_several_mandates_the_erps_own_then_the_newest_is_used():
    older, newer = mandate("MD1"), mandate("MD2", created_at=datetime(2026, 2, 1, tzinfo=UTC))

    assert judged(payer=payer(older, newer)).mandate.id == "MD2"
    assert judged(payer=payer(older, newer, preferred="MD1")).mandate.id == "MD1"


def test_a_set_up_that_waits_is_the_next_step():
    answer = judged(payer=Payer("10001", set_up="The payer was asked: https://pay.example"))

    assert answer.next_step == "The payer was asked: https://pay.example"


def test_the_due_date_is_asked_for_only_where_gocardless_could_charge_earlier():
    assert judged(invoice(due_on=TODAY + timedelta(days=5))).charge_date == TODAY + timedelta(days=5)
    assert judged(invoice(due_on=TODAY + timedelta(days=3))).charge_date is None


@pytest.mark.parametrize(
    ("mode", "credit", "expected"),
    [
        ("net", 3_000, 7_000),
        ("ignore", 3_000, 10_000),
        ("net", 10_000, "covered_by_credit"),
        ("hold", 1, "open_credit"),
        ("hold", 0, 10_000),
    ],
)
def test_open_credit_of_the_customer_is_considered(mode, credit, expected):
    answer = judged(settings=CollectionSettings(credit_notes=mode), credit=credit)

    assert (answer.amount.minor if isinstance(answer, Eligible) else answer.code) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("planned", "planned"),
        ("held", "collection_held"),
        ("in_flight", "in_flight"),
        ("collected", "collected_already"),
    ],
)
def test_a_collection_that_may_bring_money_keeps_the_invoice_whatever_else_happened(state, expected):
    later = attempt("failed", 2, cause="insufficient_funds")

    assert code(attempts=(attempt(state), later)) == expected
    assert code(attempts=(attempt(state),), allowed_after=9) == expected


def failed(cause: str, days_ago: int = 5, number: int = 1, **fields) -> Attempt:
    return attempt("failed", number, cause=cause, ended_on=TODAY - timedelta(days=days_ago), **fields)


@pytest.mark.parametrize(
    ("expected", "attempts"),
    [
        ("eligible", (failed("insufficient_funds"),)),
        ("waits_to_retry", (failed("insufficient_funds", days_ago=4),)),
        ("eligible", (failed("insufficient_funds", 90), failed("refer_to_payer", number=2))),
        ("attempts_used_up", tuple(failed("insufficient_funds", 30 - n, n) for n in (1, 2, 3))),
        ("failed_for_good", (failed("authorisation_disputed"),)),
        ("failed_for_good", (failed("a_new_cause"),)),
        ("failed_for_good", (failed(""),)),
        ("needs_new_mandate", (failed("bank_account_closed"),)),
        ("eligible", (failed("bank_account_closed", mandate="MD0"),)),
        ("charged_back", (attempt("charged_back", cause="refund_requested"),)),
        ("cancelled_by_a_person", (attempt("cancelled", cause="payment_cancelled"),)),
        ("needs_new_mandate", (attempt("cancelled", cause="mandate_cancelled"),)),
        ("eligible", (attempt("cancelled", cause="mandate_cancelled", mandate="MD0"),)),
        ("eligible", (attempt("cancelled", cause="payment_cancelled", ours=True),)),
        ("withdrawn_by_a_person", (attempt("withdrawn"),)),
        ("eligible", (attempt("withdrawn", ours=True),)),
    ],
)
def test_what_ended_the_last_attempt_decides_about_another(expected, attempts):
    assert code(attempts=attempts) == expected


def test_the_next_attempt_has_the_next_number():
    answer = judged(attempts=(failed("insufficient_funds", 60), failed("insufficient_funds", number=2)))

    assert answer.attempt == 3


@pytest.mark.parametrize("ended", ["charged_back", "cancelled", "withdrawn"])
def test_a_person_can_allow_one_more_attempt(ended):
    assert code(attempts=(attempt(ended),), allowed_after=1) == "eligible"
    assert code(attempts=(attempt(ended), attempt(ended, 2)), allowed_after=1) != "eligible"


def test_the_retry_policy_is_a_setting():
    settings = CollectionSettings(retry=RetryPolicy(attempts=1, wait_days=0, causes=frozenset({"other"})))

    assert code(settings=settings, attempts=(failed("insufficient_funds"),)) == "failed_for_good"
    assert code(settings=settings, attempts=(failed("other", 0),)) == "attempts_used_up"


def test_a_reopened_item_goes_on_with_the_attempts_of_its_invoice():
    reopened = invoice(number="GC77", reopens="R1")

    assert reopened.root == "R1"
    assert code(reopened, attempts=(attempt("collected"),)) == "collected_already"
    assert judged(reopened, attempts=(failed("insufficient_funds"),)).attempt == 2


def test_limits_of_the_connection_the_scheme_and_the_currency():
    own = replace(SETTINGS, smallest=20_000)
    by_currency = replace(SETTINGS, limits=LimitSettings(by_currency={"EUR": Limits(largest=9_999)}))
    both = LimitSettings({"sepa_core": Limits(largest=10_000)}, {"EUR": Limits(largest=9_999, smallest=1)})

    assert code(settings=own) == "below_minimum"
    assert code(settings=replace(SETTINGS, largest=9_999)) == "over_limit"
    assert code(settings=by_currency) == "over_limit"
    assert code(settings=replace(SETTINGS, limits=both)) == "eligible"
    assert code(invoice(eur(1)), replace(SETTINGS, limits=both)) == "eligible"


def test_what_is_left_after_credit_must_be_worth_a_payment():
    assert code(credit=9_950) == "below_minimum"


def test_every_reason_is_a_sentence():
    answer = judged(payer=payer(mandate(scheme="bacs")))

    assert answer.reason == "The invoice is in EUR, the payer's mandates collect GBP."
    assert answer.next_step == "Set up a mandate in this currency."
