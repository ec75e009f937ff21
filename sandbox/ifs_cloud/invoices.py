"""Customer invoices and what follows from them: the voucher, the ledger item that is cleared, and the payment plan.

The invoice itself does not know what is open; its ledger item does (fact sheet 3.3 and 3.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money
from sandbox.ifs_cloud import companies, rates, vouchers
from sandbox.ifs_cloud.odata.edm import Row

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

INSTANT, ORDER = "INSTANT_INVOICE_API", "CUSTOMER_ORDER_INV_HEAD_API"
#: states in which the invoice is posted, and so has a ledger item.
_POSTED = ("Posted", "PostedAuth")


def add(
    tenant: Tenant,
    company: str,
    customer_id: str,
    amount_minor: int,
    *,
    currency: str = "",
    invoice_no: str = "",
    series: str = "CI",
    dated: date | None = None,
    due: date | None = None,
    pay_term: str = "30",
    way: str = "",
    state: str = "PostedAuth",
    creator: str = INSTANT,
    installments: Sequence[tuple[date, int]] = (),
    **custom: Any,
) -> Row:
    """An invoice of `amount_minor` gross (negative is a credit note), posted on the receivable account unless
    preliminary.

    `installments` are due dates and amounts; `custom` are columns of the invoice, such as `Cf_Gc_Collect=True`.
    """
    if state not in (*_POSTED, "Preliminary"):
        raise ValueError(f"an invoice cannot start as {state!r}")
    amount = Money(amount_minor, currency or tenant.currency(company))
    dated = dated or tenant.today()
    due = due or dated + timedelta(days=30)
    invoice_id = tenant.next_number("invoice") + 1000
    number = invoice_no or _free_number(tenant, company, series)
    dom = rates.to_base(tenant, company, amount, dated)
    row = tenant.table("Invoice").add(
        {
            "Company": company, "InvoiceId": invoice_id, "SeriesId": series, "InvoiceNo": number,
            "Identity": customer_id,
            "PartyType": "Customer", "InvoiceDate": dated, "DueDate": due, "Creator": creator,
            "Currency": amount.currency,
            "InvoiceType": "INSTCRE" if amount_minor < 0 else "INSTINV", "PayTermId": pay_term, "CreationDate": dated,
            "CurrRate": (dom.major / amount.major).quantize(Decimal("0.000001")) if amount else Decimal(1),
            "MultiCompanyInvoice": "FALSE", "PayTermBaseDate": dated, "AdvInv": "FALSE", "PrepayBasedInv": "FALSE",
            "OutInvVouDateBase": "InvoiceDate", "OutInvCurrRateBase": "InvoiceDate",
            "TaxSellCurrRateBase": "InvoiceDate",
            "IntAllowed": "TRUE", "AffBaseLedgPost": "TRUE", "Collect": "FALSE", "Cash": "FALSE", "Sent": "TRUE",
            "Objstate": state, "WayId": way or None, "minor": amount_minor, "VoucherNoRef": None,
            "VoucherDateRef": None,
            "VoucherTypeRef": None, "GrossCurrAmount": amount.major, **custom,
        }
    )  # fmt: skip
    tenant.table("InvoiceItem").add(
        {
            "Company": company, "InvoiceId": invoice_id, "ItemId": 1, "VatCode": "0", "NetCurrAmount": amount.major,
            "VatCurrAmount": Decimal(0), "VatDomAmount": Decimal(0), "Description": "Services",
        }
    )  # fmt: skip
    if state in _POSTED:
        _post(tenant, row, amount, installments or [(due, amount_minor)])
    return row


def add_supplier_item(
    tenant: Tenant, company: str, identity: str, amount_minor: int, number: str, **columns: Any
) -> Row:
    """An open supplier item; suppliers share identities and tables with customers (quirk 11). It is not in the books."""
    amount = Money(amount_minor, tenant.currency(company))
    values = {
        "Company": company,
        "Identity": identity,
        "PartyType": "Supplier",
        "LedgerItemSeriesId": "SI",
        "LedgerItemId": number,
    }
    return _item(tenant, values, amount, amount, tenant.today(), tenant.today(), **columns)


def change(tenant: Tenant, invoice: Row, values: Row) -> None:
    """Change columns of an invoice; its ledger item and payment plan follow a new due date."""
    tenant.table("Invoice").change(invoice, **values)
    if "DueDate" not in values:
        return
    for name in ("LedgerItem", "PaymentPlan"):
        for row in tenant.table(name).where("InvoiceId", invoice["InvoiceId"]):
            tenant.table(name).change(row, DueDate=values["DueDate"])


def ledger_item(tenant: Tenant, company: str, series: str, number: str) -> Row:
    """The customer's ledger item with this series and number. Raises `KeyError` when there is none."""
    for row in tenant.table("LedgerItem").where("LedgerItemId", number):
        if (row["Company"], row["LedgerItemSeriesId"], row["PartyType"]) == (company, series, "Customer"):
            return row
    raise KeyError(f"company {company} has no ledger item {series} {number}")


def new_item(
    tenant: Tenant, company: str, identity: str, series: str, amount: Money, dom: Money, dated: date, account: str = ""
) -> Row:
    """A ledger item that is not an invoice: a payment on account (negative) or an amount paid back (positive).

    Its number is given here; it stands on `account`, the receivable account when that is left out.
    """
    number = f"{tenant.next_number(f'item {company} {series}') + 5000}"
    values = {
        "Company": company, "Identity": identity, "PartyType": "Customer", "LedgerItemSeriesId": series,
        "LedgerItemId": number,
    }  # fmt: skip
    return _item(tenant, values, amount, dom, dated, dated, **({"Account": account} if account else {}))


