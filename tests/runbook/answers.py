"""Codes that stand for a refusal: each ERP's own words for it, in the form its fact sheet gives (section 6 of each).

The stand-in answers so when it is told to, once: the next request finds the cause mended.
"""

from __future__ import annotations

from typing import Any

from tests.runbook.exercise import AMOUNT, Exercise, a_payment, answered
from tests.sites import Site

RECEIPT = {
    "visma": r"/customerPayment$",
    "exact_online": r"/BankEntries$",
    "sage300": r"/ARReceiptAndAdjustmentBatches$",
    "ifs_cloud": r"MixedPayment",
}


def a_payout(site: Site) -> None:
    a_payment(site)
    site.merchant.pay_out()


def visma(code: str, said: str, path: str = RECEIPT["visma"], **more: Any) -> Exercise:
    return answered("visma", code, path, 400, {"message": said}, names=(said,), **more)


def exact_online(code: str, said: str, path: str = RECEIPT["exact_online"], **more: Any) -> Exercise:
    body = {"error": {"code": "", "message": {"lang": "en", "value": said}}}
    return answered("exact_online", code, path, 500, body, names=(said,), **{"times": 2, **more})


def sage300(code: str, said: str, path: str = RECEIPT["sage300"], **more: Any) -> Exercise:
    body = {"error": {"code": "RecordInvalid", "message": {"lang": "en-US", "value": said}}}
    return answered("sage300", code, path, 422, body, names=(said,), times=4, **more)


def ifs_cloud(code: str, said: str, path: str = RECEIPT["ifs_cloud"], **more: Any) -> Exercise:
    detail = {"code": 20110, "message": f"ORA-20110: {said}"}
    body = {"error": {"code": "DATABASE_ERROR", "message": "Database error occurred.", "details": [detail]}}
    return answered("ifs_cloud", code, path, 400, body, names=(said.partition(":")[0],), **more)


JOURNAL = r"(?i)/journaltransaction$"
OF_A_PAYOUT: dict[str, Any] = {"cause": a_payout, "moves": None}


def a_failure(site: Site) -> None:
    """A payment whose receipt is booked, and which then fails."""
    payment = site.merchant.collected(AMOUNT, customer=1)
    site.run_new()
    site.merchant.fail(payment)


def a_refund(site: Site) -> None:
    site.merchant.refund(site.merchant.collected(AMOUNT, customer=1), 2_500)


ANSWERS = (
    visma("invoice_not_open", "'AdjdRefNbr' cannot be found in the system."),
    visma("invoice_balance_too_low", "The amount applied exceeds the balance of the document."),
    visma("period_closed", "The financial period 06-2026 is closed in company Nordlys Drift AS."),
    visma("cash_account_refused", "Cash account '1985' is not allowed for payment method 'GC'."),
    visma("subaccount_refused", "Subaccount '000' is inactive."),
    visma("customer_inactive", "The customer status is 'Inactive'."),
    visma("number_taken", "A document with this number already exists."),
    visma("no_licence", "No license for this company."),
    visma("unknown_in_visma", "'Branch' cannot be found in the system."),
    visma("refused", "Something else is not as it should be."),
    visma("vat_unknown", "TaxID '25' cannot be found in the system.", JOURNAL, **OF_A_PAYOUT),
    visma("account_refused", "Account 1985 takes no manual entries.", JOURNAL, **OF_A_PAYOUT),
    visma("vat_entry_disabled", "VAT entry from the general ledger is not enabled.", JOURNAL, **OF_A_PAYOUT),
    visma("journal_unbalanced", "The batch is out of balance.", JOURNAL, **OF_A_PAYOUT),
    visma("void_refused", "The document cannot be voided.", r"/action/void$", cause=a_failure, moves=0),
    exact_online("period_closed", "The period is closed: 2026 / 6"),
    exact_online("account_refused", "Not allowed: G/L account 4500 (blocked)"),
    exact_online("vat_unknown", "Invalid reference: VAT code"),
    exact_online("journal_refused", "The journal must be a bank journal."),
    exact_online("customer_inactive", "Invalid: Customer (Type)"),
    exact_online("currency_unmapped", "Invalid reference: Currency GBP"),
    exact_online("journal_unbalanced", "This entry is not balanced on: 2026 / 6 (Type: Other) - Difference: EUR 1,00"),
    exact_online("changed_meanwhile", "Already processed"),
    exact_online("refused", "The licence is not activated"),
    sage300("period_closed", "The date is in a fiscal period which is locked for Accounts Receivable."),
    sage300("locked_by_user", "The record is locked by another user."),
    sage300("changed_meanwhile", "A batch that is Ready To Post cannot be edited."),
    sage300("account_refused", "The G/L account 1099 is inactive."),
    sage300("customer_inactive", "The customer 10001 is inactive."),
    sage300("customer_missing", "Customer does not exist."),
    sage300("bank_refused", "Bank GCEUR does not take this currency."),
    sage300("tax_group_refused", "The tax group NOTAX does not fit."),
    sage300("refused", "Something else is not as it should be."),
    ifs_cloud("period_closed", "UserGroupPeriod.USRGRPPER: Period 6 is not open for user group AC"),
    ifs_cloud("user_group_refused", "UserGroupPeriod.NOGROUP: The user group may not enter vouchers"),
    ifs_cloud("voucher_type_refused", "VoucherTypeUserGroup.VOUTYPNOCONN: Voucher type M is not connected"),
    ifs_cloud("account_refused", "Account.NOTVALID: Account 1940 is not valid"),
    ifs_cloud("journal_unbalanced", "Voucher.VOUNOTBALANCED: The voucher does not balance"),
    ifs_cloud("vat_unknown", "VoucherRow.NOTAXDIRECTION: No tax direction"),
    ifs_cloud("reference_refused", "Voucher.NULLREFROWEXISTS: Reference is mandatory"),
    ifs_cloud("cash_account_refused", "CashAccount.NOTEXIST: Cash account GCEUR does not exist"),
    ifs_cloud("customer_missing", "CustomerInfo.NOTEXIST: The customer does not exist"),
    ifs_cloud("invoice_not_open", "LedgerItem.CANCELLED: The item is cancelled"),
    ifs_cloud("refused", "Something.ELSE: It is not as it should be"),
)
