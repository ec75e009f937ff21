"""One write to Exact Online and what its answer means: made, refused, doubtful, or to be planned anew (section 6).

A write is sent once. A 500 with the OData error envelope is a refusal by a rule of bookkeeping and not an accident (6.1). An
entry of many postings that is refused for one of its lines is planned again in smaller ones, so that only that line's posting
ends up held.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from urllib.parse import urlsplit

from connector_resources.erp.contract import Document, Outcome, PlannedSubmission, Posted, Rejected
from connector_resources.erp.crowds import Crowds
from connector_resources.erp.exact_online import refusals
from connector_resources.erp.exact_online.client import SYSTEM, ExactOnlineClient
from connector_resources.erp.exact_online.documents import RECEIVABLE, Sent, read_request
from connector_resources.erp.exact_online.lookup import Looked, closing_of
from connector_resources.erp.exact_online.odata import envelope
from connector_resources.erp.exact_online.readback import entry_document
from connector_resources.erp.exact_online.snapshot import Balance
from connector_resources.errors import (
    Conflict,
    NotFound,
    NotSent,
    PermissionRefused,
    Refused,
    RemoteError,
    StaleVersion,
    Uncertain,
)

#: how often in one run a journal may move between the reading of its balance and an entry.
MOST_OVERTAKEN = 3


class Sender:
    """Sends planned requests. `crowds` says of postings how many may still share an entry with them."""

    def __init__(self, client: ExactOnlineClient, *, connection: str) -> None:
        self._client = client
        self._connection = connection
        self.crowds = Crowds(system=SYSTEM, connection=connection, document="entry")
        #: bank journals in which an entry of the present plan was not booked: the balances of the next ones are wrong.
        self._behind: set[str] = set()
        #: bank journals whose balance was read before a look-up, for what is sent once more.
        self._standing: dict[str, Balance] = {}
        #: requests that were looked up: an earlier send of theirs may still arrive.
        self._looked_up: set[str] = set()
        #: those of them that no longer fit their journal: an earlier send that comes now is refused by Exact.
        self._outdated: set[str] = set()
        self._overtaken: Counter[str] = Counter()

    def new_plan(self) -> None:
        """Balances were read anew."""
        self._behind.clear()
        self._standing.clear()

    def looked_up(self, looked: Looked) -> None:
        """The same bytes may be sent once more where they still fit; `outdated` ones can only be planned anew."""
        self._looked_up |= looked.references
        self._outdated |= looked.outdated
        self._standing = dict(looked.balances)

    def submit(self, planned: PlannedSubmission) -> Outcome:
        """Raises `NotSent` or `Uncertain`; everything else Exact says is an outcome."""
        sent = read_request(planned)
        journal = sent.opens
        if journal and not self._fits(journal, sent):
            if planned.reference in self._looked_up - self._outdated:
                raise self._doubtful(planned, "is behind one that may have been booked")
            raise self._stale(planned, "an entry before it was not booked")
        booked = False
        try:
            outcome = self._sent(planned, sent)
            booked = isinstance(outcome, Posted)
        finally:
            if journal:
                self._note(journal, sent, booked=booked)
        return outcome

    def _fits(self, journal: str, sent: Sent) -> bool:
        if journal in self._standing:
            return self._standing[journal].closing == Decimal(sent.fields["OpeningBalanceFC"])
        return journal not in self._behind

    def _note(self, journal: str, sent: Sent, *, booked: bool) -> None:
        if not booked:
            self._behind.add(journal)
            self._standing.pop(journal, None)
        elif journal in self._standing:
            self._standing[journal] = closing_of(sent, self._standing[journal])

    def _sent(self, planned: PlannedSubmission, sent: Sent) -> Outcome:
        try:
            created = self._client.write(planned)
        except Uncertain as error:
            message = envelope(error.response) if error.status == 500 else None
            if message is None:
                raise
            return self._refused(planned, sent, message, error)
        except PermissionRefused as error:
            raise self._forbidden(planned, error) from error
        except NotFound as error:
            return self._gone(planned, sent, error)
        except Refused as error:
            return self._refused(planned, sent, envelope(error.response) or str(error), error)
        if sent.action == "update":
            return Posted(Document(sent.kind, sent.key, details={"id": sent.key}))
        return Posted(entry_document(sent.kind, created))

    def _gone(self, planned: PlannedSubmission, sent: Sent, error: NotFound) -> Rejected:
        if sent.kind == RECEIVABLE:
            raise StaleVersion(
                f"{planned.summary} is planned again: its receivable was settled meanwhile.",
                system=SYSTEM,
                connection=self._connection,
                subject=planned.reference,
            ) from error
        what = f"{sent.kind} {sent.key} of {planned.summary}" if sent.key else f"Something that {planned.summary} names"
        return Rejected(
            "changed_meanwhile",
            f"{what} is not in Exact Online any more. Exact Online says: {envelope(error.response) or error}",
            "Look for it in Exact Online; then release or withdraw the posting.",
        )

    def _refused(self, planned: PlannedSubmission, sent: Sent, message: str, error: RemoteError) -> Rejected:
        if refusals.is_stale_balance(message):
            if planned.reference in self._looked_up:
                # What moved the balance may be the earlier send, come late.
                raise self._doubtful(planned, "does not fit the journal's balance any more") from error
            journal = str(sent.fields.get("JournalCode", ""))
            self._overtaken[journal] += 1
            if self._overtaken[journal] <= MOST_OVERTAKEN:
                raise self._stale(planned, "somebody else booked in the journal") from error
        if refusals.is_duplicate(message) or isinstance(error, Conflict):
            raise self._doubtful(planned, "exists already") from error
        refusal = refusals.rejected(message, planned.summary)
        if len(planned.posting_keys) > 1 and refusal.code in refusals.OF_A_LINE:
            self.crowds.divide(planned, refusal)
        return refusal

    def _doubtful(self, planned: PlannedSubmission, what: str) -> Uncertain:
        return Uncertain(
            f"{planned.summary} {what}; it is looked up.",
            system=SYSTEM,
            connection=self._connection,
            subject=planned.reference,
        )

    def _stale(self, planned: PlannedSubmission, why: str) -> StaleVersion:
        return StaleVersion(
            f"{planned.summary} is planned again: {why}, so its opening balance is out of date.",
            system=SYSTEM,
            connection=self._connection,
            subject=planned.reference,
            next_step="see who books in the journal that is kept for GoCardless.",
        )

    def _forbidden(self, planned: PlannedSubmission, error: PermissionRefused) -> NotSent:
        what = f"{planned.method} {urlsplit(planned.path).path.rpartition('/')[2]}"
        refused = NotSent(
            f"Exact Online does not allow {what} (403).",
            system=SYSTEM,
            status=403,
            connection=self._connection,
            subject=planned.reference,
            next_step="give the consenting user the right in this division, tick the scope of the app in the App Center, "
            f"then `connector authorize {self._connection}`.",
        )
        refused.response = error.response
        return refused
