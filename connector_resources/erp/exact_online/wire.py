"""Exact Online's answers as typed values, with the property names of its reference (exact_online.md section 2). Nothing else.

Unknown properties are tolerated, nulls count as missing. Codes may come padded with blanks on either side (section 3.5) and
are stripped here. Amounts are `Decimal`: parse bodies with `Response.json()`. Dates stay as written, see `odata.day_of`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_pascal

#: property names that the rule for the others does not give.
_NAMES = {
    "id": "ID",
    "entry_id": "EntryID",
    "gl_account": "GLAccount",
    "gl_account_code": "GLAccountCode",
    "gl_ar": "GLAR",
    "amount_fc": "AmountFC",
    "amount_dc": "AmountDC",
    "transaction_amount_fc": "TransactionAmountFC",
    "closing_balance_fc": "ClosingBalanceFC",
    "vat_code": "VATCode",
    "vat_number": "VATNumber",
    "transaction_id": "TransactionID",
    "transaction_entry_id": "TransactionEntryID",
}


def _alias(name: str) -> str:
    return _NAMES.get(name) or to_pascal(name)


Code = Annotated[str, BeforeValidator(lambda value: str(value).strip())]
Guid = Annotated[str, BeforeValidator(lambda value: str(value).lower())]


class Wire(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="ignore", alias_generator=_alias, populate_by_name=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        return {name: value for name, value in content.items() if value is not None}


class Me(Wire):
    user_name: str = ""
    full_name: str = ""
    current_division: int = 0


class Division(Wire):
    """`status` 1 is active; a `blocking_status` other than 0 means backup, conversion or copying (section 2.1)."""

    code: int
    description: str = ""
    customer_name: str = ""
    currency: Code = ""
    status: int = 1
    blocking_status: int = 0
    division_move_date: str = ""


class GlAccount(Wire):
    """`type` 20 is receivables, 12 bank, 90 general; `vat_code` is what Exact applies when a line names none."""

    id: Guid
    code: Code
    description: str = ""
    type: int = 0
    is_blocked: bool = False
    vat_code: Code = ""


class Journal(Wire):
    """`type` 12 is bank, 20 sales, 90 general."""

    code: Code
    description: str = ""
    type: int = 0
    currency: Code = ""
    is_blocked: bool = False


class VatCode(Wire):
    """`type` B and N carry no VAT, E excludes it and I includes it; `percentage` is a fraction."""

    code: Code
    type: str = ""
    percentage: Decimal = Decimal(0)
    is_blocked: bool = False


class Period(Wire):
    fin_year: int
    fin_period: int
    start_date: str = ""
    end_date: str = ""


class JournalStatus(Wire):
    """`status` 0 is open, 1 closed."""

    journal: Code
    year: int
    period: int
    status: int = 0


class Account(Wire):
    """A relation; `status` C is a customer. `timestamp` is a row version, present in the sync API only."""

    id: Guid
    code: Code = ""
    name: str = ""
    status: Code = ""
    email: str = ""
    blocked: bool = False
    search_code: Code = ""
    vat_number: str = ""
    country: Code = ""
    sales_currency: Code = ""
    gl_ar: Guid = ""
    address_line1: str = Field(default="", alias="AddressLine1")
    address_line2: str = Field(default="", alias="AddressLine2")
    address_line3: str = Field(default="", alias="AddressLine3")
    city: str = ""
    postcode: str = ""
    timestamp: int = 0


class Deletion(Wire):
    timestamp: int
    entity_type: int = 0
    entity_key: Guid = ""


class BankAccount(Wire):
    id: Guid
    account: Guid
    main: bool = False
    blocked: bool = False


class AccountNumber(Wire):
    """A bank account with its number, which is personal: read only where a mandate is to be made of it."""

    id: Guid
    account: Guid
    bank_account: str = Field(default="", alias="BankAccount", repr=False)
    bank_account_holder_name: str = Field(default="", repr=False)
    main: bool = False
    blocked: bool = False


class Mandate(Wire):
    id: Guid
    account: Guid = ""
    bank_account: Guid = ""
    reference: str = ""
    description: str = ""
    type: int = 0
    signature_date: str = ""
    cancellation_date: str = ""
    main: int = 0


class Receivable(Wire):
    """One open item of a customer. `status` 20 open, 30 selected for collection, 40 processed, 50 matched (section 2.5)."""

    id: Guid
    account: Guid = ""
    account_code: Code = ""
    amount_fc: Decimal = Decimal(0)
    transaction_amount_fc: Decimal = Decimal(0)
    currency: Code = ""
    due_date: str = ""
    invoice_date: str = ""
    entry_id: Guid = ""
    entry_number: int = 0
    invoice_number: int = 0
    gl_account: Guid = ""
    journal: Code = ""
    payment_method: Code = ""
    payment_reference: str = ""
    your_ref: str = ""
    description: str = ""
    status: int = 0
    transaction_id: Guid = ""
    transaction_entry_id: Guid = ""
    transaction_type: int = 0


class TransactionLine(Wire):
    """One posted line; `amount_fc` in debit view. `line_number` 0 is the entry's own side (section 2.10)."""

    id: Guid = ""
    entry_id: Guid
    entry_number: int = 0
    journal_code: Code = ""
    line_number: int = 0
    financial_year: int = 0
    financial_period: int = 0
    gl_account: Guid = ""
    gl_account_code: Code = ""
    account: Guid = ""
    account_code: Code = ""
    amount_fc: Decimal = Decimal(0)
    amount_dc: Decimal = Decimal(0)
    currency: Code = ""
    description: str = ""
    invoice_number: int = 0
    status: int = 0


class BankEntry(Wire):
    entry_number: int = 0
    financial_year: int = 0
    financial_period: int = 0
    closing_balance_fc: Decimal | None = None


class SalesEntry(Wire):
    """`amount_fc` includes VAT and is negative for a credit note."""

    entry_id: Guid
    entry_number: int = 0
    customer: Guid = ""
    currency: Code = ""
    amount_fc: Decimal = Decimal(0)
    your_ref: str = ""


class WebhookSubscription(Wire):
    id: Guid
    topic: str = ""
    callback_url: str = Field(default="", alias="CallbackURL")


class Created(Wire):
    """The part of a created entity's representation that names it."""

    entry_id: Guid = ""
    id: Guid = ""
    entry_number: int = 0
    code: Code = ""
