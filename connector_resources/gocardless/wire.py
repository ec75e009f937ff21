"""GoCardless's resources as they come over the wire (gocardless.md section 2): typed, tolerant, nothing lost.

The models validate what enters; fields they do not know are kept, so that the JSON comes out as it went in. What
bookkeeping needs of them is read by the `…_of` functions of `bodies`, which bulk work calls on plain JSON. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, StrictBool, StrictInt, TypeAdapter, ValidationError

from bookkeeping.entities import (
    Creditor,
    Customer,
    Event,
    Mandate,
    Payment,
    Payout,
    PayoutItem,
    Refund,
    Subscription,
)
from connector_resources.errors import BadAnswer
from connector_resources.gocardless.bodies import (
    Json,
    creditor_of,
    customer_of,
    event_of,
    mandate_of,
    payment_of,
    payout_item_of,
    payout_of,
    refund_of,
    subscription_of,
)

__all__ = [
    "Resource",
    "creditor_of",
    "customer_of",
    "event_of",
    "mandate_of",
    "payment_of",
    "payout_item_of",
    "payout_of",
    "refund_of",
    "subscription_of",
    "validate_page",
]


def validate_page(resource_type: str, bodies: Sequence[Json]) -> list[Resource]:
    """A page of plain JSON as models. Raises `BadAnswer` naming the fields that do not fit, never their values."""
    try:
        page: list[Resource] = _PAGES[resource_type].validate_python(bodies)
        return page
    except ValidationError as error:
        places = sorted({".".join(map(str, found["loc"][1:])) for found in error.errors(include_input=False)})
    raise BadAnswer(
        f"GoCardless {resource_type} came with unexpected fields: {', '.join(places[:20])}.", system="gocardless"
    )


def _as_gocardless_writes(moment: datetime) -> str:
    """UTC with milliseconds; finer digits, should they ever come, are kept."""
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(_as_gocardless_writes, when_used="json")]
Links = dict[str, Any]
Metadata = dict[str, Any]


class Resource(BaseModel):
    """What every resource shares. Unknown fields are kept; statuses and other enumerations may grow and stay texts."""

    model_config = ConfigDict(extra="allow", frozen=True)

    links: Links | None = None

    def body(self) -> Json:
        """The JSON it was read from: nothing added, nothing lost."""
        return self.model_dump(mode="json", exclude_unset=True)


class Identified(Resource):
    id: str
    created_at: Moment
    metadata: Metadata | None = None


class WireFx(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    fx_currency: str | None = None
    fx_amount: StrictInt | None = None
    exchange_rate: Decimal | None = None
    estimated_exchange_rate: Decimal | None = None


class WireEvent(Identified):
    resource_type: str
    action: str
    details: Json | None = None
    resource_metadata: Metadata | None = None
    source: Json | None = None
    customer_notifications: list[Json] | None = None

    def to_entity(self) -> Event:
        return event_of(self.body())


class WirePayment(Identified):
    amount: StrictInt
    currency: str
    status: str
    amount_refunded: StrictInt | None = None
    charge_date: date | None = None
    scheme: str | None = None
    reference: str | None = None
    description: str | None = None
    retry_if_possible: StrictBool | None = None
    faster_ach: StrictBool | None = None
    app_fee: StrictInt | None = None
    fx: WireFx | None = None

    def to_entity(self) -> Payment:
        return payment_of(self.body())


class WireMandate(Identified):
    status: str
    scheme: str | None = None
    reference: str | None = None
    funds_settlement: str | None = None
    mandate_type: str | None = None
    next_possible_charge_date: date | None = None
    payments_require_approval: StrictBool | None = None
    verified_at: Moment | None = None

    def to_entity(self) -> Mandate:
        return mandate_of(self.body())


class WireCustomer(Identified):
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
    phone_number: str | None = None

    def to_entity(self) -> Customer:
        return customer_of(self.body())


class WireRefund(Identified):
    amount: StrictInt
    currency: str
    status: str
    reference: str | None = None
    fx: WireFx | None = None

    def to_entity(self) -> Refund:
        return refund_of(self.body())


class WirePayout(Identified):
    amount: StrictInt
    currency: str
    status: str
    deducted_fees: StrictInt | None = None
    payout_type: str | None = None
    reference: str | None = None
    arrival_date: date | None = None
    tax_currency: str | None = None
    fx: WireFx | None = None

    def to_entity(self) -> Payout:
        return payout_of(self.body())


class WireTax(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    amount: Decimal
    tax_rate_id: str
    currency: str | None = None
    destination_amount: Decimal | None = None
    destination_currency: str | None = None
    exchange_rate: Decimal | None = None


class WirePayoutItem(Resource):
    """Amounts are decimals of minor units, as text. Items have no id and no date."""

    type: str
    amount: Decimal
    taxes: list[WireTax] | None = None

    def to_entity(self, currency: str) -> PayoutItem:
        return payout_item_of(self.body(), currency)


class WireSubscription(Identified):
    amount: StrictInt
    currency: str
    status: str
    name: str | None = None
    interval: StrictInt | None = None
    interval_unit: str | None = None
    day_of_month: StrictInt | None = None
    month: str | None = None
    count: StrictInt | None = None
    start_date: date | None = None
    end_date: date | None = None
    payment_reference: str | None = None
    upcoming_payments: list[Json] | None = None

    def to_entity(self) -> Subscription:
        return subscription_of(self.body())


class WireCreditor(Identified):
    name: str
    country_code: str | None = None
    verification_status: str | None = None
    can_create_refunds: StrictBool | None = None
    fx_payout_currency: str | None = None
    bank_reference_prefix: str | None = None
    scheme_identifiers: list[Json] | None = None

    def to_entity(self) -> Creditor:
        return creditor_of(self.body())


class WireCustomerBankAccount(Identified):
    account_holder_name: str | None = None
    account_number_ending: str | None = None
    account_type: str | None = None
    bank_name: str | None = None
    country_code: str | None = None
    currency: str | None = None
    enabled: StrictBool | None = None


class WireInstalmentSchedule(Identified):
    """`links.payments` is a list; `payment_errors` maps the place of an instalment to its problems."""

    status: str
    currency: str
    total_amount: StrictInt
    name: str | None = None
    payment_errors: Json | None = None


class WireBillingRequest(Identified):
    status: str
    actions: list[Json] | None = None
    mandate_request: Json | None = None
    payment_request: Json | None = None
    resources: Json | None = None


class WireBillingRequestFlow(Resource):
    """`session_token` is a secret of the payer's session."""

    id: str
    created_at: Moment
    expires_at: Moment | None = None
    authorisation_url: str | None = None
    redirect_uri: str | None = None
    exit_uri: str | None = None


class WireBalance(Resource):
    amount: StrictInt
    currency: str
    balance_type: str
    last_updated_at: Moment | None = None


class WireTaxRate(Resource):
    id: str
    percentage: Decimal
    jurisdiction: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    type: str | None = None


#: the model of every resource type, by its name in paths and envelopes.
MODELS: Mapping[str, type[Resource]] = {
    "balances": WireBalance,
    "billing_request_flows": WireBillingRequestFlow,
    "billing_requests": WireBillingRequest,
    "creditors": WireCreditor,
    "customer_bank_accounts": WireCustomerBankAccount,
    "customers": WireCustomer,
    "events": WireEvent,
    "instalment_schedules": WireInstalmentSchedule,
    "mandates": WireMandate,
    "payments": WirePayment,
    "payout_items": WirePayoutItem,
    "payouts": WirePayout,
    "refunds": WireRefund,
    "subscriptions": WireSubscription,
    "tax_rates": WireTaxRate,
}
_PAGES: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(list[model]) for name, model in MODELS.items()}  # type: ignore[valid-type]
