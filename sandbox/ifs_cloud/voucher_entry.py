"""The voucher entry assistant: a temporary head and its rows, and the one action that makes the voucher (section 7.5)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.ifs_cloud import periods, vouchers
from sandbox.ifs_cloud.companies import LEDGER_ID
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.odata.service import Call
from sandbox.ifs_cloud.refusals import no_such_record, record_rule

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

#: misspelt like this; any other value makes the server try to copy an existing voucher.
OPENED_FROM = "NEW_VOUCHER"


def create_head(tenant: Tenant, call: Call, body: Row) -> Row:
    """`POST VoucherSet`: a temporary head, nothing more. Raises `Business`."""
    if body["OpennedFrom"] != OPENED_FROM:
        raise no_such_record("Voucher", "The voucher to be copied does not exist.")
    company_of(tenant, call, body["Company"])
    if body["VoucherNo"]:
        kind = tenant.table("VoucherType").get(body["Company"], body["VoucherType"])
        if kind is not None and kind["AutomaticAllot"]:
            raise record_rule("Voucher.NOTMANUAL", "The voucher number must be assigned automatically.")
    return tenant.table("VoucherEntry").add({**body, "Objkey": new_objkey(), "CreatedBy": call.user})


def create_row(tenant: Tenant, call: Call, body: Row, parent: Row | None) -> Row:
    """`POST VoucherSet(..)/VoucherPostingArray`: nothing is checked against bookkeeping yet."""
    assert parent is not None
    number = sum(1 for _ in tenant.table("VoucherEntryRow").where("HeadObjkey", parent["Objkey"])) + 1
    row = {
        **body,
        "Objkey": new_objkey(),
        "HeadObjkey": parent["Objkey"],
        "RowNo": number,
        "Company": parent["Company"],
    }
    return tenant.table("VoucherEntryRow").add(row)


def create_voucher(tenant: Tenant, call: Call, head: Row, given: Row) -> int:
    """`VoucherEntry_CreateVoucher`: everything is checked, the voucher made, the temporary rows taken away."""
    rows = tenant.table("VoucherEntryRow").where("HeadObjkey", head["Objkey"])
    period = periods.open_period(tenant, head["Company"], head["UserGroup"], head["VoucherDate"], LEDGER_ID)
    if (head["AccountingYear"], head["AccountingPeriod"]) != (period["AccountingYear"], period["AccountingPeriod"]):
        raise record_rule(
            "Voucher.WRONGPERIOD", f"The date {head['VoucherDate']} is not in the given accounting period."
        )
    voucher = vouchers.create(
        tenant,
        vouchers.Draft(
            head["Company"],
            head["VoucherType"],
            head["VoucherDate"],
            head["UserGroup"],
            head["VoucherText2"] or "",
            sorted(rows, key=lambda row: row["RowNo"]),
            status=head["VoucherStatus"],
            gross=head["AmountMethod"] == "GrossAmountEntry",
        ),
    )
    remove(tenant, call, head, given)
    return int(voucher["VoucherNo"])


def remove(tenant: Tenant, call: Call, head: Row, given: Row) -> None:
    """`VoucherEntry_RemoveTempVoucher`."""
    for row in tenant.table("VoucherEntryRow").where("HeadObjkey", head["Objkey"]):
        tenant.table("VoucherEntryRow").remove(row)
    tenant.table("VoucherEntry").remove(head)


def year_and_period(tenant: Tenant, call: Call, given: Row) -> Mapping[str, Any]:
    """`AccYearPeriodInfo`. Raises `Business` when the date is in no open period."""
    company_of(tenant, call, given["Company"])
    period = periods.open_period(tenant, given["Company"], given["UserGroup"], given["VoucherDate"], LEDGER_ID)
    return {"AccountingYear": period["AccountingYear"], "AccountingPeriod": period["AccountingPeriod"]}


def header_information(tenant: Tenant, call: Call, given: Row) -> Mapping[str, Any]:
    """`VoucherHeaderInfo`: what the user group may do with the voucher type in a year."""
    company_of(tenant, call, given["Company"])
    link = vouchers.authority(
        tenant, given["Company"], given["AccountingYear"], given["UserGroup"], given["VoucherType"]
    )
    kind = tenant.table("VoucherType")[(given["Company"], given["VoucherType"])]
    told = ("AutomaticAllot", "UseApprovalWorkflow", "SeparateUserApproval", "LedgerId")
    return {
        "AuthorizeLevel": link["AuthorizeLevel"],
        "FunctionGroup": link["FunctionGroup"],
        **{name: kind[name] for name in told},
        "ReferenceMandatory": kind["ReferenceMandatory"] or tenant.switches.references_required,
    }


def type_information(tenant: Tenant, call: Call, given: Row) -> Mapping[str, Any]:
    """`GetVoucherTypeInfo`. Raises `Business` for an unknown type."""
    company_of(tenant, call, given["Company"])
    kind = tenant.table("VoucherType").get(given["Company"], given["VoucherType"])
    if kind is None:
        raise no_such_record("VoucherType", f"Voucher type {given['VoucherType']} does not exist.")
    return {name: kind[name] for name in ("Description", "FunctionGroup", "AutomaticAllot", "LedgerId", "UseManual")}


def company_of(tenant: Tenant, call: Call, company: str) -> None:
    """Raises `Business` when the company is none of the caller's."""
    if (company,) not in tenant.table("CompanyFinance") or not call.sees(company):
        raise record_rule("VoucherTypeUserGroup.NOTAUSERTOCOM", f"{call.user} is not a user of company {company}.")


def new_objkey() -> str:
    """Key of a virtual entity, guid-like."""
    return secrets.token_hex(16).upper()
