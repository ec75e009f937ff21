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
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from sandbox.business.play import Month
from sandbox.gocardless.payouts import Item
from sandbox.gocardless.records import Record
from sandbox.gocardless.settlement import FEE_TYPES

#: A payout in one of these has been booked; a bounced one waits in transit.
_BOOKED = ("paid", "bounced")
_EFFECTIVE = ("confirmed", "paid_out")
_ON_THE_WAY = ("created", "pending_submission", "submitted")


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
class ExpectedRefund:
    """`paid_out`: it left towards the payer at some time. `returned`: it came back."""

    id: str
    key: str
    payment: str
    customer: str
    amount_minor: int
    currency: str
    paid_out: bool
    returned: bool


@dataclass(frozen=True, slots=True)
class ExpectedPayout:
    """`gross_minor` is what its items move on the clearing account; `bank_minor` what the bank gets, None until known.

    `vat_exact` are the decimals of minor units behind `vat_minor`, both by tax rate id.
    """

    id: str
    reference: str
    status: str
    items: int
    currency: str
    gross_minor: int
    amount_minor: int
    fees_net_minor: int
    vat_minor: Mapping[str, int]
    vat_exact: Mapping[str, str]
    bank_currency: str
    bank_minor: int | None
    exchange_rate: str | None
    arrival_date: str | None


@dataclass(frozen=True, slots=True)
class ExpectedCurrency:
    """Balances of one collection currency at the end of the month, in minor units; debits are positive."""

    clearing_minor: int
    fees_net_minor: int
    input_vat_minor: Mapping[str, int]
    sales_returns_minor: int
    payout_transit_minor: int
    suspense_minor: int = 0


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
        payouts = tuple(
            _payout(p, world.payout_desk.items[p.id]) for p in world.payouts if p.body["payout_type"] == "merchant"
        )
        held = _held(month)
    receivables = _receivables(payments, refunds)
    return ExpectedBooks(
        profile=month.plan.profile.name,
        seed=month.plan.seed,
        currencies=_currencies(payouts, refunds, held, sorted({p.currency for p in payments})),
        bank=_bank(payouts),
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
        record = _final(month.world.payments.get(month.payment_ids[planned.key]))
        traceable = planned.invoice is not None and planned.trace in ("metadata", "reference", "description")
        yield ExpectedPayment(
            record.id, planned.key, planned.customer, planned.amount_minor, planned.currency, record.status,
            record.status in _EFFECTIVE, planned.kind, planned.invoice, traceable,
        )  # fmt: skip


def _refunds(month: Month) -> Iterable[ExpectedRefund]:
    for planned in month.plan.refunds:
        if planned.key not in month.refund_ids:
            continue
        record = _final(month.world.refunds.get(month.refund_ids[planned.key]))
        source = month.plan.payment(planned.payment)
        returned = record.status in ("bounced", "funds_returned")
        paid_out = record.status == "paid" or bool(record.hidden.get("paid_before_bounce"))
        yield ExpectedRefund(
            record.id, planned.key, month.payment_ids[planned.payment], source.customer, planned.amount_minor,
            source.currency, paid_out, returned,
        )  # fmt: skip


def _payout(payout: Record, items: list[Item]) -> ExpectedPayout:
    body, fx = payout.body, payout.body["fx"]
    gross = sum((Decimal(item.body["amount"]) for item in items if item.body["type"] not in FEE_TYPES), Decimal(0))
    exact: dict[str, Decimal] = defaultdict(Decimal)
    for item in items:
        for tax in item.body["taxes"]:
            exact[tax["tax_rate_id"]] += Decimal(tax["amount"])
    vat = {rate: int(amount.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)) for rate, amount in exact.items()}
    booked = payout.status in _BOOKED
    return ExpectedPayout(
        payout.id, body["reference"], payout.status, len(items), body["currency"], int(gross), body["amount"],
        int(gross) - body["amount"] - sum(vat.values()), vat, {rate: str(amount) for rate, amount in exact.items()},
        fx["fx_currency"] if fx else body["currency"], (fx["fx_amount"] if fx else body["amount"]) if booked else None,
        fx["exchange_rate"] if fx else None, body["arrival_date"],
    )  # fmt: skip


def _held(month: Month) -> dict[str, Decimal]:
    """What GoCardless holds before fees: not yet in a payout, in one that is not final, or on its way to a payer."""
    world = month.world
    held: dict[str, Decimal] = defaultdict(Decimal)
    for entry in world.settlement.pending:
        if entry.type not in FEE_TYPES:
            held[entry.currency] += entry.amount
    for payout in world.payouts:
        if payout.status not in _BOOKED and payout.body["payout_type"] == "merchant":
            for item in world.payout_desk.items[payout.id]:
                if item.entry.type not in FEE_TYPES:
                    held[payout.body["currency"]] += item.entry.amount
    for refund in world.refunds:
        if refund.status in _ON_THE_WAY:
            held[refund.body["currency"]] += refund.body["amount"]
    return held


def _currencies(
    payouts: tuple[ExpectedPayout, ...],
    refunds: tuple[ExpectedRefund, ...],
    held: Mapping[str, Decimal],
    currencies: list[str],
) -> dict[str, ExpectedCurrency]:
    answer = {}
    for currency in currencies:
        booked = [p for p in payouts if p.currency == currency and p.status in _BOOKED]
        vat: dict[str, int] = defaultdict(int)
        for payout in booked:
            for rate, amount in payout.vat_minor.items():
                vat[rate] += amount
        answer[currency] = ExpectedCurrency(
            clearing_minor=int(held.get(currency, Decimal(0))),
            fees_net_minor=sum(p.fees_net_minor for p in booked),
            input_vat_minor=dict(vat),
            sales_returns_minor=sum(r.amount_minor for r in refunds if r.currency == currency and r.paid_out),
            payout_transit_minor=sum(p.bank_minor or 0 for p in booked if p.status == "bounced"),
        )
    return answer


def _bank(payouts: tuple[ExpectedPayout, ...]) -> dict[str, int]:
    bank: dict[str, int] = defaultdict(int)
    for payout in payouts:
        if payout.status == "paid" and payout.bank_minor is not None:
            bank[payout.bank_currency] += payout.bank_minor
    return dict(bank)


def _receivables(
    payments: tuple[ExpectedPayment, ...], refunds: tuple[ExpectedRefund, ...]
) -> dict[str, dict[str, int]]:
    moved: dict[str, dict[str, int]] = {}
    received = [(p.customer, p.currency, p.amount_minor) for p in payments if p.effective]
    # A refund that came back leaves its credit memo standing in the customer's favour.
    came_back = [(r.customer, r.currency, r.amount_minor) for r in refunds if r.paid_out and r.returned]
    for customer, currency, amount in received + came_back:
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


def _final(record: Record | None) -> Record:
    assert record is not None, "the month has lost a record"
    return record
