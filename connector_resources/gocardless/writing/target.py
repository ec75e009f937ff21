"""GoCardless behind the contract of the posting protocol: collections, subscriptions, mandate set-ups, and customers.

Holds what was read for planning, never a fact that a crash could lose. What is due next is decided in `planning`, what
became of an unanswered write in `lookup`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from bookkeeping.customer_rules import gocardless_fields
from bookkeeping.postings import Posting, PostingKind
from bookkeeping.registration_rules import is_registration
from connector_resources.erp.contract import (
    Document,
    ErpCustomer,
    Finding,
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
    Verification,
    Verified,
    VerifyRequest,
)
from connector_resources.errors import (
    Conflict,
    ConnectorError,
    MissingCredential,
    Refused,
    StaleVersion,
    TokenRefused,
    Uncertain,
)
from connector_resources.gocardless.client import GoCardlessClient, Json
from connector_resources.gocardless.writing import direct_mandates, documents, planning, setups, subscriptions
from connector_resources.gocardless.writing.documents import GOALS, UPDATE, Sent, read_request
from connector_resources.gocardless.writing.lookup import Lookup
from connector_resources.gocardless.writing.refusals import rejected
from connector_resources.gocardless.writing.traits import TRAITS
from connector_resources.transport.messages import Request

#: a customer read longer ago than this is read again before it is changed.
FRESH = timedelta(seconds=30)
RESOURCE_TYPES = {kind: resource_type for resource_type, kind in documents.DOCUMENT_KINDS.items()}


class GoCardlessTarget:
    """`ErpConnector` for one GoCardless account. `dashboard` is the address of its dashboard, for links.

    `sealed` gives the bank details that the vault holds under a name; it raises `MissingCredential`.
    """

    traits = TRAITS

    def __init__(
        self,
        client: GoCardlessClient,
        *,
        connection: str,
        dashboard: str,
        clock: Callable[[], datetime],
        sealed: Callable[[str], str],
    ) -> None:
        self._client = client
        self._connection = connection
        self._dashboard = dashboard
        self._clock = clock
        self._sealed = sealed
        self._lookup = Lookup(client, self._document)
        self._customers: dict[str, Json] = {}
        self._read_at: dict[str, datetime] = {}

    def ping(self) -> PingReport:
        try:
            creditor = self._client.first_creditor()
        except ConnectorError as error:
            return PingReport((PingLine("GoCardless answers", False, str(error), error.next_step),))
        return PingReport((PingLine("GoCardless answers", True, f"creditor {creditor['id']}"),))

    # --- planning --------------------------------------------------------------------------------------------------

    def prepare(self, postings: Sequence[Posting]) -> None:
        """Read the customers that are to be changed. Raises `NotSent`, `BadAnswer`."""
        changed = [each for each in postings if each.kind is PostingKind.GOCARDLESS_CUSTOMER]
        wanted = {each.subject for each in changed if not is_registration(each)}
        self._customers = {}
        for customer_id, body in self._lookup.many("customers", wanted).items():
            self._keep(customer_id, body)

    def plan(self, work: Sequence[PostingWork], cut_off: datetime) -> list[Planned]:
        return planning.plan(work, self._customers)

    # --- writing ---------------------------------------------------------------------------------------------------

    def submit(self, submission: PlannedSubmission) -> Outcome:
        """Send it once. A 409 is settled by reading what exists and comparing it (section 6.2).

        Raises `NotSent` (`StaleVersion` when the customer changed since it was read), `Uncertain`.
        """
        sent = read_request(submission)
        if submission.etag:
            self._require_version(submission, sent)
        try:
            request = self._complete(documents.request_of(submission), sent)
        except MissingCredential as missing:
            return _without_bank_details(submission, missing)
        try:
            resource = self._client.write(request, sent.resource_type)
        except TokenRefused as error:
            raise self._token_refused(error) from error
        except Conflict as conflict:
            return self._existing(submission, sent, conflict)
        except Refused as error:
            return self._refused(submission, sent, error)
        if submission.etag:
            self._keep(sent.resource_id, resource)
        return Posted(self._document(sent.resource_type, resource))

    def _complete(self, request: Request, sent: Sent) -> Request:
        """With the IBAN, which no stored request holds."""
        name = direct_mandates.sealed_name(sent.fields) if sent.resource_type == direct_mandates.ACCOUNTS else ""
        return direct_mandates.with_iban(request, self._sealed(name)) if name else request

    def _require_version(self, planned: PlannedSubmission, sent: Sent) -> None:
        """A PUT replaces all metadata, so what it was made from must still be what is there."""
        body = self._customers.get(sent.resource_id)
        if body is None or self._clock() - self._read_at[sent.resource_id] > FRESH:
            body = self._lookup.one(sent.resource_type, sent.resource_id)
            if body is not None:
                self._keep(sent.resource_id, body)
        if body is None or documents.version_of(body) != planned.etag:
            raise StaleVersion(
                f"{sent.resource_id} changed in GoCardless since it was read; nothing was written.",
                system=TRAITS.erp,
                connection=self._connection,
                subject=planned.reference,
            )

    def _existing(self, planned: PlannedSubmission, sent: Sent, conflict: Conflict) -> Outcome:
        """The resource that a 409 names is ours if it says what we asked for, and never accepted otherwise."""
        try:
            resource = (
                self._client.get(sent.resource_type, conflict.conflicting_id) if conflict.conflicting_id else None
            )
        except ConnectorError as error:
            raise Uncertain(
                f"GoCardless says that {planned.summary} exists already, and it cannot be read ({conflict.conflicting_id}).",
                system=TRAITS.erp,
                status=409,
                connection=self._connection,
                subject=planned.reference,
            ) from error
        if resource is None:
            return rejected(conflict, planned.summary)
        # The same bank account may have been entered by somebody else; it must only be the same customer's (section 6.3).
        compared = {"links"} if sent.resource_type == direct_mandates.ACCOUNTS else documents.COMPARED
        differing = documents.differences(sent, resource, compared)
        if not differing:
            return Posted(self._document(sent.resource_type, resource))
        return Rejected(
            "exists_differently",
            f"{planned.summary}: GoCardless has {resource['id']} for the same key, but {'; '.join(differing)}.",
            "Look at it in the GoCardless dashboard; withdraw the posting, and plan it anew if it is still wanted.",
        )

    def _refused(self, planned: PlannedSubmission, sent: Sent, error: Refused) -> Outcome:
        """An action that is refused may have been done before: then its goal is reached (section 6.3)."""
        if (sent.resource_type, sent.action) in GOALS:
            try:
                resource = self._lookup.one(sent.resource_type, sent.resource_id)
            except ConnectorError as problem:
                raise Uncertain(
                    f"GoCardless refused {planned.summary} ({error.code}), and its state cannot be read.",
                    system=TRAITS.erp,
                    status=error.status,
                    connection=self._connection,
                    subject=planned.reference,
                ) from problem
            if resource is not None and not documents.differences(sent, resource):
                return Posted(self._document(sent.resource_type, resource))
        return rejected(error, planned.summary)

    def _token_refused(self, error: TokenRefused) -> TokenRefused:
        return TokenRefused(
            f"GoCardless does not accept the access token ({error.code or 401}).",
            system=TRAITS.erp,
            status=401,
            code=error.code,
            connection=self._connection,
            next_step=f"store a valid read-write token: `connector credentials set {self._connection} "
            "gocardless_access_token`, or authorise the partner app again.",
        )

    # --- looking back ----------------------------------------------------------------------------------------------

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        return self._lookup.find(submissions)

    def poll(self, submission: OpenSubmission) -> Outcome:
        """GoCardless answers every write at once; a submission with a job is none of ours."""
        raise ValueError(f"{submission.planned.reference} has job {submission.job_id}, which GoCardless does not know")

    def verify(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        standing: dict[tuple[str, str], Json] = {}
        read = {RESOURCE_TYPES[each.document.kind] for each in requests} - {documents.FLOWS}
        for resource_type in sorted(read):
            ours = [each.document for each in requests if RESOURCE_TYPES[each.document.kind] == resource_type]
            bodies = self._lookup.many(resource_type, {each.number for each in ours}, _oldest(ours))
            standing |= {(resource_type, key): body for key, body in bodies.items()}
        return [self._verified(each, standing) for each in requests]

    def _verified(self, request: VerifyRequest, standing: dict[tuple[str, str], Json]) -> Verification:
        document = request.document
        resource_type = RESOURCE_TYPES[document.kind]
        if resource_type == documents.FLOWS:
            # A hosted page cannot be read again; what matters of it came with the answer.
            return Verified(document)
        body = standing.get((resource_type, document.number))
        if body is None:
            return Mismatch(
                f"{document.kind} {document.number} is not in GoCardless.",
                "Look at it in the GoCardless dashboard, then withdraw or release the posting.",
            )
        # A bank account that somebody else has entered was adopted as it is.
        compared = {"links"} if resource_type == direct_mandates.ACCOUNTS else documents.COMPARED
        differing = documents.differences(_asked(request, body), body, compared)
        if differing:
            return Mismatch(
                f"{document.kind} {document.number}: {'; '.join(differing)}.",
                "Correct it in GoCardless, then release the posting; withdraw it if what is there is right.",
            )
        return Verified(self._document(resource_type, body))

    # --- what only ERPs have ---------------------------------------------------------------------------------------

    def customers(self, changed_since: str | None = None) -> Iterator[ErpCustomer]:
        return iter(())

    def customers_mark(self) -> str | None:
        return None

    def open_invoices(self) -> Iterator[OpenInvoice]:
        return iter(())

    def recurring_charges(self) -> Iterator[RecurringCharge]:
        return iter(())

    def close(self) -> None:
        self._client.close()

    def _document(self, resource_type: str, resource: Json) -> Document:
        return documents.document_of(resource_type, resource, self._dashboard)

    def _keep(self, customer_id: str, body: Json) -> None:
        self._customers[customer_id] = body
        self._read_at[customer_id] = self._clock()


def _asked(request: VerifyRequest, body: Json) -> Sent:
    """What the posting asked for, made from the posting again: the read-back is judged by what should be there."""
    posting = request.work.posting
    match posting.kind:
        case PostingKind.COLLECTION:
            return read_request(documents.collection(posting))
        case PostingKind.COLLECTION_CANCEL:
            return read_request(documents.cancellation(posting, request.document.number))
        case PostingKind.SUBSCRIPTION:
            return read_request(subscriptions.created(posting))
        case PostingKind.SUBSCRIPTION_CHANGE:
            return read_request(subscriptions.changed(posting))
        case PostingKind.MANDATE_SETUP if direct_mandates.is_direct(posting):
            return read_request(direct_mandates.request_of_step(request.work, request.step))
        case PostingKind.MANDATE_SETUP if request.step == documents.CREATE:
            return read_request(setups.billing_request(posting))
        case PostingKind.MANDATE_SETUP:
            return Sent(UPDATE, setups.REQUESTS, request.document.number)
        case PostingKind.GOCARDLESS_CUSTOMER if is_registration(posting):
            return read_request(documents.registration(posting))
        case _:
            names = (str(body.get(name) or "") for name in ("company_name", "given_name", "family_name"))
            fields = dict(gocardless_fields(posting, *names))
            key = posting.facts.get("metadata_key")
            metadata = {"metadata": {key: posting.facts.get("metadata_value")}} if key else {}
            return Sent(UPDATE, "customers", posting.subject, {**fields, **metadata})


def _oldest(made: Sequence[Document]) -> datetime | None:
    """When the oldest of these was created; None when one of them does not say."""
    stamps = [each.details.get("created_at", "") for each in made]
    return min(map(datetime.fromisoformat, stamps)) if all(stamps) else None


def _without_bank_details(planned: PlannedSubmission, missing: MissingCredential) -> Rejected:
    return Rejected(
        "bank_details_missing",
        f"{planned.summary}: the account number is not in the vault any more ({missing}).",
        "Withdraw the posting; the next run asks the payer, or reads the account from the ledger again.",
    )
