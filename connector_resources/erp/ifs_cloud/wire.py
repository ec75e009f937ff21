"""IFS Cloud's rows as typed values, under our words (ifs_cloud.md 3 and 7). The projection map says what they are called.

Unknown members are tolerated, nulls count as missing. Numbers come as JSON numbers or strings and are `Decimal`. Dates stay as
written, see `odata.day_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connector_resources.erp.ifs_cloud.projections import Projection

#: booleans of old attributes come as the texts TRUE and FALSE (section 3).
Flag = Annotated[
    bool, BeforeValidator(lambda value: value if isinstance(value, bool) else str(value).upper() == "TRUE")
]
Text = Annotated[str, BeforeValidator(str)]
Number = Annotated[int, BeforeValidator(lambda value: int(str(value)))]
Amount = Annotated[Decimal, BeforeValidator(lambda value: Decimal(str(value)))]


class Wire(BaseModel):
    """A row of a set. `raw` is every member as it came."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    raw: Mapping[str, Any] = Field(default={}, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        return {name: value for name, value in content.items() if value is not None}


W = TypeVar("W", bound=Wire)


def read_row(model: type[W], projection: Projection, row: Mapping[str, Any]) -> W:
    """A row under our words. Raises pydantic's `ValidationError`, a `ValueError`."""
    values: dict[str, Any] = {word: row.get(member) for word, member in projection.fields.items() if member}
    return model.model_validate({**values, "raw": dict(row)})


class CompanyRow(Wire):
    """`currency` is the accounting currency."""

    company: Text
    description: Text = ""
    currency: Text = ""


class Customer(Wire):
    customer: Text
    name: Text = ""
    email: Text = ""
    country: Text = ""
    vat: Text = ""
    one_time: Flag = False
    gocardless_customer: Text = ""
    mandate: Text = ""
    modified: Text = ""


class OfCustomer(Wire):
    """What belongs to a customer. Empty in an array, where the customer is known from its path."""

    customer: Text = ""


class EMail(OfCustomer):
    """A communication method whose value is an e-mail address."""

    id: Number = 0
    value: Text = ""
    default: Flag = False


class Address(OfCustomer):
    """An address, valid between two days; without one it is valid from ever, or for ever."""

    id: Text = ""
    address_line1: Text = ""
    address_line2: Text = ""
    address_line3: Text = ""
    city: Text = ""
    postal_code: Text = ""
    valid_from: Text = ""
    valid_to: Text = ""


class AddressUse(OfCustomer):
    """What an address is for: Pay, Document, Delivery …"""

    address: Text = ""
    use: Text = ""
    default: Flag = False


class Membership(Wire):
    """A customer of one company."""

    company: Text
    customer: Text
    party: Text = ""


class Change(Wire):
    """An entry of the history log: `keys` is a keyref such as `CUSTOMER_ID=C1^`."""

    id: Number = 0
    unit: Text = ""
    at: Text = ""
    keys: Text = ""


class OpenItem(Wire):
    """An item of a customer's ledger. What is open is `full` less `cleared`; credit is negative (section 3.4)."""

    company: Text
    customer: Text = ""
    series: Text = ""
    number: Text = ""
    version: Text = ""
    full: Amount = Decimal(0)
    cleared: Amount = Decimal(0)
    currency: Text = ""
    state: Text = ""
    due: Text = ""
    issued: Text = ""
    party: Text = ""


class Invoice(Wire):
    """The head of an instant or customer order invoice."""

    company: Text
    id: Number = 0
    series: Text = ""
    number: Text = ""
    customer: Text = ""
    pay_term: Text = ""
    due: Text = ""
    issued: Text = ""
    currency: Text = ""


class PaymentTerm(Wire):
    company: Text
    term: Text = ""
    blocked: Flag = False


class PaymentWay(Wire):
    company: Text
    customer: Text = ""
    party: Text = ""
    way: Text = ""


class Proposal(Wire):
    """A direct debiting proposal for one payment method."""

    company: Text
    proposal: Text = ""
    way: Text = ""
    state: Text = ""


class Item(Wire):
    """A row that stands for an open item or its invoice: of a ledger, an invoice set, or a proposal."""

    company: Text
    series: Text = ""
    number: Text = ""


class Account(Wire):
    """`ledger` is true for accounts that take no manual voucher rows."""

    company: Text
    account: Text = ""
    description: Text = ""
    ledger: Flag = False
    valid_from: Text = ""
    valid_until: Text = ""


class TaxCode(Wire):
    company: Text
    code: Text = ""
    rate: Amount = Decimal(0)


class CurrencyRow(Wire):
    """`decimals` is 0, 2 or 3; an `inverted` currency's rates say how much of it one unit of the other is."""

    company: Text
    currency: Text = ""
    decimals: Number = 2
    inverted: Flag = False


class RateType(Wire):
    company: Text
    type: Text = ""
    default: Flag = False


class Rate(Wire):
    """Valid from a day on: base = foreign x `rate` / `factor` (section 7.9)."""

    company: Text
    type: Text = ""
    currency: Text = ""
    valid_from: Text = ""
    rate: Amount = Decimal(0)
    factor: Amount = Decimal(1)
    reference_currency: Text = ""


class VoucherRow(Wire):
    """A row of a voucher, in the hold table or the general ledger; one of `debit` and `credit` is set."""

    company: Text
    year: Number = 0
    type: Text = ""
    number: Number = 0
    row: Number = 0
    account: Text = ""
    currency: Text = ""
    debit: Amount = Decimal(0)
    credit: Amount = Decimal(0)
    serie: Text = ""
    reference: Text = ""
    text: Text = ""
    date: Text = ""

    @property
    def voucher(self) -> str:
        """As documents name it: `10/2026/M/2026000012`."""
        return f"{self.company}/{self.year}/{self.type}/{self.number}"


class FileLoad(Wire):
    id: Number = 0
    name: Text = ""
    state: Text = ""
    company: Text = ""


class MixedPayment(Wire):
    company: Text
    id: Number = 0
    text: Text = ""
    state: Text = ""
    account: Text = ""
    currency: Text = ""
    statement: Text = ""
    voucher: Text = ""


class PaymentLine(Wire):
    """A transaction of a mixed payment; a receipt is positive."""

    company: Text = ""
    payment: Number = 0
    id: Number = 0
    customer: Text = ""
    currency: Text = ""
    amount: Amount = Decimal(0)
    text: Text = ""
    series: Text = ""
    number: Text = ""
