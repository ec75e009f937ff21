"""What an approved payment posts: cash account, ledger items, payments on account, parked payments, exchange
differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.ifs_cloud import invoices, posting_control, rates, vouchers
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.refusals import record_rule

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

#: series of ledger items that are payments on account, and of parked payments.
ON_ACCOUNT, PARKED = "CUPOA", "CUPARK"
_CODES = tuple(f"Code{part}" for part in posting_control.PARTS)


def takes(tenant: Tenant, item: Row, amount: Decimal) -> Decimal:
    """How much of a receipt (negative: of a repayment) the item takes as it stands, with the sign of `amount`."""
    open_amount = invoices.open_of(item)
    cleared: Decimal = item["ClearedCurrAmount"]
    if amount > 0:
        return min(amount, max(open_amount, Decimal(0)))
    if open_amount < 0:
        return max(amount, open_amount)
    if tenant.switches.negative_payment == "reopens":
        return max(amount, -max(cleared, Decimal(0)))
    return Decimal(0)


def settle(tenant: Tenant, head: Row, lump_sum: Row, intended: Sequence[Row]) -> list[Row]:
    """Clear the items a transaction is matched with; the voucher rows of all of it. Raises `Business`."""
    company, dated = head["Company"], head["MixedPaymentDate"]
    left: Decimal = lump_sum["CurrAmount"]
    whole = _in_base(tenant, company, left, lump_sum["Currency"], dated)
    text = {"Text": (lump_sum["Text"] or "")[:200] or None}
    rows = [_row(_cash_account(tenant, head), lump_sum["Currency"], left, whole, text)]
    base_left = whole
    for each in intended:
        item = invoices.ledger_item(tenant, company, each["LedgerItemSeriesId"], each["LedgerItemId"])
        part = takes(tenant, item, _towards_zero(each["CurrAmount"], left))
        tenant.table("MixedPaymentMatch").change(each, CurrAmount=part)
        if part:
            in_base = invoices.clear(tenant, item, part)
            rows.append(_item_row(item, -part, -in_base, text))
            left -= part
            base_left -= in_base
    if left:
        rest = _in_base(tenant, company, left, lump_sum["Currency"], dated)
        rows.append(_rest(tenant, lump_sum, left, rest, dated, text))
        base_left -= rest
    tenant.table("MixedPaymentLumpSum").change(lump_sum, DomAmount=whole)
    return rows + _exchange(tenant, company, -base_left, text)


def unsettle(tenant: Tenant, head: Row, lump_sum: Row, matched: Row) -> list[Row]:
    """Open an item again; the amount becomes a parked payment or goes out of the cash account. Raises `Business`."""
    company, part = head["Company"], matched["CurrAmount"]
    if not part:
        return []
    item = invoices.ledger_item(tenant, company, matched["LedgerItemSeriesId"], matched["LedgerItemId"])
    text = {"Text": f"REV {lump_sum['Text'] or ''}"[:200]}
    in_base = invoices.clear(tenant, item, -part)
    whole = _in_base(tenant, company, part, lump_sum["Currency"], head["MixedPaymentDate"])
    rows = [_item_row(item, part, -in_base, text)]
    tenant.table("MixedPaymentMatch").change(matched, CurrAmount=Decimal(0))
    if tenant.switches.cancel_matching == "parked":
        rows.append(_set_aside(tenant, lump_sum, PARKED, part, whole, head["MixedPaymentDate"], text))
    else:
        rows.append(_row(_cash_account(tenant, head), lump_sum["Currency"], -part, -whole, text))
    return rows + _exchange(tenant, company, whole + in_base, text)


def manual_postings(tenant: Tenant, head: Row) -> list[Row]:
    rows = tenant.table("MixedPaymentManPosting").where("MixedPaymentId", head["MixedPaymentId"])
    return [row for row in rows if row["Company"] == head["Company"]]


def manual(tenant: Tenant, head: Row, posting: Row) -> list[Row]:
    """The rows of a direct cash posting; ledger accounts are refused there as in manual vouchers. Raises `Business`."""
    company, amount = head["Company"], posting["CurrAmount"]
    posting_control.check_row(tenant, company, "M", head["MixedPaymentDate"], posting)
    in_base = _in_base(tenant, company, amount, head["Currency"], head["MixedPaymentDate"])
    text = {"Text": posting.get("Text")}
    tax = {name: posting.get(name) for name in (*_CODES, "OptionalCode", "TaxDirection")}
    return [
        _row(_cash_account(tenant, head), head["Currency"], amount, in_base, text),
        _row(posting["Account"], head["Currency"], -amount, -in_base, {**text, **tax}),
    ]


def voucher(tenant: Tenant, head: Row, rows: Sequence[Row], text: str, of: Row | None = None) -> Row:
    """The voucher of function group N; `of` names the payment whose voucher it takes back."""
    references = (of["AccountingYearRef"], of["VoucherTypeRef"], of["VoucherNoRef"]) if of else (None, None, None)
    kind = tenant.table("CashAccount")[(head["Company"], head["ShortName"])]["VoucherType"]
    return vouchers.create(
        tenant,
        vouchers.Draft(
            head["Company"],
            kind,
            head["MixedPaymentDate"],
            head["UserGroup"],
            text,
            rows,
            group="N",
            gross=True,
            system=True,
            references=references,
        ),
    )


def _rest(tenant: Tenant, lump_sum: Row, left: Decimal, in_base: Decimal, dated: date, text: Row) -> Row:
    """The part of a transaction that no item takes: on account, parked, or refused."""
    mode = tenant.switches.over_payment
    unmatched = not lump_sum["LedgerItemId"]
    if mode == "refuse" and not unmatched:
        raise record_rule(
            "MixedPaymentLumpSum.OVERPAYMENT", f"{left} of transaction {lump_sum['LumpSumTransId']} is over."
        )
    series = PARKED if mode == "parked" else ON_ACCOUNT
    return _set_aside(tenant, lump_sum, series, left, in_base, dated, text)


def _set_aside(
    tenant: Tenant, lump_sum: Row, series: str, amount: Decimal, in_base: Decimal, dated: date, text: Row
) -> Row:
    """A new ledger item for money that settles nothing yet, and its voucher row."""
    company = lump_sum["Company"]
    account = tenant.posting_control.account(company, "parked") if series == PARKED else ""
    item = invoices.new_item(
        tenant,
        company,
        lump_sum["Identity"],
        series,
        Money.from_major(-amount, lump_sum["Currency"]),
        Money.from_major(-in_base, tenant.currency(company)),
        dated,
        account,
    )
    return _item_row(item, -amount, -in_base, text)


def _item_row(item: Row, amount: Decimal, in_base: Decimal, text: Row) -> Row:
    party: Row = {"ReferenceSerie": item["LedgerItemSeriesId"], "ReferenceNumber": item["LedgerItemId"]}
    if item["LedgerItemSeriesId"] != PARKED:
        party |= {"PartyType": "Customer", "PartyTypeId": item["Identity"]}
    return _row(item["Account"], item["Currency"], amount, in_base, {**text, **party})


def _exchange(tenant: Tenant, company: str, difference: Decimal, text: Row) -> list[Row]:
    """A row for what the rates of invoice and payment make of the same amount; `difference` is a debit."""
    if not difference:
        return []
    account = tenant.posting_control.account(company, "exchange")
    return [_row(account, tenant.currency(company), difference, difference, text)]


def _row(account: str, currency: str, amount: Decimal, in_base: Decimal, extra: Row) -> Row:
    """A voucher row; positive is a debit."""
    side = "Debet" if amount > 0 else "Credit"
    amounts = {f"Currency{side}Amount": abs(amount), f"{side}Amount": in_base if amount > 0 else -in_base}
    return {"Account": account, "CurrencyCode": currency, **amounts, **extra}


def _cash_account(tenant: Tenant, head: Row) -> str:
    return str(tenant.table("CashAccount")[(head["Company"], head["ShortName"])]["Account"])


def _in_base(tenant: Tenant, company: str, amount: Decimal, currency: str, dated: date) -> Decimal:
    return rates.to_base(tenant, company, Money.from_major(amount, currency), dated).major


def _towards_zero(wanted: Decimal, left: Decimal) -> Decimal:
    return min(wanted, left) if left > 0 else max(wanted, left) if left < 0 else Decimal(0)
