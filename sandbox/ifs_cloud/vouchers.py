"""Vouchers: made and checked in one transaction, kept in the hold table, approved, and moved to the general ledger.

Status and place decide where a voucher is seen; only approved ones are in the books (fact sheet 3.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.ifs_cloud import companies, periods, voucher_rows
from sandbox.ifs_cloud.books import Entry, Line
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.refusals import record_rule, wrong_state

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

#: status identifiers and the names `Objstate` shows.
STATUS = {
    "Approved": "Confirmed", "NotApproved": "Waiting", "AwaitingApproval": "AwaitingApproval",
    "PartiallyApproved": "PartiallyApproved", "Error": "Error", "Cancelled": "Cancelled",
}  # fmt: skip
HOLD, LEDGER = "hold", "gl"
_NEW = ("Approved", "NotApproved", "AwaitingApproval")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a voucher is made from. `rows` have the columns of a voucher row; `group` is the function group.

    `system` drafts are made by the application itself: no user group authority is asked for.
    """

    company: str
    voucher_type: str
    dated: date
    user_group: str
    text: str
    rows: Sequence[Row]
    status: str = "Approved"
    group: str = "M"
    gross: bool = False
    system: bool = False
    references: tuple[int | None, str | None, int | None] = (None, None, None)


def create(tenant: Tenant, draft: Draft) -> Row:
    """Check and number the voucher, write it with its rows, book it when it is approved. Raises `Business`."""
    kind = tenant.table("VoucherType").get(draft.company, draft.voucher_type)
    if kind is None:
        raise record_rule("VoucherTypeUserGroup.INVVOUTYPE2", f"Voucher type {draft.voucher_type} is not valid.")
    period = periods.open_period(tenant, draft.company, draft.user_group, draft.dated, kind["LedgerId"])
    status = _status(tenant, draft, kind, period["AccountingYear"])
    rows = voucher_rows.complete(tenant, draft, kind)
    if status != "NotApproved":
        _check_balance(tenant, draft.company, rows)
    number = _number(tenant, draft.company, draft.voucher_type, period["AccountingYear"])
    key = {
        "Company": draft.company, "AccountingYear": period["AccountingYear"], "VoucherType": draft.voucher_type,
        "VoucherNo": number,
    }  # fmt: skip
    year, voucher_type, voucher_no = draft.references
    head = tenant.table("Voucher").add(
        {
            **key, "VoucherDate": draft.dated, "AccountingPeriod": period["AccountingPeriod"], "DateReg": tenant.now(),
            "Userid": companies.SERVICE_USER, "UserGroup": draft.user_group, "VoucherText2": draft.text, "VoucherStatus": status,
            "Objstate": STATUS[status], "FunctionGroup": draft.group, "Place": HOLD, "TransferId": None,
            "AccountingYearReference": year, "VoucherTypeReference": voucher_type, "VoucherNoReference": voucher_no,
            "InterimVoucher": False, "MultiCompanyId": None, "ApprovedAt": None,
        }
    )  # fmt: skip
    for row_number, row in enumerate(rows, 1):
        text = row.get("Text") or draft.text[:200]
        extra = {
            "RowNo": row_number,
            "VoucherDate": draft.dated,
            "Place": HOLD,
            "Text": text,
            "FunctionGroup": draft.group,
        }
        tenant.table("VoucherRow").add({**row, **key, **extra, "AccountingPeriod": period["AccountingPeriod"]})
    if status == "Approved":
        _book(tenant, head)
    return head


def set_status(tenant: Tenant, head: Row, status: str, event: str) -> Row:
    """Approve a voucher of the hold table or take the approval back. Raises `Business`."""
    if head["Place"] != HOLD or head["VoucherStatus"] in ("Cancelled", status):
        raise wrong_state("Voucher", event, head["Objstate"])
    if status == "Approved":
        _check_balance(tenant, head["Company"], rows_of(tenant, head))
    if head["VoucherStatus"] == "Approved":
        tenant.books[head["Company"]].take_out(_key(head))
    tenant.table("Voucher").change(head, VoucherStatus=status, Objstate=STATUS[status])
    if status == "Approved":
        _book(tenant, head)
    return head


def update_ledger(tenant: Tenant, approved_until: datetime | None = None) -> int:
    """Move approved vouchers from the hold table to the general ledger, as the nightly batch does; how many went."""
    due = [
        head
        for head in tenant.table("Voucher").where("Place", HOLD)
        if head["VoucherStatus"] == "Approved" and (approved_until is None or head["ApprovedAt"] <= approved_until)
    ]
    for head in due:
        to_ledger(tenant, head)
    return len(due)


def to_ledger(tenant: Tenant, head: Row) -> None:
    """Move one voucher from the hold table to the general ledger."""
    for row in rows_of(tenant, head):
        tenant.table("VoucherRow").change(row, Place=LEDGER)
    tenant.table("Voucher").change(head, Place=LEDGER)


