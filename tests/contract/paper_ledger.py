"""The smallest ERP that keeps the whole contract: the example of `docs/add-an-erp.md`. A posting is one document, one call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from bookkeeping.postings import MASTER_DATA_KINDS, AccountRole, Posting
from connector_resources.connections.section import Section
from connector_resources.erp.building import BuildContext
from connector_resources.erp.contract import (
    Absent,
    CannotTell,
    Complete,
    Document,
    ErpCustomer,
    Finding,
    Found,
    Mismatch,
    OpenInvoice,
    OpenSubmission,
    Outcome,
    PingLine,
    PingReport,
    Planned,
    PlannedSubmission,
    Posted,
    PostingWork,
    RecurringCharge,
    Rejected,
    Traits,
    Verification,
    Verified,
    VerifyRequest,
)
from connector_resources.erp.onboarding import Onboarding, Preset, Question
from connector_resources.erp.registry import ErpKind
from connector_resources.errors import ConnectorError, Refused
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.messages import Request

TRAITS = Traits(
    erp="paper_ledger",
    label="Paper ledger",
    settled_state="posted",
    read_lag_s=0.0,
    max_postings_per_submission=1,
    claim_group=10,
    reference_field="reference",
    reads_invoices=False,
    reads_customers=False,
    allocates_customer_numbers=False,
    collects=False,
    asynchronous=False,
    limits=("It knows no customers: a receipt names the GoCardless one.",),
)


class PaperLedgerSettings(Section):
    """Where the paper ledger lies."""

    kind: Literal["paper_ledger"] = Field(description="Which ERP this section is for.")
    base_url: str = Field(description="Its address.")
    key: str = Field(default="paper_ledger_key", description="Vault name of its key.")
    accounts: dict[AccountRole, str] = Field(default={}, description="Account per role; without one, the role's name.")


ONBOARDING = Onboarding(
    questions=(Question("base_url", "Address of the paper ledger", "https://paper.example.com"),),
    presets=(Preset("names", "accounts are called by their role", {"clearing": "clearing"}),),
    currencies="",
)


class PaperLedgerConnector:
    """`ErpConnector` for one ledger."""

    traits = TRAITS

    def __init__(self, settings: PaperLedgerSettings, transport: HttpTransport) -> None:
        self._settings = settings
        self._transport = transport

    def ping(self) -> PingReport:
        try:
            self._pages("ping")
        except ConnectorError as error:
            return PingReport((PingLine("ledger", False, str(error), error.next_step or "look at address and key"),))
        return PingReport((PingLine("ledger", True, "answers, and takes the key"),))

    def prepare(self, postings: Sequence[Posting]) -> None:
        """Nothing must be known to plan."""

    def plan(self, work: Sequence[PostingWork], cut_off: datetime) -> list[Planned]:
        return [self._next(each) for each in work]

    def submit(self, submission: PlannedSubmission) -> Outcome:
        request = Request("POST", "/documents", body=submission.body, content_type="application/json", write=True)
        try:
            return Posted(_document(submission.reference, self._transport.send(request).json()["page"]))
        except Refused as error:
            # An earlier send of the same bytes may have arrived; then its page is ours.
            found = self._find(submission)
            if isinstance(found, Found):
                return Posted(found.document)
            return Rejected("refused", str(error), "look at the page of that reference, then release the posting")

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        return [self._find(each.planned) for each in submissions]

    def poll(self, submission: OpenSubmission) -> Outcome | CannotTell:
        raise NotImplementedError("nothing is ever accepted as a job here")

    def verify(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        return [self._verify(each) for each in requests]

    def customers(self, changed_since: str | None = None) -> Iterator[ErpCustomer]:
        yield from ()

    def customers_mark(self) -> str | None:
        return None

    def open_invoices(self) -> Iterator[OpenInvoice]:
        yield from ()

    def recurring_charges(self) -> Iterator[RecurringCharge]:
        yield from ()

    def close(self) -> None:
        self._transport.close()

    def _next(self, work: PostingWork) -> Planned:
        if work.posting.kind in MASTER_DATA_KINDS:
            return Complete(work.posting.key, "a paper ledger keeps neither customers nor mandates")
        return Complete(work.posting.key) if work.done else self._request(work.posting)

    def _request(self, posting: Posting) -> PlannedSubmission:
        lines = [
            [self._settings.accounts.get(line.role, line.role), line.side, str(line.amount.major), line.amount.currency]
            for line in posting.lines
        ]
        document = {"reference": posting.reference, "dated": posting.booking_date.isoformat(), "lines": lines}
        body = json.dumps(document, sort_keys=True).encode()
        return PlannedSubmission(
            posting.reference, "append", "POST", "/documents", body, "application/json", (posting.key,)
        )

    def _find(self, planned: PlannedSubmission) -> Finding:
        pages = self._pages(planned.reference)
        if not pages:
            return Absent()
        if [_said(page) for page in pages] == [_said(json.loads(planned.body))]:
            return Found(_document(planned.reference, pages[0]["page"]))
        return CannotTell(f"look at {planned.reference} in the paper ledger: another document has this reference")

    def _verify(self, request: VerifyRequest) -> Verification:
        found = self._find(self._request(request.work.posting))
        if isinstance(found, Found):
            return Verified(found.document)
        return Mismatch("the page does not say what was sent", "correct it in the paper ledger, then release it")

    def _pages(self, reference: str) -> list[dict[str, Any]]:
        pages: list[dict[str, Any]] = self._transport.send(
            Request("GET", "/documents", params=(("reference", reference),))
        ).json()
        return pages


def build_connector(settings: PaperLedgerSettings, context: BuildContext) -> PaperLedgerConnector:
    """The connector of one connection. Raises `MissingCredential`."""
    key = context.store.vault.read(context.connection, settings.key)
    transport = HttpTransport(
        "paper_ledger",
        settings.base_url,
        connection=context.connection,
        headers={"x-ledger-key": key},
        counter=context.counter,
        now=context.clock,
        sleep=context.sleep,
    )
    return PaperLedgerConnector(settings, transport)


def _document(reference: str, page: int) -> Document:
    return Document("page", str(page), details={"reference": reference})


def _said(document: dict[str, Any]) -> tuple[Any, Any, Any]:
    return document["reference"], document["dated"], document["lines"]


#: the line in the table of ERPs.
PAPER_LEDGER = ErpKind(TRAITS, PaperLedgerSettings, build_connector, lambda settings: (settings.key,), ONBOARDING)
