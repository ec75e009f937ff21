"""How tests and the control API put records in: the same rules as for the Web API, without its addresses."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.sage300 import inserting, post_documents, posting
from sandbox.sage300.refusals import FieldInvalid, no_such
from sandbox.sage300.schema import Row

if TYPE_CHECKING:
    from sandbox.sage300.company import Company


def add(company: Company, resource: str, **values: Any) -> Row:
    """A record as it is, without rules. Raises `ValueError` for a key that exists."""
    table = company.tables[resource]
    unknown = set(values) - set(table.kind.fields) - set(table.kind.details)
    if unknown:
        raise ValueError(f"{resource} has no {', '.join(sorted(unknown))}")
    return table.add(table.kind.blank() | values)


def add_account(company: Company, number: str, description: str, details: dict[str, Any]) -> Row:
    plain = number.replace("-", "")
    ledgers = details.pop("subledgers", None)
    if ledgers is not None:
        details["ControlAccount"] = "Yes"
        details["ControlAccountSubledgers"] = [
            {"UnformattedAccount": plain, "SubledgerApplication": name} for name in ledgers
        ]
    return add(
        company,
        "GLAccounts",
        **{"UnformattedAccount": plain, "AccountNumber": number, "Description": description, **details},
    )


def add_customer(company: Company, number: str, name: str, details: dict[str, Any]) -> Row:
    optional = details.pop("optional_fields", {})
    body = {
        "CustomerNumber": number,
        "ShortName": (name or number).upper()[:10],
        "GroupCode": details.pop("GroupCode", "RTL"),
        "CustomerName": name or f"Customer {number}",
        **details,
    }
    if optional:
        body["CustomerOptionalFieldValues"] = [
            {"OptionalField": code, "Value": value} for code, value in optional.items()
        ]
    return inserting.insert(company, "ARCustomers", body)


def add_invoice(
    company: Company,
    customer: str,
    number: str,
    amount: Decimal,
    dated: date | None,
    due: date | None,
    details: dict[str, Any],
) -> Row:
    """Enter and post one document in a batch of its own."""
    day = dated or company.today()
    plan = details.pop("instalments", None) or [(due or day + timedelta(days=30), amount)]
    lines = details.pop("lines", None) or [{"RevenueAccount": details.pop("account", "4000"), "amount": amount}]
    entry = {
        "CustomerNumber": customer,
        "DocumentType": details.pop("DocumentType", "Invoice"),
        "DocumentNumber": number,
        "DocumentDate": day.isoformat(),
        "PostingDate": day.isoformat(),
        "Terms": details.pop("Terms", "N30"),
        "DueDate": plan[-1][0].isoformat(),
        "TaxGroup": details.pop("TaxGroup", "NOTAX"),
        **details,
        "InvoiceDetails": [
            {"RevenueAccount": each["RevenueAccount"], "ExtendedAmountWithTIP": each["amount"]} for each in lines
        ],
        "InvoicePaymentSchedules": [
            {"PaymentNumber": count, "DueDate": when.isoformat(), "AmountDue": part}
            for count, (when, part) in enumerate(plan, start=1)
        ],
    }
    batch = inserting.insert(
        company, "ARInvoiceBatches", {"BatchDate": day.isoformat(), "Description": "By hand", "Invoices": [entry]}
    )
    batch["BatchStatus"] = "ReadyToPost"
    batch["_listed"] = True
    posting.run(company, post_documents.POSTER, [batch])
    if batch["NumberOfErrors"]:
        raise FieldInvalid(company.posting_errors[-1]["message"])
    return company.tables["ARPostedDocuments"][customer, batch["Invoices"][0]["DocumentNumber"]]


def add_optional_field(company: Company, code: str, kind: str, length: int, details: dict[str, Any]) -> Row:
    listed = details.pop("values", None)
    places = details.pop("places", ("ARCustomers",))
    for place in places:
        company.attached_fields.setdefault(place, set()).add(code)
    if listed is not None:
        details["Validate"] = True
        details["OptionalFieldValues"] = [{"Value": value, "Description": value.title()} for value in listed]
    values = {"OptionalField": code, "Description": code, "Type": kind, "Length": length, "AllowBlank": True, **details}
    return add(company, "CSOptionalFields", **values)


def add_rate(company: Company, currency: str, rate: Decimal, starts: date) -> Row:
    return add(
        company,
        "CSCurrencyRates",
        HomeCurrency=company.functional,
        RateType="SP",
        SourceCurrency=currency,
        RateDate=starts,
        Rate=rate,
    )


def newest_rate(company: Company, currency: str) -> Decimal:
    """The newest rate up to today. Raises `FieldInvalid` for a currency without one."""
    if currency == company.functional:
        return Decimal(1)
    if currency not in company.tables["CSCurrencyCodes"]:
        raise no_such("Currency Code", currency)
    found = [
        row
        for row in company.tables["CSCurrencyRates"]
        if row["SourceCurrency"] == currency and row["RateDate"] <= company.today()
    ]
    if not found:
        raise FieldInvalid(f"There is no exchange rate for {currency}.")
    return Decimal(max(found, key=lambda row: row["RateDate"])["Rate"])
