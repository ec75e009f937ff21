"""Query options: what may be selected, filtered and paged, and how values look."""

from __future__ import annotations

import json
import time
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

SELECT = "Code,Name"
CUSTOMERS = "Status eq 'C'"


def names(api: Any, where: str) -> list[str]:
    return sorted(row["Name"] for row in api.rows("crm/Accounts", SELECT, where))


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Code eq '                42'", ["Zonnebloem B.V."]),
        ("Code eq '42'", []),
        ("trim(Code) eq '42'", ["Zonnebloem B.V."]),
        ("Name eq 'O''Brien & Zn.'", ["O'Brien & Zn."]),
        ("substringof('bloem',Name)", ["Zonnebloem B.V."]),
        ("substringof('bloem', Name) eq true and Status eq 'C'", ["Zonnebloem B.V."]),
        ("startswith(Name,'O')", ["O'Brien & Zn."]),
        ("Status eq 'C' and (trim(Code) eq '42' or trim(Code) eq '43')", ["O'Brien & Zn.", "Zonnebloem B.V."]),
        ("Status eq 'C' and not (trim(Code) eq '42')", ["O'Brien & Zn."]),
        ("Email ne null and Blocked eq false", ["Zonnebloem B.V."]),
        ("Email eq null and Blocked eq 0", ["O'Brien & Zn."]),
        ("Modified ge datetime'2026-11-20T11:00:00'", ["O'Brien & Zn.", "Zonnebloem B.V."]),
        ("Modified gt datetime'2026-11-20T11:00:00'", []),
        ("Modified lt datetime'2026-11-21'", ["O'Brien & Zn.", "Zonnebloem B.V."]),
    ],
)
def test_filters_find_what_they_say(api: Any, where: str, found: list[str]) -> None:
    assert names(api, where) == found


def test_a_guid_filter_takes_the_wrapped_literal_only(api: Any) -> None:
    assert names(api, f"ID eq guid'{api.customer().upper()}'") == ["Zonnebloem B.V."]
    refused = api.get("crm/Accounts", {"$select": "ID", "$filter": f"ID eq '{api.customer()}'"})
    assert "incompatible with operand types 'Edm.Guid'" in api.problem(refused, 400)


