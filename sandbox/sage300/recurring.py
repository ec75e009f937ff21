"""Recurring charges: templates of invoices on a schedule, and the batch that is made of those that are due."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.sage300 import customers
from sandbox.sage300.refusals import FieldInvalid, RecordInvalid, no_such
from sandbox.sage300.schema import Row
from sandbox.sage300.writing import Rules, Work

if TYPE_CHECKING:
    from sandbox.sage300.company import Company


def customer_put(work: Work, row: Row) -> None:
    customer = customers.usable(work, row["CustomerNumber"])
    for name in ("Terms", "TaxGroup", "CurrencyCode", "AccountSet"):
        row[name] = customer[name]


def detail_finish(work: Work, row: Row) -> None:
    charge = work.parents[0]
    row["RecurringChargeCode"], row["CustomerNumber"] = charge["RecurringChargeCode"], charge["CustomerNumber"]
    if row["DistributionCode"] and not row["RevenueAccount"]:
        found = work.company.tables["ARDistributionCodes"].get(row["DistributionCode"])
        if found is None:
            raise no_such("Distribution Code", row["DistributionCode"])
        row["RevenueAccount"] = found["RevenueAccount"]
    if work.company.account(row["RevenueAccount"], formatted=True) is None:
        raise no_such("Revenue Account", row["RevenueAccount"])


def finish(work: Work, row: Row) -> None:
    company = work.company
    if not row["RecurringChargeCode"] or not row["CustomerNumber"]:
        raise RecordInvalid("Recurring Charge Code and Customer Number cannot be blank.")
    if row["Schedule"] not in company.tables["CSSchedules"]:
        raise no_such("Schedule", row["Schedule"])
    if row["ExpirationDate"] is not None and row["ExpirationType"] == "NoExpiration":
        row["ExpirationType"] = "SpecificDate"
    if row["EffectiveDate"] is None:
        row["EffectiveDate"] = company.today()
    if row["TaxGroup"] not in company.taxes:
        raise no_such("Tax Group", row["TaxGroup"])
    rate, included, _ = company.taxes[row["TaxGroup"]]
    for each in row["RecurringChargeDetails"]:
        company.check_places("Extended Amount", each["ExtendedAmountWithTIP"], row["CurrencyCode"])
    gross = sum((each["ExtendedAmountWithTIP"] for each in row["RecurringChargeDetails"]), Decimal(0))
    if gross < 0:
        raise FieldInvalid("The amount of a recurring charge is invalid.")
    row["InvoiceTotalIncludingTax"] = gross if included else gross + company.rounded(gross * rate, row["CurrencyCode"])
    net = company.rounded(gross / (1 + rate), row["CurrencyCode"]) if included else gross
    row["InvoiceSubtotal"] = net
    row["TotalTaxAmount"] = row["InvoiceTotalIncludingTax"] - net
    row["DateLastMaintained"] = company.today()
    row["NextScheduledDate"] = row["NextScheduledDate"] or row["EffectiveDate"]


def due(company: Company, run_date: date) -> list[Row]:
    """Active charges whose next date is reached and that have not expired."""
    return [
        row
        for row in company.tables["ARRecurringCharges"]
        if row["Status"] == "Active"
        and row["NextScheduledDate"] is not None
        and row["NextScheduledDate"] <= run_date
        and not _expired(row)
    ]


def _expired(row: Row) -> bool:
    if row["ExpirationType"] == "SpecificDate":
        return bool(row["NextScheduledDate"] > row["ExpirationDate"])
    if row["ExpirationType"] == "NumberOfInvoices":
        return bool(row["_generated"] >= row["MaximumNumberOfInvoices"])
    total = (row["_generated"] + 1) * row["InvoiceTotalIncludingTax"]
    return bool(row["ExpirationType"] == "MaximumAmount" and total > row["MaximumTotalInvoiceAmount"])


def invoice_of(company: Company, charge: Row) -> Row:
    """The body of the invoice a charge stands for, and the charge moved on to its next date."""
    dated = charge["NextScheduledDate"].isoformat()
    schedule = company.tables["CSSchedules"][charge["Schedule"]]
    charge["LastInvoiceDateGenerated"] = charge["NextScheduledDate"]
    charge["NextScheduledDate"] = _next(charge["NextScheduledDate"], schedule["Interval"])
    charge["_generated"] = charge.get("_generated", 0) + 1
    return {
        "CustomerNumber": charge["CustomerNumber"],
        "DocumentType": "Invoice",
        "InvoiceType": charge["InvoiceType"],
        "RecurringChargeCode": charge["RecurringChargeCode"],
        "InvoiceDescription": charge["InvoiceDescription"] or charge["Description"],
        "OrderNumber": charge["OrderNumber"],
        "PONumber": charge["PONumber"],
        "DocumentDate": dated,
        "PostingDate": dated,
        "Terms": charge["Terms"],
        "TaxGroup": charge["TaxGroup"],
        "InvoiceDetails": [
            {
                "DistributionCode": each["DistributionCode"],
                "Description": each["Description"],
                "RevenueAccount": each["RevenueAccount"],
                "ExtendedAmountWithTIP": each["ExtendedAmountWithTIP"],
            }
            for each in charge["RecurringChargeDetails"]
        ],
    }


def invoice_posted(company: Company, entry: Row) -> None:
    charge = company.tables["ARRecurringCharges"].get(entry["RecurringChargeCode"], entry["CustomerNumber"])
    if charge is None:
        return
    charge["PostedNumberOfInvoices"] += 1
    charge["PostedTotalInvoiceAmount"] += entry["DocumentTotalIncludingTax"]
    charge["LastInvoiceNumberPosted"] = entry["DocumentNumber"]
    charge["LastInvoiceDatePosted"] = entry["DocumentDate"]
    charge["LastInvoiceAmountPosted"] = entry["DocumentTotalIncludingTax"]


def _next(day: date, interval: str) -> date:
    if interval == "Daily":
        return day + timedelta(days=1)
    if interval == "Weekly":
        return day + timedelta(days=7)
    months = {"Monthly": 1, "Quarterly": 3, "Yearly": 12}[interval]
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def charge_begin(work: Work, row: Row) -> None:
    row["_generated"] = 0


RULES = {
    "RecurringCharge": Rules(
        charge_begin, {"CustomerNumber": customer_put}, finish, frozenset({"Terms", "TaxGroup", "AccountSet"})
    ),
    "RecurringChargeDetail": Rules(finish=detail_finish),
}
