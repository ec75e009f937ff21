"""What finally became true of the money at GoCardless: payouts, refunds, and what it still holds. Any month states this much.

Nothing is said here about customers and invoices. The figures are explained in `expectations`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from sandbox.gocardless.payouts import Item
from sandbox.gocardless.records import Record
from sandbox.gocardless.settlement import FEE_TYPES
from sandbox.gocardless.world import World

#: a payment in one of these counts as received.
EFFECTIVE = ("confirmed", "paid_out")
#: A payout in one of these has been booked; a bounced one waits in transit.
_BOOKED = ("paid", "bounced")
_ON_THE_WAY = ("created", "pending_submission", "submitted")


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
class CarriedItem:
    """What final payouts together carried of one payment or refund; positive when it raised them."""

    subject: str
    payment: str
    is_refund: bool
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ExpectedPayout:
    """`gross_minor` is what its items move on the clearing account; `bank_minor` what the bank gets, None until known.

    `surcharges_net_minor` is the part of `fees_net_minor` that failures and chargebacks cost, less what came back of it.
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
    surcharges_net_minor: int
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


def payouts_of(world: World) -> tuple[ExpectedPayout, ...]:
    """Every payout to the merchant, in the order in which they were made. Hold the world's lock."""
    merchants = [payout for payout in world.payouts if payout.body["payout_type"] == "merchant"]
    return tuple(_payout(payout, world.payout_desk.items[payout.id]) for payout in merchants)


def carried_by_payouts(world: World) -> tuple[CarriedItem, ...]:
    """Payers' money in payouts that are final, per payment and per refund. Hold the world's lock."""
    sums: dict[tuple[str, str, bool, str], Decimal] = defaultdict(Decimal)
    for payout in world.payouts:
        if payout.status not in _BOOKED or payout.body["payout_type"] != "merchant":
            continue
        for item in world.payout_desk.items[payout.id]:
            entry = item.entry
            if entry.type not in FEE_TYPES:
                subject = entry.refund or entry.payment or ""
                sums[subject, entry.payment or "", entry.refund is not None, entry.currency] += entry.amount
    return tuple(CarriedItem(*key, int(amount)) for key, amount in sorted(sums.items()))


def was_paid_out(refund: Record) -> bool:
    """Whether the refund left towards the payer at some time."""
    return refund.status == "paid" or bool(refund.hidden.get("paid_before_bounce"))


def came_back(refund: Record) -> bool:
    return refund.status in ("bounced", "funds_returned")


def held(world: World) -> dict[str, Decimal]:
    """What GoCardless holds before fees: not yet in a payout, in one that is not final, or on its way to a payer."""
    kept: dict[str, Decimal] = defaultdict(Decimal)
    for entry in world.settlement.pending:
        if entry.type not in FEE_TYPES:
            kept[entry.currency] += entry.amount
    for payout in world.payouts:
        if payout.status not in _BOOKED and payout.body["payout_type"] == "merchant":
            for item in world.payout_desk.items[payout.id]:
                if item.entry.type not in FEE_TYPES:
                    kept[payout.body["currency"]] += item.entry.amount
    for refund in world.refunds:
        if refund.status in _ON_THE_WAY:
            kept[refund.body["currency"]] += refund.body["amount"]
    return kept


def currencies_of(
    payouts: Sequence[ExpectedPayout],
    refunds: Sequence[ExpectedRefund],
    kept: Mapping[str, Decimal],
    currencies: list[str],
) -> dict[str, ExpectedCurrency]:
    """What the books must show per collection currency."""
    answer = {}
    for currency in currencies:
        booked = [p for p in payouts if p.currency == currency and p.status in _BOOKED]
        vat: dict[str, int] = defaultdict(int)
        for payout in booked:
            for rate, amount in payout.vat_minor.items():
                vat[rate] += amount
        answer[currency] = ExpectedCurrency(
            clearing_minor=int(kept.get(currency, Decimal(0))),
            fees_net_minor=sum(p.fees_net_minor for p in booked),
            input_vat_minor=dict(vat),
            sales_returns_minor=sum(r.amount_minor for r in refunds if r.currency == currency and r.paid_out),
            payout_transit_minor=sum(p.bank_minor or 0 for p in booked if p.status == "bounced"),
        )
    return answer


def bank_of(payouts: Sequence[ExpectedPayout]) -> dict[str, int]:
    """What arrived on the bank account, per bank currency."""
    bank: dict[str, int] = defaultdict(int)
    for payout in payouts:
        if payout.status == "paid" and payout.bank_minor is not None:
            bank[payout.bank_currency] += payout.bank_minor
    return dict(bank)


def final(record: Record | None) -> Record:
    """A record that must still be there."""
    assert record is not None, "the month has lost a record"
    return record


def _payout(payout: Record, items: list[Item]) -> ExpectedPayout:
    body, fx = payout.body, payout.body["fx"]
    gross = sum((Decimal(item.body["amount"]) for item in items if item.body["type"] not in FEE_TYPES), Decimal(0))
    exact: dict[str, Decimal] = defaultdict(Decimal)
    for item in items:
        for tax in item.body["taxes"]:
            exact[tax["tax_rate_id"]] += Decimal(tax["amount"])
    vat = {rate: _whole(amount) for rate, amount in exact.items()}
    surcharges = [item.body for item in items if item.body["type"] == "surcharge_fee"]
    surcharged = -sum((Decimal(each["amount"]) for each in surcharges), Decimal(0))
    surcharged -= sum((Decimal(tax["amount"]) for each in surcharges for tax in each["taxes"]), Decimal(0))
    booked = payout.status in _BOOKED
    return ExpectedPayout(
        payout.id, body["reference"], payout.status, len(items), body["currency"], int(gross), body["amount"],
        int(gross) - body["amount"] - sum(vat.values()), _whole(surcharged), vat,
        {rate: str(amount) for rate, amount in exact.items()},
        fx["fx_currency"] if fx else body["currency"], (fx["fx_amount"] if fx else body["amount"]) if booked else None,
        fx["exchange_rate"] if fx else None, body["arrival_date"],
    )  # fmt: skip


def _whole(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
