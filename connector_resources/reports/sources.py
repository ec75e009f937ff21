"""What several reports take from the store: the months they are about, who is behind an id, and where it can be looked at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from connector_resources.connections.model import Connection
from connector_resources.erp.registry import erp_kind
from connector_resources.gocardless.wire import customer_of
from connector_resources.reports.figures import words
from connector_resources.reports.model import Head, Mark, Ref, State
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store

SETTLED = ("posted", "delivered")
#: where GoCardless's dashboard shows a resource, by the beginning of its id.
DASHBOARD_PATHS = {
    "PM": "payments", "PO": "payouts", "RF": "refunds", "MD": "mandates", "CU": "customers", "SB": "subscriptions"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month of activity days."""

    first_day: date

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.replace(day=1))

    @property
    def last_day(self) -> date:
        return self.next.first_day - timedelta(days=1)

    @property
    def next(self) -> Month:
        return Month.of(self.first_day.replace(day=28) + timedelta(days=4))

    @property
    def title(self) -> str:
        return f"{self.first_day:%B %Y}"

    @property
    def stem(self) -> str:
        return f"{self.first_day:%Y-%m}"

    def __contains__(self, day: date) -> bool:
        return self.first_day <= day <= self.last_day


@dataclass(frozen=True, slots=True)
class Person:
    """The payer behind a payment, refund or mandate. Whatever is not known is ""."""

    gocardless_customer: str = ""
    name: str = ""
    erp_customer: str = ""
    mandate: str = ""

    def __str__(self) -> str:
        name = self.name or self.gocardless_customer
        return f"{name} ({self.erp_customer})" if self.erp_customer and name else name or self.erp_customer


NOBODY = Person()


def head_of(connection: Connection, now: datetime) -> Head:
    label = erp_kind(connection.erp.kind).traits.label
    return Head(connection.name, label, connection.books.time_zone, now.astimezone(connection.zone))


def people(store: Store, name: str, subjects: Collection[str]) -> dict[str, Person]:
    """The payers of payments, refunds and mandates, as far as they were read, by the id asked for."""
    refunds = store.entities.get(name, "refunds", [s for s in subjects if s.startswith("RF")])
    of_refund = {key: body.get("links") or {} for key, body in refunds.items()}
    paid = {links.get("payment", "") for links in of_refund.values()} | {s for s in subjects if s.startswith("PM")}
    payments = store.entities.get(name, "payments", sorted(paid - {""}))
    of_payment = {key: (body.get("links") or {}).get("mandate", "") for key, body in payments.items()}
    mandate_of = dict(of_payment) | {
        key: links.get("mandate") or of_payment.get(links.get("payment", ""), "") for key, links in of_refund.items()
    }
    mandate_of |= {s: s for s in subjects if s not in mandate_of}
    mandates = store.entities.get(name, "mandates", sorted({m for m in mandate_of.values() if m}))
    owner_of = {key: (body.get("links") or {}).get("customer", "") for key, body in mandates.items()}
    owner_of |= {s: s for s in subjects if s.startswith("CU")}
    owners = sorted({owner for owner in owner_of.values() if owner})
    customers = store.entities.get(name, "customers", owners)
    links = store.customers.get(name, owners)
    found: dict[str, Person] = {}
    for subject in subjects:
        mandate = mandate_of.get(subject, "")
        owner = owner_of.get(mandate, "")
        body = customers.get(owner)
        found[subject] = Person(
            owner, customer_of(body).name if body else "", links[owner].erp_customer if owner in links else "", mandate
        )
    return found


def at_gocardless(connection: Connection, subject: str) -> Ref:
    """An id, as a link to the dashboard where that shows such a resource."""
    path = DASHBOARD_PATHS.get(subject[:2])
    return Ref(subject, f"{connection.gocardless.dashboard_base}/{path}/{subject}" if path else "")


def document_of(rows: Sequence[LedgerRow]) -> Ref:
    """The documents that bookings became, with their kind: of each the one made first; what follows only releases it."""
    made = [row.documents[0].document for row in rows if row.documents]
    named = ", ".join(f"{words(document.kind)} {document.number}" for document in made)
    return Ref(named, made[0].url if len(made) == 1 else "")


def booking_state(row: LedgerRow) -> State:
    """How a posting stands, in the words of the ledger."""
    if row.state in SETTLED:
        return State(row.state, Mark.GOOD)
    return State(row.state, Mark.BAD if row.state == "held" else Mark.WAITS)


def kind_text(row: LedgerRow) -> str:
    return words(row.posting.kind.value)


def held_text(row: LedgerRow) -> str:
    """Why a posting is not booked, for a person; "" when it is."""
    if row.state == "held":
        return row.held_reason
    return "" if row.state in SETTLED else f"It is {row.state}."
