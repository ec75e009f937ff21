"""Customers, master data, the control API and the books."""

from __future__ import annotations

from typing import Any

import pytest
import requests


def test_a_customer_is_created_with_an_automatic_number_and_read_back(api: Any) -> None:
    body = {
        **api.wrap(name="Nordlys Drift AS", customerClassId="1"),
        "overrideWithClassValues": True,
        "mainAddress": {"value": api.wrap(addressLine1="Havnegata 2", city="Oslo", countryId="NO")},
        "mainContact": {"value": api.wrap(email="regnskap@nordlys.example", name="Kari Moe")},
    }
    number = api.number_of(api.post("/v1/customer", body))
    row = api.get(f"/v1/customer/{number}").json()
    assert number == "10001"
    assert (row["mainContact"]["email"], row["mainAddress"]["city"]) == ("regnskap@nordlys.example", "Oslo")
    assert row["mainAddress"]["country"] == {"id": "NO"}
    assert api.get(f"/v1/customer/internal/{row['internalId']}").json()["number"] == number
    assert api.get(f"/v1/customer/{number}/contact").json()[0]["name"] == "Kari Moe"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "'Customer Name' cannot be empty"),
        ({"name": {"value": "A"}, "number": {"value": "A1"}}, "numbered automatically"),
        ({"name": {"value": "A"}, "customerClassId": {"value": "9"}}, "Customer class '9'"),
        ({"name": {"value": "A"}, "currencyId": {"value": "XXX"}}, "Currency 'XXX'"),
    ],
)
def test_a_customer_that_cannot_be_stored_is_refused(api: Any, body: dict[str, Any], text: str) -> None:
    assert text in api.message(api.post("/v1/customer", body))


def attribute(api: Any, name: str, value: str) -> dict[str, Any]:
    return {"attributeLines": [api.wrap(attributeId=name, attributeValue=value)]}


def test_attributes_are_written_read_and_searched(api: Any) -> None:
    assert api.put("/v1/customer/10042", attribute(api, "GCCUST", "CU000123")).status_code == 204
    assert api.put("/v1/customer/10043", attribute(api, "GCCUST", "CU000456")).status_code == 204
    (row,) = api.rows("/v1/customer", attributes='{"GCCUST":"CU000123"}')
    assert row["attributes"] == [{"id": "GCCUST", "value": "CU000123", "description": "GoCardless customer"}]
    assert len(api.rows("/v1/customer", attributes='{"GCCUST":"CU000123,CU000456"}')) == 2
    assert api.rows("/v1/customer", attributes='{"GCCUST":"CU000123","GCMANDATE":"MD1"}') == []
    assert api.get("/v1/customer", params={"attributes": "GCCUST=1"}).status_code == 400


def test_an_attribute_must_exist_and_be_linked_to_the_class(api: Any) -> None:
    assert "Attribute 'NOPE' cannot be found" in api.message(api.put("/v1/customer/10042", attribute(api, "NOPE", "x")))
    new = api.wrap(attributeId="GCNEW", description="New", controlType="Text")
    assert api.post("/v1/attribute", new).status_code == 201
    assert "not linked" in api.message(api.put("/v1/customer/10042", attribute(api, "GCNEW", "x")))
    assert "already exists" in api.message(api.post("/v1/attribute", new))
    assert "10 characters" in api.message(api.post("/v1/attribute", api.wrap(attributeId="GCMANDATE01")))
    linked = {row["id"]: row["attributes"] for row in api.rows("/v1/customer/customerClass")}
    assert [each["attributeId"] for each in linked["1"]] == ["GCCUST", "GCMANDATE", "GCMSTATUS"]
    assert linked["2"] == []


def test_customers_are_found_by_equal_values_only(api: Any) -> None:
    assert [row["number"] for row in api.rows("/v1/customer", email="KUNDE@example.com")] == ["10042"]
    assert api.rows("/v1/customer", name="Nordlys") == []
    assert api.put("/v1/customer/10043", api.wrap(status="Inactive")).status_code == 204
    assert [row["number"] for row in api.rows("/v1/customer", status="Inactive")] == ["10043"]
    assert "Inactive" in api.message(api.post("/v1/customerPayment", api.payment(customer="10043")))


def test_a_null_blanks_a_field_and_an_absent_one_stays(api: Any) -> None:
    api.put("/v1/customer/10042", api.wrap(note="a", accountReference="b"))
    api.put("/v1/customer/10042", api.wrap(note=None))
    row = api.get("/v1/customer/10042").json()
    assert (row["note"], row["accountReference"]) == ("", "b")


