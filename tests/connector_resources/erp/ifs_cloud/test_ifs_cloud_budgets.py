"""How many calls a day with a thousand due invoices costs, and that the tenant's limit is kept over all processes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.call_budgets import IFS_CLOUD_FILES, IFS_CLOUD_PAYMENTS

DUE = 500


@pytest.fixture
def thousand(tmp_path: Path, given: SimpleNamespace) -> Any:
    """A thousand due invoices, half of them in each of two companies, marked by their payment term; and as many settled."""
    with given.open_site(tmp_path) as site:
        site.marker = {"strategy": "pay_term", "values": ["DD"]}
        with site.tenant.lock:
            for number in range(DUE):
                site.tenant.add_invoice("10", "C1", 10_000 + number, invoice_no=f"{10_000 + number}", pay_term="DD")
                site.tenant.add_invoice("20", "C1", 20_000 + number, invoice_no=f"{20_000 + number}", pay_term="DD")
        yield site


def receipts(given: SimpleNamespace) -> list[Any]:
    first = [
        given.receipt(f"PM1{n:04}", 10_000 + n, invoice=f"10:CI-{10_000 + n}", event=f"EVA{n:04}") for n in range(DUE)
    ]
    second = [
        given.receipt(
            f"PM2{n:04}", 20_000 + n, invoice=f"20:CI-{20_000 + n}", event=f"EVB{n:04}", currency="SEK",
            customer="20:C1", creditor="CR20",
        )
        for n in range(DUE)
    ]  # fmt: skip
    return first + second


def writes(site: Any, seen: int) -> list[str]:
    return [path for method, path in site.sandbox.faults.requests[seen:] if method != "GET" and "/token" not in path]


def everything_settled(site: Any) -> bool:
    items = [row for row in site.tenant.table("LedgerItem") if row["LedgerItemSeriesId"] == "CI"]
    return len(items) == 2 * DUE and all(row["Objstate"] == "Paid" for row in items)


@pytest.mark.slow
def test_a_thousand_due_invoices_of_two_companies_are_read_with_thirty_calls(thousand: Any) -> None:
    found = list(thousand.connector(marker=thousand.marker).open_invoices())
    assert (len(found), any(each.on_hold for each in found)) == (2 * DUE, False)
    assert thousand.calls() <= 30


@pytest.mark.slow
def test_a_thousand_results_are_settled_with_ten_calls_through_payment_files(
    thousand: Any, given: SimpleNamespace
) -> None:
    seen = len(thousand.sandbox.faults.requests)
    report = thousand.post(*receipts(given), settlement="camt_file")
    assert (report.settled, report.held, report.stopped) == (2 * DUE, [], "")
    assert everything_settled(thousand)
    settling = [
        (method, path)
        for method, path in thousand.sandbox.faults.requests[seen:]
        if "ExternalFile" in path or "MixedPayment" in path
    ]
    assert len(settling) <= IFS_CLOUD_FILES.calls(2 * DUE), settling
    assert len(writes(thousand, seen)) <= 6


@pytest.mark.slow
def test_a_thousand_results_are_settled_with_three_calls_each_through_payments(
    thousand: Any, given: SimpleNamespace
) -> None:
    seen = thousand.calls()
    report = thousand.post(*receipts(given))
    assert (report.settled, report.held, report.stopped) == (2 * DUE, [], "")
    assert everything_settled(thousand)
    assert thousand.calls() - seen <= IFS_CLOUD_PAYMENTS.calls(2 * DUE)


def test_the_limit_of_the_tenant_is_shared_by_all_connectors(site: Any, given: SimpleNamespace) -> None:
    """At a limit of forty a minute: one at once, the others spread, thirty-nine a minute."""
    first, second = site.connector(calls_per_minute=40), site.connector(calls_per_minute=40)
    for _ in range(20):
        list(first._client.rows("companies", given.row_model))
        list(second._client.rows("companies", given.row_model))
    assert sum(site.naps) >= (60 / 39) * (site.calls() - 1) - 2
    waits = [each for each in site.naps if each > 0]
    assert len(waits) >= site.calls() - 2
