"""Due A/R invoices through GoCardless and back, in both modes: collected once, settled, opened again by a late failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import CollectionReport, collect
from sandbox.gocardless.records import Record
from tests.evenings import DAY
from tests.sites import Site, sage300_site


@dataclass(slots=True)
class Quay:
    """A site that collects."""

    site: Site

    def due(self, number: str, minor: int = 12_100, customer: int = 1) -> None:
        dated = DAY - timedelta(days=14)
        self.site.sage300.add_invoice(f"{10_000 + customer}", number, minor, dated=dated, due=DAY)

    def run(self) -> CollectionReport:
        """What the day job does, a minute later."""
        self.site.merchant.tick()
        report = self.site.run()
        assert report.stopped == "", report.stopped
        runtime, connection = self.site.at.runtime, self.site.at.connection
        with runtime.erp(connection) as connector:
            read_open_invoices(runtime.store, connection.name, connector)
        return collect(runtime, connection)

    def payments(self) -> dict[str, Record]:
        with self.site.merchant.world.lock:
            return {p.body["metadata"]["mlc_ref"]: p for p in self.site.merchant.world.payments.ordered}

    def reasons(self, report: CollectionReport) -> dict[str, str]:
        return {each.invoice.number: each.code for each in report.not_eligible}


OpenQuay = Callable[..., AbstractContextManager[Quay]]


@pytest.fixture
def open_quay(tmp_path: Path) -> OpenQuay:
    @contextmanager
    def opened(**erp_settings: Any) -> Iterator[Quay]:
        with sage300_site(tmp_path, erp_settings=erp_settings, collections={"enabled": True}) as site:
            site.merchant.mandate(1)
            yield Quay(site)

    return opened


@pytest.mark.parametrize("post_mode", ["open", "post"])
def test_a_due_invoice_is_collected_and_settled_once(open_quay: OpenQuay, post_mode: str) -> None:
    with open_quay(post_mode=post_mode) as quay:
        quay.due("IN1")
        quay.due("IN2", 5_000, customer=2)

        report = quay.run()

        payment = quay.payments()["IN1#1"]
        assert payment.body["amount"] == 12_100
        assert quay.reasons(report) == {"IN2": "no_gocardless_customer"}
        quay.site.merchant.collect(payment)
        quay.run()
        quay.run()
        assert list(quay.payments()) == ["IN1#1"]
        company = quay.site.sage300
        entries = [x for row in company.tables["ARReceiptAndAdjustmentBatches"] for x in row["ReceiptsAdjustments"]]
        applied = [line["DocumentNumber"] for entry in entries for line in entry["AppliedReceiptsAdjustments"]]
        assert applied == ["IN1"]


def test_a_late_failure_opens_the_invoice_again_and_it_is_collected_once_more(open_quay: OpenQuay) -> None:
    with open_quay() as quay:
        quay.due("IN1")
        quay.run()
        quay.site.merchant.collect(quay.payments()["IN1#1"])
        quay.run()
        assert quay.site.sage300.books.receivable("10001", "EUR") == 0
        quay.site.merchant.fail(quay.payments()["IN1#1"])

        quay.run()
        quay.site.merchant.tick(timedelta(days=5))
        quay.run()

        assert list(quay.payments()) == ["IN1#1", "IN1#2"]
        assert quay.site.sage300.books.receivable("10001", "EUR") == 12_100


def test_in_payout_gl_an_invoice_that_stays_open_in_ar_is_not_collected_twice(open_quay: OpenQuay) -> None:
    with open_quay(mode="payout_gl") as quay:
        quay.due("IN1")
        quay.run()
        quay.site.merchant.collect(quay.payments()["IN1#1"])
        quay.site.merchant.pay_out()

        for _ in range(3):
            quay.run()
            quay.site.merchant.tick(timedelta(days=5))

        assert list(quay.payments()) == ["IN1#1"]
        lines = [
            (line["Reference"], line["Description"])
            for row in quay.site.sage300.tables["GLJournalBatches"]
            for entry in row["JournalHeaders"]
            for line in entry["JournalDetails"]
            if line["AccountNumber"] == "1100" and line["Reference"].startswith("PM")
        ]
        assert lines == [(quay.payments()["IN1#1"].id, "AR 10001 IN1")]


def test_an_invoice_paid_otherwise_has_its_payment_cancelled(open_quay: OpenQuay) -> None:
    with open_quay() as quay:
        quay.due("IN1")
        quay.run()
        quay.site.sage300.clerk.receive("10001", "IN1", 12_100, check="CHEQUE 1")

        report = quay.run()

        assert [stop.code for stop in report.stopped] == ["paid_otherwise"]
        assert quay.payments()["IN1#1"].status == "cancelled"