def test_direct_debit_lines_exist_where_the_country_has_them(api: Any) -> None:
    line = {"operation": "Insert", **api.wrap(mandateId="MD1", dateOfSignature="2026-01-02", isDefault=True)}
    body = {"directDebitLines": [line]}
    assert "Netherlands only" in api.message(api.put("/v1/customer/10042", body))
    api.company.switches.direct_debit_enabled = True
    assert api.put("/v1/customer/10042", body).status_code == 204
    (stored,) = api.get("/v1/customer/10042/directdebit").json()
    assert stored["mandateId"] == "MD1"
    assert "directDebitLines" not in api.get("/v1/customer/10042").json()
    assert api.get("/v1/customer/10042?expandDirectDebit=true").json()["directDebitLines"] == [stored]
    wrapped_id = {"directDebitLines": [{"operation": "Delete", "id": {"value": stored["id"]}}]}
    assert api.put("/v1/customer/10042", wrapped_id).status_code == 400
    assert api.put("/v1/customer/10042", {"directDebitLines": [{"operation": "Delete", "id": stored["id"]}]}).ok
    assert api.get("/v1/customer/10042/directdebit").json() == []


def test_a_customer_has_payment_methods_of_its_own(api: Any) -> None:
    detail = api.wrap(detailId="1", value="MD1")
    body = api.wrap(customerId="10042", paymentMethodId="GC", active=True, paymentMethodDetails=[detail])
    assert api.post("/v1/customerpaymentmethod", body).status_code == 201
    assert "already exists" in api.message(api.post("/v1/customerpaymentmethod", body))
    changed = {"paymentMethodDetails": [api.wrap(detailId="1", value="MD2")]}
    assert api.put("/v1/customerpaymentmethod/10042/GC", changed).status_code == 204
    (row,) = api.rows("/v1/customerpaymentmethod")
    assert row["paymentMethodDetails"] == [{"detailId": "1", "value": "MD2"}]
    assert api.put("/v1/customerpaymentmethod/10043/GC", changed).status_code == 404


def test_the_balance_of_a_customer_follows_the_books(api: Any) -> None:
    assert api.get("/v1/customer/10042/balance").json()["balance"] == 375
    api.received("125.00", api.line("000224", "125.00"))
    assert api.get("/v1/customer/10042/balance").json()["balance"] == 250


def test_the_company_tells_who_it_is(api: Any) -> None:
    (row,) = api.rows("/v1/organization", expandBranches="true", expandBankSettings="true")
    assert (row["name"], row["baseCurrency"], row["branches"][0]["number"]) == ("Nordlys Drift AS", "EUR", "1")
    assert api.rows("/v1/branch")[0]["isMainBranch"] is True
    assert api.get("/v1/firstTimeStartup/status").json() == {"financials": True, "message": None}
    assert api.rows("/v1/dimension") == ["ACCOUNT", "SUBACCOUNT"]


def test_accounts_tell_what_a_journal_must_know(api: Any) -> None:
    rows = {row["accountCD"]: row for row in api.rows("/v1/account", pageSize=1)}
    assert len(rows) == 19, "this list has no paging"
    assert (rows["1500"]["controlAccountModule"], rows["1500"]["allowManualEntry"]) == ("AR", False)
    assert (rows["1985"]["cashAccount"], rows["7770"]["cashAccount"]) == (True, False)
    assert [row["accountCD"] for row in api.rows("/v1/account", active="false")] == ["7700"]
    assert api.get("/v1/account/9100").json()["useDefaultSub"] is False
    assert api.get("/v1/account/4711").status_code == 404


def test_the_other_master_data_is_there(api: Any) -> None:
    cash = {row["number"]: row for row in api.rows("/v1/cashaccount")}
    assert cash["1986"]["currency"] == "GBP"
    assert api.get("/v1/cashaccount/1985").json()["entryTypes"][0]["disableReceipt"] == "Receipt"
    assert {row["paymentMethodID"] for row in api.rows("/v1/paymentmethod") if row["active"]} == {"GC", "BANK"}
    assert {row["vatId"] for row in api.rows("/v1/vat")} == {"0", "1", "3"}
    assert {row["vatCategoryId"] for row in api.rows("/v1/vatCategory")} == {"STANDARD", "INPUT", "EXEMPT"}
    assert api.rows("/v1/ledger")[0]["balanceType"] == "Actual"
    assert {row["id"] for row in api.rows("/v1/currency")} >= {"EUR", "GBP"}
    assert {row["subaccountNumber"]: row["active"] for row in api.rows("/v1/subaccount")}["9"] is False
    api.company.manual_numbering.add("payment")
    assert [row["numberingId"] for row in api.rows("/v1/numberSequence") if row["manualNumbering"]] == ["PAYMENT"]
    assert "a number of at most" in api.message(api.post("/v1/customerPayment", api.payment()))


def test_periods_tell_for_each_module_whether_they_are_closed(api: Any) -> None:
    api.company.close_period("202602", ("AR", "CA"))
    row = api.get("/v1/financialPeriod/202602").json()
    flags = ("closedInCustomerLedger", "closedInCashManagement", "closedInGeneralLedger")
    assert [row[flag] for flag in flags] == [True, True, False]
    assert (row["year"], row["period"], row["startDate"]) == ("2026", "02", "2026-02-01T00:00:00")
    assert len(api.rows("/v1/financialPeriod", greaterThanValue="202610")) == 2
    assert api.get("/v1/financialPeriod/203001").status_code == 404


