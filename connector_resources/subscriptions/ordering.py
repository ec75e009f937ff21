"""Plans subscriptions and what is asked of them: the rules' answers become postings for GoCardless.

An answer, its posting and its row are one transaction. Sending them is the posting protocol's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import Connection as Transaction
from sqlalchemy.exc import IntegrityError

from bookkeeping.eligibility import LIVE, Receivable
from bookkeeping.recurring_charges import RecurringCharge
from bookkeeping.settings import activity_day
from bookkeeping.subscribing import FOLLOWING, Answer, Change, Create, Drop, Follower, Known, SubscriptionState, compare
from bookkeeping.subscription_coverage import taken_through
from bookkeeping.subscription_rules import plan_subscription, plan_subscription_change
from connector_resources.collections.payers import Payers
from connector_resources.collections.reading import receivables
from connector_resources.connections.model import Connection
from connector_resources.errors import StoreError
from connector_resources.posting.unsent import was_never_sent, withdraw_unsent
from connector_resources.store.store import Store
from connector_resources.store.subscriptions import SubscriptionRow
from connector_resources.store.trail import TrailEntry

#: recurring charges read longer ago than this are not followed: somebody may have ended one since.
MOST_AGE = timedelta(hours=6)
#: prefix of the mark by which a person allows another subscription.
ALLOWED = "subscribe_again:"
#: the mark of the reading that was compared last.
COMPARED_WITH = "subscriptions_compared_with"


class SubscriptionOrders:
    """One connection's subscriptions, as they are planned."""

    def __init__(self, store: Store, connection: Connection, payers: Payers) -> None:
        self._store = store
        self._name = connection.name
        self._books = connection.book_settings
        self._rules = connection.subscriptions.rules
        self._collects = connection.collections.enabled
        self._payers = payers

    def why_nothing(self, now: datetime) -> str:
        """Why nothing may be planned, "" when the recurring charges can be trusted."""
        read_at = self._store.recurring_charges.read_at(self._name)
        if read_at is None or now - read_at > MOST_AGE:
            when = "never" if read_at is None else f"last at {read_at:%Y-%m-%d %H:%M} UTC"
            return f"The recurring charges were read {when}; no subscription is changed by what they said then."
        following = [row for row in self._store.subscriptions.all(self._name) if row.state in FOLLOWING]
        if following and not self._store.recurring_charges.all(self._name):
            return (
                f"The ERP shows no recurring charge at all, although {len(following)} subscriptions follow one. None is "
                "cancelled for that alone: look whether the API user may still read them."
            )
        return ""

    def nothing_new(self) -> str:
        """Why comparing again could find nothing else, "" when it could."""
        read_at = self._store.recurring_charges.read_at(self._name)
        if read_at is None or self._store.marks.get(self._name, COMPARED_WITH) != read_at.isoformat():
            return ""
        if any(
            row.state is SubscriptionState.PLANNED or row.change_key
            for row in self._store.subscriptions.all(self._name)
        ):
            return ""
        return "Nothing has changed since the recurring charges were last read and compared."

    def note_compared(self) -> None:
        """Remember which reading of the charges was compared to its end."""
        read_at = self._store.recurring_charges.read_at(self._name)
        assert read_at is not None, self._name
        self._store.marks.set(self._name, COMPARED_WITH, read_at.isoformat())

    def compare(self, now: datetime) -> list[Answer]:
        """What would be asked of GoCardless now, from what the store knows; and what is left as it is, and why."""
        charges = self._store.recurring_charges.all(self._name)
        rows = self._store.subscriptions.all(self._name)
        invoices = list(receivables(self._store, self._name))
        payers = self._payers.of({charge.customer for charge in charges if charge.active})
        known = Known(
            today=activity_day(now, self._books),
            payers=payers,
            mandates=self._payers.mandates({row.mandate for row in rows}),
            followers=[self._follower(row) for row in rows],
            allowed_after=self._allowed(),
            taken_through=self._taken_through(charges, invoices) if self._collects else {},
            billed_through=taken_through(charges, invoices, {invoice.root for invoice in invoices}),
        )
        return compare(charges, known, self._rules)

    def plan(self, answers: Sequence[Answer], now: datetime) -> int:
        """Plan what is to be asked, all or nothing; gives how many postings were planned or taken back.

        Raises `StoreError` when another process has planned a subscription of the same charge meanwhile.
        """
        acting = [answer for answer in answers if isinstance(answer, Create | Change | Drop)]
        if not acting:
            return 0
        rows = {row.reference: row for row in self._store.subscriptions.all(self._name)}
        try:
            with self._store.begin() as transaction:
                # Whoever claims these postings queues behind this lock, so that none is sent and withdrawn at once.
                self._store.trail.lock(self._name, within=transaction)
                for answer in acting:
                    if isinstance(answer, Create):
                        self._create(answer, now, transaction)
                    elif isinstance(answer, Change):
                        self._change(rows[answer.follower.reference], answer, now, transaction)
                    else:
                        self._drop(rows[answer.follower.reference], answer, transaction)
        except IntegrityError as error:
            raise StoreError(
                "another process has planned subscriptions of the same charges; nothing was planned here",
                connection=self._name,
                next_step="run it again, it sees what the other one did",
            ) from error
        return len(acting)

    def _create(self, wanted: Create, now: datetime, transaction: Transaction) -> None:
        posting = plan_subscription(wanted, self._books, now)
        self._store.ledger.plan(self._name, [posting], within=transaction)
        self._store.subscriptions.add(self._name, [(wanted, posting)], within=transaction)

    def _change(self, row: SubscriptionRow, change: Change, now: datetime, transaction: Transaction) -> None:
        number = row.changes + 1
        ordered = self._store.ledger.get(self._name, row.posting_key)
        party = ordered.posting.party if ordered is not None else None
        posting = plan_subscription_change(change, number, row.subscription_id, self._books, now, party)
        self._store.ledger.plan(self._name, [posting], within=transaction)
        asked = replace(row, changes=number, change_key=posting.key)
        self._store.subscriptions.change(self._name, [asked], within=transaction)

    def _drop(self, row: SubscriptionRow, drop: Drop, transaction: Transaction) -> None:
        key = row.change_key if drop.change else row.posting_key
        withdraw_unsent(self._store, self._name, key, drop.code, drop.reason, within=transaction)
        dropped = replace(row, state=SubscriptionState.WITHDRAWN, ours=True, cause=drop.code)
        left = replace(row, change_key="", cause="") if drop.change else dropped
        self._store.subscriptions.change(self._name, [left], within=transaction)

    def _follower(self, row: SubscriptionRow) -> Follower:
        change = self._store.ledger.get(self._name, row.change_key) if row.change_key else None
        is_there = bool(row.subscription_id)
        return Follower(
            reference=row.reference,
            charge=row.charge,
            number=row.number,
            state=row.state,
            mandate=row.mandate,
            amount=row.amount,
            name=row.name,
            schedule=row.schedule,
            start_on=row.start_on,
            amendments=row.amendments,
            unsent=not is_there and was_never_sent(self._store, self._name, row.posting_key),
            change=row.change_key,
            change_wish=change.posting.facts.get("wish", "") if change is not None else "",
            change_unsent=change is not None and was_never_sent(self._store, self._name, row.change_key),
            refused=row.refused,
            ours=row.ours,
            cause=row.cause,
            paid_through=row.paid_through,
            unread=is_there and row.state not in FOLLOWING and not row.payments_read,
        )

    def _taken_through(self, charges: Sequence[RecurringCharge], invoices: Sequence[Receivable]) -> dict[str, date]:
        attempts = self._store.collections.attempts(self._name, {invoice.root for invoice in invoices})
        collected = {root for root, found in attempts.items() if any(each.state in LIVE for each in found)}
        return taken_through(charges, invoices, collected)

    def _allowed(self) -> dict[str, int]:
        marks = self._store.marks.starting_with(self._name, ALLOWED)
        return {name.removeprefix(ALLOWED): int(value) for name, value in marks.items()}


def subscribe_again(store: Store, connection: str, charge: str, *, by: str, note: str) -> int:
    """A person allows another subscription for a charge, whatever ended the last; gives that one's number.

    Raises `StoreError` when the charge has no subscription that ended.
    """
    rows = [row for row in store.subscriptions.all(connection) if row.charge == charge]
    if not rows or any(row.state in FOLLOWING for row in rows):
        raise StoreError(
            f"recurring charge {charge} has no subscription that ended",
            connection=connection,
            subject=charge,
            next_step="look at `connector subscriptions list`",
        )
    last = rows[-1].number
    with store.begin() as transaction:
        store.marks.set(connection, f"{ALLOWED}{charge}", str(last), within=transaction)
        entry = TrailEntry("subscription_allowed", charge, {"after": last, "by": by, "note": note})
        store.trail.append(connection, [entry], within=transaction)
    return last
