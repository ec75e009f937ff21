"""The ERP contract for Exact Online: entries of receipts, reversals, refunds and payouts, open invoices, customers, mandates.

Holds caches of what was read, never a fact that a crash could lose. What is read is decided in `reading`, what is due next in
`planning`, how a write's answer is understood in `sending`, what became of an unanswered one in `lookup`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime

from bookkeeping.direct_mandate_rules import BankDetails
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
    RecurringCharge,
    Verification,
    VerifyRequest,
)
from connector_resources.erp.exact_online.bank_details import details_of
from connector_resources.erp.exact_online.checks import Consent, Pinger
from connector_resources.erp.exact_online.client import SYSTEM, ExactOnlineClient
from connector_resources.erp.exact_online.customers import CustomerFeed, KnownCodes
from connector_resources.erp.exact_online.division import DivisionChoice, Marks
from connector_resources.erp.exact_online.documents import ACCOUNT, is_upload
from connector_resources.erp.exact_online.exchange import Books, ExchangeReader
from connector_resources.erp.exact_online.lookup import Lookup
from connector_resources.erp.exact_online.match_files import MATCH_STEP
from connector_resources.erp.exact_online.matching import MATCHED_KINDS, Matching
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
        books: Books,
        marks: Marks,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._client = client
        self._choice = choice
        self._snapshot = Snapshot()
        exchange = ExchangeReader(client, settings, books)
        self._matching = Matching(connection, client, settings, books, marks, now)
        self._reader = SnapshotReader(client, settings, self._snapshot, exchange, self._matching)
        self._planner = Planner(settings, connection)
        self._sender = Sender(client, connection=connection)
        self._lookup = Lookup(client, settings, self._reader.balances, sleep)
        self._verifier = Verifier(client, settings, exchange, self._matching)
        self._feed = CustomerFeed(client, known_codes, now)
        self._pinger = Pinger(connection, settings, client, choice, consent, lambda: self._matching.refused_at)
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
        return self._planner.plan(work, self._snapshot, self._sender.crowds.most)

    # --- writing -----------------------------------------------------------------------------------------------------

    def submit(self, submission: PlannedSubmission) -> Outcome:
        """Raises `NotSent`, `Uncertain`, `ConsentExpired`."""
        if is_upload(submission):
            return self._matching.submit(submission)
        return self._sender.submit(submission)

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        """Raises `NotSent`, `BadAnswer`."""
        self._required()
        try:
            looked = self._lookup.find([each for each in submissions if not is_upload(each.planned)])
            found = iter(looked.findings)
            findings = [self._matching.find(x) if is_upload(x.planned) else next(found) for x in submissions]
        except Refused as error:
            raise self._misconfigured(error) from error
        self._sender.looked_up(looked)
        return findings

    def poll(self, submission: OpenSubmission) -> Outcome:
        """Never called: Exact answers at once. Raises `ValueError`."""
        raise ValueError(f"{submission.planned.reference}: Exact Online has no jobs")

    def verify(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        division = self._required()
        self._unfinished += [x.work.posting for x in requests if self._goes_on(x)]
        for request in requests:
            if request.document.kind == ACCOUNT:
                self._reader.forget_customers()
        try:
            return self._verifier.verify(requests, division.currency)
        except Refused as error:
            raise self._misconfigured(error) from error

    def _goes_on(self, request: VerifyRequest) -> bool:
        """Whether another step may follow the one that is read back."""
        if request.step == CREDIT_NOTE_STEP or request.step.startswith("entry_"):
            return True
        return self._matching.is_on and request.work.posting.kind in MATCHED_KINDS and request.step != MATCH_STEP

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

    def bank_details(self, customers: Collection[str]) -> Mapping[str, BankDetails]:
        """Accounts that mandates may be made of, by customer code (sections 2.3 and 2.4). Raises as reads do."""
        self._required()
        accounts = self._client.accounts(customers)
        ids = {row.id for row in accounts}
        if not ids:
            return {}
        numbers, mandates = self._client.account_numbers(ids), self._client.mandates_of(ids)
        found = {
            row.code: details_of(
                row, [x for x in numbers if x.account == row.id], [x for x in mandates if x.account == row.id]
            )
            for row in accounts
        }
        return {code: details for code, details in found.items() if details is not None}

    def recurring_charges(self) -> Iterator[RecurringCharge]:
        return iter(())

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
