"""Reading the customer ledger: `/v1/customerinvoice` and `/v1/customerdocument` (section 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sandbox.visma import formats, paging, rates
from sandbox.visma.calls import Answer, Call, found
from sandbox.visma.etags import time_stamp
from sandbox.visma.records import DOCUMENT_TYPES, STATUSES, ArDocument
from sandbox.visma.refusals import Unknown

if TYPE_CHECKING:
    from sandbox.visma.company import Company


def list_invoices(company: Company, call: Call) -> Answer:
    customer = call.path.get("number") or call.text("customer")
    rows = [each for each in _of(company, customer) if each.kind == "Invoice"]
    return paging.page(company, call, filtered(company, call, rows), lambda each: dto(company, call, each))


def get_invoice(company: Company, call: Call) -> Answer:
    document = company.documents.get(("Invoice", call.path["number"]))
    if document is None or call.blind:
        raise Unknown(f"Customer invoice '{call.path['number']}' was not found.")
    return found(dto(company, call, document), document)


def list_documents(company: Company, call: Call) -> Answer:
    """All receivable documents, with a `documentType` filter that works."""
    kind = call.one_of("documentType", DOCUMENT_TYPES)
    customer = call.path.get("number") or call.text("customer")
    rows = [each for each in _of(company, customer) if kind is None or each.kind == kind]
    return paging.page(company, call, filtered(company, call, rows), lambda each: dto(company, call, each))


def _of(company: Company, customer: str | None) -> Sequence[ArDocument]:
    if customer is None:
        return list(company.documents.values())
    return company.documents_of.get(customer, [])


def filtered(company: Company, call: Call, rows: Sequence[ArDocument]) -> list[ArDocument]:
    """The filters that invoices, credit notes and documents share. All compare for equality but dates and stamps."""
    status = call.one_of("status", STATUSES)
    released = call.flag("released")
    equal = {
        "external_reference": call.text("externalReference"),
        "customer_ref_number": call.text("customerRefNumber"),
        "payment_reference": call.text("paymentReference"),
        "period": call.text("financialPeriod"),
    }
    wanted = {attribute: value for attribute, value in equal.items() if value is not None}
    branch, after = call.text("branch"), call.text("greaterThanValue")
    result = [
        row
        for row in rows
        if (status is None or row.status == status)
        and (released is None or row.released == released)
        and (branch is None or branch == "1")
        and (after is None or row.number > after)
        and all(getattr(row, attribute) == value for attribute, value in wanted.items())
    ]
    result = paging.by_day(call, "documentDate", result, lambda row: row.dated)
    result = paging.by_day(call, "documentDueDate", result, lambda row: row.due)
    return paging.modified(company, call, result)


def dto(company: Company, call: Call, document: ArDocument) -> dict[str, Any]:
    """One document. `...InCurrency` values are in the base currency, as the read model documents them."""
    style = company.switches.date_styles["credit" if document.kind == "CreditNote" else "invoice"]
    zone = company.switches.stamp_zone
    currency = document.currency
    rate = rates.rate(company, currency, document.dated)
    amounts = {
        "amount": document.total_minor,
        "balance": document.balance_minor,
        "vatTotal": document.vat_minor,
        "detailTotal": document.total_minor - document.vat_minor,
        "vatTaxableTotal": document.total_minor - document.vat_minor if document.vat_minor else 0,
        "roundingDiff": 0,
    }
    row: dict[str, Any] = {
        "documentType": document.kind,
        "referenceNumber": document.number,
        "status": document.status,
        "hold": document.status == "Hold",
        "customer": {"number": document.customer, "name": company.customers[document.customer].name},
        "documentDate": formats.day(document.dated, style),
        "documentDueDate": formats.day(document.due, style),
        "currencyId": currency,
        "exchangeRate": rates.shown(company, rate),
        **{name: formats.amount(minor, currency) for name, minor in amounts.items()},
        **{f"{name}InCurrency": rates.in_base(company, minor, currency, rate) for name, minor in amounts.items()},
        "externalReference": document.external_reference or None,
        "customerRefNumber": document.customer_ref_number or None,
        "paymentReference": document.payment_reference or None,
        "invoiceText": document.text,
        "note": document.note,
        "postPeriod": document.period,
        "financialPeriod": document.period,
        "branchNumber": {"number": "1", "name": "Main branch"},
        "cashAccount": document.cash_account or None,
        "paymentMethod": {"id": document.payment_method} if document.payment_method else None,
        "lastModifiedDateTime": formats.stamp(document.modified_at, zone),
        "createdDateTime": formats.stamp(document.created_at, zone),
        "timeStamp": time_stamp(document),
        "errorInfo": None,
    }
    if call.flag("expandApplications"):
        row["applications"] = _applications(company, document)
    if document.kind == "CreditNote":
        row["lines"] = _lines(document)
    return row


def _applications(company: Company, document: ArDocument) -> list[dict[str, Any]]:
    """Payments put against the document, with their `paymentRef`: a second way to find one's own (section 2.4)."""
    rows = []
    for payment in company.payments_on.get(document.number, {}).values():
        for line in payment.lines:
            if (line.document_type, line.number) != (document.kind, document.number):
                continue
            rows.append(
                {
                    "docType": payment.type,
                    "refNbr": payment.number,
                    "paymentRef": payment.reference,
                    "amountPaid": formats.amount(line.amount_minor, payment.currency),
                    "balance": formats.amount(payment.available_minor, payment.currency),
                    "released": line.released,
                    "hold": payment.hold,
                    "voided": payment.status == "Voided",
                    "status": payment.status,
                    "applicationDate": formats.day(line.applied_on or payment.applied_on, "z"),
                    "applicationPeriod": payment.period,
                    "customerCD": payment.customer,
                    "invoiceText": payment.text,
                }
            )
    return rows


def _lines(document: ArDocument) -> list[dict[str, Any]]:
    return [
        {
            "lineNumber": position,
            "description": line.description,
            "account": {"number": line.account},
            "vatCode": {"id": line.vat_category},
            "amount": formats.amount(line.net_minor, document.currency),
            "manualAmount": formats.amount(line.net_minor, document.currency),
        }
        for position, line in enumerate(document.lines, 1)
    ]