@pytest.mark.parametrize(
    "where",
    ["Status eq", "Status is 'C'", "(Status eq 'C'", "Status eq 'C' Name", "Status eq \"C\"", "ID eq guid'12'",
     "length(Name) eq 3", "'C' eq Status", "Modified gt '2026-11-20'", "Status eq 5"],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_400(api: Any, where: str) -> None:
    api.division.switches.errors_per_hour = 0
    api.problem(api.get("crm/Accounts", {"$select": "ID", "$filter": where}), 400)


@pytest.mark.parametrize("option", ["$select", "$filter", "$orderby"])
def test_an_unknown_property_is_400(api: Any, option: str) -> None:
    value = "Nonsense eq 1" if option == "$filter" else "Nonsense"
    query = {"$select": "ID", "$filter": CUSTOMERS, option: value}
    expected = "No property 'Nonsense' exists in type 'Exact.Metadata.Entity.CRMAccount'"
    assert expected in api.problem(api.get("crm/Accounts", query), 400)


def test_flagged_endpoints_want_a_select_or_the_first_row_only(api: Any) -> None:
    refused = api.get("financialtransaction/BankEntries")
    assert api.problem(refused, 400) == "Please add a $select or a $top=1 statement to the query string."
    assert api.get("financialtransaction/BankEntries", {"$top": "1"}).json() == {"d": []}


@pytest.mark.parametrize("path", ["bulk/CRM/Accounts", "sync/CRM/Accounts"])
def test_bulk_and_sync_want_a_select(api: Any, path: str) -> None:
    api.problem(api.get(path), 400)


def test_select_star_is_refused_on_sync(api: Any) -> None:
    api.problem(api.get("sync/CRM/Accounts", {"$select": "*"}), 400)


@pytest.mark.parametrize(
    "path",
    ["crm/Accounts", "salesinvoice/SalesInvoices", "financialtransaction/TransactionLines", "financial/GLAccounts"],
)
def test_endpoints_with_a_sync_twin_demand_a_useful_filter(api: Any, path: str) -> None:
    select = "InvoiceID" if "invoice" in path else "ID"
    message = api.problem(api.get(path, {"$select": select}), 400)
    assert message.startswith("A GET request for this endpoint must have a $filter parameter with one of the following")
    assert "Modified" in message


def test_bulk_endpoints_can_demand_the_filter_as_well(api: Any) -> None:
    assert len(api.rows("bulk/CRM/Accounts", "ID")) == 2
    api.division.switches.mandatory_filter_on_bulk = True
    api.problem(api.get("bulk/CRM/Accounts", {"$select": "ID"}), 400)


def test_bulk_receivables_filter_on_listed_fields_only(api: Any) -> None:
    assert len(api.rows("bulk/Cashflow/Receivables", "ID", "Status eq 20")) == 2
    api.problem(api.get("bulk/Cashflow/Receivables", {"$select": "ID", "$filter": "IsFullyPaid eq false"}), 400)


def test_sync_filters_on_timestamp_only_and_wants_the_long_suffix(api: Any) -> None:
    assert len(api.rows("sync/CRM/Accounts", "ID", "Timestamp gt 1L")) == 2
    api.problem(api.get("sync/CRM/Accounts", {"$select": "ID", "$filter": "Timestamp gt 1"}), 400)
    api.problem(api.get("sync/CRM/Accounts", {"$select": "ID", "$filter": "Status eq 'C'"}), 400)


def test_offsets_cannot_be_compared_with_null(api: Any) -> None:
    query = {"$select": "ID", "$filter": "OffsetID eq null"}
    api.problem(api.get("financialtransaction/TransactionLines", query), 400)


def test_normal_pages_have_sixty_rows_and_an_encoded_skiptoken(api: Any) -> None:
    for number in range(118):
        api.division.add_account(str(2000 + number))
    query = {"$select": "Name", "$filter": CUSTOMERS, "$inlinecount": "allpages"}
    first = api.get("crm/Accounts", query).json()["d"]
    assert (len(first["results"]), first["__count"]) == (60, "120")
    assert "%24skiptoken=guid%27" in first["__next"]
    second = api.get(first["__next"]).json()["d"]
    assert len(second["results"]) == 60
    assert "__next" not in second, "sixty rows without __next are a full last page"
    seen = {row["__metadata"]["uri"] for row in first["results"] + second["results"]}
    assert len(seen) == 120
    assert api.get("crm/Accounts/$count", {"$filter": CUSTOMERS}).text == "120"


def test_top_never_gives_more_than_a_page(api: Any) -> None:
    for number in range(70):
        api.division.add_account(str(2000 + number))
    answer = api.get("crm/Accounts", {"$select": "ID", "$filter": CUSTOMERS, "$top": "500"}).json()
    assert len(answer["d"]) == 60


def test_bulk_pages_have_a_thousand_rows_and_refuse_skip(api: Any) -> None:
    for number in range(1100):
        api.division.add_account(str(2000 + number))
    first = api.get("bulk/CRM/Accounts", {"$select": "ID"}).json()["d"]
    assert len(first["results"]) == 1000
    assert len(api.get(first["__next"]).json()["d"]["results"]) == 102
    api.problem(api.get("bulk/CRM/Accounts", {"$select": "ID", "$skip": "10"}), 400)
    assert len(api.rows("sync/CRM/Accounts", "ID", "Timestamp gt 1L")) == 1102


def test_rows_that_come_and_go_between_pages_move_no_others(api: Any) -> None:
    division = api.division
    for number in range(120):
        division.add_account(str(2000 + number))
    before = {row["ID"] for row in division.tables["Accounts"]}
    gone = sorted(before)[:10]
    division.between_pages.append(lambda: [division.tables["Accounts"].remove(each) for each in gone])
    division.between_pages.append(lambda: [division.add_account(str(9000 + each)) for each in range(10)])
    seen = [row["ID"] for row in api.rows("crm/Accounts", "ID", CUSTOMERS)]
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_ordered_reads_page_by_the_values_of_the_last_row(api: Any) -> None:
    for number in range(70):
        api.division.add_invoice(None, "43", 100 + number % 3, dated=date(2026, 1 + number % 4, 5))
    rows = api.rows("salesentry/SalesEntries", "AmountFC,EntryNumber", orderby="AmountFC desc,EntryNumber")
    keys = [(-row["AmountFC"], row["EntryNumber"]) for row in rows]
    assert len(keys) == 72
    assert keys == sorted(keys)


def test_a_forged_skiptoken_is_400(api: Any) -> None:
    api.problem(api.get("crm/Accounts", {"$select": "ID", "$filter": CUSTOMERS, "$skiptoken": "5"}), 400)


def test_a_read_that_is_too_broad_is_408(api: Any) -> None:
    api.division.switches.too_broad_rows = 1
    assert "too broad" in api.problem(api.get("crm/Accounts", {"$select": "ID", "$filter": CUSTOMERS}), 408)
    assert len(api.rows("crm/Accounts", "ID", "trim(Code) eq '42'")) == 1


def test_dates_come_as_milliseconds_of_the_day_at_midnight_utc(api: Any) -> None:
    (row,) = api.rows("salesentry/SalesEntries", "EntryDate,Modified", "EntryNumber eq 26700042")
    assert row["EntryDate"] == "/Date(1793577600000)/"  # 2026-11-02T00:00:00Z
    assert row["Modified"] == "/Date(1795172400000)/", "server time: 11:00 in Amsterdam, not 10:00 UTC"


def test_codes_come_back_padded(api: Any) -> None:
    assert api.one("crm/Accounts", "Code", f"ID eq guid'{api.customer()}'")["Code"] == "                42"
    assert api.one("financial/GLAccounts", "SearchCode", "Code eq '4500'")["SearchCode"].startswith("PAYMENT FE")
    assert api.one("financial/GLAccounts", "SearchCode", "Code eq '1000'")["SearchCode"] == "CASH      "


def test_amounts_are_doubles_with_noise_when_asked(api: Any) -> None:
    def amount() -> str:
        answer = api.get("salesentry/SalesEntries", {"$select": "AmountFC", "$filter": "EntryNumber eq 26700042"})
        return str(json.loads(answer.content, parse_float=str, parse_int=str)["d"]["results"][0]["AmountFC"])

    assert amount() == "121"
    api.division.switches.double_noise = True
    assert amount() == "121.00000000000001"
    assert round(Decimal(amount()), 2) == 121


def test_lists_of_thousands_are_read_fast(api: Any) -> None:
    for number in range(5000):
        api.division.add_account(str(10_000 + number))
    started = time.monotonic()
    assert len(api.rows("sync/CRM/Accounts", "ID,Name,Code,Timestamp", "Timestamp gt 1L")) == 5002
    assert time.monotonic() - started < 5
