"""The ERP contract for Exact Online: entries of receipts, reversals, refunds and payouts, open invoices, customers, mandates.

Holds caches of what was read, never a fact that a crash could lose. What is read is decided in `reading`, what is due next in
`planning`, how a write's answer is understood in `sending`, what became of an unanswered one in `lookup`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from bookkeeping.postings import Posting
from connector_resources.erp.contract import (
    ErpCustomer,
    Finding,
    OpenInvoice,
    OpenSubmission,
    Outcome,
    PingReport,
    Planned,
    PlannedSubmission,
    PostingWork,
    Verification,
    VerifyRequest,
)
from connector_resources.erp.exact_online.checks import Consent, Pinger
from connector_resources.erp.exact_online.client import SYSTEM, ExactOnlineClient
from connector_resources.erp.exact_online.customers import CustomerFeed, KnownCodes
from connector_resources.erp.exact_online.division import DivisionChoice
from connector_resources.erp.exact_online.documents import ACCOUNT
from connector_resources.erp.exact_online.lookup import Lookup
from connector_resources.erp.exact_online.planning import CREDIT_NOTE_STEP, Planner
from connector_resources.erp.exact_online.reading import SnapshotReader
from connector_resources.erp.exact_online.sending import Sender
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.snapshot import Snapshot
from connector_resources.erp.exact_online.traits import TRAITS
from connector_resources.erp.exact_online.verifying import Verifier
from connector_resources.erp.exact_online.wire import Division
from connector_resources.errors import NotSent, Refused


class ExactOnlineConnector:
    """`ErpConnector` for one division."""

    traits = TRAITS

    def __init__(
        self,
        connection: str,
        settings: ExactOnlineSettings,
        client: ExactOnlineClient,
        choice: DivisionChoice,
        consent: Callable[[], Consent | None],
        known_codes: KnownCodes,
        now: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._client = client
        self._choice = choice
        self._snapshot = Snapshot()
        self._reader = SnapshotReader(client, settings, self._snapshot)
        self._planner = Planner(settings, connection)
        self._sender = Sender(client, connection=connection)
        self._lookup = Lookup(client, settings)
        self._verifier = Verifier(client, settings)
        self._feed = CustomerFeed(client, known_codes, now)
        self._pinger = Pinger(connection, settings, client, choice, consent)
        self._division: Division | None = None
        #: postings with a step to come that were read back: the protocol does not tell of them again.
        self._unfinished: list[Posting] = []

    # --- before ------------------------------------------------------------------------------------------------------

    def ping(self) -> PingReport:
        return self._pinger.report()

    def prepare(self, postings: Sequence[Posting]) -> None:
        """Check the division once, and read what planning these postings needs.

        Raises `WrongCompany`, `NotSent`, `BadAnswer`.
        """
        try:
            self._reader.read(self._required(), [*postings, *self._unfinished])
        except Refused as error:
            raise self._misconfigured(error) from error
        self._unfinished = []

    def plan(self, work: Sequence[PostingWork], cut_off: datetime) -> list[Planned]:
        self._sender.new_plan()
        return self._planner.plan(work, self._snapshot, self._sender.crowds)

    # --- writing -----------------------------------------------------------------------------------------------------

    def submit(self, submission: PlannedSubmission) -> Outcome:
        """Raises `NotSent`, `Uncertain`, `ConsentExpired`."""
        return self._sender.submit(submission)

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        self._required()
        return self._lookup.find(submissions)

    def poll(self, submission: OpenSubmission) -> Outcome:
        """Never called: Exact answers at once. Raises `ValueError`."""
        raise ValueError(f"{submission.planned.reference}: Exact Online has no jobs")

    def verify(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        self._required()
        self._unfinished = [
            x.work.posting for x in requests if x.step == CREDIT_NOTE_STEP or x.step.startswith("entry_")
        ]
        for request in requests:
            if request.document.kind == ACCOUNT:
                self._reader.forget_customers()
        return self._verifier.verify(requests)

    # --- master data and receivables -----------------------------------------------------------------------------------

    def customers(self, changed_since: str | None = None) -> Iterator[ErpCustomer]:
        """Customers in the order of their newest change; removed ones as inactive (section 4.4)."""
        yield from self._feed.read(self._required(), changed_since)

    def customers_mark(self) -> str | None:
        return self._feed.mark()

    def open_invoices(self) -> Iterator[OpenInvoice]:
        """Everything that is not settled: invoices, items opened again, and with negative amounts credit (section 11)."""
        self._required()
        for claim in self._reader.claims_of(()):
            yield claim.invoice

    def close(self) -> None:
        self._client.close()

    # --- common --------------------------------------------------------------------------------------------------------

    def _required(self) -> Division:
        if self._division is None:
            self._division = self._choice.require(self._client)
        return self._division

    def _misconfigured(self, error: Refused) -> NotSent:
        """A read that is refused will be refused again, and every refusal counts (section 5): the run stops."""
        return NotSent(
            f"Exact Online refused a read: {error}",
            system=SYSTEM,
            status=error.status,
            connection=self._connection,
            next_step=f"run `connector ping {self._connection}`; it names the right, scope or setting that is missing.",
        )
