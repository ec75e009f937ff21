"""Small things that everything rests on: addresses, errors by number and tag, settings, the shared secret of Event Actions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector_resources.erp.ifs_cloud import odata, webhook
from connector_resources.erp.ifs_cloud.companies import company_of, invoice_number, split_invoice
from connector_resources.erp.ifs_cloud.refusals import is_duplicate, rejected
from connector_resources.erp.refusal import CannotBook
from connector_resources.errors import Refused
from connector_resources.transport.messages import Response

ROOT = "https://acme.ifs.cloud/main/ifsapplications/projection/v1/CustomerHandling.svc/"


def refused(code: object, message: str, *, top: str = "DATABASE_ERROR", status: int = 400) -> Refused:
    error = Refused("no", status=status)
    detail = {"code": code, "message": message}
    content = {"error": {"code": top, "message": "Database error occurred.", "details": [detail] if message else []}}
    error.response = Response(status, {}, json.dumps(content).encode())
    return error


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (f"{ROOT}CustomerInfoSet?$skiptoken=5", f"{ROOT}CustomerInfoSet?$skiptoken=5"),
        ("/main/x.svc/S?$skiptoken=5", "https://acme.ifs.cloud/main/x.svc/S?$skiptoken=5"),
        ("CustomerInfoSet?$skiptoken=a b", f"{ROOT}CustomerInfoSet?$skiptoken=a%20b"),
        ("", ""),
    ],
)
def test_next_links_of_every_form_lead_on(link: str, expected: str) -> None:
    assert odata.next_address(link, ROOT) == expected


def test_the_sheets_error_is_read_with_number_entity_and_tag() -> None:
    text = "ORA-20110: UserGroupPeriod.USRGRPPER: Period 3 is not open for user group AC in Company 10"
    problem = odata.problem_of(refused(20110, text).response)
    assert problem is not None
    assert (problem.code, problem.ora, problem.entity, problem.tag) == (
        "DATABASE_ERROR", 20110, "UserGroupPeriod", "USRGRPPER",
    )  # fmt: skip
    assert problem.message == "Period 3 is not open for user group AC in Company 10"
    plain = odata.problem_of(refused("20124", "something").response)
    assert plain is not None
    assert (plain.ora, plain.name) == (20124, "DATABASE_ERROR")
    assert odata.problem_of(Response(502, {}, b"<html>")) is None


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("ORA-20110: UserGroupPeriod.USRGRPPER: x", "period_closed"),
        ("ORA-20110: UserGroupPeriod.NOTOPENCOMPERIODGROUP: x", "period_closed"),
        ("ORA-20110: UserGroupPeriod.NOGROUP: x", "user_group_refused"),
        ("ORA-20110: VoucherTypeUserGroup.INVVOUTYPE2: x", "voucher_type_refused"),
        ("ORA-20110: VoucherTypeUserGroup.VOUTYPNOCONN: x", "voucher_type_refused"),
        ("ORA-20110: VoucherTypeUserGroup.NOTAUSERTOCOM: x", "user_group_refused"),
        ("ORA-20110: Voucher.VOUNOTBALANCED: x", "journal_unbalanced"),
        ("ORA-20110: Voucher.NULLREFROWEXISTS: x", "reference_refused"),
        ("ORA-20110: VoucherEntryAssistantHandling.APPONLYUSERGRP: x", "user_group_refused"),
        ("ORA-20110: VoucherRow.NOTAXDIRECTION: x", "vat_unknown"),
        ("ORA-20110: Account.ACCNOTEXIST: x", "account_refused"),
        ("ORA-20110: VoucherRow.VOUISLEDGER: x", "account_refused"),
        ("ORA-20110: CurrencyCode.NOCURR: x", "cash_account_refused"),
        ("ORA-20110: ExtLoad.EXTPARNOTEXIST: x", "file_refused"),
        ("ORA-20110: Strange.THING: x", "refused"),
    ],
)
def test_every_tag_of_the_sheet_has_a_meaning(message: str, code: str) -> None:
    answer = rejected(refused(20110, message), "Voucher")
    assert answer.code == code
    assert message.split(": ")[1] in answer.reason


def test_a_record_that_exists_already_is_looked_up_and_not_refused() -> None:
    assert is_duplicate(refused(20112, "ORA-20112: Voucher.FND_RECORD_EXIST: x"))
    assert is_duplicate(refused(20110, "ORA-20110: Voucher.VOUCHERISEXIST: x"))
    assert not is_duplicate(refused(20110, "ORA-20110: Voucher.VOUNOTBALANCED: x"))


def test_moments_are_written_in_the_clock_that_ifs_reads() -> None:
    moment = datetime(2026, 7, 1, 10, 30, 15, 999_999, tzinfo=UTC)
    assert odata.stamp(moment, None) == "2026-07-01T10:30:15Z"
    assert odata.stamp(moment, ZoneInfo("Europe/Stockholm")) == "2026-07-01T12:30:15Z"


def test_addresses_quote_values_and_leave_the_dollar_alone() -> None:
    address = odata.address("/x.svc/S", filter="Name eq 'O''Neil & Söhne #1'", top=5, select="")
    assert address == "/x.svc/S?$filter=Name%20eq%20'O''Neil%20%26%20S%C3%B6hne%20%231'&$top=5"
    assert odata.key({"Company": "10", "InvoiceId": 1234, "Ok": True}) == "(Company='10',InvoiceId=1234,Ok=true)"


def test_numbers_carry_their_company_and_come_apart_again() -> None:
    assert invoice_number("10", "CI", "10001") == "10:CI-10001"
    assert split_invoice("10:CI-10001") == ("10", "CI", "10001")
    assert split_invoice(invoice_number("10", "", "X1")) == ("10", "", "X1")


def test_a_posting_belongs_to_its_creditor_then_to_its_customer(given: SimpleNamespace) -> None:
    settings = given.settings()
    assert company_of(given.receipt(creditor="CR20"), settings) == "20"
    assert company_of(given.mandate("active", customer="20:C1"), settings) == "10"
    without = given.changed(given.receipt(customer="20:C1"), facts={})
    assert company_of(without, settings) == "20"
    with pytest.raises(CannotBook, match="creditor_unmapped"):
        company_of(given.changed(given.receipt(customer="C1"), facts={}), settings)


# --- settings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"base_url": "https://acme.ifs.cloud/main"}, "the host alone"),
        ({"timestamp_zone": "Mars/Base"}, "IANA"),
        ({"fee_vat_mode": "tax_code"}, "needs tax_codes"),
        ({"marker": {"strategy": "pay_term"}}, "needs values"),
        ({"marker": {"strategy": "field"}}, "needs the member"),
        ({"invoice_status": {"target": "invoices"}}, "at least one"),
        ({"customer_changes": "modified_field"}, "modified_field"),
        ({"map": {"open_items": {"servce": "X"}}}, "servce"),
        ({"recipes": {"unheard_of": {"number": "1", "steps": [{"name": "a", "path": "/"}]}}}, "unheard_of"),
    ],
)
def test_what_makes_no_sense_is_refused(given: SimpleNamespace, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        given.settings(**changes)


def test_two_companies_cannot_share_a_creditor_and_settling_needs_a_cash_account(given: SimpleNamespace) -> None:
    companies = given.section()["companies"]
    companies["20"]["creditor"] = companies["10"]["creditor"]
    with pytest.raises(ValueError, match="same creditor"):
        given.settings(companies=companies)
    companies = given.section()["companies"]
    del companies["20"]["currencies"]["SEK"]["cash_account"]
    with pytest.raises(ValueError, match=r"companies\.20\.currencies\.SEK needs the cash_account"):
        given.settings(companies=companies)
    assert not given.settings(companies=companies, settlement="suspense").settles


def test_a_map_entry_lays_over_the_default_member_by_member(given: SimpleNamespace) -> None:
    settings = given.settings(map={"open_items": {"fields": {"due": "Cf_Due"}}, "mine": {"service": "S", "set": "T"}})
    items = settings.projections["open_items"]
    assert (items.member("due"), items.member("full"), items.service) == (
        "Cf_Due",
        "FullCurrAmount",
        "LedgerItemEntity",
    )
    assert items.path == "/int/ifsapplications/entity/v1/LedgerItemEntity.svc/LedgerItemSet"
    assert settings.projections["mine"].path == "/main/ifsapplications/projection/v1/S.svc/T"


def test_the_creditor_of_a_customer_is_that_of_its_company(given: SimpleNamespace) -> None:
    settings = given.settings()
    assert [settings.creditor_of(number) for number in ("10:C1", "20:C1", "30:C1", "C1")] == ["CR10", "CR20", "", ""]


# --- event actions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "body", "trusted"),
    [
        ("first", b'{"lu": "CustomerInfo", "company": "10", "key": "C1"}', True),
        ("second", b'{"lu": "CustomerInfo"}', True),
        ("first", b"", True),
        ("first", b'{"lu": "CustomerInfo", "company": ""}', True),
        ("first", b'{"company": "99"}', False),
        ("first", b"not json", False),
        ("third", b"{}", False),
        ("", b"{}", False),
    ],
)
def test_an_event_action_is_trusted_by_its_secret_and_company(
    given: SimpleNamespace, header: str, body: bytes, trusted: bool
) -> None:
    headers = {"X-Ifs-Hook-Secret": header}
    assert webhook.verify(given.settings(), body, headers, ["first", "second"]) is trusted


def test_without_a_secret_nothing_is_trusted(given: SimpleNamespace) -> None:
    assert not webhook.verify(given.settings(), b"{}", {"X-Ifs-Hook-Secret": ""}, [""])
    assert not webhook.verify(given.settings(), b"{}", {}, [])
