"""The books that a ledger's month must lead to, and what must have become of each invoice.

Stated from the plan and from what finally became true at GoCardless, never from what a connector believes. Besides the figures
that `expectations` explains, these are:

receivables   what each customer owes in the end: invoices less credit notes, transfers and effective payments, less refunds
              that came back; a refund itself leaves a customer as he was, by its credit note and its payment
billed        the same before any payment through GoCardless: what a ledger shows that learns of none
carried       what payouts carried of each payment and refund, with the customer and the invoices it is for
transfers     what the bookkeeper has booked on the ordinary bank account
invoices      for each: whether it is collected, given up or left alone as planned, with the right amount, and what is open
charges       for each recurring charge: whether one subscription follows it and takes the right amounts on the right days
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from sandbox.business.collections_made import CollectionsMade, collections_made, invoices_of
from sandbox.business.ledger_month import LedgerMonth
from sandbox.business.ledger_plan import LedgerCharge, LedgerInvoice, Wanted
from sandbox.business.plan import MONTH_END
from sandbox.business.settled_money import (
    EFFECTIVE,
    ExpectedCurrency,
    ExpectedPayout,
    ExpectedRefund,
    bank_of,
    came_back,
    carried_by_payouts,
    currencies_of,
    final,
    held,
    payouts_of,
    was_paid_out,
)
from sandbox.gocardless.records import Record

#: customer number -> currency -> minor units.
Owed = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class CollectedInvoice:
    """`alive`: how many payments have its money or are about to take it. `open_minor`: what the ledger must show as open, and
    `unpaid_minor` where it learns of no payment through GoCardless.

    `fault` says what is wrong: `forgotten`, `not_stopped`, `not_to_be_collected`, `collected_twice`, `wrong_amount`, or "".
    """

    number: str
    customer: str
    currency: str
    wanted: Wanted
    wanted_minor: int
    payments: int
    alive: int
    open_minor: int
    unpaid_minor: int
    fault: str


@dataclass(frozen=True, slots=True)
class FollowedCharge:
    """A recurring charge. `fault`: `not_followed`, `followed_twice`, `wrong_amount`, `wrong_days`, or ""."""

    number: str
    customer: str
    payments: int
    fault: str


@dataclass(frozen=True, slots=True)
class CarriedPayment:
    """`subject` is a payment or a refund; `amount_minor` is what it raised payouts by in all."""

    subject: str
    customer: str
    invoices: tuple[str, ...]
    is_refund: bool
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LedgerBooks:
    """Everything. `strangers` are payments that are for no invoice and no charge of the plan."""

    profile: str
    seed: int
    currencies: Mapping[str, ExpectedCurrency]
    bank: Mapping[str, int]
    transfers: Mapping[str, int]
    receivables: Mapping[str, Mapping[str, int]]
    billed: Mapping[str, Mapping[str, int]]
    carried: tuple[CarriedPayment, ...]
    invoices: tuple[CollectedInvoice, ...]
    charges: tuple[FollowedCharge, ...]
    payments: tuple[str, ...]
    doubled: tuple[str, ...]
    strangers: tuple[str, ...]
    refunds: tuple[ExpectedRefund, ...]
    payouts: tuple[ExpectedPayout, ...]

    def to_json(self) -> str:
        """Plain JSON with sorted keys: integers are minor units, decimals are texts."""
        return json.dumps(asdict(self), sort_keys=True, indent=2, ensure_ascii=False)


def ledger_books(month: LedgerMonth) -> LedgerBooks:
    """The books as they must be now; call it when the month, or a part of it, has been played and collected."""
    world, plan = month.world, month.plan
    with world.lock:
        made = collections_made(world)
        payments = [final(world.payments.get(identity)) for identity in made.payments]
        refunds = tuple(_refunds(month))
        payouts = payouts_of(world)
        transfers = Counter({month.invoices[t.invoice].currency: 0 for t in plan.transfers})
        for transfer in plan.transfers:
            transfers[month.invoices[transfer.invoice].currency] += transfer.amount_minor
        return LedgerBooks(
            profile=plan.profile.name,
            seed=plan.seed,
            currencies=currencies_of(payouts, refunds, held(world), list(plan.profile.countries)),
            bank=bank_of(payouts),
            transfers=dict(transfers),
            receivables=_receivables(month, payments, refunds),
            billed=_billed(month),
            carried=tuple(_carried(month)),
            invoices=tuple(_invoice(month, invoice, payments, made) for invoice in plan.invoices),
            charges=tuple(_charge(month, charge) for charge in plan.charges),
            payments=made.payments,
            doubled=made.doubled,
            strangers=tuple(p.id for p in payments if not _payer(month, p)),
            refunds=refunds,
            payouts=payouts,
        )


def _refunds(month: LedgerMonth) -> Iterable[ExpectedRefund]:
    for planned in month.plan.refunds:
        if planned.invoice not in month.refund_ids:
            continue
        record, invoice = final(month.world.refunds.get(month.refund_ids[planned.invoice])), planned.invoice
        yield ExpectedRefund(
            record.id, invoice, str(record.links["payment"]), month.invoices[invoice].customer, planned.amount_minor,
            month.invoices[invoice].currency, was_paid_out(record), came_back(record),
        )  # fmt: skip


def _billed(month: LedgerMonth) -> Owed:
    owed: Owed = {}
    for invoice in month.plan.invoices:
        _add(owed, invoice.customer, invoice.currency, invoice.amount_minor)
    for credit in month.plan.credits:
        _add(owed, credit.customer, credit.currency, -credit.amount_minor)
    for charge in month.plan.charges:
        _add(owed, charge.customer, charge.currency, charge.amount_minor * len(charge.dates))
    for transfer in month.plan.transfers:
        paid = month.invoices[transfer.invoice]
        _add(owed, paid.customer, paid.currency, -transfer.amount_minor)
    return owed


def _receivables(month: LedgerMonth, payments: Iterable[Record], refunds: Iterable[ExpectedRefund]) -> Owed:
    owed = _billed(month)
    for payment in payments:
        payer = _payer(month, payment)
        if payment.status in EFFECTIVE and payer:
            _add(owed, payer, payment.body["currency"], -payment.body["amount"])
    for refund in refunds:
        if refund.paid_out and refund.returned:
            _add(owed, refund.customer, refund.currency, -refund.amount_minor)
    return owed


def _add(owed: Owed, customer: str, currency: str, minor: int) -> None:
    mine = owed.setdefault(customer, {})
    mine[currency] = mine.get(currency, 0) + minor


def _payer(month: LedgerMonth, payment: Record) -> str:
    """The customer that a payment is for, by its invoices or by its subscription; nobody when it is for neither."""
    named = [month.invoices[number] for number in invoices_of(payment) if number in month.invoices]
    if named:
        return named[0].customer
    charged = [c.customer for c in month.plan.charges if _is_of_subscription(month, c, payment)]
    return next(iter(charged), "")


def _is_of_subscription(month: LedgerMonth, charge: LedgerCharge, payment: Record) -> bool:
    return "subscription" in payment.links and payment.links["mandate"] == month.mandate_of(charge.customer).id


def _carried(month: LedgerMonth) -> Iterable[CarriedPayment]:
    for item in carried_by_payouts(month.world):
        payment = final(month.world.payments.get(item.payment))
        yield CarriedPayment(
            item.subject, _payer(month, payment), tuple(invoices_of(payment)), item.is_refund, item.currency,
            item.amount_minor,
        )  # fmt: skip


def _charge(month: LedgerMonth, charge: LedgerCharge) -> FollowedCharge:
    mine = [payment for payment in month.world.payments.ordered if _is_of_subscription(month, charge, payment)]
    mandate = month.mandate_of(charge.customer).id
    following = [
        each
        for each in month.world.subscriptions.ordered
        if each.links["mandate"] == mandate and each.status in ("active", "pending_customer_approval")
    ]
    days = [str(payment.body["charge_date"]) for payment in mine]
    fault = ""
    if len(following) != 1:
        fault = "followed_twice" if following else "not_followed"
    elif {payment.body["amount"] for payment in (*mine, *following)} != {charge.amount_minor}:
        fault = "wrong_amount"
    elif sorted(day for day in days if day <= MONTH_END.isoformat()) != [day.isoformat() for day in charge.dates]:
        fault = "wrong_days"
    return FollowedCharge(f"{charge.code}/{charge.customer}", charge.customer, len(mine), fault)


def _invoice(
    month: LedgerMonth, invoice: LedgerInvoice, payments: list[Record], made: CollectionsMade
) -> CollectedInvoice:
    mine = [payment for payment in payments if invoice.number in invoices_of(payment)]
    alive = [payment for payment in mine if payment.id in made.alive]
    received = sum(invoice.wanted_minor for payment in mine if payment.status in EFFECTIVE)
    transferred = sum(t.amount_minor for t in month.plan.transfers if t.invoice == invoice.number)
    return CollectedInvoice(
        number=invoice.number,
        customer=invoice.customer,
        currency=invoice.currency,
        wanted=invoice.wanted,
        wanted_minor=invoice.wanted_minor,
        payments=len(mine),
        alive=len(alive),
        open_minor=invoice.amount_minor - received - transferred,
        unpaid_minor=invoice.amount_minor - transferred,
        fault=_fault(month, invoice, mine, alive, made),
    )


def _fault(
    month: LedgerMonth, invoice: LedgerInvoice, mine: list[Record], alive: list[Record], made: CollectionsMade
) -> str:
    if invoice.number in made.doubled or len(alive) > 1:
        return "collected_twice"
    if invoice.wanted is Wanted.LEFT_ALONE and mine:
        return "not_to_be_collected"
    if invoice.wanted is Wanted.COLLECTED and not alive:
        return "forgotten"
    if invoice.wanted is Wanted.GIVEN_UP and (alive or not mine):
        return "not_stopped" if alive else "forgotten"
    for payment in alive:
        wanted = [month.invoices[number].wanted_minor for number in invoices_of(payment) if number in month.invoices]
        if payment.body["amount"] != sum(wanted):
            return "wrong_amount"
    return ""