def rows_of(tenant: Tenant, head: Row) -> list[Row]:
    columns = ("Company", "AccountingYear", "VoucherType", "VoucherNo")
    every = tenant.table("VoucherRow").where("VoucherNo", head["VoucherNo"])
    return [row for row in every if all(row[column] == head[column] for column in columns)]


def _status(tenant: Tenant, draft: Draft, kind: Row, year: int) -> str:
    """What the authority of the user group makes of the wanted status. Raises `Business`."""
    if draft.status not in _NEW:
        raise record_rule("Voucher.INVALIDSTATUS", f"A new voucher cannot have the status {draft.status}.")
    if draft.system:
        return draft.status
    check_member(tenant, draft.company, draft.user_group)
    level = authority(tenant, draft.company, year, draft.user_group, draft.voucher_type)["AuthorizeLevel"]
    if level == "ApproveOnly":
        raise record_rule(
            "VoucherEntryAssistantHandling.APPONLYUSERGRP", f"User group {draft.user_group} may only approve vouchers."
        )
    forced = kind["UseApprovalWorkflow"] or kind["SeparateUserApproval"] or level == "EnterOnly"
    return "AwaitingApproval" if forced and draft.status == "Approved" else draft.status


def check_member(tenant: Tenant, company: str, user_group: str) -> None:
    """Raises `Business` when the service user is not in the company or in its user group."""
    groups = [row["UserGroup"] for row in tenant.table("UserGroupMember").where("Company", company)]
    if not groups:
        raise record_rule(
            "VoucherTypeUserGroup.NOTAUSERTOCOM", f"{companies.SERVICE_USER} is not a user of company {company}."
        )
    if user_group not in groups:
        raise record_rule("UserGroupPeriod.NOGROUP", f"User group {user_group} is none of {companies.SERVICE_USER}.")


def authority(tenant: Tenant, company: str, year: int, user_group: str, voucher_type: str, group: str = "M") -> Row:
    """The link between user group and voucher type in a year. Raises `Business` when there is none."""
    link = tenant.table("VoucherTypeUserGroup").get(company, year, user_group, voucher_type, group)
    if link is None:
        raise record_rule(
            "VoucherTypeUserGroup.VOUTYPNOCONN",
            f"Voucher type {voucher_type} of function group {group} is not connected to {user_group} in {year}.",
        )
    return link


def _check_balance(tenant: Tenant, company: str, rows: Sequence[Row]) -> None:
    base = sum((row["DebetAmount"] or 0) - (row["CreditAmount"] or 0) for row in rows)
    currencies = {row["CurrencyCode"] for row in rows}
    in_currency = sum((row["CurrencyDebetAmount"] or 0) - (row["CurrencyCreditAmount"] or 0) for row in rows)
    if base or (len(currencies) == 1 and in_currency) or not rows:
        raise record_rule("Voucher.VOUNOTBALANCED", f"The voucher is not balanced in company {company}: {base}.")


def _number(tenant: Tenant, company: str, voucher_type: str, year: int) -> int:
    serial = tenant.table("VoucherNoSerial").get(company, voucher_type, year)
    if serial is None or serial["CurrentNumber"] > serial["SerieUntil"]:
        raise record_rule("VoucherTypeUserGroup.INVVOUTYPE2", f"Voucher type {voucher_type} has no series for {year}.")
    number: int = serial["CurrentNumber"]
    tenant.table("VoucherNoSerial").change(serial, CurrentNumber=number + 1)
    return number


def _book(tenant: Tenant, head: Row) -> None:
    tenant.table("Voucher").change(head, ApprovedAt=tenant.now())
    base = tenant.currency(head["Company"])
    lines = tuple(_line(row, base) for row in rows_of(tenant, head))
    period = f"{head['AccountingYear']}-{head['AccountingPeriod']:02}"
    entry = Entry(_key(head), head["FunctionGroup"], head["VoucherDate"], period, head["VoucherText2"] or "", lines)
    tenant.books[head["Company"]].book(entry)


def _line(row: Row, base: str) -> Line:
    signed = (row["CurrencyDebetAmount"] or Decimal(0)) - (row["CurrencyCreditAmount"] or Decimal(0))
    in_base = (row["DebetAmount"] or Decimal(0)) - (row["CreditAmount"] or Decimal(0))
    return Line(
        row["Account"],
        row["CurrencyCode"],
        Money.from_major(signed, row["CurrencyCode"]).minor,
        Money.from_major(in_base, base).minor,
        (row.get("PartyTypeId") or "") if row.get("PartyType") == "Customer" else "",
        row["Text"] or "",
        " ".join(filter(None, (row.get("ReferenceSerie"), row.get("ReferenceNumber")))),
    )


def _key(head: Row) -> tuple[int, str, int]:
    return head["AccountingYear"], head["VoucherType"], head["VoucherNo"]
