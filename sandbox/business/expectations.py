"""The books a played month must lead to, stated from what finally became true, never from events or posting rules.

Inputs are the plan, the final states of payments, refunds and payouts, the items of the payouts, and what GoCardless still
holds. Each figure answers one question of an accountant who has read the fact sheet's section 11:

bank              what arrived on the bank account, per bank currency: payouts that are paid, converted ones as converted
clearing          what GoCardless still owes the merchant before fees, per collection currency
fees, input VAT   what the booked payouts deducted: fees are gross items less amount less VAT, so they absorb rounding;
                  VAT is rounded once per payout and rate, and given exactly beside it
receivables       movement per ERP customer: minus what was effectively received, minus refunds that came back
sales returns     refunds that were paid out to payers, whether or not they came back later
suspense          nothing: every payer is a known customer; a payment without a usable invoice is on account
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from sandbox.business.play import Month
from sandbox.business.settled_money import (
    EFFECTIVE,
    ExpectedCurrency,
    ExpectedPayout,
    ExpectedRefund,
    bank_of,
    came_back,
    currencies_of,
    final,
    held,
    payouts_of,
    was_paid_out,
)


@dataclass(frozen=True, slots=True)
class ExpectedPayment:
    """`effective`: at the end the money counts as received. `traceable`: the payment names its true invoice."""

    id: str
    key: str
    customer: str
    amount_minor: int
    currency: str
    status: str
    effective: bool
    kind: str
    invoice: str | None
    traceable: bool


@dataclass(frozen=True, slots=True)
class ExpectedBooks:
    """Everything. `receivables` is customer number -> currency -> movement in minor units (credits negative).

    `invoice_open` is what must still be open of each invoice whose payments name it; other invoices are not stated.
    """

    profile: str
    seed: int
    currencies: Mapping[str, ExpectedCurrency]
    bank: Mapping[str, int]
    receivables: Mapping[str, Mapping[str, int]]
    payments: tuple[ExpectedPayment, ...]
    refunds: tuple[ExpectedRefund, ...]
    payouts: tuple[ExpectedPayout, ...]
    invoice_open: Mapping[str, int]
    bounced_payouts: tuple[str, ...] = ()
    unmatched_payments: tuple[str, ...] = field(default=())

    def to_json(self) -> str:
        """Plain JSON with sorted keys: integers are minor units, decimals are texts."""
        return json.dumps(asdict(self), sort_keys=True, indent=2, ensure_ascii=False)


def expected_books(month: Month) -> ExpectedBooks:
    """The books as they must be now; call it when the month, or a part of it, has been played."""
    world = month.world
    with world.lock:
        payments = tuple(_payments(month))
        refunds = tuple(_refunds(month))
        payouts = payouts_of(world)
        kept = held(world)
    receivables = _receivables(payments, refunds)
    return ExpectedBooks(
        profile=month.plan.profile.name,
        seed=month.plan.seed,
        currencies=currencies_of(payouts, refunds, kept, sorted({p.currency for p in payments})),
        bank=bank_of(payouts),
        receivables=receivables,
        payments=payments,
        refunds=refunds,
        payouts=payouts,
        invoice_open=_invoice_open(month, payments),
        bounced_payouts=tuple(month.bounced_payouts),
        unmatched_payments=tuple(p.id for p in payments if p.effective and not p.traceable),
    )


def _payments(month: Month) -> Iterable[ExpectedPayment]:
    for planned in month.plan.payments:
        if planned.key not in month.payment_ids:
            continue
        record = final(month.world.payments.get(month.payment_ids[planned.key]))
        traceable = planned.invoice is not None and planned.trace in ("metadata", "reference", "description")
        yield ExpectedPayment(
            record.id, planned.key, planned.customer, planned.amount_minor, planned.currency, record.status,
            record.status in EFFECTIVE, planned.kind, planned.invoice, traceable,
        )  # fmt: skip


def _refunds(month: Month) -> Iterable[ExpectedRefund]:
    for planned in month.plan.refunds:
        if planned.key not in month.refund_ids:
            continue
        record = final(month.world.refunds.get(month.refund_ids[planned.key]))
        source = month.plan.payment(planned.payment)
        yield ExpectedRefund(
            record.id, planned.key, month.payment_ids[planned.payment], source.customer, planned.amount_minor,
            source.currency, was_paid_out(record), came_back(record),
        )  # fmt: skip


def _receivables(
    payments: tuple[ExpectedPayment, ...], refunds: tuple[ExpectedRefund, ...]
) -> dict[str, dict[str, int]]:
    moved: dict[str, dict[str, int]] = {}
    received = [(p.customer, p.currency, p.amount_minor) for p in payments if p.effective]
    # A refund that came back leaves its credit memo standing in the customer's favour.
    returned = [(r.customer, r.currency, r.amount_minor) for r in refunds if r.paid_out and r.returned]
    for customer, currency, amount in received + returned:
        mine = moved.setdefault(customer, {})
        mine[currency] = mine.get(currency, 0) - amount
    return moved


def _invoice_open(month: Month, payments: tuple[ExpectedPayment, ...]) -> dict[str, int]:
    amounts = {invoice.number: invoice.amount_minor for invoice in month.plan.invoices}
    received: dict[str, int] = {}
    for payment in payments:
        if payment.invoice is not None and payment.traceable:
            received[payment.invoice] = received.get(payment.invoice, 0) + payment.amount_minor * payment.effective
    return {number: max(0, amounts[number] - amount) for number, amount in received.items()}
