"""Fills in the ERP customer number of postings that were planned before their customer was linked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bookkeeping.postings import Line, Party, Posting
from connector_resources.erp.contract import PostingWork
from connector_resources.store.store import Store


def with_erp_customers(store: Store, connection: str, work: Sequence[PostingWork]) -> list[PostingWork]:
    """The same work; every party that is linked by now carries its ERP customer number."""
    wanted = {p.gocardless_customer for item in work if (p := item.posting.party) and p.gocardless_customer}
    links = store.customers.get(connection, sorted(wanted))
    numbers = {key: link.erp_customer for key, link in links.items()}
    return [replace(item, posting=_linked(item.posting, numbers)) for item in work]


def _linked(posting: Posting, numbers: Mapping[str, str]) -> Posting:
    if posting.party is None or posting.party.erp_customer is not None:
        return posting
    party = _party(posting.party, numbers)
    lines = tuple(_line(line, numbers) for line in posting.lines)
    return replace(posting, party=party, lines=lines)


def _line(line: Line, numbers: Mapping[str, str]) -> Line:
    return line if line.party is None else replace(line, party=_party(line.party, numbers))


def _party(party: Party, numbers: Mapping[str, str]) -> Party:
    return replace(party, erp_customer=party.erp_customer or numbers.get(party.gocardless_customer or ""))
