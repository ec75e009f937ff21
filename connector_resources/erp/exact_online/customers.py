"""The feed of customers by row version, with deletions and moved databases (exact_online.md section 4.4).

The mark is a small JSON text: the highest versions of customers and deletions, the database they belong to, and when it was
read. Exact keeps its list of deletions for two months; after a longer pause everything is read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from connector_resources.erp.contract import ErpCustomer
from connector_resources.erp.exact_online.client import ExactOnlineClient
from connector_resources.erp.exact_online.wire import Account, Division

#: the codes of the customers we have, as active ones.
KnownCodes = Callable[[], Iterable[ErpCustomer]]
#: a little less than the two months for which deletions are told.
DELETIONS_KEPT = timedelta(days=55)
CUSTOMER = "C"
GOCARDLESS = "CU"


@dataclass(frozen=True, slots=True)
class Mark:
    accounts: int = 1
    deletions: int = 1
    moved: str = ""
    read_at: str = ""

    @classmethod
    def parse(cls, text: str | None) -> Mark:
        """The first mark for a text that is none of ours: everything is read again."""
        try:
            return cls(**json.loads(text)) if text else cls()
        except (ValueError, TypeError):
            return cls()


class CustomerFeed:
    """One reading of the feed at a time; `mark` is valid when it was read to its end."""

    def __init__(self, client: ExactOnlineClient, known: KnownCodes, now: Callable[[], datetime]) -> None:
        self._client = client
        self._known = known
        self._now = now
        self._mark: Mark | None = None

    def read(self, division: Division, since: str | None) -> Iterator[ErpCustomer]:
        """Changed customers, then those that are gone, as inactive."""
        start = Mark.parse(since)
        whole = not since or self._is_void(start, division)
        if whole:
            start = Mark(moved=division.division_move_date)
        newest = start
        seen: set[str] = set()
        for row in self._client.changed_accounts(start.accounts):
            newest = replace(newest, accounts=max(newest.accounts, row.timestamp))
            if row.code and (row.status == CUSTOMER or not whole):
                seen.add(row.code)
                yield customer(row)
        deleted = False
        for gone in self._client.deletions(start.deletions):
            newest = replace(newest, deletions=max(newest.deletions, gone.timestamp))
            deleted = True
        if since and (whole or deleted):
            yield from self._gone(seen if whole else None)
        self._mark = replace(newest, read_at=self._now().isoformat())

    def mark(self) -> str | None:
        return json.dumps(asdict(self._mark), sort_keys=True) if self._mark else None

    def _is_void(self, mark: Mark, division: Division) -> bool:
        """Versions of another database mean nothing; deletions of long ago are not told any more."""
        if mark.moved != division.division_move_date or not mark.read_at:
            return True
        return self._now() - datetime.fromisoformat(mark.read_at) > DELETIONS_KEPT

    def _gone(self, present: set[str] | None) -> Iterator[ErpCustomer]:
        """Customers we have and Exact has not. The log names GUIDs only, so what is left is read and compared."""
        if present is None:
            present = {row.code for row in self._client.changed_accounts(1)}
        for known in list(self._known()):
            if known.active and known.number not in present:
                yield replace(known, active=False)


def customer(row: Account) -> ErpCustomer:
    """A customer as matching wants it. A search code counts as our link only if it is a GoCardless customer id."""
    return ErpCustomer(
        number=row.code,
        name=row.name,
        email=row.email,
        currency=row.sales_currency,
        active=row.status == CUSTOMER and not row.blocked,
        gocardless_customer=row.search_code if row.search_code.startswith(GOCARDLESS) else "",
        vat_number=row.vat_number,
        country_code=row.country,
        address_line1=row.address_line1,
        address_line2=row.address_line2,
        address_line3=row.address_line3,
        city=row.city,
        postal_code=row.postcode,
    )
