"""What bookkeeping knows of GoCardless's resources: immutable, typed, amounts as Money. Sheet: gocardless.md sections 2 and 3.

The full JSON of every resource is kept in the store; these types hold the fields that decide a booking or a match.
Statuses and actions stay plain strings, because GoCardless may add new ones at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from bookkeeping.money import Money


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of GoCardless's change feed. `created_at` is aware UTC; `links` maps link name to id."""

    id: str
    created_at: datetime
    resource_type: str
    action: str
    links: Mapping[str, str] = field(default_factory=dict)
    cause: str | None = None
    reason_code: str | None = None
    description: str | None = None
    origin: str | None = None
    scheme: str | None = None
    will_attempt_retry: bool | None = None

    @property
    def order(self) -> tuple[datetime, str]:
        """Sort key of the story of a resource: when it happened, then the id, so that ties are stable."""
        return (self.created_at, self.id)


@dataclass(frozen=True, slots=True)
class Fx:
    """Conversion of a payment, payout or refund. `amount` (in `currency`) and `rate` are None until they are final."""

    currency: str
    estimated_rate: Decimal | None = None
    rate: Decimal | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    id: str
    created_at: datetime
    amount: Money
    status: str
    amount_refunded: Money
    charge_date: date | None = None
    scheme: str | None = None
    reference: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    fx: Fx | None = None
    mandate_id: str | None = None
    creditor_id: str | None = None
    payout_id: str | None = None
    subscription_id: str | None = None


@dataclass(frozen=True, slots=True)
class Mandate:
    id: str
    created_at: datetime
    status: str
    scheme: str | None = None
    reference: str | None = None
    funds_settlement: str | None = None
    next_possible_charge_date: date | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    customer_id: str | None = None
    customer_bank_account_id: str | None = None
    creditor_id: str | None = None
    new_mandate_id: str | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    created_at: datetime
    company_name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    postal_code: str | None = None
    region: str | None = None
    country_code: str | None = None
    language: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Company name, else given and family name, else the id."""
        person = " ".join(part for part in (self.given_name, self.family_name) if part)
        return self.company_name or person or self.id


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    created_at: datetime
    amount: Money
    status: str
    reference: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    fx: Fx | None = None
    payment_id: str | None = None
    mandate_id: str | None = None


@dataclass(frozen=True, slots=True)
class Payout:
    """`amount` and `deducted_fees` are in the collection currency; with `fx` the bank receives `fx.amount`."""

    id: str
    created_at: datetime
    amount: Money
    deducted_fees: Money
    status: str
    payout_type: str = "merchant"
    reference: str | None = None
    arrival_date: date | None = None
    tax_currency: str | None = None
    fx: Fx | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    creditor_id: str | None = None
    creditor_bank_account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tax:
    """The part of a payout item that is VAT. Amounts are decimals of minor units, as GoCardless sends them."""

    amount: Decimal
    currency: str
    tax_rate_id: str
    destination_amount: Decimal | None = None
    destination_currency: str | None = None
    exchange_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PayoutItem:
    """One line of a payout. `amount` is a decimal of minor units of `currency` (`Decimal("45.5")` = 45½ pence)."""

    type: str
    amount: Decimal
    currency: str
    payment_id: str | None = None
    refund_id: str | None = None
    mandate_id: str | None = None
    taxes: tuple[Tax, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    id: str
    created_at: datetime
    amount: Money
    status: str
    name: str | None = None
    interval: int | None = None
    interval_unit: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    mandate_id: str | None = None


@dataclass(frozen=True, slots=True)
class Creditor:
    id: str
    created_at: datetime
    name: str
    country_code: str | None = None
    fx_payout_currency: str | None = None
    verification_status: str | None = None
    can_create_refunds: bool | None = None
