"""Regions, divisions, paths and the two languages of answers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sandbox.exact_online import periods
from sandbox.exact_online.division import REGIONS


def test_who_am_i_needs_no_division(api: Any) -> None:
    (me,) = api.get(f"{api.host}/api/v1/current/Me", {"$select": "CurrentDivision,ServerUtcOffset,UserID"}).json()["d"][
        "results"
    ]
    assert me["CurrentDivision"] == 4001234
    assert me["ServerUtcOffset"] == 1
    assert set(me) == {"__metadata", "CurrentDivision", "ServerUtcOffset", "UserID"}


def test_the_current_division_follows_the_user_and_not_the_connection(api: Any) -> None:
    api.division.add_sibling(4009999, "Other", accessible=True)
    api.division.clerk.select_division(4009999)
    (me,) = api.get(f"{api.host}/api/v1/current/Me").json()["d"]["results"]
    assert me["CurrentDivision"] == 4009999
    assert api.rows("crm/Accounts", "ID", "Status eq 'C'")


@pytest.mark.parametrize("code", [4009999, 1])
def test_a_foreign_or_unknown_division_is_403(api: Any, code: int) -> None:
    api.division.add_sibling(4009999)
    answer = api.get(f"{api.host}/api/v1/{code}/crm/Accounts", {"$select": "ID"})
    assert "Division not accessible" in api.problem(answer, 403)


def test_the_user_sees_his_divisions_and_the_licence_has_more(api: Any) -> None:
    api.division.add_sibling(4000001, "Archived", accessible=True, status=2)
    api.division.add_sibling(4009999, "Hidden")
    seen = api.rows("system/Divisions", "Code,Status,Current")
    assert [(row["Code"], row["Status"], row["Current"]) for row in seen] == [(4000001, 2, False), (4001234, 1, True)]
    assert [row["Code"] for row in api.rows("system/AllDivisions", "Code")] == [4000001, 4001234, 4009999]
    assert len(api.rows("hrm/Divisions", "Code")) == 2


@pytest.mark.parametrize("region", sorted(REGIONS))
def test_an_application_lives_in_one_region_only(api: Any, region: str) -> None:
    expected = 200 if region == "nl" else 401
    assert api.get(f"{api.host}/{region}/api/v1/current/Me").status_code == expected
    assert api.get(f"{api.host}/api/v1/current/Me", headers={"Host": REGIONS[region]}).status_code == expected


def test_addresses_in_answers_keep_the_region_prefix(api: Any) -> None:
    path = f"{api.host}/nl/api/v1/4001234/crm/Accounts"
    (row, _) = api.get(path, {"$select": "ID", "$filter": "Status eq 'C'"}).json()["d"]["results"]
    assert row["__metadata"]["uri"] == f"{path}(guid'{row['ID']}')"


@pytest.mark.parametrize("path", ["crm/Nothing", "crm", "webhooks/WebhookTopics"])
def test_an_unknown_path_is_404(api: Any, path: str) -> None:
    api.problem(api.get(path), 404)


def test_an_unknown_key_is_404(api: Any) -> None:
    api.problem(api.get(f"crm/Accounts(guid'{api.division.new_id()}')"), 404)


def test_paths_ignore_case(api: Any) -> None:
    assert api.rows("CRM/accounts", "ID", "Status eq 'C'")


@pytest.mark.parametrize("tick", ["crm", "crm/Accounts", "Accounts"])
def test_a_missing_tick_is_403(api: Any, tick: str) -> None:
    api.division.switches.forbidden = [tick]
    api.problem(api.get("crm/Accounts", {"$select": "ID", "$filter": "Status eq 'C'"}), 403)


def test_without_accept_the_answer_is_an_atom_feed(api: Any) -> None:
    answer = api.get("crm/Accounts", {"$select": "Name,Code", "$filter": "Status eq 'C'"}, headers={"Accept": "*/*"})
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    assert b"<m:properties><d:Name>" in answer.content
    assert answer.content.count(b"<entry>") == 2


def test_without_accept_errors_are_xml_too(api: Any) -> None:
    answer = api.get("crm/Nothing", headers={"Accept": "*/*"})
    assert answer.status_code == 404
    assert b"<m:message" in answer.content


def test_a_collection_a_single_entity_and_a_top_read_have_three_shapes(api: Any) -> None:
    collection = api.get("crm/Accounts", {"$select": "ID", "$filter": "Status eq 'C'"}).json()["d"]
    assert len(collection["results"]) == 2
    assert isinstance(api.get("crm/Accounts", {"$top": "1", "$filter": "Status eq 'C'"}).json()["d"], list)
    single = api.get(f"crm/Accounts(guid'{api.customer()}')").json()["d"]
    assert single["Name"] == "Zonnebloem B.V."


def test_lines_are_deferred_unless_expanded(api: Any) -> None:
    entry = api.created("financialtransaction/BankEntries", api.receipt())
    path = f"financialtransaction/BankEntries(guid'{entry['EntryID']}')"
    deferred = api.get(path).json()["d"]["BankEntryLines"]["__deferred"]["uri"]
    assert deferred == f"{api.base}/{path}/BankEntryLines"
    assert api.get(deferred, {"$select": "AmountFC"}).json()["d"]["results"][0]["AmountFC"] == 121
    expanded = api.get(path, {"$expand": "BankEntryLines"}).json()["d"]["BankEntryLines"]["results"]
    assert [line["OurRef"] for line in expanded] == [26700042]


def test_reference_data_can_be_read(api: Any) -> None:
    banks = api.rows("financial/Journals", "Code", "Type eq 12 and IsBlocked eq false", orderby="Code")
    assert [row["Code"] for row in banks] == ["20", "21", "23", "24"]
    assert api.one("vat/VATCodes", "Code,Percentage", "trim(Code) eq '4'")["Code"] == "4  "
    assert len(api.rows("financial/FinancialPeriods", "FinYear,FinPeriod,StartDate,EndDate")) == 12
    assert {row["PaymentMethod"] for row in api.rows("cashflow/PaymentConditions", "PaymentMethod")} == {"B", "I"}
    assert api.one("financial/ExchangeRates", "Rate", "SourceCurrency eq 'GBP'")["Rate"] == Decimal("1.1725")


def test_the_journal_status_list_tells_closed_periods(api: Any) -> None:
    api.division.close_period(2026, 10, ["23"])
    where = "Year eq 2026 and Period eq 10 and Status eq 1"
    assert [row["Journal"] for row in api.rows("read/financial/JournalStatusList", "Journal", where)] == ["23"]


def test_financial_years_need_not_be_calendar_years(api: Any) -> None:
    periods.add_year(api.division, 2030, first_month=7)
    rows = api.rows("financial/FinancialPeriods", "FinPeriod,StartDate,EndDate", "FinYear eq 2030")
    last = next(row for row in rows if row["FinPeriod"] == 12)
    assert last["EndDate"] == "/Date(1940544000000)/"
    assert periods.of(api.division, date(2031, 6, 30)) == periods.Period(2030, 12)
