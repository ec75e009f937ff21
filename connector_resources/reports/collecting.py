"""Collections and subscriptions of a month: what was due, collected, paid out, what failed, and what is still open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from bookkeeping.collecting import Proposal
from bookkeeping.eligibility import WITHOUT_END, AttemptState
from bookkeeping.entities import Payment
from bookkeeping.money import Money
from bookkeeping.subscribing import SubscriptionState
from connector_resources.collections.ordering import Orders
from connector_resources.collections.overview import WhyNot, why_not
from connector_resources.collections.payers import Payers
from connector_resources.connections.model import Connection
from connector_resources.gocardless.wire import payment_of, subscription_of
from connector_resources.posting.planning import SLICE, slices
from connector_resources.reports.figures import words
from connector_resources.reports.model import Amount, Cell, Column, Fact, Kind, Mark, Report, Section, State, Table
from connector_resources.reports.sources import NOBODY, Month, at_gocardless, head_of, people
from connector_resources.store.collections import CollectionRow
from connector_resources.store.store import Store
from connector_resources.store.subscriptions import SubscriptionRow
from connector_resources.subscriptions.overview import overview as subscriptions_overview

TITLE = "Collections and subscriptions"
QUESTION = "What was due, what was collected and paid out, what failed, and what is still open?"

OPEN, COLLECTED, PAID_OUT, FAILED, TAKEN_BACK, DROPPED = (
    "open", "collected", "paid out", "failed", "charged back", "cancelled"
)  # fmt: skip
#: how it may stand, in the order of the summary.
STANDINGS = (OPEN, COLLECTED, PAID_OUT, FAILED, TAKEN_BACK, DROPPED)
_BY_STATUS = {
    "confirmed": COLLECTED, "paid_out": PAID_OUT, "failed": FAILED, "charged_back": TAKEN_BACK, "cancelled": DROPPED,
    "customer_approval_denied": DROPPED,
}  # fmt: skip
_BY_STATE = {
    AttemptState.FAILED: FAILED, AttemptState.CHARGED_BACK: TAKEN_BACK, AttemptState.CANCELLED: DROPPED,
    AttemptState.WITHDRAWN: DROPPED,
}  # fmt: skip
_MARKS = {
    OPEN: Mark.WAITS, COLLECTED: Mark.GOOD, PAID_OUT: Mark.GOOD, FAILED: Mark.BAD, TAKEN_BACK: Mark.BAD,
    DROPPED: Mark.WAITS,
}  # fmt: skip
_LIVING = frozenset({SubscriptionState.ACTIVE})


@dataclass(frozen=True, slots=True)
class Standing:
    """One thing that is counted in a summary."""

    standing: str
    amount: Money


def collecting_report(store: Store, connection: Connection, month: Month, now: datetime) -> Report:
    """The month's collections and the payments of subscriptions, with what is not collected and why."""
    rows = collections_of_month(store, connection, month)
    payments = subscription_payments(store, connection, month)
    standings = [Standing(standing_of(row), row.amount) for row in rows]
    standings += [Standing(_BY_STATUS.get(p.status, OPEN), p.amount) for p in payments]
    counts = {name: sum(each.standing == name for each in standings) for name in STANDINGS}
    collections = collection_tables(store, connection, month, now)
    return Report(
        head=head_of(connection, now),
        title=TITLE,
        question=QUESTION,
        period=month.title,
        facts=tuple(Fact(counts[name], name) for name in STANDINGS if counts[name]) or (Fact(0, "collections in this month"),),
        sections=(
            Section("Collections", "" if collections else NO_COLLECTIONS, tables=collections),
            Section("Subscriptions", tables=_subscription_tables(store, connection, payments, now)),
        ),
        landscape=True,
        foot="How each stands is what is known now, also of a month that has passed.",
    )  # fmt: skip


NO_COLLECTIONS = "This connection collects no invoices (collections.enabled)."


def collection_tables(store: Store, connection: Connection, month: Month, now: datetime) -> tuple[Table, ...]:
    """Summary, collections, open invoices that are not collected, and mandate set-ups; none where nothing is collected."""
    if not connection.collections.enabled:
        return ()
    rows = collections_of_month(store, connection, month)
    proposal = Orders(store, connection, Payers(store, connection, None)).propose(now)
    read_at = store.receivables.read_at(connection.name)
    return (
        _summary_table(rows, proposal),
        _collection_table(connection, rows),
        _why_not_table(list(why_not(proposal.not_eligible)), read_at),
        _set_up_table(store, connection),
    )


