"""What GoCardless still holds for a creditor: collected money, debits and fees that wait for the next payout.

Fees follow a creditor's price list and are decimals of minor units with one decimal, so half pennies are common
(gocardless.md sections 2.2 and 9, trap 12). Which entries go into which payout is decided in `payouts`, not here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from sandbox.gocardless.records import Record

if TYPE_CHECKING:
    from sandbox.gocardless.world import World

_TENTH = Decimal("0.1")

#: Entry types that are the price of the service; all others move payers' money.
FEE_TYPES = frozenset({"gocardless_fee", "surcharge_fee", "app_fee", "revenue_share"})


def one_decimal(amount: Decimal) -> Decimal:
    return amount.quantize(_TENTH, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class TaxOnFees:
    """VAT on GoCardless's fees for merchants in GB and FR: rate id, share, and the currency it is declared in."""

    rate_id: str
    share: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class PriceList:
    """Net prices. `invoiced` merchants get a monthly bill instead, so no fee entry ever reaches a payout."""

    share: Decimal = Decimal("0.01")
    fixed: Decimal = Decimal("20")
    cap: Decimal = Decimal("400")
    failure_surcharge: Decimal = Decimal("300")
    chargeback_surcharge: Decimal = Decimal("500")
    tax: TaxOnFees | None = None
    invoiced: bool = False

    def collection_fee(self, amount_minor: int) -> Decimal:
        return one_decimal(min(self.share * amount_minor + self.fixed, self.cap))


@dataclass(slots=True, eq=False)
class Entry:
    """A future payout item. `amount` is signed, in minor units of `currency`; `tax` is the VAT inside a fee, same
    sign rule.
    """

    type: str
    amount: Decimal
    currency: str
    creditor: str
    available_on: date
    payment: str | None = None
    refund: str | None = None
    mandate: str | None = None
    tax: Decimal | None = None
    tax_terms: TaxOnFees | None = None

    @property
    def links(self) -> dict[str, str]:
        named = {"payment": self.payment, "refund": self.refund, "mandate": self.mandate}
        return {name: value for name, value in named.items() if value}


@dataclass(slots=True)
class Settlement:
    """The pending entries of all creditors, in the order in which they arose."""

    world: World
    pending: list[Entry] = field(default_factory=list)

    def balance(self, creditor: str, currency: str) -> Decimal:
        """Net of fees: what the next payout would hold if everything were due."""
        mine = (e.amount for e in self.pending if e.creditor == creditor and e.currency == currency)
        return sum(mine, Decimal(0))

    def add(self, payment: Record, kind: str, amount: Decimal, available_on: date) -> Entry:
        """A pending entry about payers' money of `payment`."""
        creditor, currency = str(payment.links["creditor"]), str(payment.body["currency"])
        entry = Entry(kind, amount, currency, creditor, available_on, payment=payment.id)
        self.pending.append(entry)
        return entry

    def collected(self, payment: Record, available_on: date) -> None:
        """The payment is confirmed: its amount and its fee wait for the payout of `available_on`."""
        self.add(payment, "payment_paid_out", Decimal(payment.body["amount"]), available_on)
        prices = self._prices(payment)
        self._fee(payment, "gocardless_fee", -prices.collection_fee(payment.body["amount"]), available_on)
        if payment.body["app_fee"]:
            self.add(payment, "app_fee", -Decimal(payment.body["app_fee"]), available_on)

    def taken_back(self, payment: Record, kind: str, surcharge: Decimal) -> None:
        """A late failure or chargeback. Money not paid out yet simply vanishes, or is netted, as the world is set
        to.
        """
        held = [
            e
            for e in self.pending
            if e.payment == payment.id and e.type in ("payment_paid_out", "gocardless_fee", "app_fee")
        ]
        if held and self.world.settings.reversal_before_payout == "vanishes":
            self.pending = [e for e in self.pending if e not in held]
        else:
            available_on = max((e.available_on for e in held), default=self.world.today())
            self.add(payment, kind, -Decimal(payment.body["amount"]), available_on)
            self._fee(
                payment, "gocardless_fee", self._prices(payment).collection_fee(payment.body["amount"]), available_on
            )
        self._fee(payment, "surcharge_fee", -surcharge, self.world.today())

    def chargeback_withdrawn(self, payment: Record, surcharge: Decimal) -> bool:
        """Give back what a chargeback took. True when its debit was still pending, so that nothing moves at all."""
        debit = next((e for e in self.pending if e.payment == payment.id and e.type == "payment_charged_back"), None)
        charge = next((e for e in self.pending if e.payment == payment.id and e.type == "surcharge_fee"), None)
        if charge is not None:
            self.pending.remove(charge)
        else:
            self._fee(payment, "surcharge_fee", surcharge, self.world.today())
        if debit is None:
            self.collected(payment, self.world.today())
            return False
        self.pending = [
            e
            for e in self.pending
            if e is not debit and not (e.payment == payment.id and e.type == "gocardless_fee" and e.amount > 0)
        ]
        return True

    def surcharge(self, payment: Record, kind: str) -> Decimal:
        prices = self._prices(payment)
        return prices.chargeback_surcharge if kind == "payment_charged_back" else prices.failure_surcharge

    def _prices(self, payment: Record) -> PriceList:
        creditor = self.world.creditors.known(str(payment.links["creditor"]))
        prices: PriceList = creditor.hidden["prices"] if creditor else PriceList()
        return prices

    def _fee(self, payment: Record, kind: str, net: Decimal, available_on: date) -> None:
        prices = self._prices(payment)
        if prices.invoiced or not net:
            return
        entry = self.add(payment, kind, net, available_on)
        if prices.tax is not None:
            tax = one_decimal(abs(net) * prices.tax.share)
            entry.amount = net - tax if net < 0 else net + tax
            entry.tax = tax if net < 0 else -tax
            entry.tax_terms = prices.tax


def tax_body(entry: Entry) -> list[dict[str, Any]]:
    """`taxes[]` of a payout item; the rate into another tax currency stays empty until it is confirmed."""
    if entry.tax is None or entry.tax_terms is None:
        return []
    same = entry.tax_terms.currency == entry.currency
    return [
        {
            "amount": str(entry.tax),
            "currency": entry.currency,
            "destination_amount": str(entry.tax) if same else None,
            "destination_currency": entry.tax_terms.currency,
            "exchange_rate": None,
            "tax_rate_id": entry.tax_terms.rate_id,
        }
    ]
