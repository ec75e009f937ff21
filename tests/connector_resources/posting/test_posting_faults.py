"""Whatever breaks on the way to the ERP, a few more runs end with exactly what an undisturbed run would have posted.

One busy evening takes every kind of write: receipt, release, void, credit note, refund, journal, master data. The
judge is the ERP's own list of documents, drafts included, compared with that of an undisturbed site.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from connector_resources.erp.exact_online import resource as exact_online
from connector_resources.transport import http_transport
from connector_resources.transport.exchange import Limits
from tests.sites import Site, datev_site, exact_online_site, sage300_site, visma_site

#: runs after the trouble is over that must be enough to end all of it.
RUNS_TO_RECOVER = 3
READ_LIMIT_S = 0.3
QUOTA_HOUR = timedelta(hours=1)

VISMA_STEPS = {
    "receipt": r"/v1/customerPayment$",
    "release": r"/v1/customerPayment/\d+/action/release$",
    "void": r"/v1/customerPayment/\d+/action/void$",
    "credit note": r"/v2/customerCreditNote$",
    "release of a credit note": r"/v1/customerCreditNote/\d+/action/release$",
    "journal": r"/v2/journaltransaction$",
    "release of a journal": r"/v2/journaltransaction/\d+/action/release$",
    "attributes of a customer": r"/v1/customer/\d+$",
}
FAULTS: dict[str, dict[str, Any]] = {
    "drop_before": {},
    "drop_after": {},
    "error_before": {"status": 503},
    "error_after": {"status": 500},
    "html": {"status": 200},
    "html_after": {"status": 502},
    "truncate": {},
    "delay": {"delay_s": 2 * READ_LIMIT_S},
    "delay_after": {"delay_s": 2 * READ_LIMIT_S},
    "rate_limit": {"headers": {"Retry-After": "900"}},
}


def first_day(site: Site) -> list[Any]:
    """Three receipts, posted without trouble."""
    payments = [site.merchant.collected(10_000 * number, customer=number) for number in (1, 2, 3)]
    report = site.run()
    assert (report.stopped, report.held) == ("", [])
    return payments


def busy_evening(site: Site, payments: list[Any]) -> None:
    """One of everything: a late failure, a refund, a new payment, a payout, a cancelled mandate."""
    site.merchant.fail(payments[0])
    site.merchant.refund(payments[1], 7_000)
    site.merchant.collected(3_000, customer=1)
    site.merchant.pay_out()
    site.merchant.cancel_mandate(site.merchant.mandate(3))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[tuple[Any, ...]]]:
    """The documents of the same business without any trouble."""
    documents = {}
    sites = {"visma": visma_site, "datev": datev_site, "exact_online": exact_online_site, "sage300": sage300_site}
    for name, open_site in sites.items():
        with open_site(tmp_path_factory.mktemp(name)) as site:
            busy_evening(site, first_day(site))
            site.run_new()
            assert site.unfinished() == {}
            documents[name] = site.documents()
    return documents


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read time limit that a test can wait for."""
    monkeypatch.setattr(http_transport, "Limits", lambda: Limits(read_s=READ_LIMIT_S))
    monkeypatch.setattr(exact_online, "DATA_LIMITS", Limits(read_s=READ_LIMIT_S))


def run_into(site: Site, faults: int) -> None:
    """Run until every queued fault was met; a rate limit is waited out between the runs."""
    for _ in range(faults):
        if not site.at.erp.faults.queued:
            return
        site.run_new()
        site.merchant.tick(QUOTA_HOUR)
    assert site.at.erp.faults.queued == [], "a step was never reached"


def recover(site: Site) -> None:
    for _ in range(RUNS_TO_RECOVER):
        if site.run_new().stopped == "" and not site.unfinished():
            return


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_fault_at_every_visma_write_loses_nothing_and_doubles_nothing(tmp_path, expected, kind):
    with visma_site(tmp_path) as site:
        payments = first_day(site)
        busy_evening(site, payments)
        for path in VISMA_STEPS.values():
            site.break_next(kind, path, **FAULTS[kind])
        run_into(site, len(VISMA_STEPS))
        recover(site)
        assert site.unfinished() == {}
        assert site.documents() == expected["visma"]
        assert site.trail_is_whole()


