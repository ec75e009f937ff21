"""The month that Sage 300 starts: invoices become collections, recurring charges subscriptions, and payouts its journals."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connector.demo.judge import judge_sage300
from sandbox.business.ledger_month import LedgerMonth
from tests.connector.demo.conftest import Theatre, theatre

pytestmark = pytest.mark.slow

BOTH = ("sage300", "gocardless_irish")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """The whole month, played once; tests only look, and run again what must change nothing."""
    with theatre(tmp_path_factory.mktemp("irish") / "home") as opened:
        opened.play("irish")
        yield opened


def test_sages_books_are_to_the_cent_what_they_must_be(played: Theatre) -> None:
    assert [(run.success, run.failure, run.failed_checks) for run in played.runs] == [(True, "", ())] * 4
    assert played.differences("irish") == []
    truth = played.truth("irish")
    assert truth["collections"]["doubled"] == []
    assert truth["collections"]["created"] > 25
    assert {invoice["fault"] for invoice in truth["invoices"]} == {""}


def test_each_recurring_charge_is_followed_and_none_of_its_invoices_is_collected_on_its_own(played: Theatre) -> None:
    month = played.merchant("irish").month
    assert isinstance(month, LedgerMonth)
    world = month.world
    of_subscriptions = [payment for payment in world.payments.ordered if "subscription" in payment.links]
    billed = [charge for charge in month.plan.charges for _ in charge.dates]

    assert [charge["fault"] for charge in played.truth("irish")["charges"]] == [""] * len(month.plan.charges)
    assert len(world.subscriptions) == len(month.plan.charges) == 2
    assert len(of_subscriptions) >= len(billed) == 4
    by_customer = {charge.customer for charge in month.plan.charges}
    charged = {month.mandate_of(customer).id for customer in by_customer}
    assert all("subscription" in p.links for p in world.payments.ordered if p.links["mandate"] in charged)


def test_a_payment_is_a_line_of_its_payouts_journal_and_no_document(played: Theatre) -> None:
    batches = played.stage.books("irish")["batches"]
    ours = [batch["resource"] for batch in batches if batch["description"].startswith("GC ")]

    assert set(ours) == {"GLJournalBatches"}
    assert len(ours) == len(played.truth("irish")["payouts"])
    assert {batch["status"] for batch in batches if batch["description"].startswith("GC ")} == {"Posted"}


def test_every_kind_of_posting_was_made_and_none_is_held(played: Theatre) -> None:
    counts = played.runtime.store.ledger.counts("irish")

    assert {row.kind for row in counts} >= {
        "collection", "collection_cancel", "customer", "mandate_setup", "mandate_status", "payout", "receipt",
        "receipt_reversal", "refund", "subscription",
    }  # fmt: skip
    assert {row.state for row in counts} == {"posted"}


def test_another_run_writes_to_neither_side(played: Theatre) -> None:
    before = played.writes(*BOTH)

    played.run("irish")

    run = played.runs.pop()
    assert (run.success, run.failed_checks) == (True, ())
    assert played.writes(*BOTH) == before
    assert played.differences("irish") == []


def test_the_judge_sees_every_figure_of_sage_that_is_wrong(played: Theatre) -> None:
    """A judge that finds nothing is worth what he would find."""
    books, truth = played.stage.books("irish"), played.truth("irish")

    def seen(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> list[str]:
        changed = copy.deepcopy(books), copy.deepcopy(truth)
        change(*changed)
        return [difference.what for difference in judge_sage300(*changed)]

    def more(table: dict[str, int], key: str) -> None:
        table[key] = table.get(key, 0) + 1

    def journal_line(told: dict[str, Any]) -> dict[str, Any]:
        return next(x for p in told["postings"] for x in p["lines"] if x["account"] == "1100" and not x["customer"])

    assert seen(lambda b, t: None) == []
    for account in ("1100", "1099", "1030", "6115", "2150", "4090", "1040", "9999", "1020"):
        assert len(seen(lambda b, t, account=account: more(b["balances"], account))) == 1, account
    assert seen(lambda b, t: more(b["receivables"]["EUR"], "99999")) == ["customer 99999 EUR"]
    number = truth["invoices"][0]["number"]
    assert seen(lambda b, t: more(t["invoices"][0], "unpaid_minor")) == [f"open of invoice {number}"]
    line = journal_line(books)
    assert seen(lambda b, t: more(journal_line(b), "minor"))[0] == f"line of {line['reference']}"
    strange = seen(lambda b, t: journal_line(b).update(text="AR 99999 OS2699999"))
    assert strange == [f"line of {line['reference']}", f"line AR 99999 OS2699999 of {line['reference']}"]
    assert seen(lambda b, t: t["charges"][0].update(fault="followed_twice"))[0].endswith("followed twice")
    assert seen(lambda b, t: t["invoices"][0].update(fault="forgotten"))[0].endswith("forgotten")
    assert seen(lambda b, t: t["strangers"].append("PM1")) == ["payment PM1 for an unknown invoice"]
