"""Posting control: which account a company uses for what the system posts by itself, and what an account may carry."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sandbox.ifs_cloud import companies
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.refusals import record_rule

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

#: purposes and the standard accounts for them.
PURPOSES = {
    "receivable": companies.RECEIVABLE, "revenue": companies.REVENUE, "parked": companies.PARKED,
    "exchange": companies.EXCHANGE, "TaxReceived": "2641", "TaxDisbursed": "2611",
}  # fmt: skip
#: function groups that may post on ledger accounts: opening balances, interim, and what the system makes itself.
_LEDGER_GROUPS = frozenset("QRFNBU")
PARTS = "BCDEFGHIJ"


class PostingControl:
    """The account for each purpose, per company; purposes without an entry have the standard account."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], str] = {}

    def set(self, company: str, purpose: str, account: str) -> None:
        """Raises `ValueError` for an unknown purpose."""
        if purpose not in PURPOSES:
            raise ValueError(f"{purpose!r} is none of {', '.join(PURPOSES)}")
        self._accounts[company, purpose] = account

    def account(self, company: str, purpose: str) -> str:
        return self._accounts.get((company, purpose), PURPOSES[purpose])


def check_row(tenant: Tenant, company: str, group: str, dated: date, row: Row) -> None:
    """Whether a voucher row may stand on its account with its code string. Raises `Business`."""
    account = tenant.table("Account").get(company, row["Account"])
    if account is None or not account["ValidFrom"] <= dated <= account["ValidUntil"]:
        raise record_rule(
            "Account.ACCNOTEXIST", f"Account {row['Account']} is missing or not valid in company {company}."
        )
    if account["LedgFlag"] and group not in _LEDGER_GROUPS:
        raise record_rule(
            "VoucherRow.VOUISLEDGER",
            f"Account {row['Account']} is a ledger account and not permitted for Manual Vouchers.",
        )
    for part in PARTS:
        _check_part(tenant, company, account, part, row.get(f"Code{part}"))
    if account["ReqText"] == "Mandatory" and not row.get("Text"):
        raise record_rule("VoucherRow.TEXTMANDATORY", f"Account {row['Account']} requires a text.")
    if account["TaxCodeMandatory"] and not row.get("OptionalCode"):
        raise record_rule("VoucherRow.TAXCODEMANDATORY", f"Account {row['Account']} requires a tax code.")


def _check_part(tenant: Tenant, company: str, account: Row, part: str, value: str | None) -> None:
    demand = account[f"ReqCode{part}"]
    if demand == "Mandatory" and not value:
        raise record_rule("Account.CODEMANDATORY", f"Code part {part} is mandatory for account {account['Account']}.")
    if demand == "Blocked" and value:
        raise record_rule("Account.CODEBLOCKED", f"Code part {part} is blocked for account {account['Account']}.")
    if value and (company, part, value) not in tenant.table("CodePartValue"):
        raise record_rule("AccountingCodePartValue.NOTEXIST", f"The value {value} of code part {part} does not exist.")
