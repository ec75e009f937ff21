"""The month that two companies of IFS Cloud start: each collects its currency through its creditor, and both books say so."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest

from connector.demo.judge import IFS_CLOUD, judge_ifs_cloud
from sandbox.business.ledger_month import LedgerMonth
from sandbox.business.ledger_plan import LedgerInvoice, Wanted
from sandbox.gocardless.autopilot import Fate
from tests.connector.demo.conftest import Theatre, theatre

pytestmark = pytest.mark.slow

BOTH = ("ifs_cloud", "gocardless_nordsee")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """The whole month, played once; tests only look, and run again what must change nothing."""
    with theatre(tmp_path_factory.mktemp("nordsee") / "home") as opened:
        opened.play("nordsee")
        yield opened


@pytest.fixture(scope="module")
def month(played: Theatre) -> LedgerMonth:
    month = played.merchant("nordsee").month
    assert isinstance(month, LedgerMonth)
    return month


def test_the_books_of_both_companies_are_to_the_penny_what_they_must_be(played: Theatre) -> None:
    assert [(run.success, run.failure, run.failed_checks) for run in played.runs] == [(True, "", ())] * 4
    assert played.differences("nordsee") == []
    truth = played.truth("nordsee")
    assert set(truth["currencies"]) == {"EUR", "GBP"}
    assert all(truth["bank"][currency] > 0 for currency in ("EUR", "GBP"))
    assert truth["collections"]["doubled"] == []
    assert {invoice["fault"] for invoice in truth["invoices"]} == {""}


def test_every_payment_goes_to_the_creditor_of_its_invoices_company(month: LedgerMonth) -> None:
    own, branch = (creditor.id for creditor in month.world.creditors.ordered)
    collected: Counter[tuple[str, str, str]] = Counter()
    for payment in month.world.payments.ordered:
        company = payment.body["metadata"]["invoice"].partition(":")[0]
        collected[company, payment.links["creditor"], payment.body["currency"]] += 1

    assert set(collected) == {("10", own, "EUR"), ("20", branch, "GBP")}
    assert min(collected.values()) >= 5


def test_an_invoice_in_the_other_companys_currency_is_left_alone(played: Theatre, month: LedgerMonth) -> None:
    foreign = [i for i in month.plan.invoices if i.number.startswith("10:") and i.currency == "GBP"]

    assert [played.payments("nordsee", invoice.number) for invoice in foreign] == [[]]


def test_ifs_is_told_how_each_collection_ended_and_why(played: Theatre, month: LedgerMonth) -> None:
    def told(invoice: LedgerInvoice) -> tuple[str, str, str]:
        company, _, number = invoice.number.partition(":CI-")
        rows = played.stand_ins.tenant.table("LedgerItem").where("LedgerItemId", number)
        (row,) = [row for row in rows if row["Company"] == company]
        return tuple(row.get(name) or "" for name in ("Cf_Gc_Status", "Cf_Gc_Reason", "Cf_Gc_Payment"))  # type: ignore[return-value]

    for invoice in month.plan.invoices:
        payments = played.payments("nordsee", invoice.number)
        state, cause, payment = told(invoice)
        assert payment == (payments[-1].id if payments else ""), invoice.number
        if invoice.fates == (Fate.FAILS, Fate.FAILS):
            assert (state, bool(cause)) == ("failed", True)
        if invoice.fates == (Fate.CHARGED_BACK,):
            assert state == "charged_back"
        if invoice.fates == (Fate.FAILS, Fate.COLLECTED):
            assert (state, cause) in (("in_flight", ""), ("collected", ""))
        if invoice.wanted is Wanted.LEFT_ALONE:
            assert state == ""


def test_customers_know_their_gocardless_customer_and_the_mandate_that_was_in_force_last(
    played: Theatre, month: LedgerMonth
) -> None:
    shown = played.stand_ins.tenant.table("CustomerInfo")
    mandates = {mandate.id: mandate for mandate in month.world.mandates}
    payers = {mandates[payment.links["mandate"]].links["customer"] for payment in month.world.payments}
    named = {row["Cf_Gc_Customer"]: row.get("Cf_Gc_Mandate") for row in shown if row.get("Cf_Gc_Customer")}

    assert payers <= set(named)
    for customer, mandate in named.items():
        if mandate:
            assert mandates[mandate].links["customer"] == customer
            assert mandates[mandate].status in ("submitted", "active")
    cancelled = [each.links["customer"] for each in mandates.values() if each.status == "cancelled"]
    assert [named[customer] for customer in cancelled] == [""]
    assert sum(bool(mandate) for mandate in named.values()) >= 15


def test_every_kind_of_posting_was_made_and_none_is_held(played: Theatre) -> None:
    counts = played.runtime.store.ledger.counts("nordsee")

    assert {row.kind for row in counts} >= {
        "collection", "collection_cancel", "customer", "invoice_status", "mandate_setup", "mandate_status", "payout",
        "receipt", "receipt_reversal", "refund",
    }  # fmt: skip
    assert {row.state for row in counts} == {"posted"}


def test_another_run_writes_to_neither_side(played: Theatre) -> None:
    before = played.writes(*BOTH)

    played.run("nordsee")

    run = played.runs.pop()
    assert (run.success, run.failed_checks) == (True, ())
    assert played.writes(*BOTH) == before
    assert played.differences("nordsee") == []


def test_the_judge_sees_every_figure_of_either_company_that_is_wrong(played: Theatre) -> None:
    """A judge that finds nothing is worth what he would find."""
    books, truth = played.stage.books("nordsee"), played.truth("nordsee")

    def seen(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> list[str]:
        changed = copy.deepcopy(books["companies"]), copy.deepcopy(truth)
        change(*changed)
        return [found.what for found in judge_ifs_cloud({**books, "companies": changed[0]}, changed[1])]

    def more(table: dict[str, int], key: str) -> None:
        table[key] = table.get(key, 0) + 1

    assert seen(lambda b, t: None) == []
    for company, currency in (("10", "EUR"), ("20", "GBP")):
        accounts = {what: account for what, account in asdict(IFS_CLOUD).items() if account}
        for what, account in accounts.items():
            (told,) = seen(lambda b, t, c=company, k=currency, a=account: more(b[c]["balances"][k], a))
            assert told.lower() == f"{what.replace('_', ' ')} {currency.lower()}"
        found = seen(lambda b, t, c=company, k=currency: more(b[c]["receivable"][k], "99999"))
        assert found == [f"customer {company}:99999 {currency}"]
        item = books["companies"][company]["open_items"][0]
        found = seen(lambda b, t, c=company: more(b[c]["open_items"][0], "open_minor"))
        assert found == [f"open of invoice {company}:{item['series']}-{item['number']}"]
    left = judge_ifs_cloud({**books, "left_behind": {"voucher_entries": 1}}, truth)
    assert [found.what for found in left] == ["voucher entries"]
