"""What may be posted next: the ledger's unfinished postings, with the ERP customers they are for.

Left out is what is booked on a customer whom the ERP does not know yet (`store.new_customers`): an ERP that takes files looks
into them later than it answers, and refuses a whole file for one unknown customer.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from bookkeeping.postings import Posting, PostingKind
from connector_resources.erp.contract import PostingWork
from connector_resources.posting.parties import with_erp_customers
from connector_resources.store.engine import CHUNK
from connector_resources.store.new_customers import awaited_by, customers_of
from connector_resources.store.posting_codec import Decoding
from connector_resources.store.store import Store


def next_work(
    store: Store,
    connection: str,
    kinds: Collection[PostingKind],
    *,
    limit: int,
    days: tuple[date, date] | None = None,
    decoding: Decoding | None = None,
    looking_ahead: bool = False,
) -> list[PostingWork]:
    """`Ledger.next_work`, at most `limit`; every party that is linked by now carries its ERP customer number.

    While a customer that bookings wait for can be sent, nothing is booked at all: what waits for it and what does not then
    go in one file, not in two. `looking_ahead` is for what a whole run would send: customers who are on their way count as
    known, held ones never do.
    """
    found: list[PostingWork] = []
    awaited: set[str] = set()
    last: Posting | None = None
    while True:
        # The first look is as small as was asked for; what waits is passed over in larger steps.
        size = limit if last is None else max(limit, CHUNK)
        page = store.ledger.next_work(connection, kinds, limit=size, days=days, after=last, decoding=decoding)
        # First the links, then who is new: a number and the posting that makes it known are one commit, so nobody who is
        # linked in between is overlooked.
        linked = with_erp_customers(store, connection, page)
        new = store.ledger.new_customers(connection, {key for item in linked for key in customers_of(item.posting)})
        if looking_ahead:
            new = {key: customer for key, customer in new.items() if customer.is_held}
        for item in linked:
            customer = awaited_by(item.posting, new)
            if customer is None:
                found.append(item)
            else:
                awaited.add(customer.posting_key)
        if len(page) < size or len(found) >= limit:
            break
        last = page[-1].posting
    found = found[:limit]
    if any(item.posting.key in awaited for item in found):
        found = [item for item in found if not item.posting.lines]
    return found
