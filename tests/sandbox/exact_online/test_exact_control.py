"""The control API and the books behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.clock import SandboxClock
from sandbox.exact_online.app import create_app
from sandbox.exact_online.books import Entry, Line, Unbalanced
from sandbox.exact_online.division import Division
from sandbox.serve import running


def control(api: Any, name: str, body: Any = None) -> Any:
    verb = requests.get if body is None else requests.post
    options = {} if body is None else {"json": body}
    answer = verb(f"{api.host}/_control/{name}", timeout=10, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_books_tell_balances_debts_open_items_and_documents(api: Any) -> None:
    api.created("financialtransaction/BankEntries", api.receipt())
    books = control(api, "books")
    assert books["balances"] == {"EUR": {"1230": 12100, "1300": 5000, "8000": -17100}}
    assert books["receivable"] == {"EUR": {"42": 5000}}
    assert [(item["customer"], item["invoice_number"], item["amount_minor"]) for item in books["open_items"]] == [
        ("42", 26700043, 5000)
    ]
    bank = books["documents"][-1]
    assert (bank["kind"], bank["journal"], bank["number"]) == ("BankEntry", "23", 26230001)
    assert (bank["reference"], bank["customer"], bank["amount_minor"]) == ("GC PM000ABC123 confirmed", "42", 12100)
    assert bank["lines"] == [["1230", 12100], ["1300", -12100]]


def test_a_deleted_entry_is_counter_booked_and_no_longer_a_document(api: Any) -> None:
    entry = api.created("financialtransaction/BankEntries", api.receipt())
    api.delete(f"financialtransaction/BankEntries(guid'{entry['EntryID']}')")
    books = control(api, "books")
    assert {document["kind"] for document in books["documents"]} == {"SalesEntry"}
    assert (books["entries"], books["balances"]["EUR"]["1230"]) == (4, 0)


def test_the_books_refuse_what_does_not_balance(division: Division) -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC).date()
    lines = (Line("1230", 100, 100), Line("1300", -99, -100))
    with pytest.raises(Unbalanced):
        division.books.book(Entry("BankEntry", "id", "23", 1, "", day, "2026-11", "EUR", lines))


def test_the_clock_is_told_and_moved(api: Any) -> None:
    assert control(api, "clock")["now"] == "2026-11-20T10:00:00+00:00"
    assert control(api, "clock", {"advance_s": 60})["now"] == "2026-11-20T10:01:00+00:00"
    assert control(api, "clock", {"now": "2026-12-01T00:00:00+00:00"})["now"].startswith("2026-12-01")
    back = requests.post(f"{api.host}/_control/clock", json={"now": "2026-11-01T00:00:00+00:00"}, timeout=10)
    assert back.status_code == 400


def test_faults_are_queued_told_and_cleared(api: Any) -> None:
    queued = control(api, "faults", [{"kind": "html", "path": "Me$"}, {"kind": "rate_limit"}])["queued"]
    assert [fault["kind"] for fault in queued] == ["html", "rate_limit"]
    assert requests.delete(f"{api.host}/_control/faults", timeout=10).json() == {"queued": []}


def test_requests_are_counted_with_what_was_dropped(api: Any) -> None:
    api.created("crm/Accounts", {"Name": "Nieuw", "IsSales": True})
    told = control(api, "requests")
    assert told["by_path"] == {"POST /api/v1/4001234/crm/Accounts": 1}
    assert told["ignored_fields"] == ["crm/Accounts: IsSales"]
    assert requests.delete(f"{api.host}/_control/requests", timeout=10).json()["total"] == 0


def test_a_division_can_be_filled_over_http() -> None:
    division = Division(clock=SandboxClock(datetime(2026, 11, 20, 10, tzinfo=UTC)))
    with running(create_app(division)) as host:
        body = {
            "standard_chart": True,
            "gl_accounts": [{"code": "4520", "description": "Other fees", "kind": 120}],
            "journals": [{"code": "25", "description": "GoCardless 2", "kind": 12, "gl_code": "1230"}],
            "accounts": [{"code": "7", "name": "Zeven", "Email": "7@example.test"}],
            "invoices": [
                {"number": 26700001, "account": "7", "amount_minor": 2500, "dated": "2026-11-02", "YourRef": "A"}
            ],
            "siblings": [{"code": 5}],
            "close_periods": [{"year": 2026, "period": 1}],
            "foreign_ids": 2,
        }
        told = requests.post(f"{host}/_control/seed", json=body, timeout=10).json()
        books = requests.get(f"{host}/_control/books", timeout=10).json()
    assert told["invoices"][0]["number"] == 26700001
    assert told["accounts"]["7"] == division.account("7")["ID"]
    assert len(told["foreign_ids"]) == 2
    assert books["receivable"] == {"EUR": {"7": 2500}}
    assert len(division.closed) == 10


def test_switches_are_checked_before_any_is_set(api: Any) -> None:
    assert control(api, "switches", {"auto_match": "off"})["auto_match"] == "off"
    for wrong in (
        {"nothing": 1},
        {"auto_match": "maybe"},
        {"calls_per_day": "5"},
        {"calls_per_day": 1, "language": "fr"},
    ):
        answer = requests.post(f"{api.host}/_control/switches", json=wrong, timeout=10)
        assert answer.status_code == 400, wrong
    assert api.division.switches.calls_per_day == 100_000


def test_the_clerk_works_over_http(api: Any) -> None:
    control(api, "clerk", {"do": "pay_invoice", "number": 26700043, "amount_minor": 2000, "on": "2026-11-19"})
    assert api.open_items() == [(26700042, "70", 12100), (26700043, "70", 3000)]
    control(api, "clerk", {"do": "unmatch", "number": 26700043})
    assert sum(minor for _, _, minor in api.open_items()) == 15100
    assert requests.post(f"{api.host}/_control/clerk", json={"do": "_entry"}, timeout=10).status_code == 400


def test_two_items_can_be_matched_by_hand(api: Any) -> None:
    api.created("financialtransaction/BankEntries", api.receipt(OurRef=None))
    items = {item["amount_minor"]: item["id"] for item in control(api, "books")["open_items"]}
    body = {"do": "match", "invoice_item": items[12100], "receipt_item": items[-12100]}
    control(api, "clerk", body)
    assert api.open_items() == [(26700043, "70", 5000)]
    body["receipt_item"] = items[5000]
    assert requests.post(f"{api.host}/_control/clerk", json=body, timeout=10).status_code == 400


def test_an_unknown_control_names_the_known_ones(api: Any) -> None:
    answer = requests.get(f"{api.host}/_control/nothing", timeout=10)
    assert (answer.status_code, "books" in answer.json()["message"]) == (404, True)


def test_seeded_invoices_take_decimals_vat_and_currencies(division: Division) -> None:
    division.add_invoice(None, "43", Decimal("12.10"), "GBP", vat_minor=210, PaymentCondition="IN")
    (item,) = division.tables["Terms"].where("Account", division.account("43")["ID"])
    assert (item["minor"], item["base_minor"], item["PaymentMethod"]) == (1210, 1419, "I")
    assert division.books.balances()["GBP"] == {"1300": 1210, "1500": -210, "8000": -1000}
    assert division.books.receivable("43", "GBP") == 1210


def test_a_region_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown region"):
        Division(region="it")


def test_the_clerk_deletes_entries_and_sets_rates(api: Any) -> None:
    control(api, "clerk", {"do": "set_rate", "currency": "GBP", "rate": "1.2"})
    assert api.division.rate("GBP") == Decimal("1.2")
    entry = api.created("financialtransaction/BankEntries", api.receipt())
    control(api, "clerk", {"do": "delete_entry", "entry_id": entry["EntryID"]})
    assert api.open_items() == [(26700042, "70", 12100), (26700043, "70", 5000)]
