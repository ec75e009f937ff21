"""Vouchers: the entry assistant's rules, status and authority, hold table and general ledger, tax, currencies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.ifs_cloud import companies

PAYOUT = (("1930", "98", ""), ("6570", "2", ""), ("1940", "", "100"))
ASSISTANT = "VoucherEntryAssistantHandling"


def test_a_balanced_voucher_is_numbered_booked_and_found_by_its_text(api, tenant, vouchers):
    answer = vouchers.make(*PAYOUT)
    assert answer.json()["value"] == 2026000001
    (found,) = api.rows("VouchersAnalysis/VoucherSet", "Company eq '10' and contains(VoucherText2,'GC-O-PO1')")
    assert (found["VoucherNo"], found["VoucherStatus"], found["Objstate"]) == (2026000001, "Approved", "Confirmed")
    books = tenant.books["10"]
    assert [books.balance(account, "EUR") for account in ("1930", "6570", "1940")] == [9800, 200, -10000]


def test_nothing_is_booked_before_the_voucher_is_created(api, tenant, vouchers):
    path = vouchers.begin()
    vouchers.add(path, "1930", "98")
    assert tenant.books["10"].balance("1930", "EUR") == 0
    assert api.control("books")["left_behind"]["voucher_entries"] == 1
    assert api.act(path, "VoucherEntry_RemoveTempVoucher").status_code == 204
    assert api.control("books")["left_behind"]["voucher_entries"] == 0
    assert api.get(path).status_code == 404


def test_the_creating_action_takes_the_temporary_head_away(api, vouchers):
    path = vouchers.begin()
    for row in PAYOUT:
        vouchers.add(path, *row)
    assert vouchers.finish(path).status_code == 200
    assert api.get(path).status_code == 404


def test_a_refused_voucher_leaves_its_temporary_head_behind(api, vouchers):
    answer = vouchers.make(("1930", "98", ""), ("1940", "", "100"))
    assert "ORA-20110: Voucher.VOUNOTBALANCED" in api.problem(answer, 400)
    assert api.control("books")["left_behind"]["voucher_entries"] == 1


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"OpennedFrom": "OPENED"}, "Voucher.FND_RECORD_NOT_EXIST"),
        ({"VoucherNo": 7}, "Voucher.NOTMANUAL"),
        ({"Company": "99"}, "VoucherTypeUserGroup.NOTAUSERTOCOM"),
        ({"UserGroup": None}, "VoucherEntry.FND_ITEM_FORMAT"),
    ],
)
def test_a_head_that_does_not_fit_is_refused_at_once(api, vouchers, changes, tag):
    assert tag in api.problem(api.post(f"{ASSISTANT}/VoucherSet", vouchers.head(**changes)), 400)


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"VoucherType": "ZZ"}, "VoucherTypeUserGroup.INVVOUTYPE2"),
        ({"VoucherType": "N"}, "VoucherTypeUserGroup.VOUTYPNOCONN"),
        ({"UserGroup": "ZZ"}, "UserGroupPeriod.USRGRPNOTCON"),
        ({"VoucherDate": "2031-01-01"}, "UserGroupPeriod.NOTOPENPERIOD"),
        ({"AccountingPeriod": 4}, "Voucher.WRONGPERIOD"),
        ({"VoucherStatus": "Cancelled"}, "Voucher.INVALIDSTATUS"),
    ],
)
def test_a_head_with_foreign_values_is_refused_when_the_voucher_is_made(api, tenant, vouchers, changes, tag):
    assert tag in api.problem(vouchers.make(*PAYOUT, **changes), 400)
    assert tenant.books["10"].balance("1930", "EUR") == 0


@pytest.mark.parametrize(
    ("row", "tag"),
    [
        ({"account": "9999", "debit": "98"}, "Account.ACCNOTEXIST"),
        ({"account": "1510", "debit": "98"}, "VoucherRow.VOUISLEDGER"),
        ({"account": "1930", "debit": "98", "credit": "98"}, "VoucherRow.INCORRECTAMOUNTS"),
        ({"account": "1930"}, "VoucherRow.INCORRECTAMOUNTS"),
        ({"account": "1930", "debit": "-98"}, "VoucherRow.INCORRECTAMOUNTS"),
        ({"account": "1930", "debit": "98", "DebetAmount": "97"}, "VoucherRow.INCORRECTAMOUNTS"),
        ({"account": "1930", "debit": "98", "CurrencyCode": "USD"}, "CurrencyCode.NOCURR"),
        ({"account": "1930", "debit": "98.001"}, "VoucherRow.FND_ITEM_FORMAT"),
        ({"account": "1930", "debit": "98", "CodeB": "999"}, "AccountingCodePartValue.NOTEXIST"),
        ({"account": "1930", "debit": "98", "TaxDirection": "TaxReceived"}, "VoucherRow.NOTAXWRONGDIRECTION"),
        ({"account": "1930", "debit": "98", "OptionalCode": "25"}, "VoucherRow.NOTAXDIRECTION"),
    ],
)
def test_a_row_that_breaks_a_rule_refuses_the_voucher(api, tenant, vouchers, row, tag):
    path = vouchers.begin()
    assert vouchers.add(path, **row).status_code == 201
    vouchers.add(path, "1940", credit="98")
    assert tag in api.problem(vouchers.finish(path), 400)
    assert tenant.books["10"].balance("1940", "EUR") == 0


def test_accounts_may_demand_or_block_a_code_part(api, tenant, vouchers):
    tenant.clerk.change_account("10", "6570", ReqCodeB="Mandatory")
    assert "Account.CODEMANDATORY" in api.problem(vouchers.make(*PAYOUT), 400)
    tenant.clerk.change_account("10", "6570", ReqCodeB="Blocked")
    path = vouchers.begin()
    vouchers.add(path, "6570", "2", CodeB="100")
    vouchers.add(path, "1940", credit="2")
    assert "Account.CODEBLOCKED" in api.problem(vouchers.finish(path), 400)


def test_a_closed_period_refuses_until_it_is_opened_again(api, tenant, vouchers):
    tenant.clerk.close_period("10", 2026, 3)
    refusal = api.problem(vouchers.make(*PAYOUT), 400)
    assert refusal == ("ORA-20110: UserGroupPeriod.USRGRPPER: Period 3 is not open for user group AC in Company 10")
    info = api.get(f"{ASSISTANT}/AccYearPeriodInfo(Company='10',VoucherDate=2026-03-04,UserGroup='AC')")
    assert "USRGRPPER" in api.problem(info, 400)
    tenant.clerk.open_period("10", 2026, 3)
    assert vouchers.make(*PAYOUT).status_code == 200


def test_a_period_may_be_closed_for_one_user_group_only(api, tenant, vouchers):
    companies.add_user_group(tenant, "10", "FI")
    tenant.clerk.close_period("10", 2026, 3, user_group="AC")
    assert "USRGRPPER" in api.problem(vouchers.make(*PAYOUT), 400)
    assert vouchers.make(*PAYOUT, UserGroup="FI").status_code == 200


def test_a_period_may_be_closed_for_good(api, tenant, vouchers):
    tenant.clerk.close_period("10", 2026, 3, finally_closed=True)
    rows = api.rows("UserGroupPerPeriodHandling/AccountingPeriodSet", "Company eq '10' and AccountingPeriod eq 3")
    assert {(row["AccountingYear"], row["PeriodStatus"]) for row in rows} == {
        (2025, "Open"),
        (2026, "FinallyClosed"),
        (2027, "Open"),
    }
    assert "USRGRPPER" in api.problem(vouchers.make(*PAYOUT), 400)
    with pytest.raises(ValueError, match="closed for good"):
        tenant.clerk.open_period("10", 2026, 3)


def test_a_type_with_an_approval_workflow_leaves_vouchers_awaiting(api, tenant, vouchers):
    kind = tenant.table("VoucherType")[("10", "M")]
    tenant.table("VoucherType").change(kind, UseApprovalWorkflow=True)
    vouchers.make(*PAYOUT)
    assert [row["VoucherStatus"] for row in api.rows("VouchersAnalysis/VoucherSet")] == ["AwaitingApproval"]


def test_the_clerk_cancels_a_voucher_of_the_hold_table(tenant, vouchers):
    number = vouchers.make(*PAYOUT).json()["value"]
    tenant.clerk.cancel_voucher("10", 2026, "M", number)
    assert tenant.books["10"].balance("1930", "EUR") == 0


def test_periods_are_those_of_each_company(api, tenant):
    tenant.clerk.close_period("20", 2026, 3)
    info = api.entity(f"{ASSISTANT}/AccYearPeriodInfo(Company='10',VoucherDate=2026-03-04,UserGroup='AC')")
    assert (info["AccountingYear"], info["AccountingPeriod"]) == (2026, 3)


def test_in_january_a_voucher_type_may_not_be_connected_yet(api, tenant, vouchers):
    tenant.clerk.disconnect_voucher_type("10", 2027, "M")
    answer = vouchers.make(*PAYOUT, VoucherDate="2027-01-05", AccountingYear=2027, AccountingPeriod=1)
    assert "VoucherTypeUserGroup.VOUTYPNOCONN" in api.problem(answer, 400)


def test_who_may_only_enter_leaves_vouchers_awaiting_approval(api, tenant, vouchers):
    tenant.clerk.set_authority("10", "EnterOnly")
    vouchers.make(*PAYOUT)
    (found,) = api.rows("VouchersAnalysis/VoucherSet", "Company eq '10'")
    assert (found["VoucherStatus"], tenant.books["10"].balance("1930", "EUR")) == ("AwaitingApproval", 0)
    assert api.control("clerk", {"do": "approve_vouchers", "company": "10"})["result"] == 1
    assert tenant.books["10"].balance("1930", "EUR") == 9800


def test_who_may_only_approve_enters_nothing(api, tenant, vouchers):
    tenant.clerk.set_authority("10", "ApproveOnly")
    assert "VoucherEntryAssistantHandling.APPONLYUSERGRP" in api.problem(vouchers.make(*PAYOUT), 400)
    info = api.entity(f"{ASSISTANT}/VoucherHeaderInfo(Company='10',AccountingYear=2026,UserGroup='AC',VoucherType='M')")
    assert (info["AuthorizeLevel"], info["FunctionGroup"]) == ("ApproveOnly", "M")


def test_a_voucher_is_approved_and_set_back_with_its_etag(api, tenant, vouchers):
    number = vouchers.make(*PAYOUT, VoucherStatus="NotApproved").json()["value"]
    assert tenant.books["10"].balance("1930", "EUR") == 0
    path = f"VoucherHandling/VoucherSet(Company='10',AccountingYear=2026,VoucherType='M',VoucherNo={number})"
    assert api.act(path, "VoucherEntry_ReadyToUpdate").json()["VoucherStatus"] == "Approved"
    assert tenant.books["10"].balance("1930", "EUR") == 9800
    assert "ORA-20130" in api.problem(api.act(path, "VoucherEntry_ReadyToUpdate"), 400)
    assert api.act(path, "VoucherEntry_DelayUpdate").json()["Objstate"] == "Waiting"
    assert tenant.books["10"].balance("1930", "EUR") == 0


def test_an_unbalanced_voucher_can_wait_but_not_be_approved(api, vouchers):
    number = vouchers.make(("1930", "98", ""), VoucherStatus="NotApproved").json()["value"]
    path = f"VoucherHandling/VoucherSet(Company='10',AccountingYear=2026,VoucherType='M',VoucherNo={number})"
    assert "VOUNOTBALANCED" in api.problem(api.act(path, "VoucherEntry_ReadyToUpdate"), 400)


def test_rows_leave_the_hold_table_for_the_general_ledger(api, tenant, vouchers):
    tenant.switches.change({"gl_update_after_s": 60})
    path = vouchers.begin()
    vouchers.add(path, "1930", "98", ReferenceSerie="GC", ReferenceNumber="PO1")
    vouchers.add(path, "1940", credit="98")
    vouchers.finish(path)
    where = "Company eq '10' and ReferenceSerie eq 'GC' and ReferenceNumber eq 'PO1'"
    assert len(api.rows("VoucherRowsAnalysis/VoucherRowSet", where)) == 1
    assert api.rows("GenLedVoucherRowEntity/GenLedVoucherRowSet", where) == []
    tenant.clock.advance(timedelta(seconds=60))
    assert api.rows("VoucherRowsAnalysis/VoucherRowSet", where) == []
    assert len(api.rows("GenLedVoucherRowEntity/GenLedVoucherRowSet", where)) == 1
    assert tenant.books["10"].balance("1930", "EUR") == 9800


def test_a_tax_code_brings_its_tax_row(api, tenant, vouchers):
    path = vouchers.begin()
    vouchers.add(path, "6570", "2", OptionalCode="25", TaxDirection="TaxReceived", CurrencyTaxAmount="0.51")
    vouchers.add(path, "1940", credit="2.51")
    assert vouchers.finish(path).status_code == 200
    assert tenant.books["10"].balance("2641", "EUR") == 51


def test_with_gross_entry_the_tax_is_taken_out_of_the_row(api, tenant, vouchers):
    path = vouchers.begin(AmountMethod="GrossAmountEntry")
    vouchers.add(path, "6570", "2.50", OptionalCode="25", TaxDirection="TaxReceived")
    vouchers.add(path, "1940", credit="2.50")
    assert vouchers.finish(path).status_code == 200
    books = tenant.books["10"]
    assert [books.balance(account, "EUR") for account in ("6570", "2641", "1940")] == [200, 50, -250]


def test_posting_control_says_where_tax_goes(tenant, vouchers):
    tenant.clerk.set_posting_control("10", "TaxReceived", "2999")
    path = vouchers.begin()
    vouchers.add(path, "6570", "2", OptionalCode="25", TaxDirection="TaxReceived")
    vouchers.add(path, "1940", credit="2.50")
    vouchers.finish(path)
    assert tenant.books["10"].balance("2999", "EUR") == 50


def test_a_foreign_currency_is_converted_at_the_rate_of_the_date(tenant, vouchers):
    path = vouchers.begin()
    vouchers.add(path, "1930", "10")
    vouchers.add(path, "1941", credit="100", CurrencyCode="SEK")
    assert vouchers.finish(path).status_code == 200
    books = tenant.books["10"]
    assert (books.balance("1941", "SEK"), books.base_balance("1941"), books.balance("1930", "EUR")) == (
        -10000,
        -1000,
        1000,
    )


def test_two_currencies_balance_in_the_companys_own_with_amounts_as_sent(api, tenant, vouchers):
    path = vouchers.begin()
    vouchers.add(path, "1930", "9.90")
    vouchers.add(path, "3960", "0.10")
    vouchers.add(path, "1941", credit="100", CreditAmount="10", CurrencyCode="SEK")
    assert vouchers.finish(path).status_code == 200
    assert tenant.books["10"].base_balance("1941") == -1000


def test_one_currency_must_balance_by_itself(api, vouchers):
    path = vouchers.begin()
    vouchers.add(path, "1941", "100", DebetAmount="10", CurrencyCode="SEK")
    vouchers.add(path, "3960", credit="101", CreditAmount="10", CurrencyCode="SEK")
    assert "VOUNOTBALANCED" in api.problem(vouchers.finish(path), 400)


def test_references_may_be_mandatory_or_checked_against_invoices(api, tenant, vouchers):
    tenant.switches.change({"references_required": True})
    assert "Voucher.NULLREFROWEXISTS" in api.problem(vouchers.make(*PAYOUT), 400)
    tenant.switches.change({"references_required": False, "references_validated": True})
    path = vouchers.begin()
    vouchers.add(path, "1930", "98", ReferenceSerie="GC", ReferenceNumber="PO1")
    assert "VoucherRow.INVREFERENCE" in api.problem(vouchers.finish(path), 400)


def test_a_business_refusal_has_the_tenants_status_language_and_form(api, tenant, vouchers):
    tenant.switches.change({"business_status": 500, "language": "de", "detail_code": "string"})
    answer = vouchers.make(("1930", "98", ""), ("1940", "", "100"))
    detail = answer.json()["error"]["details"][0]
    assert (answer.status_code, detail["code"]) == (500, "20110")
    assert detail["message"].startswith("ORA-20110: Voucher.VOUNOTBALANCED: Die Anwendung hat dies abgelehnt")
    tenant.switches.change({"details": False})
    plain = vouchers.make(("1930", "98", ""), ("1940", "", "100")).json()["error"]
    assert "details" not in plain
    assert plain["message"].startswith("ORA-20110: Voucher.VOUNOTBALANCED")


def test_rates_are_read_for_a_customers_invoice(api):
    kind = "IfsApp.InstantInvoiceHandling"
    given = (
        f"Company='10',PartyType={kind}.PartyType'Customer',Identity='C1',TransCurrency='SEK',CurrencyType=null,"
        "Creator='INSTANT_INVOICE_API',AdvanceInvoice=false,InvoiceDate=2026-03-03,DeliveryDate=null,VoucherDate=null,"
        f"ArrivalDate=null,CustomsDeclDate=null,OutInvCurrRateBase={kind}.BaseDateOutgoingBase'InvoiceDate',"
        f"TaxSellCurrRateBase={kind}.BaseDateOutgoingBase'InvoiceDate',IncInvCurrRateBase=null,TaxBuyCurrRateBase=null"
    )
    told = api.entity(f"InstantInvoiceHandling/FetchCurrencyInfo({given})")
    assert (str(told["CurrRate"]), told["RefCurrencyCode"]) == ("0.1", "EUR")


def test_master_data_tells_what_a_preflight_needs(api):
    (account,) = api.rows("AccountsHandling/AccountSet", "Company eq '10' and Account eq '1510'")
    assert account["LedgFlag"] is True
    assert {row["CodeB"] for row in api.rows("CodePartValuesHandling/CompanyFinanceSet('10')/CodeBArray")} == {
        "100",
        "200",
    }
    (term,) = api.rows("PaymentTermsHandling/PaymentTermSet", "Company eq '10' and BlockForDirectDebiting eq true")
    assert term["PayTermId"] == "CASH"
    assert [
        row["CurrencyRounding"] for row in api.rows("CurrencyCodesHandling/CurrencyCodeSet", "Company eq '10'")
    ] == [2, 2]
    periods = api.rows("UserGroupPerPeriodHandling/AccountingPeriodSet", "Company eq '10' and AccountingYear eq 2026")
    assert {row["PeriodStatus"] for row in periods} == {"Open"}
