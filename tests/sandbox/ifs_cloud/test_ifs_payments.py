"""Mixed payments: what is cleared, what is set aside, and what the vouchers say; each judged by the tenant's own books."""

from __future__ import annotations

from datetime import date

import pytest

from bookkeeping.money import Money

HEADS = "MixedPaymentHandling/MixedPaymentSet"


def begin(api, company="10", cash_account="GCEUR", **more):
    body = {"Company": company, "MixedPaymentDate": "2026-03-04", "ShortName": cash_account, **more}
    return f"{HEADS}(Company='{company}',MixedPaymentId={api.created(HEADS, body)['MixedPaymentId']})"


def receipt(amount, number="10001", customer="C1", series="CI", **more):
    ids = {"LedgerItemSeriesId": series, "LedgerItemId": number} if number else {}
    return {"Identity": customer, "PartyType": "Customer", "CurrAmount": amount, "Text": "GC-P-PM1 paid", **ids, **more}


def paid(api, *receipts, **head):
    """An approved payment with these transactions; its path."""
    path = begin(api, **head)
    for each in receipts:
        api.created(f"{path}/MixedPaymentLumpSumArray", each)
    answer = api.act(path, "MixedPayment_Approve")
    assert answer.status_code == 200, answer.text
    return path


def test_a_receipt_settles_its_invoice_in_three_calls_and_a_read(api, tenant):
    path = paid(api, receipt("121"))
    assert tenant.open_amount("10", "CI", "10001") == Money.zero("EUR")
    books = tenant.books["10"]
    assert (books.balance("1940", "EUR"), books.receivable("C1", "EUR")) == (12100, 0)
    assert api.entity(path)["Objstate"] == "Approved"
    (invoice,) = api.rows("InstantInvoiceHandling/InstantInvoiceSet", "InvoiceNo eq '10001' and Company eq '10'")
    assert invoice["Objstate"] == "PaidPosted"


def test_the_voucher_of_a_receipt_is_in_the_hold_table_with_the_invoices_reference(api):
    path = paid(api, receipt("121"))
    number = api.entity(path)["VoucherNoRef"]
    rows = api.rows("VoucherRowsAnalysis/VoucherRowSet", f"VoucherType eq 'N' and VoucherNo eq {number}")
    assert [(row["Account"], row["ReferenceSerie"], row["ReferenceNumber"]) for row in rows] == [
        ("1940", None, None),
        ("1510", "CI", "10001"),
    ]
    assert {row["FunctionGroup"] for row in rows} == {"N"}


def test_a_receipt_in_one_company_leaves_the_other_alone(api, tenant):
    before = tenant.books["20"].told()
    paid(api, receipt("121"))
    assert tenant.books["20"].told() == before
    assert tenant.open_amount("20", "CI", "10001") == Money(100000, "SEK")


def test_a_payment_of_a_company_the_user_is_not_in_is_refused(api, tenant):
    tenant.members["gc_connector"] = frozenset({"20"})
    body = {"Company": "10", "MixedPaymentDate": "2026-03-04", "ShortName": "GCEUR"}
    assert "NOTAUSERTOCOM" in api.problem(api.post(HEADS, body), 400)


def test_a_part_payment_leaves_the_rest_open(api, tenant):
    paid(api, receipt("100"))
    assert tenant.open_amount("10", "CI", "10001") == Money(2100, "EUR")
    (item,) = api.rows("LedgerItemEntity/LedgerItemSet", "Company eq '10' and LedgerItemId eq '10001'")
    assert (item["Objstate"], item["ClearedCurrAmount"]) == ("PartlyPaid", 100)


def test_an_over_payment_becomes_a_payment_on_account(api, tenant):
    paid(api, receipt("150"))
    (item,) = api.rows("LedgerItemEntity/LedgerItemSet", "Company eq '10' and LedgerItemSeriesId eq 'CUPOA'")
    assert (item["Identity"], item["FullCurrAmount"]) == ("C1", -29)
    assert tenant.books["10"].receivable("C1", "EUR") == -2900


def test_an_over_payment_may_be_parked_or_refused(api, tenant):
    tenant.switches.change({"over_payment": "parked"})
    paid(api, receipt("130"))
    assert tenant.books["10"].balance("2990", "EUR") == -900
    tenant.switches.change({"over_payment": "refuse"})
    path = begin(api)
    api.created(f"{path}/MixedPaymentLumpSumArray", receipt("60", "10002", "C2"))
    assert "OVERPAYMENT" in api.problem(api.act(path, "MixedPayment_Approve"), 400)
    assert tenant.open_amount("10", "CI", "10002") == Money(5000, "EUR")


def test_a_receipt_without_an_item_is_on_account(api, tenant):
    paid(api, receipt("40", ""))
    assert tenant.books["10"].receivable("C1", "EUR") == 12100 - 4000


