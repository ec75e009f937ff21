"""The contract every ERP connector fulfils, and the types that cross it.

The posting protocol (`connector_resources.posting.protocol`) drives a connector and knows nothing of the ERP behind it:

    plan(work)   pure: which request each unfinished posting needs next, byte for byte; or that it is complete, or held
    submit(s)    one send of exactly those bytes; the outcome is typed
    find(ss)     "did my write happen?", by our reference, for submissions whose outcome is unknown
    poll(s)      the state of an asynchronous job that accepted a submission
    verify(docs) read back what was written, many at a time

A posting may take several requests (create, then release). Each is one submission with its own `step` name. `plan` sees the
settled steps of a posting in `PostingWork.done` and answers with the next request, until nothing is left: `Complete`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from bookkeeping.direct_mandate_rules import BankDetails
from bookkeeping.money import Money
from bookkeeping.postings import ERP_KINDS, Posting, PostingKind
from bookkeeping.recurring_charges import IntervalUnit as IntervalUnit  # noqa: PLC0414 - part of the contract
from bookkeeping.recurring_charges import RecurringCharge as RecurringCharge  # noqa: PLC0414 - part of the contract


@dataclass(frozen=True, slots=True)
class Traits:
    """How this ERP differs from its siblings, as data."""

    erp: str
    label: str
    #: what the ledger may call a settled posting: "posted" where the ERP confirms the booking, "delivered" where it cannot.
    settled_state: str
    #: after an unanswered write, how long until a look-up that finds nothing may be believed.
    read_lag_s: float
    #: how many postings one submission may carry.
    max_postings_per_submission: int
    #: how many submissions are claimed in one commit.
    claim_group: int
    #: the field of the ERP document that holds our reference.
    reference_field: str
    reads_invoices: bool
    reads_customers: bool
    #: True where we hand out the customer (debtor) numbers ourselves.
    allocates_customer_numbers: bool
    collects: bool
    asynchronous: bool
    #: what a user must know it cannot do, one sentence each.
    limits: tuple[str, ...] = ()
    #: which postings are this system's; the protocol gives it no others.
    kinds: frozenset[PostingKind] = ERP_KINDS
    #: True where recurring charges are kept that GoCardless subscriptions can follow (`ErpConnector.recurring_charges`).
    subscribes: bool = False
    #: True where customers' account numbers can be read, for mandates that are made directly (`KnowsBankDetails`).
    knows_bank_details: bool = False
    #: (posting, document) kinds whose read-back asks the ERP for the document and nothing else, not even what is written down of
    #: it: it goes on beside the next sends and commits.
    read_back_aside: frozenset[tuple[PostingKind, str]] = frozenset()
    #: how many postings fill one call of such a read-back; None waits until all of a pass are sent.
    read_back_at_once: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """An ERP document that exists: its kind and number there, its version, and where a person can see it."""

    kind: str
    number: str
    etag: str = ""
    url: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepDone:
    """A settled submission of a posting: `step` produced `document`. `verified` after a read-back agreed."""

    step: str
    document: Document
    verified: bool = False


@dataclass(frozen=True, slots=True)
class PostingWork:
    """An unfinished posting with what is already done for it.

    `reversed_documents` are those of the posting it takes back, `awaited_documents` those of the posting it builds upon
    (`Posting.waits_for`): a receipt's sales invoice.
    """

    posting: Posting
    done: tuple[StepDone, ...] = ()
    reversed_documents: tuple[StepDone, ...] = ()
    awaited_documents: tuple[StepDone, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedSubmission:
    """One write request, complete but for credentials. `reference` is unique per connection and deterministic.

    `path` is relative to the connection's base address. `etag` is sent as If-Match and is not part of the hash, because
    a re-read may renew it without changing what is written.
    """

    reference: str
    step: str
    method: str
    path: str
    body: bytes
    content_type: str
    posting_keys: tuple[str, ...]
    headers: tuple[tuple[str, str], ...] = ()
    etag: str = ""
    summary: str = ""

    @property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for part in (self.method, self.path, self.content_type, *(f"{k}:{v}" for k, v in self.headers)):
            digest.update(part.encode() + b"\n")
        digest.update(self.body)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Hold:
    """`plan` or `submit` says a person must act. `code` is stable (`customer_unmapped`, `period_closed` …)."""

    posting_key: str
    code: str
    reason: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Complete:
    """`plan` says nothing is left to send for this posting. `nothing_to_book` explains why nothing was ever sent."""

    posting_key: str
    nothing_to_book: str = ""


Planned = PlannedSubmission | Hold | Complete


@dataclass(frozen=True, slots=True)
class Posted:
    """The write took effect and made (or changed) this document."""

    document: Document


@dataclass(frozen=True, slots=True)
class Accepted:
    """The ERP took the request as a job whose result must be polled. `poll_after_s` is the server's wish."""

    job_id: str
    poll_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rejected:
    """The ERP said no; every posting of the submission goes to *held* with this reason."""

    code: str
    reason: str
    next_step: str


#: What `submit` and `poll` answer. An outcome that is not known is raised as `Uncertain`, one that never left as `NotSent`,
#: and one of several writes of which not all were made as `BrokenOff`.
Outcome = Posted | Accepted | Rejected


