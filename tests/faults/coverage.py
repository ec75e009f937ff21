"""What a campaign has really met, by line: ways of submissions and postings, kinds of faults, local trouble; and what it must.

A fault counts when a request met it, not when it was drawn. What a line cannot have by its nature is data with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults import clerk
from tests.faults.campaign import Verdict
from tests.faults.schedule import CLOCK_JUMPS, DELIVERIES, REMOTE

#: ways of the protocol; any one of the names will do: a job at DATEV is accepted where a document elsewhere is posted.
#: `parked` is met too seldom to be asked for, and `withdrawn` never: each ledger has tests of its own for those.
EDGES: dict[str, tuple[str, ...]] = {
    "claimed": ("new > claimed",),
    "answered": ("claimed > posted", "claimed > accepted"),
    "not answered": ("claimed > unknown",),
    "turned away": ("claimed > not_sent",),
    "turned away, then sent again": ("not_sent > claimed",),
    "died, then looked up and absent": ("claimed > absent",),
    "not answered, then found by the look-up": ("unknown > posted", "unknown > accepted"),
    "not answered, then absent": ("unknown > absent",),
    "absent, then sent again": ("absent > claimed",),
    "asked about until it was done": ("accepted > posted",),
    "rejected": ("claimed > rejected",),
    "rejected, then sent again": ("rejected > claimed",),
    "held": ("posting held",),
    "released": ("posting released",),
}
DEATHS = ("before a commit", "after a commit", "before a write", "after a write")
#: after any of these at the token endpoint nobody has the new token, or whether there is one.
LOST_REPLIES = ("drop_after", "error_after", "html_after", "truncate", "delay_after")
LOCALS = ("second_worker", "locked", "disk_full", "token_expires", "clerk", "period_closed", *CLOCK_JUMPS)

_NO_REFUSAL = "no period is closed to it, see period_closed; a bad file is refused before it is sent"
_NO_JOBS = {"asked about until it was done": "what is written as this business is set up is answered with its document"}
_GOCARDLESS = "GoCardless has no periods, and refuses nothing that the business asks for"
#: line -> what it cannot have -> why.
CANNOT: dict[str, dict[str, str]] = {
    "visma": _NO_JOBS,
    "exact_online": _NO_JOBS,
    "ifs_cloud": _NO_JOBS,
    "sage300": {**_NO_JOBS, "token reply lost": "Sage 300 is asked with user and password; there are no tokens"},
    "datev": {
        "clerk": clerk.CANNOT["datev"],
        "period_closed": clerk.CANNOT["datev"],
        **dict.fromkeys(("rejected", "rejected, then sent again", "held", "released"), _NO_REFUSAL),
    },
    "gocardless": dict.fromkeys(
        ("period_closed", "rejected", "rejected, then sent again", "held", "released"), _GOCARDLESS
    ),
}


@dataclass(slots=True)
class Coverage:
    hit: Counter[str] = field(default_factory=Counter)
    edges: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        self.hit += verdict.hit
        self.edges += verdict.edges
        self.held += verdict.held

    def counts(self) -> Iterator[tuple[str, Counter[str]]]:
        yield from (("trouble", self.hit), ("ways of submissions", self.edges), ("held", self.held))

    def missing(self, erp: str) -> list[str]:
        """What the campaign should have met on this line and did not."""
        required = required_of(erp)
        met = self.hit + self.edges
        return [what for what, names in required.items() if not any(met[name] for name in names)]


def required_of(erp: str) -> dict[str, tuple[str, ...]]:
    """What must be met on this line -> the names under which it counts, any of them."""
    system = "gocardless" if erp == "gocardless" else "erp"
    required = {
        **EDGES,
        **{f"death {point}": (f"death {point}",) for point in DEATHS},
        **{name: (name,) for name in LOCALS},
        **{f"events {how}": (f"events {how}",) for how in DELIVERIES},
        **{f"write: {kind}": (f"{system} write: {kind}",) for kind in REMOTE},
        "token reply lost": tuple(f"erp token: {kind}" for kind in LOST_REPLIES),
        "GoCardless in trouble": tuple(f"gocardless {what}: {kind}" for what in _REQUESTS for kind in REMOTE),
    }
    return {what: names for what, names in required.items() if what not in CANNOT.get(erp, {})}


_REQUESTS = ("read or write", "write")