def test_one_receipt_may_settle_several_items(api, tenant):
    tenant.add_invoice("10", "C1", 3000, invoice_no="10009")
    tenant.add_invoice("10", "C1", -1000, invoice_no="10010")
    path = begin(api)
    line = api.created(f"{path}/MixedPaymentLumpSumArray", receipt("151", ""))
    line_path = (
        f"{path}/MixedPaymentLumpSumArray(Company='10',MixedPaymentId=1,LumpSumTransId={line['LumpSumTransId']})"
    )
    for number, amount in (("10001", "121"), ("10009", "30")):
        given = {"LedgerItemSeriesId": "CI", "LedgerItemId": number, "CurrAmount": amount}
        assert api.act(line_path, "MixedPaymentLumpSum_MatchItem", given).status_code == 200
    more = {"LedgerItemSeriesId": "CI", "LedgerItemId": "10001", "CurrAmount": "1"}
    assert "MATCHAMOUNT" in api.problem(api.act(line_path, "MixedPaymentLumpSum_MatchItem", more), 400)
    assert api.act(path, "MixedPayment_Approve").status_code == 200
    assert tenant.open_amount("10", "CI", "10001") == tenant.open_amount("10", "CI", "10009") == Money.zero("EUR")


def test_a_negative_payment_opens_a_settled_invoice_again(api, tenant):
    paid(api, receipt("121"))
    paid(api, receipt("-121"))
    assert tenant.open_amount("10", "CI", "10001") == Money(12100, "EUR")
    books = tenant.books["10"]
    assert (books.balance("1940", "EUR"), books.receivable("C1", "EUR")) == (0, 12100)


def test_a_repayment_settles_a_credit_note(api, tenant):
    tenant.add_invoice("10", "C1", -2000, invoice_no="10010")
    paid(api, receipt("-20", "10010"))
    assert tenant.open_amount("10", "CI", "10010") == Money.zero("EUR")
    assert tenant.books["10"].balance("1940", "EUR") == -2000


@pytest.mark.parametrize(
    ("body", "tag"),
    [
        (receipt("10", "99999"), "LedgerItem.FND_RECORD_NOT_EXIST"),
        (receipt("10", customer="C9"), "CustomerInfo.FND_RECORD_NOT_EXIST"),
        (receipt("10", "10002"), "MixedPaymentLumpSum.OTHERIDENTITY"),
        (receipt("0"), "MixedPaymentLumpSum.NOAMOUNT"),
        (receipt("1e15"), "MixedPaymentLumpSum.FND_ITEM_FORMAT"),
        (receipt("10.005"), "MixedPaymentLumpSum.FND_ITEM_FORMAT"),
        (receipt("10", Currency="SEK"), "MixedPaymentLumpSum.WRONGCURRENCY"),
    ],
)
def test_a_transaction_that_does_not_fit_is_refused(api, body, tag):
    assert tag in api.problem(api.post(f"{begin(api)}/MixedPaymentLumpSumArray", body), 400)


def test_a_closed_period_refuses_the_approval_and_changes_nothing(api, tenant):
    path = begin(api)
    api.created(f"{path}/MixedPaymentLumpSumArray", receipt("121"))
    tenant.clerk.close_period("10", 2026, 3)
    refusal = api.problem(api.act(path, "MixedPayment_Approve"), 400)
    assert refusal.startswith("ORA-20110: UserGroupPeriod.USRGRPPER")
    assert tenant.open_amount("10", "CI", "10001") == Money(12100, "EUR")
    assert (api.entity(path)["Objstate"], tenant.books["10"].balance("1940", "EUR")) == ("NotApproved", 0)


def test_an_approved_payment_takes_nothing_more_and_is_not_approved_twice(api, tenant):
    path = paid(api, receipt("121"))
    assert "FND_STATE_INVALID" in api.problem(api.post(f"{path}/MixedPaymentLumpSumArray", receipt("1")), 400)
    assert "ORA-20130" in api.problem(api.act(path, "MixedPayment_Approve"), 400)
    assert "ORA-20130" in api.problem(api.send("PATCH", path, {"VoucherText": "x"}, if_match="*"), 400)
    assert tenant.books["10"].balance("1940", "EUR") == 12100


def test_a_transaction_moves_the_etag_of_its_payment(api):
    path = begin(api)
    before = api.etag(path)
    api.created(f"{path}/MixedPaymentLumpSumArray", receipt("121"))
    stale = api.post(f"{path}/IfsApp.MixedPaymentHandling.MixedPayment_Approve", {}, if_match=before)
    assert stale.status_code == 412
    assert api.act(path, "MixedPayment_Approve").status_code == 200


def line_of(path):
    return f"{path}/MixedPaymentLumpSumArray(Company='10',MixedPaymentId=1,LumpSumTransId=1)"


