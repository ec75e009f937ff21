"""The ERP contract for Sage 300: receipts, notes, refunds and payout journals in batches, open invoices, customers, mandates.

Holds caches of what was read, never a fact that a crash could lose. What is read is decided in `reading`, what is due next in
`planning`, how a write's answer is understood in `sending`, what became of an unanswered one in `lookup`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime

from bookkeeping.postings import Posting, PostingKind
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
    RecurringCharge,
    Verification,
    VerifyRequest,
)
from connector_resources.erp.sage300.carried import CarriedItems
from connector_resources.erp.sage300.checks import Pinger
from connector_resources.erp.sage300.client import SYSTEM, Sage300Client
from connector_resources.erp.sage300.company import CompanyChoice
from connector_resources.erp.sage300.customers import CustomerFeed
from connector_resources.erp.sage300.documents import CUSTOMER, JOURNALS
from connector_resources.erp.sage300.gate import SignOnGuard
from connector_resources.erp.sage300.lookup import Lookup
from connector_resources.erp.sage300.planning import REFUND, Planner
from connector_resources.erp.sage300.reading import SnapshotReader
from connector_resources.erp.sage300.recurring import charges
from connector_resources.erp.sage300.sending import Sender
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.erp.sage300.snapshot import Snapshot
from connector_resources.erp.sage300.traits import TRAITS
from connector_resources.erp.sage300.verifying import Verifier
from connector_resources.errors import NotSent, Refused


class Sage300Connector:
    """`ErpConnector` for one company."""

    traits = TRAITS

    def __init__(
        self,
        connection: str,
        settings: Sage300Settings,
        client: Sage300Client,
        choice: CompanyChoice,
        guard: SignOnGuard,
        carried: CarriedItems,
        *,
        now: Callable[[], datetime],
        today: Callable[[], date],
        sleep: Callable[[float], None],
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._client = client
        self._choice = choice
        self._snapshot = Snapshot()
        self._reader = SnapshotReader(client, settings, self._snapshot, carried)
        self._planner = Planner(settings, connection)
        self._sender = Sender(client, settings, connection=connection, sleep=sleep)
        self._lookup = Lookup(client, connection=connection, now=now)
        self._verifier = Verifier(client, settings, carried)
        self._feed = CustomerFeed(client, settings.optional_fields, today)
        self._pinger = Pinger(connection, settings, client, choice, guard)
        self._functional = ""
        #: postings with a step to come that were read back: the protocol does not tell of them again.
        self._unfinished: list[Posting] = []

    # --- before ------------------------------------------------------------------------------------------------------

    def ping(self) -> PingReport:
        return self._pinger.report()

    def prepare(self, postings: Sequence[Posting]) -> None:
        """Validate user and company once, and read what planning these postings needs.

        Raises `WrongCompany`, `ConfigurationError`, `NotSent`, `BadAnswer`.
        """
        functional = self._required()
        try:
            self._reader.read(functional, postings, self._unfinished)
        except Refused as error:
            raise self._misconfigured(error) from error
        self._unfinished = []

    def plan(self, work: Sequence[PostingWork], cut_off: datetime) -> list[Planned]:
        return self._planner.plan(work, self._snapshot, self._sender.crowds.most)

    # --- writing -----------------------------------------------------------------------------------------------------

    def submit(self, submission: PlannedSubmission) -> Outcome:
        """Raises `NotSent`, `Uncertain`."""
        return self._sender.submit(submission)

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        self._required()
        try:
            return self._lookup.find(submissions)
        except Refused as error:
            raise self._misconfigured(error) from error

    def poll(self, submission: OpenSubmission) -> Outcome:
        """Never called: Sage 300 answers at once. Raises `ValueError`."""
        raise ValueError(f"{submission.planned.reference}: Sage 300 has no jobs")

    def verify(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        functional = self._required()
        self._unfinished += [x.work.posting for x in requests if self._has_steps_to_come(x)]
        if any(request.document.kind == CUSTOMER for request in requests):
            self._reader.forget_customers()
        try:
            return self._verifier.verify(requests, functional)
        except Refused as error:
            raise self._misconfigured(error) from error

    def _has_steps_to_come(self, request: VerifyRequest) -> bool:
        if request.document.kind == JOURNALS:
            return self._settings.post_mode == "post"
        return request.work.posting.kind is PostingKind.REFUND and not request.step.endswith(REFUND)

    # --- master data and receivables -----------------------------------------------------------------------------------

    def customers(self, changed_since: str | None = None) -> Iterator[ErpCustomer]:
        """Customers that changed since the day of the mark, by number (section 4)."""
        self._required()
        yield from self._feed.read(changed_since)

    def customers_mark(self) -> str | None:
        return self._feed.mark()

    def open_invoices(self) -> Iterator[OpenInvoice]:
        """Every document that is not fully paid, less what unposted receipts promise; credit with negative amounts."""
        self._required()
        for claim in self._reader.open_claims():
            yield claim.invoice

    def recurring_charges(self) -> Iterator[RecurringCharge]:
        """The recurring charges of A/R whose schedule the settings explain, inactive ones too."""
        functional = self._required()
        if self._settings.schedules:
            yield from charges(self._client.recurring_charges(), self._settings, functional)

    def close(self) -> None:
        self._client.close()

    # --- common --------------------------------------------------------------------------------------------------------

    def _required(self) -> str:
        """The functional currency; user, company and mode are validated with the first call of a connector."""
        if not self._functional:
            self._functional = self._choice.functional_currency(self._choice.require(self._client))
        return self._functional

    def _misconfigured(self, error: Refused) -> NotSent:
        """A read that is refused will be refused again: the run stops."""
        return NotSent(
            f"Sage 300 refused a read: {error}",
            system=SYSTEM,
            status=error.status,
            code=error.code,
            connection=self._connection,
            next_step=f"run `connector ping {self._connection}`; it names the right, module or setting that is missing.",
        )
