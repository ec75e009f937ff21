"""Reads bookkeeping's types straight from GoCardless's JSON, fast enough for bulk work (gocardless.md section 2).

Every way a body can be wrong ends in one `BadAnswer` that names the resource and never quotes its content.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec, TypeVar

from bookkeeping.entities import (
    Creditor,
    Customer,
    Event,
    Fx,
    Mandate,
    Payment,
    Payout,
    PayoutItem,
    Refund,
    Subscription,
    Tax,
)
from bookkeeping.money import Money
from connector_resources.errors import BadAnswer
from connector_resources.transport.answers import MAX_DIGITS, MAX_TEN

Json = dict[str, Any]
P = ParamSpec("P")
T = TypeVar("T")

#: minor units, of which a column of 64 bits holds the sum of nine thousand.
MAX_MINOR = 10**15


def _reads(what: str) -> Callable[[Callable[Concatenate[Json, P], T]], Callable[Concatenate[Json, P], T]]:
    """Turns every way a body can be malformed into one `BadAnswer` that names the resource, not its content."""

    def decorate(read: Callable[Concatenate[Json, P], T]) -> Callable[Concatenate[Json, P], T]:
        @functools.wraps(read)
        def guarded(body: Json, /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return read(body, *args, **kwargs)
            except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
                problem = type(error).__name__
            name = str(body.get("id", "without id")) if isinstance(body, dict) else "without id"
            raise BadAnswer(
                f"The {what} {name} is not as GoCardless documents it ({problem}).", system="gocardless", subject=name
            )

        return guarded

    return decorate


@_reads("event")
def event_of(body: Json) -> Event:
    """Raises `BadAnswer`, as all these functions, when a field bookkeeping needs is missing or of another type."""
    details = body.get("details") or {}
    return Event(
        id=_text(body["id"]),
        created_at=_moment(body["created_at"]),
        resource_type=_text(body["resource_type"]),
        action=_text(body["action"]),
        links=_links(body),
        cause=details.get("cause"),
        reason_code=details.get("reason_code"),
        description=details.get("description"),
        origin=details.get("origin"),
        scheme=details.get("scheme"),
        will_attempt_retry=details.get("will_attempt_retry"),
    )


@_reads("payment")
def payment_of(body: Json) -> Payment:
    currency = body["currency"]
    links = _links(body)
    return Payment(
        id=_text(body["id"]),
        created_at=_moment(body["created_at"]),
        amount=_money(body["amount"], currency),
        status=_text(body["status"]),
        amount_refunded=_money(body.get("amount_refunded") or 0, currency),
        charge_date=_day(body.get("charge_date")),
        scheme=body.get("scheme"),
        reference=body.get("reference"),
        description=body.get("description"),
        metadata=_metadata(body),
        fx=_fx(body),
        mandate_id=links.get("mandate"),
        creditor_id=links.get("creditor"),
        payout_id=links.get("payout"),
        subscription_id=links.get("subscription"),
    )


@_reads("mandate")
def mandate_of(body: Json) -> Mandate:
    links = _links(body)
    return Mandate(
        id=_text(body["id"]),
        created_at=_moment(body["created_at"]),
        status=_text(body["status"]),
        scheme=body.get("scheme"),
        reference=body.get("reference"),
        funds_settlement=body.get("funds_settlement"),
        next_possible_charge_date=_day(body.get("next_possible_charge_date")),
        metadata=_metadata(body),
        customer_id=links.get("customer"),
        customer_bank_account_id=links.get("customer_bank_account"),
        creditor_id=links.get("creditor"),
        new_mandate_id=links.get("new_mandate"),
    )


@_reads("customer")
def customer_of(body: Json) -> Customer:
    return Customer(
        id=_text(body["id"]),
        created_at=_moment(body["created_at"]),
        metadata=_metadata(body),
        **{name: body.get(name) for name in _CUSTOMER_TEXTS},
    )


@_reads("refund")
def refund_of(body: Json) -> Refund:
    links = _links(body)
    return Refund(
        id=_text(body["id"]),
        created_at=_moment(body["created_at"]),
        amount=_money(body["amount"], body["currency"]),
        status=_text(body["status"]),
        reference=body.get("reference"),
        metadata=_metadata(body),
        fx=_fx(body),
        payment_id=links.get("payment"),
        mandate_id=links.get("mandate"),
    )


@_reads("payout")
def payout_of(body: Json) -> Payout:
    currency = body["currency"]
    links = _links(body)
    return Payout(
        id=_text(body["id"]),
        created_at=_moment(body["created_at"]),
        amount=_money(body["amount"], currency),
        deducted_fees=_money(body.get("deducted_fees") or 0, currency),
        status=_text(body["status"]),
        payout_type=body.get("payout_type") or "merchant",
        reference=body.get("reference"),
        arrival_date=_day(body.get("arrival_date")),
        tax_currency=body.get("tax_currency"),
        fx=_fx(body),
        metadata=_metadata(body),
        creditor_id=links.get("creditor"),
        creditor_bank_account_id=links.get("creditor_bank_account"),
    )


@_reads("payout item")
def payout_item_of(body: Json, currency: str) -> PayoutItem:
    """`currency` is the payout's: items do not name one (gocardless.md 2.2)."""
    links = _links(body)
    return PayoutItem(
        type=_text(body["type"]),
        amount=_decimal(body["amount"]),
        currency=currency,
        payment_id=links.get("payment"),
        refund_id=links.get("refund"),
        mandate_id=links.get("mandate"),
        taxes=tuple(_tax(tax, currency) for tax in body.get("taxes") or ()),
    )


