"""What the stand-in knows to be true, for judging whether each occurrence was booked exactly once."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money
from sandbox.ifs_cloud import invoices, mixed_payments, vouchers
from sandbox.ifs_cloud.odata.edm import Row

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant


def books(tenant: Tenant) -> dict[str, Any]:
    """Per company its ledger and documents; over all, what was left behind. Amounts in minor units, debits positive."""
    return {
        "companies": {company: _company(tenant, company) for company in tenant.books},
        "left_behind": {
            "voucher_entries": len(tenant.table("VoucherEntry")),
            "file_tasks": len(tenant.table("ExternalFileTask")),
            "payments_not_transferred": sum(row["State"] != "Transferred" for row in tenant.table("ExternalPayment")),
        },
    }


def _company(tenant: Tenant, company: str) -> dict[str, Any]:
    heads = [row for row in tenant.table("Voucher").where("Company", company) if row["FunctionGroup"] != "F"]
    return {
        **tenant.books[company].told(),
        "open_items": [_item(row) for row in tenant.table("LedgerItem").where("Company", company) if _open(row)],
        "vouchers": [_voucher(tenant, head) for head in heads],
        "payments": [_payment(tenant, head) for head in tenant.table("MixedPayment").where("Company", company)],
        "proposals": [
            {
                "customer": row["Identity"],
                "series": row["SeriesId"],
                "number": row["InvoiceNo"],
                "state": row["Objstate"],
                "reason": row["ReasonCode"],
            }
            for row in tenant.table("CustPaymentProposalItem").where("Company", company)
        ],
        "vouchers_in_all": len(tenant.books[company].entries),
    }


def _open(row: Row) -> bool:
    return bool(row["PartyType"] == "Customer" and row["Objstate"] != "Cancelled" and invoices.open_of(row))


def _item(row: Row) -> dict[str, Any]:
    return {
        "customer": row["Identity"],
        "series": row["LedgerItemSeriesId"],
        "number": row["LedgerItemId"],
        "currency": row["Currency"],
        "open_minor": Money.from_major(invoices.open_of(row), row["Currency"]).minor,
        "due": row["DueDate"].isoformat(),
    }


def _voucher(tenant: Tenant, head: Row) -> dict[str, Any]:
    rows = vouchers.rows_of(tenant, head)
    return {
        "year": head["AccountingYear"],
        "type": head["VoucherType"],
        "number": head["VoucherNo"],
        "function_group": head["FunctionGroup"],
        "date": head["VoucherDate"].isoformat(),
        "period": f"{head['AccountingYear']}-{head['AccountingPeriod']:02}",
        "status": head["VoucherStatus"],
        "place": head["Place"],
        "text": head["VoucherText2"],
        "references": sorted({_reference(row) for row in rows if row["ReferenceNumber"]}),
        "rows": [_row(row) for row in rows],
    }


def _payment(tenant: Tenant, head: Row) -> dict[str, Any]:
    return {
        "id": head["MixedPaymentId"],
        "cash_account": head["ShortName"],
        "currency": head["Currency"],
        "date": head["MixedPaymentDate"].isoformat(),
        "state": head["Objstate"],
        "text": head["VoucherText"],
        "statement": head["StatementNo"],
        "voucher": head["VoucherNoRef"],
        "transactions": [
            {
                "customer": row["Identity"],
                "minor": Money.from_major(row["CurrAmount"], row["Currency"]).minor,
                "text": row["Text"],
                "state": row["Objstate"],
                "items": [
                    f"{each['LedgerItemSeriesId']} {each['LedgerItemId']}"
                    for each in mixed_payments.matches(tenant, row)
                ],
            }
            for row in mixed_payments.lump_sums(tenant, head)
        ],
    }


def _reference(row: Row) -> str:
    return f"{row['ReferenceSerie'] or ''} {row['ReferenceNumber']}".strip()


def _row(row: Row) -> dict[str, Any]:
    amount = (row["CurrencyDebetAmount"] or Decimal(0)) - (row["CurrencyCreditAmount"] or Decimal(0))
    return {
        "account": row["Account"],
        "currency": row["CurrencyCode"],
        "minor": Money.from_major(amount, row["CurrencyCode"]).minor,
        "text": row["Text"],
        "customer": row["PartyTypeId"] if row["PartyType"] == "Customer" else "",
        "reference": _reference(row) if row["ReferenceNumber"] else "",
    }
