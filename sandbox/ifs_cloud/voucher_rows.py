"""Voucher rows as they become when a voucher is made: amounts in both currencies, the code string, references, tax
rows.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.ifs_cloud import posting_control, rates
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.refusals import record_rule

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant
    from sandbox.ifs_cloud.vouchers import Draft

_AMOUNTS = ("CurrencyDebetAmount", "CurrencyCreditAmount", "DebetAmount", "CreditAmount")
COLUMNS = (
    "Account", *(f"Code{part}" for part in posting_control.PARTS), "CurrencyCode", "CurrencyType", "CurrencyRate",
    *_AMOUNTS,
    "OptionalCode", "TaxDirection", "TaxAmount", "CurrencyTaxAmount", "Text", "PartyType", "PartyTypeId",
    "ReferenceSerie",
    "ReferenceNumber", "TransCode", "MatchingInfo", "Correction",
)  # fmt: skip


def complete(tenant: Tenant, draft: Draft, kind: Row) -> list[Row]:
    """Checked rows with everything the server fills in; tax rows follow those they belong to. Raises `Business`."""
    done: list[Row] = []
    for given in draft.rows:
        row = {**dict.fromkeys(COLUMNS), **{name: given.get(name) for name in COLUMNS}}
        posting_control.check_row(tenant, draft.company, draft.group, draft.dated, row)
        _check_reference(tenant, draft, kind, row)
        _fill_amounts(tenant, draft, row)
        done.append(row)
        done += _tax(tenant, draft, row)
    return done


def _check_reference(tenant: Tenant, draft: Draft, kind: Row, row: Row) -> None:
    demanded = kind["ReferenceMandatory"] or tenant.switches.references_required
    if demanded and not draft.system and not (row["ReferenceSerie"] and row["ReferenceNumber"]):
        raise record_rule(
            "Voucher.NULLREFROWEXISTS", "Reference series and number are mandatory for this voucher type."
        )
    if tenant.switches.references_validated and not draft.system and row["ReferenceNumber"]:
        invoices = tenant.table("Invoice").where("InvoiceNo", row["ReferenceNumber"])
        if not any((i["Company"], i["SeriesId"]) == (draft.company, row["ReferenceSerie"]) for i in invoices):
            raise record_rule(
                "VoucherRow.INVREFERENCE", f"{row['ReferenceSerie']} {row['ReferenceNumber']} is not an invoice."
            )


def _fill_amounts(tenant: Tenant, draft: Draft, row: Row) -> None:
    row["CurrencyCode"] = row["CurrencyCode"] or tenant.currency(draft.company)
    debit, credit = row["CurrencyDebetAmount"], row["CurrencyCreditAmount"]
    if bool(debit) == bool(credit):
        raise record_rule("VoucherRow.INCORRECTAMOUNTS", "Either the debit or the credit amount must have a value.")
    side, base_side = ("CurrencyDebetAmount", "DebetAmount") if debit else ("CurrencyCreditAmount", "CreditAmount")
    if row[side] < 0 and not row["Correction"]:
        raise record_rule("VoucherRow.INCORRECTAMOUNTS", "A negative amount needs a correction row.")
    amount = rates.exact(tenant, draft.company, row[side], row["CurrencyCode"], "VoucherRow")
    base = tenant.currency(draft.company)
    given = row[base_side]
    if given is None:
        in_base = rates.to_base(tenant, draft.company, amount, draft.dated, row["CurrencyType"] or "1")
    else:
        in_base = rates.exact(tenant, draft.company, given, base, "VoucherRow")
        if amount.currency == base and in_base != amount:
            raise record_rule("VoucherRow.INCORRECTAMOUNTS", "The amount differs from that in accounting currency.")
    for name in _AMOUNTS:
        row[name] = None
    row[side], row[base_side] = amount.major, in_base.major
    if row["CurrencyRate"] is None:
        row["CurrencyRate"] = (in_base.major / amount.major).quantize(Decimal("0.000001"))


def _tax(tenant: Tenant, draft: Draft, row: Row) -> list[Row]:
    """The tax row that a tax code brings; with gross entry the amount is taken out of the row. Raises `Business`."""
    direction = row["TaxDirection"]
    if not row["OptionalCode"]:
        if direction not in (None, "NoTax"):
            raise record_rule("VoucherRow.NOTAXWRONGDIRECTION", "Tax direction must be No Tax without a tax code.")
        return []
    code = tenant.table("StatutoryFee").get(draft.company, row["OptionalCode"])
    if code is None:
        raise record_rule("StatutoryFee.FEECODENOTEXIST", f"Tax code {row['OptionalCode']} does not exist.")
    if code["FeeType"] == "NoTax":
        return []
    if direction not in ("TaxReceived", "TaxDisbursed"):
        raise record_rule("VoucherRow.NOTAXDIRECTION", "Tax direction is mandatory with a tax code.")
    side, base_side = (
        ("CurrencyDebetAmount", "DebetAmount") if row["DebetAmount"] else ("CurrencyCreditAmount", "CreditAmount")
    )
    tax = _tax_amount(tenant, draft, row, row[side], code["FeeRate"])
    in_base = rates.to_base(tenant, draft.company, tax, draft.dated, row["CurrencyType"] or "1")
    if row["TaxAmount"] is not None:
        in_base = rates.exact(tenant, draft.company, row["TaxAmount"], tenant.currency(draft.company), "VoucherRow")
    row["CurrencyTaxAmount"], row["TaxAmount"] = tax.major, in_base.major
    if draft.gross:
        row[side] -= tax.major
        row[base_side] -= in_base.major
    if not tax:
        return []
    account = tenant.posting_control.account(draft.company, direction)
    taxed = {**dict.fromkeys(COLUMNS), "Account": account, "CurrencyCode": row["CurrencyCode"], "TransCode": "AP1"}
    kept = {name: row[name] for name in ("Text", "ReferenceSerie", "ReferenceNumber", "OptionalCode", "TaxDirection")}
    return [{**taxed, **kept, side: tax.major, base_side: in_base.major}]


def _tax_amount(tenant: Tenant, draft: Draft, row: Row, amount: Decimal, rate: Decimal) -> Money:
    currency = row["CurrencyCode"]
    if row["CurrencyTaxAmount"] is not None:
        return rates.exact(tenant, draft.company, row["CurrencyTaxAmount"], currency, "VoucherRow")
    share = rate.scaleb(-2)
    whole = amount * share / (1 + share) if draft.gross else amount * share
    return Money.from_major(whole.quantize(Money(1, currency).major, rounding=ROUND_HALF_UP), currency)
