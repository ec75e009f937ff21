"""One write to Sage 300 and what its answer means: made, refused, doubtful, or to be planned anew (sage300.md section 6).

The status 409 stands for any business error, so the code and the text decide. A refused insert may leave its batch half created:
what it left is emptied and renamed, so that it can neither be posted nor be taken for ours; where that is not certain, a person
looks. A batch that is refused for one of its entries is planned again in smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connector_resources.erp.contract import Document, Outcome, PlannedSubmission, Posted, Rejected
from connector_resources.erp.crowds import Crowds
from connector_resources.erp.exact_json import dump_exact
from connector_resources.erp.sage300 import documents, readback, refusals, wire
from connector_resources.erp.sage300.addresses import JSON
from connector_resources.erp.sage300.client import SYSTEM, Sage300Client
from connector_resources.erp.sage300.documents import (
    BATCHES,
    CREATE,
    CUSTOMER,
    ENTRIES,
    TEXT_OF_BATCH,
    Sent,
    read_request,
)
from connector_resources.erp.sage300.odata import envelope
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.errors import BrokenOff, NotSent, PermissionRefused, Refused, RemoteError, Uncertain

#: seconds before a record that somebody has open is tried again (section 8).
LOCK_WAITS_S = (5.0, 15.0, 45.0)
#: what a leftover is called; nobody looks it up, and it holds nothing.
LEFT_OVER = "GC LEFT OVER - EMPTY - PLEASE DELETE"


class Sender:
    """Sends planned requests. `crowds` says of postings how many may still share a batch with them."""

    def __init__(
        self, client: Sage300Client, settings: Sage300Settings, *, connection: str, sleep: Callable[[float], None]
    ) -> None:
        self._client = client
        self._settings = settings
        self._connection = connection
        self._sleep = sleep
        self.crowds = Crowds(system=SYSTEM, connection=connection, document="batch")

    def submit(self, planned: PlannedSubmission) -> Outcome:
        """Raises `NotSent` or `Uncertain`; everything else Sage says is an outcome."""
        sent = read_request(planned)
        waits = list(LOCK_WAITS_S)
        while True:
            try:
                return Posted(self._made(planned, sent, self._client.write(planned)))
            except PermissionRefused as error:
                raise self._forbidden(planned, error) from error
            except Refused as error:
                code, message = envelope(error.response) or (error.code, str(error))
                if refusals.is_locked(message) and waits:
                    self._sleep(waits.pop(0))
                    continue
                return self._refused(planned, sent, code, message, error)

    def _made(self, planned: PlannedSubmission, sent: Sent, record: Any) -> Document:
        """The document of the answer; success without a body is usual for everything but a create (section 2.0)."""
        if sent.action != CREATE:
            return Document(sent.kind, sent.key)
        number = _number(sent, record)
        if not number:
            raise self._uncertain(planned, "its answer does not name what was made")
        warnings = "; ".join(_warnings(record))
        return Document(sent.kind, number, details={"warnings": warnings[:300]} if warnings else {})

    # --- refusals ------------------------------------------------------------------------------------------------------

    def _refused(self, planned: PlannedSubmission, sent: Sent, code: str, message: str, error: RemoteError) -> Rejected:
        if sent.action == CREATE and refusals.is_duplicate(code, message):
            raise self._uncertain(planned, "Sage 300 says that it exists already") from error
        refusal = refusals.rejected(message, planned.summary)
        if sent.action != CREATE or sent.kind not in BATCHES:
            return refusal
        try:
            left = self._clear_away(sent)
        except NotSent as problem:
            raise BrokenOff.by(problem, planned.summary) from problem
        except RemoteError as problem:
            raise self._uncertain(
                planned, "it was refused, and what it left behind could not be looked at"
            ) from problem
        if left:
            return Rejected(
                "batch_incomplete",
                f"{refusal.reason} What it left is batch {left}, which could not be emptied.",
                f"Delete batch {left} in Sage 300, correct the cause, then release the postings.",
            )
        if len(planned.posting_keys) > 1 and refusal.code in refusals.OF_AN_ENTRY:
            self.crowds.divide(planned, refusal)
        return refusal

    def _clear_away(self, sent: Sent) -> str:
        """Empty and rename what a refused insert left. The number of a batch that is not surely ours to touch, else ""."""
        for batch in self._client.batches_called(documents.PATHS[sent.kind], [sent.text]):
            if batch.batch_status != "Open" or not readback.is_part_of(sent, batch):
                return batch.number
            try:
                self._client.write(self._emptying(sent, batch))
            except Refused:
                return batch.number
        return ""

    def _emptying(self, sent: Sent, batch: wire.Batch) -> PlannedSubmission:
        entries = [
            {"EntryNumber": entry.entry_number, "UpdateOperation": "Delete"} for entry in readback.entries_of(batch)
        ]
        body: dict[str, Any] = {TEXT_OF_BATCH[sent.kind]: LEFT_OVER}
        if entries:
            body[ENTRIES[sent.kind]] = entries
        return PlannedSubmission(
            reference=f"{sent.kind}:{batch.number}/left_over",
            step="left_over",
            method="PATCH",
            path=self._settings.root + documents.key_path(sent.kind, batch.number),
            body=dump_exact(body),
            content_type=JSON,
            posting_keys=(),
        )

    def _uncertain(self, planned: PlannedSubmission, why: str) -> Uncertain:
        return Uncertain(
            f"{planned.summary}: {why}; it is looked up.",
            system=SYSTEM,
            connection=self._connection,
            subject=planned.reference,
        )

    def _forbidden(self, planned: PlannedSubmission, error: PermissionRefused) -> NotSent:
        resource = planned.path.rpartition("/")[2].partition("(")[0]
        refused = NotSent(
            f"Sage 300 does not let the user write {resource} (403).",
            system=SYSTEM,
            status=403,
            connection=self._connection,
            subject=planned.reference,
            next_step=f"give the user's security group of {resource[:2]} the right Sage 300 Web API and the rights of the "
            "screen, and assign it in User Authorizations.",
        )
        refused.response = error.response
        return refused


def _number(sent: Sent, record: Any) -> str:
    """The generated number: text in the general ledger, 75 or 75.0 in A/R, our own for a customer."""
    if not isinstance(record, dict):
        return ""
    if sent.kind == CUSTOMER:
        return str(record.get("CustomerNumber") or "").strip()
    return str(record.get("BatchNumber") or "").strip().partition(".")[0]


def _warnings(record: Any) -> list[str]:
    """What Sage warns of, of the record and its details (section 3.9)."""
    if isinstance(record, list):
        return [text for each in record for text in _warnings(each)]
    if not isinstance(record, dict):
        return []
    own = [str(row.get("Message", "")) for row in record.get("Warnings") or () if isinstance(row, dict)]
    inner = [text for name, value in record.items() if name != "Warnings" for text in _warnings(value)]
    return [text for text in (*own, *inner) if text]
