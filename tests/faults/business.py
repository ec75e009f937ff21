"""The business behind a schedule: two customers, and acts in which their payments live through everything.

The same number gives the same business; the stand-ins give the same ids to the same business, so that the books of an
undisturbed run can be compared document by document. It is small because a campaign plays it thousands of times.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.gocardless.records import Record
from tests.faults import clerk
from tests.sites import Site

CUSTOMERS = 2

Act = Callable[[Site], None]


@dataclass(slots=True)
class Business:
    """Three acts; runs come after each. `taken_back` are the ids of what was undone at least for a while."""

    number: int
    paid: list[Record] = field(default_factory=list)
    payouts: list[Record] = field(default_factory=list)
    refund: Record | None = None
    taken_back: set[str] = field(default_factory=set)

    @property
    def acts(self) -> tuple[Act, Act, Act]:
        return self._collects, self._goes_wrong, self._ends

    def opens(self, site: Site) -> None:
        """Before any trouble: the customers are there, and get their numbers in the ledger in this order."""
        for customer in range(1, CUSTOMERS + 1):
            site.merchant.mandate(customer)

    def by_hand(self, site: Site, act: int) -> bool:
        """What a clerk does in the ledger during the runs of this act, counted from 0. False when he does nothing."""
        return (clerk.receives if self._chance(10 + act).random() < 0.5 else clerk.edits)(site, act)

    def _collects(self, site: Site) -> None:
        merchant = site.merchant
        chance = self._chance(1)
        for customer in range(1, CUSTOMERS + 1):
            self.paid.append(merchant.collected(chance.randrange(10_000, 90_000), customer=customer))
        if chance.random() < 0.7:
            self.payouts.append(merchant.pay_out())

    def _goes_wrong(self, site: Site) -> None:
        merchant = site.merchant
        chance = self._chance(2)
        first, second = chance.sample(self.paid, 2)
        self.taken_back.add(first.id)
        if chance.random() < 0.5:
            merchant.fail(first)
            if chance.random() < 0.5:
                merchant.retry(first)
                merchant.collect(first)
        else:
            merchant.charge_back(first)
            if chance.random() < 0.5:
                merchant.cancel_chargeback(first)
        if chance.random() < 0.6:
            self.refund = merchant.refund(second, chance.randrange(100, 1_000))
        else:
            merchant.fail(merchant.order(5_000, customer=1))

    def _ends(self, site: Site) -> None:
        merchant = site.merchant
        chance = self._chance(3)
        if self.refund is not None and chance.random() < 0.5:
            self.taken_back.add(self.refund.id)
            merchant.bounce_refund(self.refund)
        if self.payouts and chance.random() < 0.5:
            self.taken_back.add(self.payouts[-1].id)
            merchant.bounce_payout(self.payouts[-1])
            if chance.random() < 0.5:
                merchant.pay_out_again(self.payouts[-1])
        merchant.collected(90_000 + chance.randrange(90_000), customer=2)
        if sum(entry.amount for entry in merchant.world.settlement.pending) > 0:
            merchant.pay_out()
        if chance.random() < 0.5:
            merchant.cancel_mandate(merchant.mandate(1))

    def _chance(self, act: int) -> random.Random:
        return random.Random(f"{self.number}/{act}")
