"""IFS Cloud's refusals in plain sentences with a next step (ifs_cloud.md section 6.2). Pure.

Decided on ORA number and `Entity.TAG`, because texts come in the service user's language; the text is kept in the reason.
"""

from __future__ import annotations

import re

from connector_resources.erp.contract import Rejected
from connector_resources.erp.ifs_cloud.odata import Problem, problem_of
from connector_resources.erp.meanings import Meaning, rejection
from connector_resources.errors import RemoteError

_RELEASE = ", then release the posting."
MEANINGS = (
    Meaning(
        r"UserGroupPeriod\.(USRGRPPER|NOTOPEN\w*)|NOTOPENPERIOD",
        "period_closed",
        "the period is closed for the user group",
        "Open the period for the user group in IFS Cloud, or set closed_period to next_open_period" + _RELEASE,
    ),
    Meaning(
        r"UserGroupPeriod\.(NOGROUP|USRGRPNOTCON)|VoucherTypeUserGroup\.NOTAUSERTOCOM|APPONLYUSERGRP|APPROVEONLYVOUENTRY",
        "user_group_refused",
        "the service user or its user group may not enter vouchers at this date",
        "Connect the user group in IFS Cloud to company, user and period, with the right to enter" + _RELEASE,
    ),
    Meaning(
        r"VoucherTypeUserGroup\.|VoucherNoSerial\.|VoucherType\.",
        "voucher_type_refused",
        "the voucher type is not connected to the user group or has no series in this accounting year",
        "Connect it in IFS Cloud for the accounting year" + _RELEASE,
    ),
    Meaning(
        r"VOUISLEDGER",
        "account_refused",
        "an account is a ledger (AR/AP control) account, which takes no manual voucher",
        "Choose another account in the connection file, run `connector ping`" + _RELEASE,
    ),
    Meaning(
        r"\bAccount\.|AccountingCodePartValue|CODE_?PART|CodePart",
        "account_refused",
        "an account or code part is missing, not valid at this date, or asks for code parts",
        "Correct accounts and code_string in the connection file, run `connector ping`" + _RELEASE,
    ),
    Meaning(
        r"Voucher\.(VOUNOTBALANCED|VOUCHERMUSTBEBALANCE)",
        "journal_unbalanced",
        "the voucher does not balance",
        "Report this with the posting's key; nothing was booked.",
    ),
    Meaning(
        r"VoucherRow\.(NOTAXDIRECTION|NOTAXWRONGDIRECTION)|StatutoryFee|TaxCode",
        "vat_unknown",
        "the tax code or its direction does not fit the account",
        "Correct tax_codes or fee_vat_mode in the connection file" + _RELEASE,
    ),
    Meaning(
        r"Voucher\.NULLREFROWEXISTS|VoucherRow\.\w*REF\w*",
        "reference_refused",
        "the voucher type has its own rule for the references of rows",
        "Allow reference series GC for the voucher type in IFS Cloud" + _RELEASE,
    ),
    Meaning(
        r"CurrencyCode\.|CurrencyRate\.|CashAccount\.|WRONGCURRENCY",
        "cash_account_refused",
        "the currency, its rate, or the cash account is missing or does not fit",
        "Set up the currency and the cash account in IFS Cloud, run `connector ping`" + _RELEASE,
    ),
    Meaning(
        r"CustomerInfo\.|IdentityPayInfo\.|IdentityInvoiceInfo\.",
        "customer_missing",
        "the customer is not known in this company",
        "Add the customer to the company in IFS Cloud, or correct the link" + _RELEASE,
    ),
    Meaning(
        r"LedgerItem\.|MixedPaymentLumpSum\.(ITEM|OTHER|MATCH)",
        "invoice_not_open",
        "the open item is settled, cancelled, or open for less",
        "Look at the item in IFS Cloud" + _RELEASE,
    ),
    Meaning(
        r"ExtLoad|ExtCheck|ExtFile|ExternalFile|ExtTransaction",
        "file_refused",
        "the file was not taken",
        "Look at the external file's log in IFS Cloud, correct what it names" + _RELEASE,
    ),
    Meaning(
        r"ODP_RESOURCE_NOTFOUND",
        "projection_missing",
        "a projection, set or action of the recipe is not there",
        "Run `connector ping`; correct map or recipes in the connection file" + _RELEASE,
    ),
)
#: ORA-20112 and its kin: it may be our own earlier try, to be looked up.
EXISTS_ORA = 20112
EXISTS = re.compile(r"Voucher\.VOUCHERISEXIST|CHECKED_EXIST|UPDATED_EXIST")


def problem_in(error: RemoteError) -> Problem:
    """What IFS said; the status alone when it said nothing readable."""
    return problem_of(error.response) or Problem(str(error.status), str(error))


def rejected(error: RemoteError, what: str) -> Rejected:
    """The refusal of `what`, a request in words."""
    problem = problem_in(error)
    ora = f"ORA-{problem.ora:05d}: " if problem.ora else ""
    name = f"{problem.name}: " if problem.name else ""
    return rejection(f"{ora}{name}{problem.message}", what, "IFS Cloud", MEANINGS)


def is_duplicate(error: RemoteError) -> bool:
    problem = problem_in(error)
    return problem.ora == EXISTS_ORA or EXISTS.search(problem.name) is not None
