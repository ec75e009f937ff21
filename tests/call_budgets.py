"""How many calls a day's work may cost each remote system: what tests assert, and what docs/capacity-planning.md is made of."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil


@dataclass(frozen=True, slots=True)
class CallBudget:
    """Most calls of a day: `fixed`, and for each thousand payments `per_thousand`."""

    per_thousand: int
    fixed: int = 0

    def calls(self, payments: int) -> int:
        """Most calls for a day of so many payments, with the payout that holds them."""
        return self.fixed + ceil(Fraction(payments * self.per_thousand, 1000))


#: reading everything of a day whole; what is written there is one call each.
GOCARDLESS = CallBudget(30)
#: with attributes not written.
VISMA = CallBudget(2050, fixed=30)
EXACT_ONLINE = CallBudget(40)
SAGE300_RECEIPTS = CallBudget(120)
SAGE300_PAYOUTS = CallBudget(15)
#: files and their jobs; a file holds as many rows as DATEV takes.
DATEV = CallBudget(0, fixed=8)
IFS_CLOUD_PAYMENTS = CallBudget(3000)
IFS_CLOUD_FILES = CallBudget(10)
