"""The control API and the clerk: what tests and the demo set up, do by hand, and read back."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox.sage300.app import create_app
from sandbox.sage300.company import Company
from sandbox.serve import running

RECEIPTS = "ARReceiptAndAdjustmentBatches"


def control(api: Any, path: str, body: Any = None, *, method: str = "", status: int = 200) -> Any:
    chosen = method or ("GET" if body is None else "POST")
    answer = requests.request(chosen, f"{api.host}/_control/{path}", json=body, timeout=10)
    assert answer.status_code == status, answer.text
    return answer.json()


def clerk(api: Any, do: str, **details: Any) -> Any:
    return control(api, "clerk", {"do": do, **details})["number"]


def test_a_company_is_filled_from_outside(api: Any) -> None:
    filled = control(
        api,
        "seed",
        {
            "accounts": [{"number": "5000-10", "description": "Other sales", "subledgers": ["AR"]}],
            "optional_fields": [{"code": "GCTEST", "kind": "YesNo"}],
            "customers": [
                {"number": "A1", "name": "Acme", "optional_fields": {"GCTEST": "1"}},
                {"number": "UK1", "name": "Brit", "GroupCode": "RTLGBP"},
            ],
            "invoices": [
                {"customer": "A1", "number": "S1", "amount_minor": 1250, "dated": "2026-11-01", "due": "2026-11-15"},
                {"customer": "UK1", "number": "S2", "amount_minor": 999, "PONumber": "WEB-1"},
            ],
            "users": [{"user_id": "ARONLY", "password": "X", "web_api": ["AR"]}],
            "siblings": ["OTHER"],
            "without_modules": ["TX"],
            "lock_periods": [{"year": 2026, "period": 1, "modules": ["GL"]}],
            "rates": [{"currency": "USD", "rate": "0.8", "on": "2026-11-01"}],
        },
    )
    assert filled == {"customers": 3, "invoices": ["S1", "S2"]}
    books = control(api, "books")
    assert books["receivables"] == {"EUR": {"1200": 12500, "A1": 1250}, "GBP": {"UK1": 999}}
    assert {
        "customer": "A1",
        "number": "S1",
        "type": "Invoice",
        "currency": "EUR",
        "due_minor": 1250,
        "due": "2026-11-15",
    } in (books["open_documents"])
    assert books["balances"]["1105"] == 1149, "999 pence at 1.15"
    assert api.company.gate.users["ARONLY"].web_api == {"AR"}
    assert ("GL", "2026", "01") in api.company.locked_periods
    assert api.get("TX/TXTaxGroups").status_code == 404


def test_the_standard_company_can_be_seeded_into_an_empty_one() -> None:
    company = Company("EMPTY")
    with running(create_app(company)) as base:
        body = {"standard": True, "years": [2026]}
        answer = requests.post(f"{base}/_control/seed", json=body, timeout=10)
    assert answer.json() == {"customers": 0, "invoices": []}
    assert len(company.tables["CSFiscalCalendars"]) == 1


def test_books_tell_each_document_with_its_reference_posted_or_not(api: Any) -> None:
    api.created(f"AR/{RECEIPTS}", api.receipts(api.receipt()))
    api.created(f"AR/{RECEIPTS}", api.receipts(api.receipt(CheckReceiptNumber="PM2")))
    clerk(api, "post", resource=RECEIPTS, number=1)
    books = control(api, "books")
    ours = [each for each in books["batches"] if each["resource"] == RECEIPTS]
    assert [(each["status"], each["references"]) for each in ours] == [("Posted", ["PM000123ABC"]), ("Open", ["PM2"])]
    posting = books["postings"][-1]
    assert (posting["kind"], posting["reference"], posting["amount_minor"]) == ("Receipt", "PM000123ABC", 12500)
    assert posting["applied"] == [["IN0000123", 12500]]
    assert sum(books["balances"].values()) == 0


def test_requests_are_counted_without_the_control_calls(api: Any) -> None:
    control(api, "requests", method="DELETE")
    api.get("CS/CSCompanyProfile")
    api.get("AR/ARTerms")
    seen = control(api, "requests")
    assert (seen["total"], seen["by_method"]) == (2, {"GET": 2})
    assert seen["by_path"]["GET /Sage300WebApi/v1.0/-/SAMLTD/AR/ARTerms"] == 1


def test_clock_switches_and_faults_are_set_from_outside(api: Any) -> None:
    assert control(api, "clock", {"advance_s": 60})["now"] == "2026-11-20T10:01:00+00:00"
    assert control(api, "clock", {"now": "2026-12-01T00:00:00+00:00"})["now"].startswith("2026-12-01")
    assert control(api, "switches", {"page_size": 7})["page_size"] == 7
    assert len(control(api, "faults", [{"kind": "html", "status": 503}, {"kind": "drop_before"}])["queued"]) == 2
    assert api.get("AR/ARTerms").status_code == 503
    assert control(api, "faults", method="DELETE") == {"queued": []}
    assert api.get("AR/ARTerms").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clerk", {"do": "dance"}),
        ("clerk", {"do": "_batch"}),
        ("clerk", {"do": "change_user", "user_id": "GCAPI", "nothing": 1}),
        ("clerk", {"do": "post", "resource": RECEIPTS, "number": 99}),
        ("clerk", {"do": "post", "resource": "ARCustomers", "number": 1}),
        ("clerk", {"do": "post"}),
        ("switches", {"nothing": 1}),
        ("switches", {"page_size": "7"}),
        ("switches", {"dialect": "v5"}),
        ("faults", {"kind": "explode"}),
        ("seed", {"customers": [{"number": "1200"}]}),
        ("clock", {"now": "2020-01-01T00:00:00+00:00"}),
    ],
)
def test_mistakes_are_told_with_400(api: Any, path: str, body: Any) -> None:
    assert control(api, path, body, status=400)["message"]


def test_unknown_controls_name_the_known_ones(api: Any) -> None:
    assert "books" in control(api, "nothing", status=404)["message"]


def test_the_clerk_posts_edits_copies_and_deletes_batches(api: Any) -> None:
    api.created(f"AR/{RECEIPTS}", api.receipts(api.receipt(), api.receipt(CheckReceiptNumber="PM2")))
    assert clerk(api, "copy_batch", resource=RECEIPTS, number=1) == 2
    clerk(api, "delete_entry", resource=RECEIPTS, number=2, entry=1)
    clerk(api, "edit_batch", resource=RECEIPTS, number=2, Description="By the clerk")
    clerk(api, "delete_batch", resource=RECEIPTS, number=1)
    rows = api.rows(f"AR/{RECEIPTS}")
    assert [(row["BatchStatus"], row["NumberOfEntries"], row["Description"]) for row in rows] == [
        ("Deleted", 0, "GC RCPT 1"),
        ("Open", 1, "By the clerk"),
    ]
    assert clerk(api, "post_all", resource=RECEIPTS) == 1
    assert control(api, "clerk", {"do": "delete_batch", "resource": RECEIPTS, "number": 2}, status=400)
    assert api.company.books.receivable("1200", "EUR") == 0


def test_the_clerk_enters_and_receives_by_hand(api: Any) -> None:
    clerk(api, "enter_invoice", customer="1200", number="H1", amount_minor=700)
    clerk(api, "add_invoice", customer="1200", number="H2", amount_minor=800, dated="2026-11-19")
    clerk(api, "receive", customer="1200", document="H2", amount_minor=300, on="2026-11-20")
    clerk(api, "receive", customer="1200", document="H2", amount_minor=100, post=False)
    clerk(api, "receive", customer="1200", document="", amount_minor=200, check="CASH1")
    assert api.company.books.receivable("1200", "EUR") == 12500 + 800 - 300 - 200
    assert api.document("H2")["CustomerCurrencyAmountDue"] == 5
    source = api.rows("AR/ARPostedDocuments", filter="CheckReceiptNumber eq 'CASH1'")[0]["DocumentNumber"]
    clerk(api, "apply", customer="1200", source=source, document="H2", amount_minor=200)
    assert api.document("H2")["CustomerCurrencyAmountDue"] == 3


def test_the_administrator_takes_rights_and_passwords_away(api: Any) -> None:
    clerk(api, "change_user", user_id="GCAPI", web_api=["CS", "AR"])
    api.problem(api.get("GL/GLAccounts"), 403, "Forbidden")
    clerk(api, "change_user", user_id="GCAPI", password="Other1!")
    api.problem(api.get("AR/ARTerms"), 401, "Unauthorized")
    api.session.auth = ("GCAPI", "OTHER1!")
    assert api.get("AR/ARTerms").status_code == 200


def test_the_clerk_holds_customers_and_locks_periods(api: Any) -> None:
    clerk(api, "hold_customer", number="1200")
    assert api.record("AR/ARCustomers('1200')")["OnHold"] == "Yes"
    clerk(api, "hold_customer", number="1200", held=False)
    clerk(api, "lock_period", year=2026, period=11, modules=["AR"])
    api.problem(api.post("AR/ARInvoiceBatches", api.invoices(api.invoice())), 409, "FieldInvalid")
    clerk(api, "unlock_period", year=2026, period=11)
    assert api.post("AR/ARInvoiceBatches", api.invoices(api.invoice())).status_code == 201
    clerk(api, "set_rate", currency="GBP", rate="1.3", on="2026-11-20")
    assert str(api.company.rate("GBP")) == "1.3"