def collections_of_month(store: Store, connection: Connection, month: Month) -> list[CollectionRow]:
    """Collections ordered by the end of the month that changed since it began, or are still on their way."""

    def day(moment: datetime) -> date:
        return moment.astimezone(connection.zone).date()

    rows = store.collections.all(connection.name)
    until = [row for row in rows if day(row.planned_at) <= month.last_day]
    return [row for row in until if row.state in WITHOUT_END or day(row.changed_at) >= month.first_day]


def subscription_payments(store: Store, connection: Connection, month: Month) -> list[Payment]:
    """Payments of subscriptions of which the month's activity days tell."""
    name = connection.name
    days = (month.first_day, month.last_day)
    subjects = list(store.inbox.subjects(name, *days, only_new=False, resource_type="payments"))
    found: list[Payment] = []
    for ids in slices(subjects, SLICE):
        read = [payment_of(body) for body in store.entities.get(name, "payments", ids).values()]
        found += [payment for payment in read if payment.subscription_id]
    return found


def standing_of(row: CollectionRow) -> str:
    """How a collection stands, in the words of the summary."""
    if row.state is AttemptState.COLLECTED:
        return PAID_OUT if row.payment_status == "paid_out" else COLLECTED
    return _BY_STATE.get(row.state, OPEN)


def _summary_table(rows: Sequence[CollectionRow], proposal: Proposal) -> Table:
    due: dict[str, list[Money]] = {}
    for order in proposal.orders:
        due.setdefault(order.amount.currency, []).append(order.amount)
    standings = [Standing(standing_of(row), row.amount) for row in rows]
    made = [("due, ordered by the next run", currency, amounts) for currency, amounts in sorted(due.items())]
    made += _groups(standings)
    return Table(
        sheet="Collections by state",
        caption="Collections by how they stand",
        columns=(Column("How it stands"), Column("Count", Kind.COUNT), Column("Amount", Kind.AMOUNT)),
        rows=tuple((what, len(amounts), _sum(amounts, currency)) for what, currency, amounts in made),
        empty="Nothing was collected in this month, and nothing is due.",
    )


def _groups(standings: Iterable[Standing]) -> list[tuple[str, str, list[Money]]]:
    groups: dict[tuple[str, str], list[Money]] = {}
    for each in standings:
        groups.setdefault((each.standing, each.amount.currency), []).append(each.amount)
    ordered = sorted(groups.items(), key=lambda group: (group[0][1], STANDINGS.index(group[0][0])))
    return [(standing, currency, amounts) for (standing, currency), amounts in ordered]


def _collection_table(connection: Connection, rows: Sequence[CollectionRow]) -> Table:
    def cells(row: CollectionRow) -> tuple[Cell, ...]:
        standing = standing_of(row)
        return (
            row.reference, row.customer, ", ".join(f"{part.item} ({part.amount})" for part in row.parts),
            Amount.of(row.amount), row.charge_date, State(standing, _MARKS[standing]), words(row.cause),
            at_gocardless(connection, row.payment_id),
        )  # fmt: skip

    return Table(
        sheet="Collections",
        caption="Collections",
        columns=(
            Column("Collection", Kind.CODE), Column("Customer"), Column("Invoices"), Column("Amount", Kind.AMOUNT),
            Column("Charge date", Kind.DATE), Column("State", Kind.STATE), Column("Cause", optional=True),
            Column("Payment", Kind.CODE),
        ),
        rows=tuple(map(cells, rows)),
        empty="Nothing was collected in this month.",
    )  # fmt: skip


def _why_not_table(rows: Sequence[WhyNot], read_at: datetime | None) -> Table:
    return Table(
        sheet="Not collected",
        caption="Open invoices that are not collected",
        columns=(
            Column("Invoice", Kind.CODE), Column("Customer"), Column("Open", Kind.AMOUNT), Column("Due", Kind.DATE),
            Column("Why", Kind.NOTE), Column("Next step", Kind.NOTE),
        ),
        rows=tuple(
            (row.invoice, row.customer, Amount.of(row.open_amount), row.due_on, row.reason, row.next_step)
            for row in rows
        ),
        empty="Every open invoice is collected.",
        note=f"Open invoices as of {read_at:%Y-%m-%d %H:%M} UTC." if read_at else "Open invoices were never read.",
    )  # fmt: skip


