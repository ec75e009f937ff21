"""Mandate set-ups: who was asked to set up a mandate on GoCardless's hosted pages, with the link, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, insert, select, update

from connector_resources.store.engine import AnyRow, Database
from connector_resources.store.schema import MANDATE_SETUPS
from connector_resources.store.trail import Trail, TrailEntry

_setups = MANDATE_SETUPS.c


class SetupState(StrEnum):
    """`planned` until GoCardless has it, `waiting` for the payer, then one of the ends."""

    PLANNED = "planned"
    WAITING = "waiting"
    FULFILLED = "fulfilled"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SetupRow:
    """One set-up of one ERP customer in one currency. `url` is the payer's link, valid until `expires_at`."""

    reference: str
    posting_key: str
    customer: str
    currency: str
    state: SetupState
    gocardless_customer: str = ""
    billing_request: str = ""
    url: str = ""
    expires_at: datetime | None = None
    mandate: str = ""


class MandateSetups:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def add(self, connection: str, rows: Sequence[SetupRow], *, within: Connection) -> None:
        """Keep new set-ups with their postings, which `within` has just planned."""
        if not rows:
            return
        now = self._database.now()
        self._trail.lock(connection, within=within)
        stamped = [{"connection": connection, **_columns(row), "planned_at": now, "changed_at": now} for row in rows]
        within.execute(insert(MANDATE_SETUPS), stamped)
        self._trail.append(connection, [_entry("mandate_setup_planned", row) for row in rows], within=within)

    def change(self, connection: str, rows: Sequence[SetupRow], *, within: Connection | None = None) -> None:
        """Record how these set-ups stand now, one trail row each."""
        if not rows:
            return
        now = self._database.now()
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            for row in rows:
                this = (_setups.connection == connection, _setups.reference == row.reference)
                values = _columns(row) | {"changed_at": now}
                transaction.execute(update(MANDATE_SETUPS).where(*this).values(values))
            self._trail.append(connection, [_entry("mandate_setup_changed", row) for row in rows], within=transaction)

    def all(self, connection: str, states: Collection[SetupState] | None = None) -> list[SetupRow]:
        """Every set-up, or those in one of `states`, in the order in which they were planned."""
        conditions: list[ColumnElement[bool]] = [_setups.connection == connection]
        if states is not None:
            conditions.append(_setups.state.in_(sorted(state.value for state in states)))
        wanted = select(MANDATE_SETUPS).where(*conditions).order_by(_setups.planned_at, _setups.reference)
        with self._database.read() as reading:
            return [_setup(row) for row in reading.execute(wanted)]


def _columns(row: SetupRow) -> dict[str, object]:
    return {
        "reference": row.reference,
        "posting_key": row.posting_key,
        "customer": row.customer,
        "gocardless_customer": row.gocardless_customer,
        "currency": row.currency,
        "state": row.state.value,
        "billing_request": row.billing_request,
        "url": row.url,
        "expires_at": row.expires_at,
        "mandate": row.mandate,
    }


def _setup(row: AnyRow) -> SetupRow:
    return SetupRow(
        reference=row.reference,
        posting_key=row.posting_key,
        customer=row.customer,
        currency=row.currency,
        state=SetupState(row.state),
        gocardless_customer=row.gocardless_customer,
        billing_request=row.billing_request,
        url=row.url,
        expires_at=row.expires_at,
        mandate=row.mandate,
    )


def _entry(kind: str, row: SetupRow) -> TrailEntry:
    # The link lets its holder enter bank details for the payer; the trail is exported, so it stays out of it.
    shown = {name: getattr(row, name) for name in ("customer", "currency", "billing_request", "mandate")}
    return TrailEntry(kind, row.reference, {**shown, "state": row.state.value})
