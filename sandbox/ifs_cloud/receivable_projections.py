"""Projections of receivables: invoices and their lines, ledger items, installments (sections 7.1 and 7.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.ifs_cloud import invoices
from sandbox.ifs_cloud.building import below, entity_service, projection, rows
from sandbox.ifs_cloud.invoices import INSTANT, ORDER
from sandbox.ifs_cloud.master_projections import currency_info
from sandbox.ifs_cloud.odata.edm import EntityType, Row, entity
from sandbox.ifs_cloud.odata.service import EntitySet, Function, Service

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

_CURRENCY_INFO = {
    "Company": "S", "PartyType": "E:PartyType", "Identity": "S", "TransCurrency": "S", "CurrencyType": "S",
    "Creator": "S",
    "AdvanceInvoice": "B", "InvoiceDate": "Y", "DeliveryDate": "Y", "VoucherDate": "Y", "ArrivalDate": "Y",
    "CustomsDeclDate": "Y", "OutInvCurrRateBase": "E:BaseDateOutgoingBase",
    "TaxSellCurrRateBase": "E:BaseDateOutgoingBase",
    "IncInvCurrRateBase": "S", "TaxBuyCurrRateBase": "S",
}  # fmt: skip


def build(tenant: Tenant) -> list[Service]:
    instant = _invoices(tenant, "InstantInvoiceSet", "InstantInvoice", INSTANT)
    below(instant, "InvoiceItemArray", rows(tenant, "InvoiceItemArray", _line()), "Company", "InvoiceId")
    handling = projection("InstantInvoiceHandling", instant)
    handling.functions["FetchCurrencyInfo"] = Function(
        lambda call, given: currency_info(tenant, call, given), _CURRENCY_INFO
    )
    orders = _invoices(tenant, "CustomerOrderInvHeadSet", "CustomerOrderInvHead", ORDER)

    def of_orders(row: Row) -> bool:
        head = tenant.table("Invoice").get(row["Company"], row["InvoiceId"])
        return head is not None and head["Creator"] == ORDER

    order_lines = rows(tenant, "CustomerOrderInvLineSet", _line(), keep=of_orders)
    return [
        handling,
        projection("CustomerOrderInvoiceHandling", orders, order_lines),
        entity_service(rows(tenant, "LedgerItemSet", _ledger_item(), change=True)),
        entity_service(rows(tenant, "PaymentPlanSet", _installment(), change=True)),
    ]


def _invoices(tenant: Tenant, name: str, kind: str, creator: str) -> EntitySet:
    made = rows(tenant, name, _invoice(kind), keep=lambda row: row["Creator"] == creator)
    made.change = lambda call, row, body: invoices.change(tenant, row, body)
    return made


def _invoice(name: str) -> EntityType:
    return entity(
        name,
        "Company InvoiceId",
        {
            "S20u": "Company Identity", "I": "InvoiceId VoucherNoRef",
            "S20": "SeriesId InvoiceType PayTermId VoucherTypeRef",
            "S50": "InvoiceNo", "E:PartyType": "PartyType",
            "Y": "InvoiceDate CreationDate PayTermBaseDate VoucherDateRef",
            "Y U": "DueDate", "S3u": "Currency", "D": "CurrRate",
            "S": "Creator MultiCompanyInvoice AdvInv PrepayBasedInv OutInvVouDateBase OutInvCurrRateBase"
            " TaxSellCurrRateBase IntAllowed AffBaseLedgPost Collect Cash Sent",
            "E:InvoiceState": "Objstate",
        },
        "Invoice",
    )  # fmt: skip


def _line() -> EntityType:
    return entity(
        "InvoiceItem",
        "Company InvoiceId ItemId",
        {
            "S20u": "Company VatCode", "I": "InvoiceId ItemId", "S": "Description",
            "D": "NetCurrAmount VatCurrAmount VatDomAmount",
        },
    )  # fmt: skip


def _ledger_item() -> EntityType:
    return entity(
        "LedgerItem",
        "Company Identity PartyType LedgerItemSeriesId LedgerItemId LedgerItemVersion",
        {
            "S20u": "Company Identity", "E:PartyType": "PartyType", "S20": "LedgerItemSeriesId", "S50": "LedgerItemId",
            "I": "LedgerItemVersion InvoiceId", "S3u": "Currency",
            "D": "FullCurrAmount ClearedCurrAmount FullDomAmount ClearedDomAmount", "Y": "LedgerDate DueDate",
            "E:LedgerItemState": "Objstate",
        },
    )  # fmt: skip


def _installment() -> EntityType:
    return entity(
        "PaymentPlan",
        "Company Identity PartyType InvoiceId InstallmentId",
        {
            "S20u": "Company Identity", "E:PartyType": "PartyType", "I": "InvoiceId InstallmentId", "Y": "DueDate",
            "D": "CurrAmount PaidCurrAmount", "S3u": "Currency", "S20u U": "WayId", "S20": "SeriesId",
            "S50": "InvoiceNo",
        },
    )  # fmt: skip