def test_a_token_refused_midway_is_renewed_and_the_write_sent_once(tmp_path, expected):
    with visma_site(tmp_path) as site:
        payments = first_day(site)
        busy_evening(site, payments)
        for path in VISMA_STEPS.values():
            site.break_next("error_before", path, status=401)
        report = site.run_new()
        assert (report.stopped, site.unfinished()) == ("", {})
        assert site.documents() == expected["visma"]


DATEV_STEPS = {
    "upload": ("POST", r"/extf-files/import$"),
    "look at the job": ("GET", r"/extf-files/jobs/[^/]+$"),
    "list of jobs": ("GET", r"/extf-files/jobs$"),
}


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_fault_at_every_datev_call_loses_nothing_and_delivers_nothing_twice(tmp_path, expected, kind):
    with datev_site(tmp_path) as site:
        payments = first_day(site)
        busy_evening(site, payments)
        for method, path in DATEV_STEPS.values():
            site.break_next(kind, path, method=method, **FAULTS[kind])
        site.run_new()
        site.merchant.tick(QUOTA_HOUR)
        site.at.erp.faults.clear()
        recover(site)
        assert site.unfinished() == {}
        assert site.documents() == expected["datev"]
        assert site.books().double_rows == []
        assert site.trail_is_whole()


EXACT_ONLINE_STEPS: dict[str, dict[str, str]] = {
    "receipts and what takes them back": {"path": "/BankEntries$", "containing": " taken back"},
    "credit note": {"path": "/SalesEntries$"},
    "payment of a refund": {"path": "/BankEntries$", "containing": " refund"},
    "payout": {"path": "/BankEntries$", "containing": " payout bank"},
    "mandate": {"path": r"/DirectDebitMandates\("},
}


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize("kind", [*sorted(FAULTS), "token refused"])
def test_a_fault_at_every_exact_online_write_loses_nothing_and_doubles_nothing(tmp_path, expected, kind):
    with exact_online_site(tmp_path) as site:
        payments = first_day(site)
        busy_evening(site, payments)
        fault = ("error_before", {"status": 401}) if kind == "token refused" else (kind, FAULTS[kind])
        for step in EXACT_ONLINE_STEPS.values():
            site.break_next(fault[0], **step, **fault[1])
        run_into(site, len(EXACT_ONLINE_STEPS))
        recover(site)
        assert site.unfinished() == {}
        assert site.documents() == expected["exact_online"]
        assert site.trail_is_whole()


SAGE300_STEPS: dict[str, dict[str, str]] = {
    "receipts": {"path": "/ARReceiptAndAdjustmentBatches$"},
    "receipts made ready": {"path": r"/ARReceiptAndAdjustmentBatches\(", "method": "PATCH"},
    "receipts posted": {"path": "/ARPostReceiptsAndAdjustments"},
    "debit note": {"path": "/ARInvoiceBatches$", "containing": "DebitNote"},
    "credit note": {"path": "/ARInvoiceBatches$", "containing": "CreditNote"},
    "notes posted": {"path": "/ARPostInvoices"},
    "payment of a refund": {"path": "/ARRefundBatches$"},
    "payout": {"path": "/GLJournalBatches$"},
    "payout posted": {"path": "/GLPostJournal.*process"},
    "mandate": {"path": r"/ARCustomers\(", "method": "PATCH"},
}


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_fault_at_every_sage300_write_loses_nothing_and_doubles_nothing(tmp_path, expected, kind):
    with sage300_site(tmp_path) as site:
        payments = first_day(site)
        busy_evening(site, payments)
        for step in SAGE300_STEPS.values():
            site.break_next(kind, **step, **FAULTS[kind])
        run_into(site, len(SAGE300_STEPS))
        recover(site)
        assert site.unfinished() == {}
        assert site.documents() == expected["sage300"]
        assert site.trail_is_whole()