@dataclass(frozen=True, slots=True)
class OpenSubmission:
    """A submission whose end is not recorded: claimed or sent when a process died, or answered unclearly.

    `forgotten`: the store was restored from a backup, and its postings may have been sent since, perhaps in the company of
    others, so under another reference. Only a look-up that would find each of them anyhow may call it `Absent`.
    """

    planned: PlannedSubmission
    claimed_at: datetime
    attempts: int = 1
    job_id: str = ""
    postings: tuple[PostingWork, ...] = ()
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The write did happen: adopt this document. `amount` is compared by the connector before it answers Found."""

    document: Document


@dataclass(frozen=True, slots=True)
class FoundJob:
    """The ERP has our request as a job: adopt its id and poll it."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Surely not booked (the caller waits out `Traits.read_lag_s` before it asks): the same bytes may be sent again.

    `begun` names what an earlier try left there unfinished, as a person finds it: the same bytes go on with it, and nothing
    else may be sent for these postings while it is there.
    """

    begun: str = ""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """Several candidates, or one that differs: a person must look. `instructions` say where and for what."""

    instructions: str


Finding = Found | FoundJob | Absent | CannotTell


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """A document to read back: the posting, the step that made it and the document we hold."""

    work: PostingWork
    step: str
    document: Document


@dataclass(frozen=True, slots=True)
class Verified:
    """The read-back agrees; `document` carries the fresh etag."""

    document: Document


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The read-back differs from what was sent: the posting is held before anything irreversible follows."""

    reason: str
    next_step: str


Verification = Verified | Mismatch


@dataclass(frozen=True, slots=True)
class ErpCustomer:
    """A customer (debtor) of the ERP as far as matching needs it. `gocardless_customer` if the ERP stores our link."""

    number: str
    name: str
    email: str = ""
    currency: str = ""
    active: bool = True
    gocardless_customer: str = ""
    mandate: str = ""
    vat_number: str = ""
    country_code: str = ""
    address_line1: str = ""
    address_line2: str = ""
    address_line3: str = ""
    city: str = ""
    postal_code: str = ""


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An open receivable. `references` are all fields a payer may quote (number, external reference, KID …).

    `reopens` is the invoice that an item of our own journal opened again, as some ERPs show a receipt taken back.
    """

    number: str
    customer: str
    open_amount: Money
    total_amount: Money
    issued_on: date | None = None
    due_on: date | None = None
    references: tuple[str, ...] = ()
    document_type: str = "invoice"
    on_hold: bool = False
    reopens: str = ""


@dataclass(frozen=True, slots=True)
class PingLine:
    """One line of the ping checklist. `next_step` is filled when it is not ok."""

    what: str
    ok: bool
    detail: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class PingReport:
    lines: tuple[PingLine, ...]

    @property
    def ok(self) -> bool:
        return all(line.ok for line in self.lines)


class ErpConnector(Protocol):
    """One connection's ERP. Instances are cheap, not thread-safe, and hold no state that a crash could lose."""

    traits: Traits

    def ping(self) -> PingReport:
        """Credentials, rights, the right company, accounts and settings: every line checked, none raised."""
        ...

    def prepare(self, postings: Sequence[Posting]) -> None:
        """Read (never write) what `plan` needs to know for these postings: open invoices, periods. Few calls, cached."""
        ...

    def plan(self, work: Sequence[PostingWork], cut_off: datetime) -> list[Planned]:
        """The next request of each posting, in an order that is safe to send. No I/O, no clock: `cut_off` is the batch time.

        Same input, same bytes. Every posting of `work` is named by exactly one answer.
        """
        ...

    def submit(self, submission: PlannedSubmission) -> Outcome | CannotTell:
        """Send it once. Raises `NotSent` (nothing of it happened: safe to repeat) or `Uncertain` (look it up).

        `CannotTell` when it was begun and only a person can bring it on, or take it away.
        """
        ...

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        """For each, by reference: did it happen? One answer per submission, in order."""
        ...

    def poll(self, submission: OpenSubmission) -> Outcome | CannotTell:
        """The job's state; `Accepted` while it still runs, `CannotTell` when only a person can bring it on."""
        ...

    def verify(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        """Read back, many at a time, and compare amount, currency, customer and reference. In order."""
        ...

    def customers(self, changed_since: str | None = None) -> Iterator[ErpCustomer]:
        """All customers, or those changed since the mark that `customers_mark` gave."""
        ...

    def customers_mark(self) -> str | None:
        """High-water mark after `customers` was read to its end; echoed to the next call."""
        ...

    def open_invoices(self) -> Iterator[OpenInvoice]:
        """Every open receivable of the company; empty where `Traits.reads_invoices` is False."""
        ...

    def recurring_charges(self) -> Iterator[RecurringCharge]:
        """Every recurring charge of the company, inactive ones too; empty where `Traits.subscribes` is False."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class KnowsBankDetails(Protocol):
    """What a connector has besides where `Traits.knows_bank_details` says so."""

    def bank_details(self, customers: Collection[str]) -> Mapping[str, BankDetails]:
        """The account of each of these customers (by number) that has one that can be debited. Read anew, never kept."""
        ...
