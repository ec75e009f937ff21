"""What the requests of a plan cost in calls until their postings are settled: one form for all ERPs, a table in each.

Estimates, for `connector plan`: the steps that follow a first request and the reading back of what was written. What has to be
read before anything is planned is no part of it, the plan having read that itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from connector_resources.erp.contract import PlannedSubmission


@dataclass(frozen=True, slots=True)
class RequestCalls:
    """The calls of all first requests with the same step.

    each         for every request: itself, the steps that follow it, and what is read for it alone
    per_posting  for every posting in it besides: rows written one by one, pages read back
    together     once for all of them, however many
    """

    each: int = 1
    per_posting: Fraction = Fraction(0)
    together: int = 0


@dataclass(frozen=True, slots=True)
class CallTable:
    """What an ERP's requests cost with a connection's settings, by step; a step that is not named is one call.

    starting    what a connector of its own reads before it plans, such as that of payouts
    continuing  what a run reads that goes on where another had to stop, the documents of that one included
    """

    starting: int = 0
    continuing: int = 0
    steps: Mapping[str, RequestCalls] = field(default_factory=dict)

    def of(self, submissions: Iterable[PlannedSubmission]) -> int:
        """Calls until the postings of these first requests are settled."""
        requests: dict[str, int] = {}
        postings: dict[str, int] = {}
        for each in submissions:
            requests[each.step] = requests.get(each.step, 0) + 1
            postings[each.step] = postings.get(each.step, 0) + len(each.posting_keys)
        total = 0
        for step, count in requests.items():
            # `journal_gbp` is the journal of one of several currencies.
            calls = self.steps.get(step) or self.steps.get(step.partition("_")[0]) or RequestCalls()
            total += calls.together + calls.each * count + ceil(calls.per_posting * postings[step])
        return total