def _set_up_table(store: Store, connection: Connection) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            row.customer, row.currency, words(row.state.value), row.url,
            row.expires_at.astimezone(connection.zone).date() if row.expires_at else None,
        )
        for row in store.mandate_setups.all(connection.name)
    ]  # fmt: skip
    return Table(
        sheet="Mandate set-ups",
        caption="Payers who were asked to set up a mandate",
        columns=(
            Column("Customer", Kind.CODE), Column("Currency"), Column("State"), Column("Link for the payer"),
            Column("Valid until", Kind.DATE),
        ),
        rows=tuple(rows),
        empty="No payer was asked to set up a mandate.",
    )  # fmt: skip


def _subscription_tables(
    store: Store, connection: Connection, payments: Sequence[Payment], now: datetime
) -> tuple[Table, ...]:
    groups = _groups(Standing(_BY_STATUS.get(p.status, OPEN), p.amount) for p in payments)
    summary = Table(
        sheet="Payments by state",
        caption="Payments of subscriptions by how they stand",
        columns=(Column("How it stands"), Column("Count", Kind.COUNT), Column("Amount", Kind.AMOUNT)),
        rows=tuple((what, len(amounts), _sum(amounts, currency)) for what, currency, amounts in groups),
        empty="No subscription was charged in this month.",
    )
    tables = [summary, _charged_table(store, connection, payments)]
    if connection.subscriptions.enabled:
        shown = subscriptions_overview(store, connection, now)
        tables.append(_followed_table(connection, shown.subscriptions))
        not_followed = tuple((each.charge, each.reason, each.next_step) for each in shown.why_not)
        tables.append(
            Table(
                sheet="Not followed",
                caption="Recurring charges that are not followed as they should be",
                columns=(Column("Charge", Kind.CODE), Column("Why", Kind.NOTE), Column("Next step", Kind.NOTE)),
                rows=not_followed,
                empty="Every recurring charge has its subscription.",
            )
        )
    return tuple(tables)


def _charged_table(store: Store, connection: Connection, payments: Sequence[Payment]) -> Table:
    ids = sorted({payment.subscription_id or "" for payment in payments})
    bodies = store.entities.get(connection.name, "subscriptions", ids)
    names = {key: subscription_of(body).name or "" for key, body in bodies.items()}
    known = people(store, connection.name, [payment.id for payment in payments])

    def cells(payment: Payment) -> tuple[Cell, ...]:
        standing, subscription = _BY_STATUS.get(payment.status, OPEN), payment.subscription_id or ""
        return (
            at_gocardless(connection, payment.id), at_gocardless(connection, subscription), names.get(subscription, ""),
            str(known.get(payment.id, NOBODY)), payment.charge_date, Amount.of(payment.amount),
            State(standing, _MARKS[standing]),
        )  # fmt: skip

    ordered = sorted(payments, key=lambda payment: (payment.subscription_id or "", payment.id))
    return Table(
        sheet="Subscription payments",
        caption="Payments of subscriptions",
        columns=(
            Column("Payment", Kind.CODE), Column("Subscription", Kind.CODE), Column("Name", optional=True), Column("Customer"),
            Column("Charge date", Kind.DATE), Column("Amount", Kind.AMOUNT), Column("State", Kind.STATE),
        ),
        rows=tuple(map(cells, ordered)),
        empty="No subscription was charged in this month.",
    )  # fmt: skip


def _followed_table(connection: Connection, rows: Sequence[SubscriptionRow]) -> Table:
    def cells(row: SubscriptionRow) -> tuple[Cell, ...]:
        mark = Mark.GOOD if row.state in _LIVING else Mark.BAD if row.state is SubscriptionState.HELD else Mark.WAITS
        return (
            row.reference, row.charge, row.customer, Amount.of(row.amount), row.schedule, row.start_on,
            State(row.state.value, mark), words(row.cause), at_gocardless(connection, row.subscription_id),
        )  # fmt: skip

    return Table(
        sheet="Subscriptions",
        caption="Recurring charges and their subscriptions",
        columns=(
            Column("Subscription", Kind.CODE), Column("Charge", Kind.CODE), Column("Customer"),
            Column("Amount", Kind.AMOUNT), Column("Schedule"), Column("Starts", Kind.DATE), Column("State", Kind.STATE),
            Column("Cause", optional=True), Column("At GoCardless", Kind.CODE),
        ),
        rows=tuple(map(cells, rows)),
        empty="No recurring charge has a subscription.",
    )  # fmt: skip


def _sum(amounts: Sequence[Money], currency: str) -> Amount:
    return Amount(Decimal(sum(amount.minor for amount in amounts)), currency)
