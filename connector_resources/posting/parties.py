"""Which ERP customer a posting is for: the one linked by now, or for what takes an earlier posting back, the one of that."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bookkeeping.postings import Line, Party, Posting, PostingKind
from connector_resources.erp.contract import PostingWork
from connector_resources.store.customers import REPLACED
from connector_resources.store.states import SubmissionState
from connector_resources.store.store import Store

#: what stands on the very customer that the posting it takes back was booked on.
_TAKES_BACK = frozenset({PostingKind.RECEIPT_REVERSAL, PostingKind.REFUND_REVERSAL, PostingKind.CORRECTION})


def with_erp_customers(store: Store, connection: str, work: Sequence[PostingWork]) -> list[PostingWork]:
    """The same work; every party that is linked by now carries its ERP customer number.

    When a link was replaced, what takes an earlier posting back still goes to the customer that one was booked on.
    """
    wanted = {p.gocardless_customer for item in work if (p := item.posting.party) and p.gocardless_customer}
    links = store.customers.get(connection, sorted(wanted))
    numbers = {key: link.erp_customer for key, link in links.items()}
    replaced = {key for key, link in links.items() if link.method == REPLACED}
    earlier = {item.posting.reverses for item in work if _goes_back(item.posting, replaced)}
    booked = booked_customers(store, connection, {key for key in earlier if key})
    return [replace(item, posting=_linked(item.posting, numbers, booked)) for item in work]


def erp_customers_of(work: Sequence[PostingWork]) -> dict[str, str]:
    """Posting key -> ERP customer, of those that have one."""
    return {
        item.posting.key: party.erp_customer
        for item in work
        if (party := item.posting.party) is not None and party.erp_customer
    }


def booked_customers(store: Store, connection: str, keys: Collection[str]) -> dict[str, str]:
    """Posting key -> the ERP customer on which its first document was booked, as the trail has it of the claim."""
    found: dict[str, str] = {}
    if not keys:
        return found
    subjects = {row.posting.subject for row in store.ledger.by_key(connection, keys).values()}
    claims: dict[tuple[str, int], str] = {}
    for entry in store.trail.about(connection, subjects):
        if entry.kind == "claimed" and "customer" in entry.payload:
            # A request that surely did not take effect may be claimed again for another customer: the last one counts.
            claims[entry.payload["posting"], entry.payload["submission"]] = entry.payload["customer"]
    for key in sorted(keys):
        settled = [x for x in store.submissions.of_posting(connection, key) if x.state == SubmissionState.POSTED.value]
        if settled and (number := claims.get((key, settled[0].id))):
            found[key] = number
    return found


def _goes_back(posting: Posting, replaced: Collection[str]) -> bool:
    party = posting.party
    return posting.kind in _TAKES_BACK and party is not None and party.gocardless_customer in replaced


def _linked(posting: Posting, numbers: Mapping[str, str], booked: Mapping[str, str]) -> Posting:
    if posting.party is None or posting.party.erp_customer is not None:
        return posting
    if earlier := booked.get(posting.reverses or ""):
        numbers = {**numbers, posting.party.gocardless_customer or "": earlier}
    party = _party(posting.party, numbers)
    lines = tuple(_line(line, numbers) for line in posting.lines)
    return replace(posting, party=party, lines=lines)


def _line(line: Line, numbers: Mapping[str, str]) -> Line:
    return line if line.party is None else replace(line, party=_party(line.party, numbers))


def _party(party: Party, numbers: Mapping[str, str]) -> Party:
    return replace(party, erp_customer=party.erp_customer or numbers.get(party.gocardless_customer or ""))
