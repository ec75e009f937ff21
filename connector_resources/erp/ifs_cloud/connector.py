"""The ERP contract for IFS Cloud: receipts in AR, vouchers, open invoices and customers of one or many companies.

Holds caches of what was read, never a fact that a crash could lose. What is read is decided in `reading`, what is due next in
`planning`, how a write's answer is understood in `sending`, what became of an unanswered one in `lookup`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from bookkeeping.postings import Posting
from connector_resources.erp.contract import (
    Accepted,
    CannotTell,
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
from connector_resources.erp.ifs_cloud.checks import Pinger
from connector_resources.erp.ifs_cloud.client import IfsCloudClient
from connector_resources.erp.ifs_cloud.customer_contacts import Contacts
from connector_resources.erp.ifs_cloud.customers import CustomerFeed
from connector_resources.erp.ifs_cloud.documents import MEMBERS
from connector_resources.erp.ifs_cloud.files import Files
from connector_resources.erp.ifs_cloud.gate import SYSTEM
from connector_resources.erp.ifs_cloud.lookup import Lookup
from connector_resources.erp.ifs_cloud.planning import Planner
from connector_resources.erp.ifs_cloud.readback import Books
from connector_resources.erp.ifs_cloud.reading import SnapshotReader
from connector_resources.erp.ifs_cloud.sending import Sender
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.snapshot import Snapshot
from connector_resources.erp.ifs_cloud.traits import TRAITS
from connector_resources.erp.ifs_cloud.verifying import Verifier
from connector_resources.errors import NotSent, Refused


class IfsCloudConnector:
    """`ErpConnector` for the companies of one tenant."""

    traits = TRAITS

    def __init__(
        self, connection: str, settings: IfsCloudSettings, client: IfsCloudClient, now: Callable[[], datetime]
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._client = client
        self._snapshot = Snapshot()
        contacts = Contacts(client, settings, now)
        self._reader = SnapshotReader(client, settings, self._snapshot, contacts, connection=connection)
        self._planner = Planner(settings)
        self._sender = Sender(client, settings, self._reader, connection=connection)
        books = Books(client, connection=connection)
        self._files = Files(books, settings, now)
        self._lookup = Lookup(books)
        self._verifier = Verifier(books, settings)
        self._feed = CustomerFeed(client, settings, contacts, now)
        self._pinger = Pinger(connection, settings, client, now)

    # --- before ------------------------------------------------------------------------------------------------------

    def ping(self) -> PingReport:
        return self._pinger.report()

    def prepare(self, postings: Sequence[Posting]) -> None:
        """Check the companies once, and read what planning these postings needs.

        Raises `WrongCompany`, `NotSent`, `BadAnswer`.
        """
        try:
            self._reader.read(postings)
        except Refused as error:
            raise self._misconfigured(error) from error

    def plan(self, work: Sequence[PostingWork], cut_off: datetime) -> list[Planned]:
        return self._planner.plan(work, self._snapshot, self._sender.alone)

    # --- writing -----------------------------------------------------------------------------------------------------

    def submit(self, submission: PlannedSubmission) -> Outcome | CannotTell:
        """Raises `NotSent`, `Uncertain`."""
        outcome = self._sender.submit(submission)
        if isinstance(outcome, Accepted):
            self._files.expect(submission.body)
        return outcome

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        try:
            return self._lookup.find(submissions)
        except Refused as error:
            raise self._misconfigured(error) from error

    def poll(self, submission: OpenSubmission) -> Outcome | CannotTell:
        return self._files.poll(submission)

    def verify(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        written = [request.work.posting for request in requests if request.document.kind == MEMBERS]
        try:
            if written:
                self._reader.read_customers_again(written)
            return self._verifier.verify(requests)
        except Refused as error:
            raise self._misconfigured(error) from error

    # --- master data and receivables -----------------------------------------------------------------------------------

    def customers(self, changed_since: str | None = None) -> Iterator[ErpCustomer]:
        """Customers, each once per company it belongs to, as `10:CUST1`."""
        self._reader.require_companies()
        try:
            yield from self._feed.read(changed_since)
        except Refused as error:
            raise self._misconfigured(error) from error

    def customers_mark(self) -> str | None:
        return self._feed.mark()

    def open_invoices(self) -> Iterator[OpenInvoice]:
        """Every open item of every company, as `10:CI-10001`; with negative amounts credit."""
        self._reader.require_companies()
        for company in sorted(self._settings.companies):
            for claim in self._reader.claims_of(company):
                yield claim.invoice

    def recurring_charges(self) -> Iterator[RecurringCharge]:
        """None: periodic invoicing of IFS is not followed by GoCardless subscriptions."""
        yield from ()

    def close(self) -> None:
        self._client.close()

    # --- common --------------------------------------------------------------------------------------------------------

    def _misconfigured(self, error: Refused) -> NotSent:
        """A read that is refused will be refused again: the run stops."""
        return NotSent(
            f"IFS Cloud refused a read: {error}",
            system=SYSTEM,
            status=error.status,
            connection=self._connection,
            next_step=f"run `connector ping {self._connection}`; it names the projection, right or setting that is missing.",
        )