@_reads("subscription")
def subscription_of(body: Json) -> Subscription:
    return Subscription(
        id=_text(body["id"]),
        created_at=_moment(body["created_at"]),
        amount=_money(body["amount"], body["currency"]),
        status=_text(body["status"]),
        name=body.get("name"),
        interval=body.get("interval"),
        interval_unit=body.get("interval_unit"),
        start_date=_day(body.get("start_date")),
        end_date=_day(body.get("end_date")),
        metadata=_metadata(body),
        mandate_id=_links(body).get("mandate"),
    )


@_reads("creditor")
def creditor_of(body: Json) -> Creditor:
    return Creditor(
        id=_text(body["id"]),
        created_at=_moment(body["created_at"]),
        name=_text(body["name"]),
        country_code=body.get("country_code"),
        fx_payout_currency=body.get("fx_payout_currency"),
        verification_status=body.get("verification_status"),
        can_create_refunds=body.get("can_create_refunds"),
    )


_CUSTOMER_TEXTS = (
    "company_name", "given_name", "family_name", "email", "address_line1", "address_line2", "address_line3",
    "city", "postal_code", "region", "country_code", "language",
)  # fmt: skip


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text was expected")
    return value


def _money(minor: Any, currency: Any) -> Money:
    """No column holds more, and no sum of a month either; it is no amount of anybody's."""
    amount = Money(minor, currency)
    if abs(amount.minor) > MAX_MINOR:
        raise ValueError("an amount beyond every amount")
    return amount


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a timestamp without a zone")
    return moment.astimezone(UTC)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _decimal(value: Any) -> Decimal:
    """Exact amounts come as text; a number with a fraction has already lost its exactness."""
    number = Decimal(value if isinstance(value, (str, Decimal)) or type(value) is int else _text(value))
    if not number.is_finite() or len(number.as_tuple().digits) > MAX_DIGITS or abs(number.adjusted()) > MAX_TEN:
        raise ValueError("an amount that is no number, or beyond every amount")
    return number


def _optional_decimal(value: Any) -> Decimal | None:
    return None if value is None else _decimal(value)


def _links(body: Json) -> dict[str, str]:
    return {name: value for name, value in (body.get("links") or {}).items() if isinstance(value, str)}


def _metadata(body: Json) -> Mapping[str, str]:
    return {name: str(value) for name, value in (body.get("metadata") or {}).items()}


def _fx(body: Json) -> Fx | None:
    fx = body.get("fx")
    if not fx or not fx.get("fx_currency"):
        return None
    amount = fx.get("fx_amount")
    return Fx(
        currency=fx["fx_currency"],
        estimated_rate=_optional_decimal(fx.get("estimated_exchange_rate")),
        rate=_optional_decimal(fx.get("exchange_rate")),
        amount=None if amount is None else _money(amount, fx["fx_currency"]),
    )


def _tax(tax: Json, currency: str) -> Tax:
    return Tax(
        amount=_decimal(tax["amount"]),
        currency=tax.get("currency") or currency,
        tax_rate_id=_text(tax["tax_rate_id"]),
        destination_amount=_optional_decimal(tax.get("destination_amount")),
        destination_currency=tax.get("destination_currency"),
        exchange_rate=_optional_decimal(tax.get("exchange_rate")),
    )
