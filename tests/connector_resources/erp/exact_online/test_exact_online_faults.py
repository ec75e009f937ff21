"""Whatever breaks at whichever write: after the next runs the division's books are those of a day on which nothing broke."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.erp.exact_online import resource
from connector_resources.errors import RemoteError, Uncertain
from connector_resources.transport.exchange import Limits
from sandbox.exact_online.division import Division
from sandbox.faults import KINDS, Fault

READ_LIMIT_S = 0.3
#: what a faulty write is answered, by kind of fault; "token refused" is an answer of its own.
DETAILS: dict[str, dict[str, Any]] = {
    "delay": {"delay_s": 2 * READ_LIMIT_S},
    "delay_after": {"delay_s": 2 * READ_LIMIT_S},
    "html": {"status": 200},
    "rate_limit": {"headers": {"Retry-After": "900"}},
    "token refused": {"status": 401},
    "server error": {"status": 500},
}
#: every write of the day below: method, path, and what tells it from others of the same address.
WRITES = {
    "link of a customer": ("PUT", "/Accounts", "CU000123"),
    "details of a customer": ("PUT", "/Accounts", "new@devries.example"),
    "new customer": ("POST", "/Accounts", "CU000999"),
    "new mandate": ("POST", "/DirectDebitMandates", "MD000123"),
    "end of a mandate": ("PUT", "/DirectDebitMandates", "CancellationDate"),
    "receipts": ("POST", "/BankEntries", " receipt"),
    "a receipt taken back": ("POST", "/BankEntries", " taken back"),
    "credit note": ("POST", "/SalesEntries", " credit note"),
    "payment of a refund": ("POST", "/BankEntries", " refund\""),
    "return of a refund": ("POST", "/BankEntries", " refund returned"),
    "payout": ("POST", "/BankEntries", "PO000123 payout bank"),
    "payout returned": ("POST", "/GeneralJournalEntries|/BankEntries", " payout returned"),
    "payout repeated": ("POST", "/GeneralJournalEntries|/BankEntries", " payout repeated"),
    "converted payout": ("POST", "/BankEntries|/GeneralJournalEntries", "PO000GBP payout fees"),
    "the other currency of it": ("POST", "/BankEntries|/GeneralJournalEntries", "PO000GBP payout bank"),
    "payment reference": ("PUT", "/Receivables", "PM000777"),
}  # fmt: skip
#: runs after which everything must be settled: each may be stopped by one fault.
RUNS = len(WRITES) + 4
#: longer than any wait that a fault asks for, and at no hour of the nightly maintenance within a day.
BETWEEN_RUNS = timedelta(minutes=30)
SETTINGS = {"create_customers": True, "write_payment_reference": True, "fx_difference": "leave_open"}


def a_day(given: SimpleNamespace) -> list[Any]:
    """One posting of everything that is written, two-step ones among them."""
    first = given.receipt("PM000001", 12_100, invoice="26700042", event="EV00001")
    refund = given.refund(event="EV00004")
    payout = given.payout(event="EV00006")
    kinds = given.kinds
    newcomer = {"name": "Jansen", "email": "jansen@example.com"}
    changed = {"changed": "email", "email": "new@devries.example"}
    return [
        first,
        given.receipt("PM000002", 5_000, event="EV00002", customer="43"),
        given.reversal(first, event="EV00003"),
        refund,
        given.refund_reversal(refund, event="EV00005"),
        payout,
        given.moved_payout(payout, kinds.PAYOUT_REVERSAL, event="EV00016"),
        given.moved_payout(payout, kinds.PAYOUT_REPEAT, event="EV00017"),
        given.converted_payout(event="EV00018"),
        given.mandate("active", event="EV00007"),
        given.mandate("cancelled", "MD000456", event="EV00008"),
        given.posting(kinds.CUSTOMER, "CU000123", event="customer:CU000123:1", reference="GCCU000123"),
        given.posting(kinds.CUSTOMER, "CU000043", event="customer:CU000043:2", customer="43", facts=changed),
        given.posting(kinds.CUSTOMER, "CU000999", event="customer:CU000999:1", customer=None, facts=newcomer),
        given.posting(
            kinds.INVOICE_STATUS, "PM000777", event="invoice:1", customer="43", invoices=("26700043",),
            facts={"payment": "PM000777", "state": "in_flight"},
        ),
    ]  # fmt: skip


def prepare(division: Division) -> None:
    division.add_invoice(26700042, "42", 12_100)
    division.add_invoice(26700043, "43", 7_700)
    account = division.account("42")["ID"]
    with division.lock:
        bank_account = division.tables["BankAccounts"].add(
            {"ID": division.new_id(), "Account": account, "BankAccount": "NL00", "Main": True, "Blocked": False}
        )
        division.tables["DirectDebitMandates"].add(
            {"ID": division.new_id(), "Account": account, "BankAccount": bank_account["ID"], "Reference": "MD000456",
             "Main": 0, "Type": 0, "PaymentType": 1}
        )  # fmt: skip


def truth(division: Division) -> Counter[tuple[Any, ...]]:
    """What stands in the books and in master data, without what may well differ: ids, and who shares an entry."""
    found: Counter[tuple[Any, ...]] = Counter(
        (row["JournalCode"], row["Description"], row["GLAccountCode"], row["AccountCode"], row["AmountFC"])
        for row in division.tables["TransactionLines"]
        if row["LineNumber"]
    )
    found["clearing", division.books.balance("1230", "EUR"), division.books.balance("1231", "GBP")] = 1
    found.update(
        ("Mandate", row["Reference"], row.get("CancellationDate")) for row in division.tables["DirectDebitMandates"]
    )
    found.update(
        ("Customer", row["Name"], row.get("SearchCode"), row.get("Email")) for row in division.tables["Accounts"]
    )
    found.update(("Receivable", row["InvoiceNumber"], row.get("PaymentReference")) for row in division.tables["Terms"])
    return found


def open_items(site: Any) -> list[tuple[str, str, int]]:
    return sorted((x.customer, x.document_type, x.open_amount.minor) for x in site.connector().open_invoices())


def is_settled(site: Any, day: list[Any]) -> bool:
    return all(site.state(item) == "posted" for item in day)


@pytest.fixture(scope="module")
def wanted(given: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The books of a day on which nothing broke."""
    with given.open_site(tmp_path_factory.mktemp("undisturbed")) as site:
        prepare(site.division)
        day = a_day(given)
        report = site.post(*day, **SETTINGS)
        assert (report.stopped, report.held) == ("", [])
        assert is_settled(site, day)
        return SimpleNamespace(truth=truth(site.division), open=open_items(site))