def test_cancelled_matching_opens_the_invoice_and_parks_the_amount(api, tenant):
    path = paid(api, receipt("121"))
    assert api.act(line_of(path), "MixedPaymentLumpSum_CancelMatching").status_code == 200
    assert tenant.open_amount("10", "CI", "10001") == Money(12100, "EUR")
    books = tenant.books["10"]
    assert (books.balance("2990", "EUR"), books.balance("1940", "EUR")) == (-12100, 12100)
    assert "ORA-20130" in api.problem(api.act(line_of(path), "MixedPaymentLumpSum_CancelMatching"), 400)


def test_cancelled_matching_may_take_the_amount_out_of_the_cash_account(api, tenant):
    tenant.switches.change({"cancel_matching": "reversed"})
    path = paid(api, receipt("121"))
    api.act(line_of(path), "MixedPaymentLumpSum_CancelMatching")
    assert tenant.books["10"].balance("1940", "EUR") == 0
    reversal = tenant.books["10"].entries[-1]
    assert reversal.text == "REV GC-P-PM1 paid"


def test_a_parked_payment_can_be_paid_back(api, tenant):
    path = paid(api, receipt("121"))
    api.act(line_of(path), "MixedPaymentLumpSum_CancelMatching")
    (parked,) = api.rows("LedgerItemEntity/LedgerItemSet", "LedgerItemSeriesId eq 'CUPARK'")
    paid(api, receipt("-121", parked["LedgerItemId"], series="CUPARK"))
    assert (tenant.books["10"].balance("2990", "EUR"), tenant.books["10"].balance("1940", "EUR")) == (0, 0)


def test_a_receipt_in_another_currency_books_the_exchange_difference(api, tenant):
    tenant.add_invoice("10", "C1", 100000, currency="SEK", invoice_no="10020", dated=date(2026, 2, 2))
    tenant.add_rate("10", "SEK", "0.11", date(2026, 3, 1))
    paid(api, receipt("1000", "10020"), cash_account="GCSEK")
    books = tenant.books["10"]
    assert (books.balance("1941", "SEK"), books.base_balance("1941")) == (100000, 11000)
    assert (books.receivable("C1", "SEK"), books.base_balance("3960")) == (0, -1000)


def test_direct_cash_postings_book_fees_but_never_on_a_ledger_account(api, tenant):
    path = begin(api)
    array = f"{path}/MixedPaymentManPostingArray"
    fee = {
        "Account": "6570",
        "CurrAmount": "-12.5",
        "OptionalCode": "25",
        "TaxDirection": "TaxReceived",
        "Text": "Fees",
    }
    api.created(array, fee)
    assert api.act(path, "MixedPayment_Approve").status_code == 200
    books = tenant.books["10"]
    assert [books.balance(account, "EUR") for account in ("1940", "6570", "2641")] == [-1250, 1000, 250]
    other = begin(api)
    api.created(f"{other}/MixedPaymentManPostingArray", {"Account": "1510", "CurrAmount": "5"})
    assert "VOUISLEDGER" in api.problem(api.act(other, "MixedPayment_Approve"), 400)


def test_our_reference_is_found_over_all_payments(api):
    paid(api, receipt("121"))
    found = api.rows("MixedPaymentHandling/MixedPaymentLumpSumSet", "Company eq '10' and contains(Text,'GC-P-PM1')")
    assert [(row["MixedPaymentId"], row["LumpSumTransId"], row["CurrAmount"]) for row in found] == [(1, 1, 121)]


def test_a_payment_that_is_not_approved_can_be_cancelled(api, tenant):
    path = begin(api)
    api.created(f"{path}/MixedPaymentLumpSumArray", receipt("121"))
    assert api.act(path, "MixedPayment_Cancel").json()["Objstate"] == "Cancelled"
    assert tenant.books["10"].balance("1940", "EUR") == 0


def test_proposal_items_take_the_result_with_its_reason(api, tenant):
    number = tenant.clerk.propose("10", "GOCARDLESS", [["CI", "10001"]])
    (row,) = api.rows("CustomerPaymentProposalsHandling/ProposalItemSet", "Company eq '10'")
    assert (row["Objstate"], row["CurrAmount"]) == ("Ordered", 121)
    path = f"CustomerPaymentProposalsHandling/ProposalItemSet(Company='10',ProposalId={number},ItemId=1)"
    result = {"Objstate": "Failed", "ReasonCode": "insufficient_funds"}
    assert api.send("PATCH", path, result, if_match=row["@odata.etag"]).status_code == 200
    assert api.send("PATCH", path, result, if_match=row["@odata.etag"]).status_code == 412
    assert api.control("books")["companies"]["10"]["proposals"][0]["reason"] == "insufficient_funds"
