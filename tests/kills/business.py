"""The business of a campaign: small acts, any number of them, the same for the same seed.

An act undoes only what an earlier act made, and every act begins when the one before is booked: then the books do not
depend on how often and where processes were killed, and those of an undisturbed run are the measure, to the letter.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.gocardless.records import Record
from tests.evenings import DAY
from tests.merchant import Merchant
from tests.sites import Site

#: customers who pay without an invoice, and after them those who are billed: credit of the first must not cover invoices.
PAYERS, BILLED = 3, 2
CUSTOMERS = PAYERS + BILLED
#: ledgers whose due invoices are collected; in the others payments begin at GoCardless alone.
COLLECTING = frozenset({"exact_online", "sage300", "ifs_cloud"})
#: the first number of the invoices that a campaign bills; free in every stand-in.
FIRST_INVOICE = 8_001


@dataclass(slots=True)
class Business:
    """Acts of one merchant and its bookkeeper. `erp` says what the bookkeeper's screen is."""

    site: Site
    erp: str
    seed: int
    kept: list[Record] = field(default_factory=list)
    payouts: list[Record] = field(default_factory=list)
    invoices: int = 0

    @property
    def merchant(self) -> Merchant:
        return self.site.merchant

    def opens(self) -> None:
        """Before any trouble: the customers are there, and get their numbers in the ledger in this order."""
        for customer in range(1, CUSTOMERS + 1):
            self.merchant.mandate(customer)

    def act(self, number: int) -> None:
        """Payments in every act; failures, chargebacks, refunds, payouts and invoices in turns."""
        chance = random.Random(f"{self.seed}/{number}")
        world = self.merchant.world
        with world.lock:
            # What the bookkeeper billed in an earlier act has become payments at GoCardless since; they are paid now.
            for payment in [p for p in world.payments.ordered if p.status == "pending_submission"]:
                self._comes_in(payment, chance)
            if len(self.kept) >= 3:
                chance.choice((self._fails, self._charged_back, self._refunded))(chance)
            for _ in range(chance.randint(2, 5)):
                self.kept.append(
                    self.merchant.collected(chance.randrange(10_000, 90_000), customer=chance.randint(1, PAYERS))
                )
            if chance.random() < 0.5 and sum(entry.amount for entry in world.settlement.pending) > 0:
                self.payouts.append(self.merchant.pay_out())
            elif self.payouts and chance.random() < 0.3:
                self.merchant.bounce_payout(self.payouts.pop())
        if self.erp in COLLECTING:
            for _ in range(chance.randint(1, 2)):
                self._bill(chance)

    def _comes_in(self, payment: Record, chance: random.Random) -> None:
        if chance.random() < 0.2:
            self.merchant.fail(payment)
        else:
            self.kept.append(self.merchant.collect(payment))

    def _fails(self, chance: random.Random) -> None:
        self.merchant.fail(self._taken(chance))

    def _charged_back(self, chance: random.Random) -> None:
        self.merchant.charge_back(self._taken(chance))

    def _refunded(self, chance: random.Random) -> None:
        self.merchant.refund(self._taken(chance), chance.randrange(100, 5_000))

    def _taken(self, chance: random.Random) -> Record:
        """A payment that stands; it is not undone twice."""
        return self.kept.pop(chance.randrange(len(self.kept)))

    def _bill(self, chance: random.Random) -> None:
        number, customer = FIRST_INVOICE + self.invoices, f"{10_000 + PAYERS + chance.randint(1, BILLED)}"
        minor = chance.randrange(10_000, 90_000)
        self.invoices += 1
        bill: dict[str, Callable[[], object]] = {
            "exact_online": lambda: self.site.division.add_invoice(number, customer, minor, dated=DAY, due=DAY),
            "sage300": lambda: self.site.sage300.add_invoice(customer, f"IN{number}", minor, dated=DAY, due=DAY),
            "ifs_cloud": lambda: self.site.tenant.add_invoice(
                "10", customer, minor, invoice_no=str(number), dated=DAY, due=DAY, pay_term="DD"
            ),
        }
        bill[self.erp]()
