"""How many calls it takes to settle what waits for one system, from the first requests that were planned for it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil

from bookkeeping.postings import PAYOUT_KINDS, Posting, PostingKind
from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.request_calls import CallTable


def writing_calls(
    costs: CallTable,
    looked_at: Sequence[Posting],
    submissions: Sequence[PlannedSubmission],
    waiting: Mapping[PostingKind, int],
) -> int:
    """Calls for `submissions`, the first requests of the postings `looked_at`, and for the rest of the `waiting` ones.

    The rest, which was too much to look at or has begun already, is taken to cost what the others of its kind cost; a kind of
    which none was looked at, what all cost on average.
    """
    if not looked_at:
        return 0
    calls = costs.of(submissions)
    kind_of = {each.key: each.kind for each in looked_at}
    count = Counter(kind_of.values())
    by_kind: dict[PostingKind, list[PlannedSubmission]] = {}
    for each in submissions:
        by_kind.setdefault(kind_of[each.posting_keys[0]], []).append(each)
    average = Fraction(calls, len(looked_at))
    rest = Fraction(0)
    for kind, number in waiting.items():
        if number > count[kind]:
            cost = Fraction(costs.of(by_kind.get(kind, ())), count[kind]) if count[kind] else average
            rest += cost * (number - count[kind])
    # Payouts are posted by a connector of their own.
    apart = costs.starting if len({kind in PAYOUT_KINDS for kind in waiting}) > 1 else 0
    return calls + apart + ceil(rest)
