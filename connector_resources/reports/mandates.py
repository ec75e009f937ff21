"""What happened to mandates in a month: who can be collected from now, who cannot any more, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from bookkeeping.entities import Event, Mandate
from bookkeeping.settings import activity_day
from connector_resources.connections.model import Connection
from connector_resources.gocardless.wire import event_of, mandate_of
from connector_resources.posting.planning import SLICE, slices
from connector_resources.reports.figures import words
from connector_resources.reports.model import (
    Cell,
    Column,
    Fact,
    Kind,
    Mark,
    Report,
    Section,
    State,
    Table,
    share_bars,
)
from connector_resources.reports.sources import NOBODY, Month, at_gocardless, head_of, people
from connector_resources.store.store import Store

TITLE = "Mandate changes"
QUESTION = "Which customers can be collected from since this month, and which cannot any more?"

#: the actions that people ask about, in their order; the rest are steps on the way.
CHANGES = {
    "created": ("Created", Mark.WAITS), "active": ("Activated", Mark.GOOD), "reinstated": ("Reinstated", Mark.GOOD),
    "replaced": ("Replaced", Mark.WAITS), "transferred": ("Moved to another account", Mark.WAITS),
    "failed": ("Failed", Mark.BAD), "cancelled": ("Cancelled", Mark.BAD), "expired": ("Expired", Mark.BAD),
    "blocked": ("Blocked", Mark.BAD), "suspended_by_payer": ("Suspended by the payer", Mark.BAD),
    "consumed": ("Used up", Mark.WAITS),
}  # fmt: skip
#: after these the mandate brings nothing any more.
LOST = frozenset({"failed", "cancelled", "expired", "blocked", "suspended_by_payer"})


@dataclass(frozen=True, slots=True)
class Change:
    mandate: Mandate
    event: Event
    day: date

    @property
    def is_loss(self) -> bool:
        return self.event.action in LOST


def mandate_report(store: Store, connection: Connection, month: Month, now: datetime) -> Report:
    """The changes of the month, counted and one by one."""
    changes = list(changes_of_month(store, connection, month))
    counts = Counter(change.event.action for change in changes)
    shown = [action for action in CHANGES if counts[action]]
    bars = share_bars([Decimal(counts[action]) for action in shown])
    summary = Table(
        sheet="Summary",
        caption="Changes of the month",
        columns=(Column("Change", Kind.STATE), Column("Count", Kind.COUNT), Column("Share", Kind.BAR)),
        rows=tuple((State(*CHANGES[a]), counts[a], bar) for a, bar in zip(shown, bars, strict=True)),
        empty="No mandate changed in this month.",
    )
    lost = sum(counts[action] for action in LOST)
    return Report(
        head=head_of(connection, now),
        title=TITLE,
        question=QUESTION,
        period=month.title,
        facts=(
            Fact(counts["created"], "created"),
            Fact(counts["active"] + counts["reinstated"], "became active"),
            Fact(lost, "lost: failed, cancelled, expired, blocked or suspended"),
            Fact(counts["replaced"], "replaced by another mandate"),
        ),
        sections=(
            Section("How many", tables=(summary,)),
            Section(
                "Which",
                tables=(
                    _table(store, connection, [c for c in changes if c.is_loss], "Lost", LOST_EMPTY),
                    _table(store, connection, [c for c in changes if not c.is_loss], "Gained and changed", OTHER_EMPTY),
                ),
            ),
        ),
        landscape=True,
    )  # fmt: skip


LOST_EMPTY = "No mandate was lost in this month."
OTHER_EMPTY = "No mandate was made, activated or replaced in this month."


def changes_of_month(store: Store, connection: Connection, month: Month) -> Iterator[Change]:
    """Every change on the month's activity days, by mandate and time."""
    name = connection.name
    subjects = list(
        store.inbox.subjects(
            name, month.first_day, month.last_day, only_new=False, resource_type="mandates", actions=list(CHANGES)
        )
    )
    for ids in slices(subjects, SLICE):
        stories = store.inbox.story(name, ids)
        for key, body in store.entities.get(name, "mandates", ids).items():
            mandate = mandate_of(body)
            for event in map(event_of, stories.get(key, ())):
                day = activity_day(event.created_at, connection.book_settings)
                if day in month and event.action in CHANGES:
                    yield Change(mandate, event, day)


def _table(store: Store, connection: Connection, changes: list[Change], caption: str, empty: str) -> Table:
    known = people(store, connection.name, [change.mandate.id for change in changes])
    rows: list[tuple[Cell, ...]] = []
    for change in sorted(changes, key=lambda each: (each.day, each.event.order)):
        mandate, event = change.mandate, change.event
        person = known.get(mandate.id, NOBODY)
        new = mandate.new_mandate_id or event.links.get("new_mandate", "")
        rows.append(
            (
                at_gocardless(connection, mandate.id), person.name or person.gocardless_customer, person.erp_customer,
                State(*CHANGES[event.action]), change.day, words(event.cause or ""), event.reason_code or "",
                words(mandate.scheme or ""), mandate.reference or "", words(mandate.status),
                at_gocardless(connection, new) if new and event.action == "replaced" else None,
            )
        )  # fmt: skip
    return Table(
        sheet="Changes",
        caption=caption,
        columns=(
            Column("Mandate", Kind.CODE), Column("Customer"), Column("ERP customer", Kind.CODE),
            Column("Change", Kind.STATE), Column("Day", Kind.DATE), Column("Cause", optional=True),
            Column("Bank's code", Kind.CODE, optional=True),
            Column("Scheme"), Column("Mandate reference", Kind.CODE), Column("Now"),
            Column("New mandate", Kind.CODE, optional=True),
        ),
        rows=tuple(rows),
        empty=empty,
    )  # fmt: skip
