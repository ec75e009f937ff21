"""Visma's answers as typed values, with the field names of the service API (visma.md section 2). Nothing else.

Unknown fields are tolerated. Reads give plain values; where an endpoint wraps one as `{"value": x}` it is unwrapped here
(section 3). Amounts are `Decimal`: parse bodies with `Response.json()`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel


class Wire(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        # A null stands for "nothing there", as a missing field does.
        return {name: _plain(value) for name, value in content.items() if _plain(value) is not None}


def _plain(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) and value.keys() == {"value"} else value


class PageMetadata(Wire):
    total_count: int | None = None
    max_page_size: int | None = None


class Row(Wire):
    """What list items share. `time_stamp` is the ETag without its quotes (section 8)."""

    time_stamp: str = ""
    last_modified_date_time: str = ""
    metadata: PageMetadata = PageMetadata()

    @property
    def etag(self) -> str:
        return f'"{self.time_stamp}"' if self.time_stamp else ""


class Named(Wire):
    """A reference to something with an id or a number."""

    id: str = ""
    number: str = ""
    name: str = ""


class PaymentLine(Wire):
    document_type: str = ""
    ref_nbr: str = ""
    amount_paid: Decimal = Decimal(0)


class PaymentRow(Row):
    """A customer payment document; several may share one number, so it is known by type and number."""

    type: str
    ref_nbr: str
    status: str = ""
    application_date: str = ""
    application_period: str = ""
    payment_ref: str = ""
    customer: Named = Named()
    cash_account: str = ""
    currency: str = ""
    payment_amount: Decimal = Decimal(0)
    #: against its name in the base currency of the company (section 2.5).
    payment_amount_in_currency: Decimal = Decimal(0)
    applied_to_documents: Decimal = Decimal(0)
    available_balance: Decimal = Decimal(0)
    payment_lines: tuple[PaymentLine, ...] = ()


class InvoiceRow(Row):
    """An invoice or credit note of the customer ledger. Amounts without `InCurrency` are in `currency_id`."""

    document_type: str = ""
    reference_number: str
    status: str = ""
    customer: Named = Named()
    document_date: str = ""
    document_due_date: str = ""
    currency_id: str = ""
    amount: Decimal = Decimal(0)
    balance: Decimal = Decimal(0)
    external_reference: str = ""
    customer_ref_number: str = ""
    payment_reference: str = ""
    hold: bool = False


class JournalLine(Wire):
    """Amounts `in_currency` are, against their name, in the base currency of the company (section 2.6)."""

    account_number: str = ""
    reference_number: str = ""
    transaction_description: str = ""
    debit_amount: Decimal = Decimal(0)
    credit_amount: Decimal = Decimal(0)
    debit_amount_in_currency: Decimal = Decimal(0)
    credit_amount_in_currency: Decimal = Decimal(0)


class JournalRow(Row):
    """A batch, or the part of one that fell on a page: pages count lines (section 2.6)."""

    module: str = ""
    batch_number: str
    status: str = ""
    transaction_date: str = ""
    financial_period: str = ""
    currency_id: str = ""
    description: str = ""
    journal_transaction_lines: tuple[JournalLine, ...] = ()


class AttributeValue(Wire):
    id: str = ""
    value: str = ""


class Contact(Wire):
    email: str = ""


class Country(Wire):
    id: str = ""


class Address(Wire):
    address_line1: str = ""
    address_line2: str = ""
    address_line3: str = ""
    city: str = ""
    postal_code: str = ""
    country: Country = Country()


class CustomerRow(Row):
    number: str
    name: str = ""
    status: str = ""
    currency_id: str = ""
    vat_registration_id: str = ""
    main_contact: Contact = Contact()
    main_address: Address = Address()
    customer_class: Named = Named()
    attributes: tuple[AttributeValue, ...] = ()

    def attribute(self, name: str) -> str:
        """The attribute's value, empty when it is not set."""
        return next((each.value for each in self.attributes if each.id == name), "")


class PeriodRow(Wire):
    """A financial period. `start_date` and `end_date` are date-times at midnight."""

    year: str = ""
    period: str = ""
    start_date: str = ""
    end_date: str = ""
    active: bool = False
    closed_in_general_ledger: bool = False
    closed_in_customer_ledger: bool = False
    closed_in_cash_management: bool = False


class AccountRow(Wire):
    account_cd: str = Field(default="", alias="accountCD")
    active: bool = False
    currency: str = ""
    control_account_module: str = ""
    allow_manual_entry: bool = True


class CashAccountRow(Row):
    number: str
    currency: str = ""
    active: bool = True


class PaymentMethodRow(Wire):
    payment_method_id: str = Field(default="", alias="paymentMethodID")
    active: bool = False


class LedgerRow(Wire):
    number: str
    balance_type: str = ""


class BranchRow(Wire):
    number: str
    is_active: bool = True


class OrganizationRow(Wire):
    organization_cd: str = ""
    organization_name: str = ""
    name: str = ""
    base_currency: str = ""

    @property
    def shown_name(self) -> str:
        return self.organization_name or self.name


class AttributeRow(Wire):
    attribute_id: str = ""
    id: str = ""

    @property
    def shown_id(self) -> str:
        return self.attribute_id or self.id


class CustomerClassRow(Wire):
    id: str
    attributes: tuple[AttributeRow, ...] = ()


class VatRow(Wire):
    vat_id: str = ""


class ActionResult(Wire):
    """Answer to release, void and reverse. `action_result` is Queued, InProcess, Failed or Done (section 2.5)."""

    action_result: str = ""
    error_info: str = ""
    type: str = ""
    ref_nbr: str = ""
    void_payment: PaymentRow | None = None


class BackgroundJob(Wire):
    """State of an asynchronous request. `Finished` says nothing about success: `status_code` does (section 2.11)."""

    id: str = ""
    status: str = ""
    status_code: int = 0
    error_message: str = ""
    response_headers: dict[str, str] = {}