def open_of(item: Row) -> Decimal:
    """What is open of a ledger item, in its currency; negative for credits."""
    value: Decimal = item["FullCurrAmount"] - item["ClearedCurrAmount"]
    return value


def clear(tenant: Tenant, item: Row, amount: Decimal) -> Decimal:
    """Clear so much of the item (negative re-opens); the part of its amount in the company's currency that goes with
    it.

    The last part takes what is left, so that rounding stays nowhere.
    """
    cleared = item["ClearedCurrAmount"] + amount
    full, full_dom = item["FullCurrAmount"], item["FullDomAmount"]
    unit = Money(1, tenant.currency(item["Company"])).major
    cleared_dom = full_dom if cleared == full else (full_dom * cleared / full).quantize(unit)
    part: Decimal = cleared_dom - item["ClearedDomAmount"]
    state = "Unpaid" if not cleared else "Paid" if cleared == full else "PartlyPaid"
    tenant.table("LedgerItem").change(item, ClearedCurrAmount=cleared, ClearedDomAmount=cleared_dom, Objstate=state)
    _follow(tenant, item, state)
    return part


def _free_number(tenant: Tenant, company: str, series: str) -> str:
    while True:
        number = f"{tenant.next_number(f'invoice {company} {series}') + 10000}"
        if all(row["Company"] != company for row in tenant.table("Invoice").where("InvoiceNo", number)):
            return number


def _post(tenant: Tenant, invoice: Row, amount: Money, installments: Sequence[tuple[date, int]]) -> None:
    company, dated = invoice["Company"], invoice["InvoiceDate"]
    dom = rates.to_base(tenant, company, amount, dated)
    reference = {
        "ReferenceSerie": invoice["SeriesId"],
        "ReferenceNumber": invoice["InvoiceNo"],
        "CurrencyCode": amount.currency,
    }
    sides = ("Debet", "Credit") if amount.minor > 0 else ("Credit", "Debet")
    control = tenant.posting_control
    party = {
        "PartyType": "Customer",
        "PartyTypeId": invoice["Identity"],
        "Account": control.account(company, "receivable"),
    }
    rows = [
        {**reference, **extra, f"Currency{side}Amount": abs(amount.major), f"{side}Amount": abs(dom.major)}
        for side, extra in zip(sides, (party, {"Account": control.account(company, "revenue")}), strict=True)
    ]
    text = f"Invoice {invoice['SeriesId']} {invoice['InvoiceNo']}"
    draft = vouchers.Draft(company, "F", dated, companies.USER_GROUP, text, rows, group="F", system=True)
    voucher = vouchers.create(tenant, draft)
    vouchers.to_ledger(tenant, voucher)
    tenant.table("Invoice").change(invoice, VoucherNoRef=voucher["VoucherNo"], VoucherDateRef=dated, VoucherTypeRef="F")
    key = {"Company": company, "Identity": invoice["Identity"], "PartyType": "Customer"}
    item = {**key, "LedgerItemSeriesId": invoice["SeriesId"], "LedgerItemId": invoice["InvoiceNo"]}
    _item(tenant, item, amount, dom, dated, min(due for due, _ in installments), InvoiceId=invoice["InvoiceId"])
    for number, (due, minor) in enumerate(installments, 1):
        part = Money(minor, amount.currency).major
        tenant.table("PaymentPlan").add(
            {
                **key, "InvoiceId": invoice["InvoiceId"], "InstallmentId": number, "DueDate": due, "CurrAmount": part,
                "PaidCurrAmount": Decimal(0), "Currency": amount.currency, "WayId": invoice["WayId"],
                "SeriesId": invoice["SeriesId"],
                "InvoiceNo": invoice["InvoiceNo"],
            }
        )  # fmt: skip


def _item(tenant: Tenant, key: Row, amount: Money, dom: Money, dated: date, due: date, **columns: Any) -> Row:
    return tenant.table("LedgerItem").add(
        {
            **key, "LedgerItemVersion": 1, "InvoiceId": None, "Currency": amount.currency,
            "FullCurrAmount": amount.major,
            "ClearedCurrAmount": Decimal(0), "FullDomAmount": dom.major, "ClearedDomAmount": Decimal(0),
            "LedgerDate": dated,
            "DueDate": due, "Objstate": "Unpaid",
            "Account": tenant.posting_control.account(key["Company"], "receivable"),
            **columns,
        }
    )  # fmt: skip


def _follow(tenant: Tenant, item: Row, state: str) -> None:
    """Bring the invoice's state and its payment plan in line with the ledger item."""
    if item["InvoiceId"] is None:
        return
    invoice = tenant.table("Invoice")[(item["Company"], item["InvoiceId"])]
    words = {"Unpaid": "PostedAuth", "PartlyPaid": "PartlyPaidPosted", "Paid": "PaidPosted"}
    tenant.table("Invoice").change(invoice, Objstate=words[state])
    left = item["ClearedCurrAmount"]
    for row in tenant.table("PaymentPlan").where("InvoiceId", item["InvoiceId"]):
        part = min(left, row["CurrAmount"]) if row["CurrAmount"] > 0 else max(left, row["CurrAmount"])
        left -= part
        if part != row["PaidCurrAmount"]:
            tenant.table("PaymentPlan").change(row, PaidCurrAmount=part)
