"""The client against an OData v4 server that has nothing of IFS: other sets, plain strings, links of all forms, its own ETags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.errors import WrongCompany
from sandbox.faults import Fault
from sandbox.ifs_cloud.foreign import create_foreign
from sandbox.serve import running

ROWS = 57
OPEN_ITEMS = {
    "company": "Firm", "customer": "Debtor", "series": "Book", "number": "Number", "version": "", "full": "Total",
    "cleared": "Paid", "currency": "Cur", "state": "", "due": "Due", "issued": "", "party": "",
}  # fmt: skip
MAP = {
    "companies": {"service": "Ledger", "set": "Firms",
                  "fields": {"company": "Firm", "description": "Name", "currency": "Cur"}},
    "open_items": {
        "layer": "main", "kind": "projection", "service": "Ledger", "set": "Receivables", "fields": OPEN_ITEMS,
        "enums": {"party": "", "state": ""}, "orderby": ["Firm", "Book", "Number"], "numbers": [],
    },
}  # fmt: skip


@pytest.fixture
def foreign(tmp_path: Path, given: SimpleNamespace) -> Iterator[Any]:
    """The server with two firms, in reach of a connector whose store is the tenant's of `site`."""
    with given.open_site(tmp_path) as site:
        server = create_foreign(page_size=10)
        server.store.define("Firms", key=("Firm",), Firm="S", Name="S", Cur="S")
        columns = {"Firm": "S", "Book": "S", "Number": "S", "Debtor": "S", "Total": "D", "Paid": "D", "Cur": "S",
                   "Due": "Y", "Stage": "S", "Remark": "S"}  # fmt: skip
        server.store.define("Receivables", key=("Firm", "Book", "Number"), **columns)
        for firm in ("10", "20"):
            server.store.insert("Firms", Firm=firm, Name=f"Firm {firm}", Cur="EUR")
            for number in range(ROWS):
                server.store.insert(
                    "Receivables", Firm=firm, Book="A", Number=f"{number:03}", Debtor="D'1", Total="121.10", Paid="0.10",
                    Cur="EUR", Due="2026-04-01", Stage="", Remark="kept",
                )  # fmt: skip
        with running(server) as address:
            site.address = address
            site.changes = {"map": MAP}
            site.server = server
            yield site


def test_every_row_is_read_once_over_links_of_all_forms(foreign: Any) -> None:
    found = list(foreign.connector(page_size=25).open_invoices())
    assert sorted(each.number for each in found) == sorted(
        f"{firm}:A-{number:03}" for firm in ("10", "20") for number in range(ROWS)
    )
    assert {(each.customer, str(each.open_amount)) for each in found} == {
        ("10:D'1", "121.00 EUR"), ("20:D'1", "121.00 EUR"),
    }  # fmt: skip


def test_its_metadata_is_understood(foreign: Any) -> None:
    lines = {line.what: line for line in foreign.connector().ping().lines}
    assert lines["projection open_items"].ok
    broken = {**MAP, "open_items": {**MAP["open_items"], "fields": {**OPEN_ITEMS, "due": "DueOn"}}}
    lines = {line.what: line for line in foreign.connector(map=broken).ping().lines}
    assert lines["projection open_items"].detail == "Receivables has no member DueOn (for due)"


def told(given: SimpleNamespace) -> tuple[Any, dict[str, Any]]:
    return given.invoice_status("10:A-007", "failed"), {"invoice_status": {"target": "open_items", "state": "Stage"}}


@pytest.mark.parametrize("status", [412, 428])
def test_a_version_that_is_refused_is_read_again_and_the_write_is_made_once(
    foreign: Any, given: SimpleNamespace, status: int
) -> None:
    posting, changes = told(given)
    body = '{"error":{"code":"Precondition","message":"no"}}'
    refusal = Fault("error_before", method="PATCH", path="Receivables", status=status, body=body)
    foreign.server.faults.add(refusal)
    foreign.post(posting, **changes)
    row = foreign.server.store.one("Receivables", {"Firm": "10", "Book": "A", "Number": "007"})
    assert (foreign.state(posting), row["Stage"], row["Remark"]) == ("posted", "failed", "kept"), foreign.reasons()
    assert [method for method, _ in foreign.server.faults.requests].count("PATCH") == 2


def test_a_weak_version_of_its_own_form_is_sent_back_and_a_foreign_change_survives(
    foreign: Any, given: SimpleNamespace
) -> None:
    posting, changes = told(given)
    key = {"Firm": "10", "Book": "A", "Number": "007"}

    def by_somebody() -> None:
        foreign.server.store.update("Receivables", key, {"Remark": "changed"})

    foreign.reuse(given.with_meddling(foreign, "Receivables", by_somebody, **changes))
    foreign.post(posting)
    row = foreign.server.store.one("Receivables", key)
    assert (row["Stage"], row["Remark"]) == ("failed", "changed"), foreign.reasons()


def test_a_company_that_is_not_there_stops_the_run(foreign: Any, given: SimpleNamespace) -> None:
    companies = {"77": given.section()["companies"]["10"]}
    with pytest.raises(WrongCompany, match="it shows 10, 20"):
        list(foreign.connector(companies=companies).open_invoices())
