"""One run of subscriptions: recover, look, compare, send, and look again, until nothing is left to ask.

Repeating it at any time is safe. What takes several steps (cancel, then make another) is done in as many rounds, each on
what is known after the one before. Every write goes through the posting protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from bookkeeping.charge_schedule import occurrence_of_charge_date
from bookkeeping.postings import GOCARDLESS_KINDS, PostingKind
from bookkeeping.settings import activity_day
from bookkeeping.subscribing import FOLLOWING, Answer, Change, Create, Drop, Left
from connector_resources.collections.payers import Payers
from connector_resources.connections.model import Connection
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.erp.contract import ErpConnector, Hold
from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.posting.protocol import PostingReport
from connector_resources.runtime import Runtime
from connector_resources.store.states import PostingState
from connector_resources.store.subscriptions import SubscriptionRow
from connector_resources.subscriptions.ordering import SubscriptionOrders
from connector_resources.subscriptions.standing import Standings

SUBSCRIPTION_KINDS = frozenset({PostingKind.SUBSCRIPTION, PostingKind.SUBSCRIPTION_CHANGE})
assert SUBSCRIPTION_KINDS <= GOCARDLESS_KINDS
#: enough for the longest way: drop an unsent change, cancel, make another one, find that all is well.
MOST_ROUNDS = 5
#: a payment with such a status takes no money (gocardless.md section 7.2).
_NEVER_CHARGED = frozenset({"cancelled", "customer_approval_denied"})


@dataclass(slots=True)
class SubscriptionReport:
    """What a run did. `left` are charges as they stand at its end; `why_nothing` says why none was looked at."""

    created: list[Create] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    dropped: list[Drop] = field(default_factory=list)
    left: tuple[Left, ...] = ()
    held: list[Hold] = field(default_factory=list)
    changed: int = 0
    sent: int = 0
    adopted: int = 0
    why_nothing: str = ""
    stopped_because: str = ""
    retry_after_s: int = 0

    def sentence(self) -> str:
        followed = sum(each.code == "followed" for each in self.left)
        return (
            f"{len(self.created)} subscriptions ordered, {len(self.changes)} changes, {followed} charges followed, "
            f"{len(self.left) - followed} not, {len(self.held)} held, {self.sent} requests sent"
        )

    def note(self, answers: Sequence[Answer]) -> None:
        """Add what a round planned; what was left is that of the last round."""
        self.created += [answer for answer in answers if isinstance(answer, Create)]
        self.changes += [answer for answer in answers if isinstance(answer, Change)]
        self.dropped += [answer for answer in answers if isinstance(answer, Drop)]
        self.left = tuple(answer for answer in answers if isinstance(answer, Left))

    def take(self, report: PostingReport) -> None:
        """Add what the posting protocol did."""
        self.sent += report.submissions
        self.adopted += report.adopted
        self.held.extend(report.held)
        self.stopped_because = self.stopped_because or report.stopped
        self.retry_after_s = max(self.retry_after_s, report.retry_after_s)


class SubscriptionRun:
    """One connection's run."""

    def __init__(self, runtime: Runtime, connection: Connection, client: GoCardlessClient, erp: ErpConnector) -> None:
        self._runtime = runtime
        self._store = runtime.store
        self._connection = connection
        self._name = connection.name
        self._client = client
        self._erp = erp
        self._payers = Payers(runtime.store, connection, client)
        self._standings = Standings(runtime.store, connection.name)
        self._orders = SubscriptionOrders(runtime.store, connection, self._payers)

    def run(self, *, send: bool = True, only_new: bool = False) -> SubscriptionReport:
        """`send=False` plans one round and sends nothing; `only_new` compares only after news.

        Raises `NotSent`, `BadAnswer`, `LeaseBusy`, `StoreError`; whatever was not finished is found by the next run.
        """
        report = SubscriptionReport()
        if send:
            self._send(report, frozenset())
        report.changed = len(self._standings.refresh())
        report.why_nothing = self._orders.why_nothing(self._runtime.clock())
        if only_new and not report.why_nothing and not report.changed:
            report.why_nothing = self._orders.nothing_new()
        if not report.why_nothing:
            self._read_customers()
            self._rounds(report, send=send)
        report.held = self._still_held(report.held)
        return report

    def _rounds(self, report: SubscriptionReport, *, send: bool) -> None:
        for _ in range(MOST_ROUNDS if send else 1):
            answers = self._compare()
            report.note(answers)
            planned = self._orders.plan(answers, self._runtime.clock())
            if not send:
                return
            # Also without a new plan: what an earlier run planned and did not send is still wanted.
            self._send(report, SUBSCRIPTION_KINDS)
            refreshed = self._standings.refresh()
            # What was read before a change tells nothing after it.
            changed = len(refreshed) + self._read_again(row.reference for row in refreshed if row.changes)
            report.changed += changed
            if report.stopped_because:
                return
            if not planned and not changed:
                self._orders.note_compared()
                return

    def _compare(self) -> list[Answer]:
        """The answers on the newest there is: what is to be changed is read again before it is."""
        self._read_payments(self._store.subscriptions.all(self._name))
        now = self._runtime.clock()
        answers = self._orders.compare(now)
        changing = [answer.follower.reference for answer in answers if isinstance(answer, Change)]
        if self._read_again(changing):
            self._read_payments(self._store.subscriptions.all(self._name))
            answers = self._orders.compare(now)
        return answers

    def _read_again(self, references: Iterable[str]) -> int:
        """Read these subscriptions from GoCardless; gives how many are not as they were known."""
        wanted = set(references)
        ids = [row.subscription_id for row in self._store.subscriptions.all(self._name) if row.reference in wanted]
        if not ids:
            return 0
        self._keep("subscriptions", [self._client.get("subscriptions", each) for each in sorted(ids) if each])
        return len(self._standings.refresh())

    def _read_payments(self, rows: Sequence[SubscriptionRow]) -> None:
        """Of a subscription that has ended, the last day it has charged: what follows must not charge it again."""
        read: list[SubscriptionRow] = []
        for row in rows:
            if row.subscription_id and row.state not in FOLLOWING and not row.payments_read:
                read.append(replace(row, payments_read=True, paid_through=self._paid_through(row)))
        self._store.subscriptions.change(self._name, read)

    def _paid_through(self, row: SubscriptionRow) -> date | None:
        days: list[date] = []
        for page in self._client.filtered_pages("payments", {"subscription": row.subscription_id}):
            self._keep("payments", page)
            taken = [body for body in page if body["status"] not in _NEVER_CHARGED and body.get("charge_date")]
            days += [date.fromisoformat(body["charge_date"]) for body in taken]
        return occurrence_of_charge_date(max(days), row.day_of_month) if days else None

    def _read_customers(self) -> None:
        now = self._runtime.clock()
        if self._payers.read_new_customers(now):
            CustomerDirectory(self._store, self._connection, self._erp).link_all(now)

    def _keep(self, resource_type: str, bodies: Sequence[dict[str, object]]) -> None:
        books = self._connection.book_settings
        self._store.entities.put(
            self._name, resource_type, list(bodies), day_of=lambda moment: activity_day(moment, books)
        )

    def _send(self, report: SubscriptionReport, kinds: frozenset[PostingKind]) -> None:
        """With no kinds at all, only what an earlier run left open is settled."""
        with self._runtime.gocardless_target(self._connection) as target:
            report.take(self._runtime.protocol(self._connection, target).run(kinds))

    def _still_held(self, holds: list[Hold]) -> list[Hold]:
        rows = self._store.ledger.by_key(self._name, [hold.posting_key for hold in holds])
        return [hold for hold in holds if rows[hold.posting_key].state == PostingState.HELD.value]


def subscribe(
    runtime: Runtime, connection: Connection, *, send: bool = True, only_new: bool = False
) -> SubscriptionReport:
    """Bring the subscriptions to what the recurring charges said when they were last read."""
    with runtime.gocardless(connection) as client, runtime.erp(connection) as connector:
        return SubscriptionRun(runtime, connection, client, connector).run(send=send, only_new=only_new)