@pytest.mark.parametrize("kind", [*KINDS, "token refused", "server error"])
def test_a_fault_at_every_write_loses_nothing_and_doubles_nothing(
    site: Any, given: SimpleNamespace, wanted: SimpleNamespace, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "DATA_LIMITS", Limits(read_s=READ_LIMIT_S))
    # What is late is there before it is looked up: that is what the read lag is for.
    site.nap_s = 2 * READ_LIMIT_S if kind == "delay" else 0
    prepare(site.division)
    day = a_day(given)
    for method, path, text in WRITES.values():
        fault = kind if kind in KINDS else "error_before"
        site.break_next(fault, path, method=method, containing=text, **DETAILS.get(kind, {}))
    for _ in range(RUNS):
        site.post(*day, posting_granularity="single", **SETTINGS)
        assert site.held() == {}
        site.division.clock.advance(BETWEEN_RUNS)
        if is_settled(site, day) and not site.sandbox.faults.queued:
            break
    assert site.sandbox.faults.queued == [], "a write was never reached"
    assert is_settled(site, day)
    assert truth(site.division) == wanted.truth
    assert open_items(site) == wanted.open


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
@pytest.mark.parametrize("position", range(len(WRITES) - 2))
def test_a_single_lost_write_is_made_up_for_within_two_runs(
    site: Any, given: SimpleNamespace, wanted: SimpleNamespace, position: int, kind: str
) -> None:
    prepare(site.division)
    site.sandbox.faults.add(Fault(kind, method="POST|PUT", path="/api/v1/", skip=position))
    for _ in range(2):
        site.post(*a_day(given), **SETTINGS)
    assert site.sandbox.faults.queued == []
    assert site.held() == {}
    assert truth(site.division) == wanted.truth


@pytest.mark.parametrize("kind", ["drop_before", "error_before", "html", "truncate"])
def test_reads_that_break_stop_the_run_and_lose_nothing(
    site: Any, given: SimpleNamespace, wanted: SimpleNamespace, kind: str
) -> None:
    prepare(site.division)
    reads = (
        "Divisions", "GLAccounts", "FinancialPeriods", "JournalStatusList", "Receivables", "Accounts", "TransactionLines",
        "DirectDebitMandates", "BankAccounts", "BankEntries", "SalesEntries",
    )  # fmt: skip
    day = a_day(given)
    for name in reads:
        site.break_next(kind, f"/{name}$", method="GET", times=5, status=503)
    for _ in range(3 * len(reads)):
        site.post(*day, **SETTINGS)
        if is_settled(site, day):
            break
    assert site.sandbox.faults.queued == []
    assert truth(site.division) == wanted.truth


class Late:
    """A connector whose first write of each entry stays on the way, and arrives right after it was looked up."""

    def __init__(self, connector: Any) -> None:
        self._connector = connector
        self.on_the_way: dict[str, Any] = {}
        self.arrived: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def submit(self, submission: Any) -> Any:
        if submission.posting_keys[0] not in (*self.on_the_way, *self.arrived):
            self.on_the_way[submission.posting_keys[0]] = submission
            raise Uncertain("no answer", subject=submission.reference)
        return self._connector.submit(submission)

    def find(self, submissions: Any) -> Any:
        findings = self._connector.find(submissions)
        for key, submission in self.on_the_way.items():
            self.arrived.append(key)
            with contextlib.suppress(RemoteError):
                self._connector._client.write(submission)
        self.on_the_way.clear()
        return findings


@pytest.mark.parametrize("granularity", ["single", "batch"])
@pytest.mark.parametrize("entry_id", ["honoured", "ignored"])
def test_an_entry_that_arrives_after_it_was_looked_up_is_booked_once(
    site: Any, given: SimpleNamespace, entry_id: str, granularity: str
) -> None:
    """The look-up finds nothing, then the first request arrives after all, and the second one meets its entry."""
    site.division.switches.client_entry_id = entry_id
    day = [given.receipt(f"PM{n}", 1_000 * n, event=f"EV{n}") for n in (1, 2)]
    late = Late(site.connector(posting_granularity=granularity))
    site.reuse(late)
    site.post(*day)
    assert late.arrived
    site.post(posting_granularity=granularity)
    assert (site.held(), is_settled(site, day)) == ({}, True)
    assert site.entries() == (2 if granularity == "single" else 1)
    assert site.division.books.balance("1230", "EUR") == 3_000
