"""Sage 300's answers as typed values, with the property names of its views (sage300.md section 2). Nothing else.

Unknown properties are tolerated, nulls count as missing. Text comes padded with blanks and is stripped (section 3.5); numbers
of A/R come as 75 or 75.0, those of the general ledger as text (section 3.1). Amounts are `Decimal`: parse with `Response.json()`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_pascal


def _whole(value: object) -> object:
    """75.0 and "75" as 75; what is no whole number is left to be refused."""
    return int(Decimal(str(value))) if isinstance(value, (int, Decimal, str)) and str(value).strip() else 0


Text = Annotated[str, BeforeValidator(lambda value: str(value).strip())]
Whole = Annotated[int, BeforeValidator(_whole)]


class Wire(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_pascal, populate_by_name=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        return {name: value for name, value in content.items() if value is not None}


# --- the company and its reference data --------------------------------------------------------------------------------


class CompanyProfile(Wire):
    """Names are not certain for every release (section 14), so each of them may be missing."""

    database_id: Text = Field(default="", validation_alias="DatabaseID")
    company_name: Text = ""
    functional_currency: Text = ""


class GlAccount(Wire):
    """`unformatted_account` is the key and stands in journals, `account_number` is formatted and stands in A/R lines."""

    unformatted_account: Text
    account_number: Text = ""
    description: Text = ""
    status: Text = "Active"
    control_account: Text = "No"
    control_account_subledgers: tuple[dict[str, Any], ...] = ()

    @property
    def formatted(self) -> str:
        return self.account_number or self.unformatted_account

    @property
    def takes_journals(self) -> bool:
        """False for a control account whose list of subledgers has no GL (section 2.9)."""
        if self.control_account != "Yes":
            return True
        return any("GL" in (str(value).strip() for value in row.values()) for row in self.control_account_subledgers)


class FiscalCalendar(BaseModel):
    """One fiscal year: start and end date of each period, as written (section 2.13)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def dates(self, period: int) -> tuple[object, object]:
        given = self.model_extra or {}
        return given.get(f"FiscalPeriod{period}StartDate"), given.get(f"FiscalPeriod{period}EndDate")


class Bank(Wire):
    """`bank_account` is the bank's general ledger account."""

    bank_code: Text = ""
    bank_account: Text = ""
    statement_currency: Text = ""


class PaymentCode(Wire):
    payment_code_key: Text = ""
    status: Text = "Active"


# --- customers ---------------------------------------------------------------------------------------------------------


class OptionalField(Wire):
    optional_field: Text = ""
    value: Text = ""


class Customer(Wire):
    customer_number: Text
    customer_name: Text = ""
    short_name: Text = ""
    email: Text = ""
    contacts_email: Text = ""
    status: Text = "Active"
    on_hold: Text = "No"
    currency_code: Text = ""
    address_line1: Text = Field(default="", alias="AddressLine1")
    address_line2: Text = Field(default="", alias="AddressLine2")
    address_line3: Text = Field(default="", alias="AddressLine3")
    city: Text = ""
    zip_postal_code: Text = ""
    country: Text = ""
    tax_registration_number1: Text = Field(default="", alias="TaxRegistrationNumber1")
    date_last_maintained: Text = ""
    customer_optional_field_values: tuple[OptionalField, ...] = ()

    def optional(self, name: str | None) -> str | None:
        """The value of an optional field; None when the customer does not have it."""
        return next((x.value for x in self.customer_optional_field_values if name and x.optional_field == name), None)


# --- what is posted ----------------------------------------------------------------------------------------------------


class PostedDocument(Wire):
    """A posted document of A/R; amounts in the customer's currency."""

    customer_number: Text
    document_number: Text
    document_type: Text = ""
    document_date: Text = ""
    due_date: Text = ""
    currency_code: Text = ""
    customer_currency_invoice_amount: Decimal = Decimal(0)
    customer_currency_amount_due: Decimal = Decimal(0)
    fully_paid: Text = "No"
    order_number: Text = ""
    po_number: Text = Field(default="", alias="PONumber")
    document_description: Text = ""
    number_of_scheduled_payments: Whole = 1
    batch_number: Whole = 0
    entry_number: Whole = 0


