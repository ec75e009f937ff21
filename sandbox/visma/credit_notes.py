"""Credit notes: `POST /v2/customerCreditNote` and `/v1/customerCreditNote` (section 2.8). Totals and applications
include VAT.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from sandbox.visma import bookings, formats, invoices, numbering, paging, periods, wrappers
from sandbox.visma.actions import act
from sandbox.visma.books import Line
from sandbox.visma.calls import Answer, Call, created, found, updated
from sandbox.visma.records import Application, ArDocument, CreditLine
from sandbox.visma.refusals import AlreadyReleased, Invalid, Unknown
from sandbox.visma.wrappers import boolean, decimal, each_wrapped, many, text, wrapped

if TYPE_CHECKING:
    from sandbox.visma.company import Company

MAX_TEXT = 50
_PREFIX = "Error creating customer credit note."

SCHEMA: wrappers.Schema = {
    **each_wrapped(
        text,
        "customerNumber",
        "currencyId",
        "financialPeriod",
        "externalReference",
        "customerRefNumber",
        "invoiceText",
        "note",
        "branchNumber",
        "locationId",
        "project",
        "customerVatZoneId",
        "referenceNumber",
        "paymentReference",
    ),
    **each_wrapped(boolean, "hold", "sendToAutoInvoice", "dontPrint", "dontEmail", "overrideNumberSeries"),
    "documentDate": wrapped(wrappers.day),
    "exchangeRate": wrapped(decimal),
    "lines": many(
        {
            "operation": wrappers.OPERATION,
            "lineNumber": wrapped(wrappers.integer),
            "subaccount": wrappers.SUBACCOUNT,
            **each_wrapped(decimal, "quantity", "unitPriceInCurrency", "manualAmountInCurrency"),
            **each_wrapped(
                text, "description", "accountNumber", "vatCodeId", "inventoryNumber", "uom", "note", "branchNumber"
            ),
        }
    ),
    "applicationLines": many(
        {
            "operation": wrappers.OPERATION,
            "documentType": wrapped(text),
            "refNbr": wrapped(text),
            "amountPaid": wrapped(decimal),
        }
    ),
}


def create_credit_note(company: Company, call: Call) -> Answer:
    body = call.parsed(SCHEMA)
    customer = body.get("customerNumber") or ""
    if customer not in company.customers:
        raise Invalid(f"{_PREFIX} Error: Customer '{customer}' cannot be found in the system.")
    currency = body.get("currencyId") or company.customers[customer].currency or company.base_currency
    dated = body.get("documentDate") or company.clock.now().date()
    period = _period(company, body, dated)
    lines = [_line(company, each, currency) for each in body.get("lines") or ()]
    if not lines:
        raise Invalid(f"{_PREFIX} Error: a document without lines has no amount.")
    total = sum(line.net_minor + line.vat_minor for line in lines)
    if total <= 0:
        raise Invalid(f"{_PREFIX} Error: 'Amount': documents have positive amounts.")
    document = ArDocument(
        **company.stamps(),
        kind="CreditNote",
        number="",
        customer=customer,
        currency=currency,
        dated=dated,
        due=dated,
        period=period,
        total_minor=total,
        balance_minor=total,
        vat_minor=sum(line.vat_minor for line in lines),
        status="Hold" if body.get("hold") else "Balanced",
        released=False,
        external_reference=body.get("externalReference") or "",
        customer_ref_number=body.get("customerRefNumber") or "",
        payment_reference=body.get("paymentReference") or "",
        text=_text(body),
        note=body.get("note") or "",
        lines=lines,
    )
    document.applications = [_application(each, currency) for each in body.get("applicationLines") or ()]
    _check_applications(company, document)
    document.number = numbering.assign(
        company, "creditnote", body, lambda number: ("CreditNote", number) in company.documents, _PREFIX
    )
    company.store_document(document)
    return created(f"/v1/customerCreditNote/{numbering.segment(document.number)}", document)


def _period(company: Company, body: dict[str, Any], dated: Any) -> str:
    period = periods.of(company, dated)
    if body.get("financialPeriod"):
        period = periods.named(company, body["financialPeriod"])
    periods.require_open(company, period, "AR")
    return period.id


def _text(body: dict[str, Any]) -> str:
    value = body.get("invoiceText") or ""
    if len(value) > MAX_TEXT:
        raise Invalid(f"{_PREFIX} Error: 'invoiceText': the string exceeds its maximum length of {MAX_TEXT}.")
    return str(value)


def _line(company: Company, line: dict[str, Any], currency: str) -> CreditLine:
    """A line net of VAT, with the VAT its category adds; without a category none is added."""
    account = company.accounts.get(line.get("accountNumber") or company.revenue_account)
    if account is None or not account.active or account.control_module:
        raise Invalid(f"{_PREFIX} Error: Account '{line.get('accountNumber')}' cannot be found in the system.")
    category = line.get("vatCodeId") or "EXEMPT"
    vat = next((each for each in company.vat_codes.values() if each.category == category), None)
    if vat is None:
        raise Invalid(f"{_PREFIX} Error: TaxCategoryID '{category}' cannot be found in the system.")
    net = line.get("manualAmountInCurrency")
    if net is None:
        quantity = line.get("quantity")
        net = (line.get("unitPriceInCurrency") or Decimal(0)) * (Decimal(1) if quantity is None else quantity)
    net_minor = formats.minor_units(net, currency, "manualAmountInCurrency")
    vat_minor = (Decimal(net_minor) * vat.rate_basis_points / 10_000).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return CreditLine(account.number, net_minor, int(vat_minor), vat.account, line.get("description") or "", category)


def _application(line: dict[str, Any], currency: str) -> Application:
    minor = formats.minor_units(line.get("amountPaid") or Decimal(0), currency, "amountPaid")
    return Application(line.get("documentType") or "Invoice", line.get("refNbr") or "", minor)


def _check_applications(company: Company, document: ArDocument) -> None:
    for line in document.applications:
        target = company.documents.get((line.document_type, line.number))
        if (
            target is None
            or target.kind not in ("Invoice", "DebitNote")
            or target.customer != document.customer
            or target.status != "Open"
        ):
            raise Invalid(f"Error: AdjdRefNbr '{line.number}' cannot be found in the system.")
        if not 0 < line.amount_minor <= target.balance_minor or target.currency != document.currency:
            raise Invalid(f"Error: 'Amount Paid': the application exceeds the balance of '{line.number}'.")
    if sum(line.amount_minor for line in document.applications) > document.balance_minor:
        raise Invalid("Error: 'Amount Paid': the applications exceed the balance of the credit note.")


def list_credit_notes(company: Company, call: Call) -> Answer:
    customer = call.text("customer")
    rows = company.documents_of.get(customer, []) if customer is not None else list(company.documents.values())
    chosen = invoices.filtered(company, call, [row for row in rows if row.kind == "CreditNote"])
    return paging.page(company, call, chosen, lambda row: invoices.dto(company, call, row))


def get_credit_note(company: Company, call: Call) -> Answer:
    document = _one(company, call)
    return found(invoices.dto(company, call, document), document)


def _one(company: Company, call: Call) -> ArDocument:
    document = company.documents.get(("CreditNote", call.path["number"]))
    if document is None or call.blind:
        raise Unknown(f"Customer credit note '{call.path['number']}' was not found.")
    return document


def change_credit_note(company: Company, call: Call) -> Answer:
    body = call.parsed(SCHEMA)
    document = _one(company, call)
    call.check_version(document)
    if document.released:
        raise AlreadyReleased("Document can't be updated because it is already released.")
    text_after = _text(body) if "invoiceText" in body else document.text
    document.text = text_after
    if body.get("hold") is not None:
        document.status = "Hold" if body["hold"] else "Balanced"
    document.external_reference = body.get("externalReference", document.external_reference) or ""
    document.customer_ref_number = body.get("customerRefNumber", document.customer_ref_number) or ""
    document.note = body.get("note", document.note) or ""
    company.touch(document)
    return updated(f"/v1/customerCreditNote/{numbering.segment(document.number)}", document)


def delete_credit_note(company: Company, call: Call) -> Answer:
    """Drafts only; what is released stays (section 9.18)."""
    document = _one(company, call)
    call.check_version(document)
    if document.released:
        raise AlreadyReleased("Document can't be deleted because it is already released.")
    company.drop_document(document)
    return Answer(204)


def release_credit_note(company: Company, call: Call) -> Answer:
    document = _one(company, call)
    call.check_version(document)
    return act(company, call, lambda: release(company, document))


def release(company: Company, document: ArDocument) -> ArDocument:
    """Book Dr revenue, Dr output VAT, Cr receivables, and carry out the applications. Raises `Invalid`,
    `AlreadyReleased`.
    """
    if document.released:
        raise AlreadyReleased("Document can't be updated because it is already released.")
    if document.status == "Hold":
        raise Invalid("Error: Document is On Hold and cannot be released.")
    periods.require_open(company, periods.named(company, document.period), "AR")
    _check_applications(company, document)
    lines = [Line(line.account, line.net_minor) for line in document.lines]
    lines += [Line(line.vat_account, line.vat_minor) for line in document.lines if line.vat_minor]
    lines.append(Line(company.receivable_account, -document.total_minor, document.customer))
    bookings.book_document(
        company,
        "AR",
        "CreditNote",
        document.number,
        document.external_reference,
        document.dated,
        document.currency,
        lines,
    )
    for line in document.applications:
        target = company.documents[line.document_type, line.number]
        target.balance_minor -= line.amount_minor
        target.status = "Open" if target.balance_minor else "Closed"
        document.balance_minor -= line.amount_minor
        line.released = True
        company.touch(target)
    document.released = True
    document.status = "Open" if document.balance_minor else "Closed"
    company.touch(document)
    return document
