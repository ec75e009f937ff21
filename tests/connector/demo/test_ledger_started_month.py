"""The month that a ledger starts: invoices become collections, collections become bookings, and all books say so."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from connector.demo.judge import EXACT_ONLINE, judge_ledger
from sandbox.business.collections_made import invoices_of
from sandbox.business.ledger_month import LedgerMonth
from sandbox.business.ledger_plan import LedgerInvoice, LedgerPlan, Signing, Wanted
from sandbox.gocardless.autopilot import Fate
from tests.connector.demo.conftest import Theatre, theatre

pytestmark = pytest.mark.slow

BOTH = ("exact_online", "gocardless_dutch")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """The whole month, played once; tests only look, and run again what must change nothing."""
    with theatre(tmp_path_factory.mktemp("dutch") / "home") as opened:
        opened.play("dutch")
        yield opened


@pytest.fixture(scope="module")
def plan(played: Theatre) -> LedgerPlan:
    month = played.merchant("dutch").month
    assert isinstance(month, LedgerMonth)
    return month.plan


def with_fates(plan: LedgerPlan, *fates: Fate) -> list[LedgerInvoice]:
    found = [invoice for invoice in plan.invoices if invoice.fates == fates]
    assert found, fates
    return found


def statuses(played: Theatre, invoice: LedgerInvoice) -> list[str]:
    return [payment.status for payment in played.payments("dutch", invoice.number)]


def test_the_ledgers_books_are_to_the_cent_what_they_must_be(played: Theatre) -> None:
    assert [(run.success, run.failure, run.failed_checks) for run in played.runs] == [(True, "", ())] * 4
    assert played.differences("dutch") == []


def test_no_invoice_is_collected_twice_and_none_is_forgotten(played: Theatre, plan: LedgerPlan) -> None:
    truth = played.truth("dutch")

    assert truth["collections"]["doubled"] == []
    assert truth["strangers"] == []
    assert {invoice["fault"] for invoice in truth["invoices"]} == {""}
    ordered = [invoice for invoice in plan.invoices if invoice.wanted is not Wanted.LEFT_ALONE]
    assert truth["collections"]["created"] > len(ordered) >= 30


def test_a_failure_is_tried_again_once_by_policy(played: Theatre, plan: LedgerPlan) -> None:
    for invoice in with_fates(plan, Fate.FAILS, Fate.COLLECTED):
        assert statuses(played, invoice) == ["failed", "paid_out"]
    for invoice in with_fates(plan, Fate.FAILS, Fate.FAILS):
        assert statuses(played, invoice) == ["failed", "failed"]


def test_what_gocardless_tries_again_by_itself_is_left_to_it(played: Theatre, plan: LedgerPlan) -> None:
    for invoice in with_fates(plan, Fate.FAILS_THEN_COLLECTED):
        assert statuses(played, invoice) == ["paid_out"]


@pytest.mark.parametrize("fate", [Fate.LATE_FAILURE_BEFORE_PAYOUT, Fate.LATE_FAILURE_AFTER_PAYOUT])
def test_a_late_failure_is_collected_again(played: Theatre, plan: LedgerPlan, fate: Fate) -> None:
    for invoice in with_fates(plan, fate, Fate.COLLECTED):
        first, second = statuses(played, invoice)
        assert first == "failed"
        assert second in ("confirmed", "paid_out")


def test_a_chargeback_is_not_collected_again(played: Theatre, plan: LedgerPlan) -> None:
    for invoice in with_fates(plan, Fate.CHARGED_BACK):
        assert statuses(played, invoice) == ["charged_back"]
    for invoice in with_fates(plan, Fate.CHARGEBACK_CANCELLED):
        assert len(statuses(played, invoice)) == 1


def test_a_transfer_stops_the_collection_or_lowers_it(played: Theatre, plan: LedgerPlan) -> None:
    by_wanted = {plan.invoice(t.invoice).wanted: plan.invoice(t.invoice) for t in plan.transfers}

    assert statuses(played, by_wanted[Wanted.LEFT_ALONE]) == []
    assert statuses(played, by_wanted[Wanted.GIVEN_UP]) == ["cancelled"]
    part = by_wanted[Wanted.COLLECTED]
    first, second = played.payments("dutch", part.number)
    assert (first.status, first.body["amount"]) == ("cancelled", part.amount_minor)
    assert second.body["amount"] == part.wanted_minor < part.amount_minor


def test_an_open_credit_note_lowers_what_is_collected(played: Theatre, plan: LedgerPlan) -> None:
    (credit,) = plan.credits
    (invoice,) = [each for each in plan.invoices if each.customer == credit.customer]
    (payment,) = played.payments("dutch", invoice.number)

    assert payment.body["amount"] == invoice.amount_minor - credit.amount_minor


def test_a_payer_who_was_asked_has_signed_up_and_is_collected(played: Theatre, plan: LedgerPlan) -> None:
    (customer,) = [each for each in plan.customers if each.signing is Signing.WHEN_ASKED]
    (invoice,) = [each for each in plan.invoices if each.customer == customer.number]

    assert statuses(played, invoice) == ["paid_out"]
    set_ups = played.runtime.store.mandate_setups.all("dutch")
    assert Counter(row.state.value for row in set_ups if row.customer == customer.number) == {"fulfilled": 1}


def test_every_kind_of_posting_was_made_and_none_is_held(played: Theatre) -> None:
    counts = played.runtime.store.ledger.counts("dutch")

    assert {row.kind for row in counts} >= {
        "collection", "collection_cancel", "customer", "mandate_setup", "mandate_status", "payout", "receipt",
        "receipt_reversal", "refund",
    }  # fmt: skip
    assert {row.state for row in counts} <= {"posted", "delivered"}
    assert played.runtime.store.ledger.held("dutch") == []


def test_another_run_writes_to_neither_side(played: Theatre) -> None:
    before = played.writes(*BOTH)

    played.run("dutch")

    run = played.runs.pop()
    assert (run.success, run.failed_checks) == (True, ())
    assert played.writes(*BOTH) == before
    assert played.differences("dutch") == []


def test_the_judge_sees_every_figure_that_is_wrong(played: Theatre) -> None:
    """A judge that finds nothing is worth what he would find."""
    books, truth = played.stage.books("dutch"), played.truth("dutch")
    assert judge_ledger(books, truth, EXACT_ONLINE) == []
    customer = next(iter(books["receivable"]["EUR"]))
    number = str(books["open_items"][0]["invoice_number"])

    def seen(change: Any) -> list[str]:
        changed = copy.deepcopy(books), copy.deepcopy(truth)
        change(*changed)
        return [difference.what for difference in judge_ledger(*changed, EXACT_ONLINE)]

    def more(table: dict[str, int], key: str) -> None:
        table[key] = table.get(key, 0) + 1

    for what, account in asdict(EXACT_ONLINE).items():
        (told,) = seen(lambda b, t, account=account: more(b["balances"]["EUR"], account))
        assert told.lower() == f"{what.replace('_', ' ')} eur"
    assert seen(lambda b, t: more(b["receivable"]["EUR"], customer)) == [f"customer {customer} EUR"]
    assert seen(lambda b, t: more(b["receivable"]["EUR"], "99999")) == ["customer 99999 EUR"]
    assert seen(lambda b, t: more(b["open_items"][0], "amount_minor")) == [f"open of invoice {number}"]
    assert seen(lambda b, t: t["invoices"][0].update(fault="forgotten"))[0].endswith("forgotten")
    assert seen(lambda b, t: t["strangers"].append("PM1")) == ["payment PM1 for an unknown invoice"]


def test_several_invoices_of_a_payer_become_one_payment_where_the_settings_say_so(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with theatre(tmp_path_factory.mktemp("grouped") / "home", mode="grouped") as opened:
        opened.play("dutch")

        assert [(run.success, run.failed_checks) for run in opened.runs] == [(True, ())] * 4
        assert opened.differences("dutch") == []
        assert opened.truth("dutch")["collections"]["doubled"] == []
        payments = opened.merchant("dutch").world.payments.ordered
        assert max(len(invoices_of(payment)) for payment in payments) >= 2
