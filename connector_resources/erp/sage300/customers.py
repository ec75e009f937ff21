"""The feed of customers by the day of their last change (sage300.md section 4). Sage knows no time of a change.

The mark is a small JSON text: the day of the last reading, and digests of what was read of that day and the one before. A day
is read again until it is two days old, because it went on after it was read and the server's day may not be ours; what did not
change since is dropped by its digest, also where our own write to an optional field moved the day.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta

from connector_resources.erp.contract import ErpCustomer
from connector_resources.erp.sage300.client import Sage300Client
from connector_resources.erp.sage300.odata import day_of
from connector_resources.erp.sage300.settings import OptionalFields
from connector_resources.erp.sage300.wire import Customer

OVERLAP = timedelta(days=1)
#: of more customers than these a day's digests are not kept; they are told again then, which does no harm.
MOST_DIGESTS = 5000


@dataclass(frozen=True, slots=True)
class Mark:
    """`seen` maps customer numbers to the digest of what was told of them."""

    day: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> Mark:
        """The first mark for a text that is none of ours: everything is read again."""
        try:
            made = cls(**json.loads(text)) if text else cls()
            return made if made.day == "" or date.fromisoformat(made.day) else cls()
        except (ValueError, TypeError):
            return cls()

    @property
    def since(self) -> date | None:
        return date.fromisoformat(self.day) - OVERLAP if self.day else None


class CustomerFeed:
    """One reading of the feed at a time; `mark` is valid when it was read to its end."""

    def __init__(self, client: Sage300Client, names: OptionalFields, today: Callable[[], date]) -> None:
        self._client = client
        self._names = names
        self._today = today
        self._mark: Mark | None = None

    def read(self, since: str | None) -> Iterator[ErpCustomer]:
        """Changed customers by number; all of them without a mark."""
        before, today = Mark.parse(since), self._today()
        seen: dict[str, str] = {}
        for row in self._client.changed_customers(before.since):
            told = customer(row, self._names)
            digest, day = digest_of(told), day_of(row.date_last_maintained)
            if day is None or day >= today - OVERLAP:
                seen[row.customer_number] = digest
            if before.seen.get(row.customer_number) != digest:
                yield told
        self._mark = Mark(today.isoformat(), seen if len(seen) <= MOST_DIGESTS else {})

    def mark(self) -> str | None:
        return json.dumps(asdict(self._mark), sort_keys=True) if self._mark else None


def customer(row: Customer, names: OptionalFields) -> ErpCustomer:
    """A customer as matching wants it."""
    return ErpCustomer(
        number=row.customer_number,
        name=row.customer_name or row.short_name,
        email=row.email or row.contacts_email,
        currency=row.currency_code,
        active=row.status != "Inactive",
        gocardless_customer=row.optional(names.customer) or "",
        mandate=row.optional(names.mandate) or "",
        vat_number=row.tax_registration_number1,
        country_code=row.country if len(row.country) == COUNTRY_CODE else "",
        address_line1=row.address_line1,
        address_line2=row.address_line2,
        address_line3=row.address_line3,
        city=row.city,
        postal_code=row.zip_postal_code,
    )


#: Sage's country is free text; only what may be an ISO 3166 code is told.
COUNTRY_CODE = 2


def digest_of(told: ErpCustomer) -> str:
    """Of what others wrote: our own fields are left out, or our write to them would come back as a change."""
    content = json.dumps(asdict(replace(told, gocardless_customer="", mandate="")), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]
