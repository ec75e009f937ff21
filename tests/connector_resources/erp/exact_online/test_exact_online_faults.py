"""Whatever breaks at whichever write: after the next runs the division's books are those of a day on which nothing broke."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.exact_online.division import Division
from sandbox.faults import KINDS, Fault

#: a write is either gone without effect, or took effect unseen, or was turned away.
BREAKING = [kind for kind in KINDS if kind not in ("delay", "delay_after")]
#: receipts in one entry, their take-back, credit note, refund, its return, payout, mandate, customer.
WRITES = 8
EVERYWHERE = [(position, kind) for position in range(1, WRITES) for kind in ("drop_before", "drop_after")]


def a_day(given: SimpleNamespace) -> list[Any]:
    first = given.receipt("PM000001", 12_100, invoice="26700042", event="EV00001")
    second = given.receipt("PM000002", 5_000, event="EV00002", customer="43")
    refund = given.refund(event="EV00004")
    customer = given.posting(given.kinds.CUSTOMER, "CU000123", event="customer:CU000123:1", reference="GCCU000123")
    return [
        first,
        second,
        given.reversal(first, event="EV00003"),
        refund,
        given.refund_reversal(refund, event="EV00005"),
        given.payout(event="EV00006"),
        given.mandate("active", event="EV00007"),
        customer,
    ]


def prepare(division: Division) -> None:
    division.add_invoice(26700042, "42", 12_100)
    with division.lock:
        division.tables["BankAccounts"].add(
            {"ID": division.new_id(), "Account": division.account("42")["ID"], "BankAccount": "NL00", "Main": True,
             "Blocked": False}
        )  # fmt: skip


def truth(division: Division) -> Counter[tuple[Any, ...]]:
    """What stands in the books and in master data, without what may well differ: ids, and who shares an entry."""
    found: Counter[tuple[Any, ...]] = Counter(
        (row["JournalCode"], row["Description"], row["GLAccountCode"], row["AccountCode"], row["AmountFC"])
        for row in division.tables["TransactionLines"]
        if row["LineNumber"]
    )
    found["clearing", division.books.balance("1230", "EUR")] = 1
    found.update(("Mandate", row["Reference"]) for row in division.tables["DirectDebitMandates"])
    found.update(("Customer", row["Code"].strip(), row.get("SearchCode")) for row in division.tables["Accounts"])
    return found


def open_items(site: Any) -> list[tuple[str, str, int]]:
    return sorted((x.customer, x.document_type, x.open_amount.minor) for x in site.connector().open_invoices())


@pytest.fixture(scope="module")
def wanted(given: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The books of a day on which nothing broke."""
    with given.open_site(tmp_path_factory.mktemp("undisturbed")) as site:
        prepare(site.division)
        report = site.post(*a_day(given))
        assert (report.stopped, report.held) == ("", [])
        writes = [path for method, path in site.sandbox.faults.requests if method != "GET" and "/oauth2/" not in path]
        assert len(writes) == WRITES
        return SimpleNamespace(truth=truth(site.division), open=open_items(site))


@pytest.mark.parametrize(("position", "kind"), [*((0, kind) for kind in BREAKING), *EVERYWHERE])
def test_a_write_that_breaks_changes_nothing_in_the_end(
    site: Any, given: SimpleNamespace, wanted: SimpleNamespace, position: int, kind: str
) -> None:
    prepare(site.division)
    site.sandbox.faults.add(Fault(kind, method="POST|PUT", path="/api/v1/", skip=position, status=502))
    for _ in range(2):
        site.post(*a_day(given))
    assert site.sandbox.faults.queued == []
    assert site.held() == {}
    assert truth(site.division) == wanted.truth
    assert open_items(site) == wanted.open
