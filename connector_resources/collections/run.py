"""One run of collections: recover, look, stop, order, send, and look again. Repeating it at any time is safe.

What an interrupted run left behind is settled first, so that nothing is decided on half a story. Every write, to GoCardless
and to the ERP, goes through the posting protocol.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bookkeeping.collecting import Order, Stop
from bookkeeping.eligibility import NotEligible
from bookkeeping.postings import GOCARDLESS_KINDS, INVOICE_KINDS, PostingKind
from bookkeeping.settings import activity_day
from connector_resources.collections.mandates import MandateSetups
from connector_resources.collections.ordering import Orders
from connector_resources.collections.payers import Payers
from connector_resources.collections.standing import Standings
from connector_resources.connections.model import Connection
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.erp.contract import ErpConnector, Hold
from connector_resources.erp.registry import erp_kind
from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.posting.protocol import PostingReport
from connector_resources.runtime import Runtime
from connector_resources.store.mandate_setups import SetupRow
from connector_resources.store.states import PostingState

COLLECTION_KINDS = frozenset({PostingKind.COLLECTION, PostingKind.COLLECTION_CANCEL, PostingKind.MANDATE_SETUP})
assert COLLECTION_KINDS <= GOCARDLESS_KINDS


@dataclass(slots=True)
class CollectionReport:
    """What a run did. `why_nothing` says why no invoice was looked at, `stopped_because` why work is left."""

    orders: tuple[Order, ...] = ()
    not_eligible: tuple[NotEligible, ...] = ()
    stopped: tuple[Stop, ...] = ()
    too_late: tuple[Stop, ...] = ()
    set_ups: tuple[SetupRow, ...] = ()
    held: list[Hold] = field(default_factory=list)
    changed: int = 0
    sent: int = 0
    adopted: int = 0
    why_nothing: str = ""
    stopped_because: str = ""
    retry_after_s: int = 0

    def sentence(self) -> str:
        return (
            f"{len(self.orders)} collections ordered, {len(self.not_eligible)} open items not collected, "
            f"{len(self.stopped)} stopped, {len(self.held)} held, {self.sent} requests sent"
        )

    def take(self, report: PostingReport) -> None:
        """Add what the posting protocol did."""
        self.sent += report.submissions
        self.adopted += report.adopted
        self.held.extend(report.held)
        self.stopped_because = self.stopped_because or report.stopped
        self.retry_after_s = max(self.retry_after_s, report.retry_after_s)


class CollectionRun:
    """One connection's run. `send=False` plans and sends nothing: for a dry run in a scratch store."""

    def __init__(self, runtime: Runtime, connection: Connection, client: GoCardlessClient, erp: ErpConnector) -> None:
        self._runtime = runtime
        self._connection = connection
        self._client = client
        self._erp = erp
        store, kind = runtime.store, erp_kind(connection.erp.kind)
        self._standings = Standings(store, connection, writes_back=kind.traits.kinds >= INVOICE_KINDS)
        self._payers = Payers(store, connection, client)
        self._orders = Orders(store, connection, self._payers)
        self._setups = MandateSetups(store, connection, erp)

    def run(self, *, send: bool = True, only_new: bool = False) -> CollectionReport:
        """`only_new` plans only after news: fresh invoices, a collection that changed, or one that was not sent.

        Raises `NotSent`, `BadAnswer`, `LeaseBusy`, `StoreError`; whatever was not finished is found by the next run."""
        report = CollectionReport()
        if send:
            self._send(report, frozenset())
        report.changed = len(self._standings.refresh())
        report.why_nothing = self._orders.is_stale(self._runtime.clock())
        if only_new and not report.why_nothing and not report.changed:
            report.why_nothing = self._orders.nothing_new()
        if not report.why_nothing:
            self._plan(report)
        if send:
            # What was planned before is looked at again only together with fresh invoices.
            self._send(report, COLLECTION_KINDS - ({PostingKind.COLLECTION} if report.why_nothing else set()))
            report.changed += len(self._standings.refresh())
            self._setups.link(self._client, self._runtime.clock())
            self._write_back(report)
        report.held = self._still_held(report.held)
        report.set_ups = tuple(self._runtime.store.mandate_setups.all(self._connection.name))
        return report

    def _plan(self, report: CollectionReport) -> None:
        now = self._runtime.clock()
        stopped, too_late = self._orders.stop(now)
        self._read_customers()
        proposal = self._orders.propose(now)
        if self._refresh_previous(self._orders.previous_payments(proposal.orders)):
            proposal = self._orders.propose(now)
        self._orders.order(proposal.orders, now)
        self._setups.plan(proposal.not_eligible, now)
        self._orders.note_planned()
        report.orders, report.not_eligible = proposal.orders, proposal.not_eligible
        report.stopped, report.too_late = tuple(stopped), tuple(too_late)

    def _read_customers(self) -> None:
        """Who signed up meanwhile is linked before anybody is asked to sign up."""
        now = self._runtime.clock()
        self._setups.refresh(self._client, now)
        if self._payers.read_new_customers(now):
            CustomerDirectory(self._runtime.store, self._connection, self._erp).link_all(now)

    def _refresh_previous(self, payments: set[str]) -> bool:
        """Read the payments of earlier attempts again; True when one is not as it was known."""
        if not payments:
            return False
        books = self._connection.book_settings
        bodies = [self._client.get("payments", payment) for payment in sorted(payments)]
        self._runtime.store.entities.put(
            self._connection.name, "payments", bodies, day_of=lambda moment: activity_day(moment, books)
        )
        return bool(self._standings.refresh())

    def _send(self, report: CollectionReport, kinds: frozenset[PostingKind]) -> None:
        """With no kinds at all, only what an earlier run left open is settled."""
        with self._runtime.gocardless_target(self._connection) as target:
            report.take(self._runtime.protocol(self._connection, target).run(kinds))

    def _still_held(self, holds: list[Hold]) -> list[Hold]:
        """Without those that were planned anew in the same run."""
        rows = self._runtime.store.ledger.by_key(self._connection.name, [hold.posting_key for hold in holds])
        return [hold for hold in holds if rows[hold.posting_key].state == PostingState.HELD.value]

    def _write_back(self, report: CollectionReport) -> None:
        if self._erp.traits.kinds >= INVOICE_KINDS:
            report.take(self._runtime.protocol(self._connection, self._erp).run(INVOICE_KINDS))


def collect(runtime: Runtime, connection: Connection, *, send: bool = True, only_new: bool = False) -> CollectionReport:
    """Collect what is due from the open invoices as last read, and settle what was ordered before."""
    with runtime.gocardless(connection) as client, runtime.erp(connection) as connector:
        return CollectionRun(runtime, connection, client, connector).run(send=send, only_new=only_new)
