"""Customers whom the ERP does not know yet, because we handed out their number and their own posting is not settled.

What is booked on them must not arrive before they do. A customer that was matched, or that a person linked, is in the ERP
already; so is one whose posting a person withdrew, and one that has none, from before the cut-over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, exists, select

from bookkeeping.postings import Posting, PostingKind
from connector_resources.store.among import among
from connector_resources.store.customers import ALLOCATED
from connector_resources.store.engine import AnyRow, chunks
from connector_resources.store.schema import CUSTOMER_LINKS, POSTING_IS_HELD, POSTING_IS_UNFINISHED, POSTINGS
from connector_resources.store.states import SETTLED, UNFINISHED, PostingState

_postings = POSTINGS.c
_links = CUSTOMER_LINKS.c

_SETTLED = frozenset(state.value for state in SETTLED)
_UNSETTLED = frozenset({*(state.value for state in UNFINISHED), PostingState.HELD.value})

# Built once: every pass of a run asks for it.
_OWN_POSTINGS = (
    select(_postings.subject, _postings.key, _postings.state)
    .where(
        _postings.connection == bindparam("wanted_connection"),
        among(_postings.subject, "wanted_customers"),
        _postings.kind == PostingKind.CUSTOMER.value,
        exists().where(
            _links.connection == _postings.connection,
            _links.gocardless_customer == _postings.subject,
            _links.method == ALLOCATED,
        ),
    )
    .order_by(_postings.occurred_at, _postings.key)
)


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """The posting that makes the customer known to the ERP, and its state: pending, claimed or held."""

    posting_key: str
    state: str

    @property
    def is_held(self) -> bool:
        return self.state == PostingState.HELD.value


def customers_of(posting: Posting) -> set[str]:
    """The GoCardless customers that a posting books on; none where it books nothing."""
    if not posting.lines:
        return set()
    parties = (posting.party, *(line.party for line in posting.lines))
    return {party.gocardless_customer for party in parties if party is not None and party.gocardless_customer}


def new_among(reading: Connection, connection: str, gocardless_ids: Collection[str]) -> dict[str, NewCustomer]:
    """Those of these customers whom the ERP does not know yet, by GoCardless id."""
    own: dict[str, list[AnyRow]] = {}
    for slice_ids in chunks(sorted(set(gocardless_ids))):
        wanted = {"wanted_connection": connection, "wanted_customers": slice_ids}
        for row in reading.execute(_OWN_POSTINGS, wanted):
            own.setdefault(row.subject, []).append(row)
    found: dict[str, NewCustomer] = {}
    for subject, rows in own.items():
        unsettled = [row for row in rows if row.state in _UNSETTLED]
        if unsettled and not any(row.state in _SETTLED for row in rows):
            # One that is not held gets there by itself, and then the customer is known.
            first = min(unsettled, key=lambda row: row.state == PostingState.HELD.value)
            found[subject] = NewCustomer(first.key, first.state)
    return found


def all_new(reading: Connection, connection: str) -> dict[str, NewCustomer]:
    """Every customer whom the ERP does not know yet, by GoCardless id."""
    ids: set[str] = set()
    for unsettled in (POSTING_IS_UNFINISHED, POSTING_IS_HELD):
        wanted = select(_postings.subject).where(
            _postings.connection == connection, unsettled, _postings.kind == PostingKind.CUSTOMER.value
        )
        ids.update(reading.scalars(wanted))
    return new_among(reading, connection, ids)


def awaited_by(posting: Posting, new: Mapping[str, NewCustomer]) -> NewCustomer | None:
    """Of the new customers that a posting books on, the one that it waits for longest: a held one, if any is."""
    waits = [new[customer] for customer in sorted(customers_of(posting)) if customer in new]
    return max(waits, key=lambda customer: customer.is_held, default=None)
