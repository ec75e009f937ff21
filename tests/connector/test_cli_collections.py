"""`connector plan` and `connector collections` where invoices are collected: shown before, during and after."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import collect
from connector_resources.erp.registry import ERPS
from tests.connector.conftest import Shop
from tests.evenings import DAY, MORNING, evening_company, evening_world
from tests.installations import visma_installation
from tests.merchant import Merchant


@pytest.fixture
def merchant() -> Merchant:
    return Merchant(evening_world(MORNING))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merchant: Merchant) -> Iterator[Shop]:
    """Two due invoices: one payer has a mandate, the other is unknown to GoCardless. The ledger is said to collect."""
    visma = ERPS["visma"]
    collecting = dataclasses.replace(visma, traits=dataclasses.replace(visma.traits, collects=True))
    monkeypatch.setitem(ERPS, "visma", collecting)  # type: ignore[arg-type]
    merchant.mandate(1)
    company = evening_company(2, merchant.world.clock)
    for number, customer in (("900001", "10001"), ("900002", "10002")):
        company.add_invoice(number, customer, 12_500, dated=DAY - timedelta(days=14), due=DAY)
    with visma_installation(tmp_path, merchant.world, company, collections={"enabled": True}) as installation:
        yield Shop(tmp_path, installation)


def run_collections(shop: Shop) -> Any:
    at = shop.installation
    at.run()
    with at.runtime.erp(at.connection) as connector:
        read_open_invoices(at.runtime.store, "nordic", connector)
    return collect(at.runtime, at.connection)


def test_plan_shows_what_would_be_collected_and_why_the_rest_would_not(shop: Shop, merchant: Merchant) -> None:
    planned = shop.json("plan", "nordic", "--day", DAY.isoformat())

    (order,) = planned["collections"]["orders"]
    assert (order["reference"], order["amount_minor"]) == ("900001#1", 12_500)
    assert order["invoices"] == [{"invoice": "900001", "amount_minor": 12_500}]
    assert [e["code"] for e in planned["collections"]["not_collected"]] == ["no_gocardless_customer"]
    assert [r["path"] for r in planned["requests"] if r["step"] == "create"] == ["/payments"]
    text = shop.ok("plan", "nordic", "--day", DAY.isoformat(), "--requests")
    assert "Would be collected" in text
    assert "900001#1" in text
    assert merchant.world.payments.ordered == []
    assert shop.store.collections.all("nordic") == []
    assert shop.store.receivables.read_at("nordic") is None


def test_list_shows_collections_reasons_and_what_is_due(shop: Shop) -> None:
    run_collections(shop)

    shown = shop.json("collections", "list", "nordic")

    assert [(c["reference"], c["state"]) for c in shown["collections"]] == [("900001#1", "in_flight")]
    assert [(w["invoice"], w["code"]) for w in shown["not_collected"]] == [
        ("900001", "in_flight"),
        ("900002", "no_gocardless_customer"),
    ]
    text = shop.ok("collections", "list", "nordic")
    assert "Not collected" in text
    assert "0 more would be ordered" in text


def test_again_allows_one_more_attempt(shop: Shop, merchant: Merchant) -> None:
    run_collections(shop)
    assert "no collection that ended" in shop.fails("collections", "again", "nordic", "900001", "--note", "n")
    (payment,) = merchant.world.payments.ordered
    with merchant.world.lock:
        merchant.world.payment_states.cancel(payment)
    merchant.tick()
    run_collections(shop)

    assert "after attempt 1" in shop.ok("collections", "again", "nordic", "900001", "--note", "agreed by phone")

    run_collections(shop)
    assert len(merchant.world.payments.ordered) == 2


def test_a_connection_that_collects_nothing_says_how_it_could(ran: Any) -> None:
    assert "set collections.enabled" in ran.fails("collections", "list", "nordic")


def test_the_report_has_the_collections_and_the_reasons(shop: Shop) -> None:
    run_collections(shop)

    shop.ok("report", "nordic", "--month", "2026-06")

    (workbook,) = shop.installation.runtime.settings.reports_dir.glob("*.xlsx")
    book = load_workbook(workbook)
    assert [cell.value for cell in book["Collections"][2]][:4] == ["900001#1", "10001", "900001 (125.00 EUR)", 125]
    assert [row[0].value for row in book["Not collected"].iter_rows(min_row=2)] == ["900001", "900002"]
    (page,) = shop.installation.runtime.settings.reports_dir.glob("*.html")
    assert "Customer 10002 is no GoCardless customer." in page.read_text(encoding="utf-8")
