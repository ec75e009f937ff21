"""What is played against each ledger: the connection that is opened, one run of normal operation, and its books.

A run does what the sensors start: the event poll, the readers, the customers' links, the plan, the postings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bookkeeping.postings import PostingKind
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.posting.planning import Scope
from sandbox.datev.app import DatevApp
from tests.evenings import DAY
from tests.faults.business import CUSTOMERS, Act, Business
from tests.faults.stage import OpenSite
from tests.sites import LAST, Site, datev_site, exact_online_site, ifs_cloud_site, sage300_site, visma_site

Documents = Counter[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Books:
    """What a system itself says: documents in effect, and balances by account or customer."""

    documents: Documents
    balances: dict[str, int]


class Played(Protocol):
    """The business behind a schedule. `taken_back` names what was undone at least for a while."""

    taken_back: set[str]

    @property
    def acts(self) -> tuple[Act, Act, Act]: ...

    def opens(self, site: Site) -> None:
        """Before any trouble."""
        ...

    def by_hand(self, site: Site, act: int) -> bool:
        """What a clerk does in the ledger during the runs of this act, counted from 0. False when he does nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a campaign. `run(site, delivery)` is normal operation once; it tells why work is left, if any is."""

    name: str
    open_site: OpenSite
    business: Callable[[int], Played]
    run: Callable[[Site, str], str]
    books: Callable[[Site], Books]


def _run(site: Site, delivery: str) -> str:
    """Customers are read only where somebody looks at everything: it is half of a run's requests."""
    if delivery == "polled":
        site.poll()
    scope = Scope(DAY, LAST, delivery != "whole_day")
    runtime, connection = site.at.runtime, site.at.connection
    site.at.read(scope)
    with runtime.erp(connection) as connector:
        if delivery in ("polled", "whole_day"):
            CustomerDirectory(runtime.store, connection, connector).link_all(runtime.clock())
        site.at.plan(scope)
        return runtime.protocol(connection, connector).run(frozenset(PostingKind)).stopped


def _books(site: Site) -> Books:
    """The documents that are in effect, without what they may or may not know yet when they are made.

    Rows at DATEV name the payout only when there is one. An entry begun at IFS whose key was lost on the way books
    nothing (ifs_cloud.md section 6.3, step 4).
    """
    documents = site.documents()
    if isinstance(site.at.erp, DatevApp):
        known: Documents = Counter()
        for document, count in documents.items():
            known[document[:8]] += count
        return Books(known, site.ledger_balances())
    in_effect = Counter({document: count for document, count in documents.items() if document[0] != "Draft"})
    return Books(in_effect, site.ledger_balances())


def _ledger(name: str, open_site: OpenSite) -> Line:
    return Line(name, open_site, Business, _run, _books)


LEDGERS: dict[str, Line] = {
    "visma": _ledger("visma", lambda home, **how: visma_site(home, customers=CUSTOMERS, **how)),
    "exact_online": _ledger("exact_online", lambda home, **how: exact_online_site(home, customers=CUSTOMERS, **how)),
    "sage300": _ledger("sage300", lambda home, **how: sage300_site(home, customers=CUSTOMERS, **how)),
    "datev": _ledger("datev", datev_site),
    "ifs_cloud": _ledger("ifs_cloud", lambda home, **how: ifs_cloud_site(home, customers=CUSTOMERS, **how)),
}