def test_the_control_books_show_balances_receivables_and_effective_documents(api: Any) -> None:
    kept = api.received("125.00", api.line("000224", "125.00"), paymentRef="PM1")
    voided = api.received("50.00", api.line("000225", "50.00"), paymentRef="PM2")
    api.company.clerk.void_payment(voided)
    draft = api.create_payment("1.00", paymentRef="PM3")
    journal = api.number_of(api.post("/v2/journaltransaction", api.payout()))
    api.post(f"/v2/journaltransaction/{journal}/action/release")
    books = api.get("/_control/books").json()
    assert books["balances"]["EUR"] == {"1500": 25000, "1920": 23680, "1985": -11500, "3000": -37500, "7770": 320}
    assert books["receivable"] == {"EUR": {"10042": 25000}, "GBP": {"10042": 8000}}
    assert [(row["kind"], row["number"], row["reference"], row["amount_minor"]) for row in books["documents"]] == [
        ("Payment", kept, "PM1", 12500),
        ("Journal", journal, "PO00XYZ789", 24000),
    ]
    assert [row["number"] for row in books["drafts"]] == [draft]


def test_every_entry_of_the_books_balances_and_sums_to_the_balances(api: Any) -> None:
    api.received("125.00", api.line("000224", "125.00"))
    note = api.number_of(api.post("/v2/customerCreditNote", api.credit_note()))
    api.post(f"/v1/customerCreditNote/{note}/action/release")
    books = api.company.books
    assert all(sum(line.minor for line in entry.lines) == 0 for entry in books.entries)
    for currency, accounts in books.balances().items():
        for account, minor in accounts.items():
            lines = [line for entry in books.entries if entry.currency == currency for line in entry.lines]
            assert minor == sum(line.minor for line in lines if line.account == account)


def test_the_control_api_seeds_a_company_and_moves_its_clock(api: Any) -> None:
    seed = {
        "customers": [{"number": "K/1", "name": "Seeded AS", "email": "k@example.com"}],
        "invoices": [
            {"number": "S1", "customer": "K/1", "amount_minor": 999, "currency": "GBP", "dated": "2026-03-01"}
        ],
        "accounts": [{"number": "7771", "description": "Other fees", "kind": "Expense"}],
        "cash_accounts": [{"number": "1987", "description": "More", "currency": "SEK", "account": "7771"}],
        "years": [2027],
        "close_periods": [{"period": "202601", "modules": ["GL"]}],
    }
    assert api.post("/_control/seed", seed).json() == {"customers": ["K/1"], "invoices": ["S1"]}
    assert api.get("/v1/customerinvoice/S1").json()["balance"] == 9.99
    assert api.get("/v1/financialPeriod/202701").status_code == 200
    assert api.post("/_control/clock", {"advance_s": 60}).json() == {"now": "2026-03-10T12:01:00+00:00"}
    assert api.post("/_control/clock", {"now": "2026-03-01T00:00:00+00:00"}).status_code == 400


def test_the_control_api_changes_switches_answers_and_employs_the_clerk(api: Any) -> None:
    number = api.create_payment()
    assert api.post("/_control/switches", {"max_page_size": 7}).json()["max_page_size"] == 7
    assert api.post("/_control/switches", {"no_such_switch": 1}).status_code == 400
    assert api.post("/_control/switches", {"max_page_size": "7"}).status_code == 400
    assert api.post("/_control/switches", {"date_styles": {"payment": "z"}}).json()["date_styles"]["journal"] == "z"
    assert api.post("/_control/answers", {"actions": ["failed"]}).json()["actions"] == ["failed"]
    assert api.post("/_control/answers", {"actions": ["maybe"]}).status_code == 400
    assert api.post("/_control/clerk", {"do": "hold_payment", "number": number}).ok
    assert api.get(f"/v1/customerPayment/{number}").json()["status"] == "Hold"
    paid = {"do": "pay_invoice", "number": "000224", "amount_minor": 12500, "on": "2026-03-09"}
    assert api.post("/_control/clerk", paid).ok
    assert api.get("/v1/customerinvoice/000224").json()["status"] == "Closed"
    assert api.post("/_control/clerk", {"do": "_draft", "number": number}).status_code == 400


def test_requests_are_counted_except_those_to_the_control_api(api: Any) -> None:
    api.delete("/_control/requests")
    for _ in range(2):
        api.get("/v1/organization")
    counts = api.get("/_control/requests").json()
    assert (counts["total"], counts["by_path"]) == (2, {"GET /v1/organization": 2})
    assert requests.get(f"{api.base}/_control/nothing", timeout=10).status_code == 404