class PostedReceipt(Wire):
    """A posted receipt; `date_returned` is set when staff returned it in Bank Services (section 11)."""

    customer_number: Text = ""
    check_receipt_number: Text = ""
    bank_code: Text = ""
    bank_receipt_amount: Decimal = Decimal(0)
    batch_number: Whole = 0
    entry_number: Whole = 0
    date_returned: Text = ""
    reason_for_return: Text = ""


class PostedPayment(Wire):
    """What was paid out to a customer: a posted refund."""

    customer_number: Text = ""
    document_number: Text = ""
    payment_amount: Decimal = Decimal(0)
    batch_number: Whole = 0


class PostedTransaction(Wire):
    """A posted line of the general ledger."""

    account_number: Text = ""
    batch_number: Text = ""
    journal_detail_reference: Text = ""


# --- batches -----------------------------------------------------------------------------------------------------------


class Schedule(Wire):
    """One instalment of an invoice."""

    payment_number: Whole = 1
    due_date: Text = ""
    amount_due: Decimal = Decimal(0)


class Applied(Wire):
    customer_number: Text = ""
    document_number: Text = ""
    payment_number: Whole = 1
    customer_receipt_amount: Decimal = Decimal(0)


class ReceiptEntry(Wire):
    entry_number: Whole = 0
    customer_number: Text = ""
    check_receipt_number: Text = ""
    entry_reference: Text = ""
    receipt_date_adjustment_date: Text = ""
    bank_receipt_amount: Decimal = Decimal(0)
    document_number: Text = ""
    error_batch: Whole = 0
    applied_receipts_adjustments: tuple[Applied, ...] = ()


class InvoiceEntry(Wire):
    entry_number: Whole = 0
    customer_number: Text = ""
    document_type: Text = ""
    document_number: Text = ""
    document_date: Text = ""
    document_total_including_tax: Decimal | None = None
    recurring_charge_code: Text = ""
    error_batch: Whole = 0
    invoice_payment_schedules: tuple[Schedule, ...] = ()


class RefundEntry(Wire):
    entry_number: Whole = 0
    customer_number: Text = ""
    document_number: Text = ""
    document_date: Text = ""
    cash_amount_payment: Decimal = Decimal(0)
    error_batch: Whole = 0


class JournalDetail(Wire):
    account_number: Text = ""
    amount: Decimal = Decimal(0)
    reference: Text = ""
    description: Text = ""


class JournalHeader(Wire):
    entry_number: Text = ""
    description: Text = ""
    posting_date: Text = ""
    fiscal_year: Text = ""
    fiscal_period: Text = ""
    error_batch: Whole = 0
    journal_details: tuple[JournalDetail, ...] = ()


class Batch(Wire):
    """What batches of all kinds have in common. `number` is written as it stands in addresses."""

    batch_number: Text
    batch_status: Text = ""
    description: Text = ""
    number_of_entries: Whole = 0
    number_of_errors: Whole = 0

    @property
    def number(self) -> str:
        return self.batch_number.partition(".")[0]


class ReceiptBatch(Batch):
    batch_record_type: Text = "CA"
    bank_code: Text = ""
    receipts_adjustments: tuple[ReceiptEntry, ...] = ()


class InvoiceBatch(Batch):
    invoices: tuple[InvoiceEntry, ...] = ()


class RefundBatch(Batch):
    """Refund batches alone call their text `BatchDescription` (section 9, trap 22)."""

    description: Text = Field(default="", alias="BatchDescription")
    refund_entries: tuple[RefundEntry, ...] = ()


class JournalBatch(Batch):
    """Journal batches call their status `Status`."""

    batch_status: Text = Field(default="", alias="Status")
    journal_headers: tuple[JournalHeader, ...] = ()


class RecurringCharge(Wire):
    """Key: code and customer. `expiration_type` says which of date and number ends it."""

    recurring_charge_code: Text
    customer_number: Text
    description: Text = ""
    invoice_description: Text = ""
    status: Text = "Active"
    effective_date: Text = ""
    expiration_date: Text = ""
    expiration_type: Text = ""
    maximum_number_of_invoices: Whole = 0
    maximum_total_invoice_amount: Decimal = Decimal(0)
    schedule: Text = ""
    currency_code: Text = ""
    invoice_total_including_tax: Decimal = Decimal(0)
    next_scheduled_date: Text = ""
