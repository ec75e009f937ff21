"""What may become of a submission, as values: the protocol says which, `Submissions.settle` writes it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connector_resources.erp.contract import Document
from connector_resources.store.json_text import dump_json
from connector_resources.store.states import SubmissionState

#: postings are held with this code when a look-up could not tell.
CANNOT_TELL = "cannot_tell"
UNCERTAIN = "it is not certain whether the ERP has this document"
#: code of a submission that a restored store left to a person, posting by posting.
PUT_ASIDE = "put_aside"


@dataclass(frozen=True, slots=True)
class SettledPosted:
    """It took effect and made this document: by the answer, or found by look-up."""

    document: Document


@dataclass(frozen=True, slots=True)
class SettledAccepted:
    """The ERP works on it as a job."""

    job_id: str


@dataclass(frozen=True, slots=True)
class SettledRejected:
    """The ERP said no; its postings are held with this reason."""

    code: str
    reason: str
    next_step: str


@dataclass(frozen=True, slots=True)
class SettledUnknown:
    """It was sent and not answered clearly, or begun and broke off: it must be looked up.

    `attempts` is given when it was to be sent again and was not: how often it has been sent all the same.
    """

    reason: str
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class SettledNotSent:
    """It never left, or was turned away before it could take effect."""

    reason: str


@dataclass(frozen=True, slots=True)
class SettledAbsent:
    """A look-up that may be believed did not find it.

    `put_aside`: a restored store that never sent it cannot tell, and its postings are held one by one: whichever of them a
    person releases are planned anew, and looked up as what they are then.
    """

    put_aside: bool = False


@dataclass(frozen=True, slots=True)
class SettledParked:
    """A look-up could not tell; its postings are held with these instructions for a person."""

    instructions: str


Settlement = (
    SettledPosted | SettledAccepted | SettledRejected | SettledUnknown | SettledNotSent | SettledAbsent | SettledParked
)

_TARGETS: dict[type, SubmissionState] = {
    SettledPosted: SubmissionState.POSTED,
    SettledAccepted: SubmissionState.ACCEPTED,
    SettledRejected: SubmissionState.REJECTED,
    SettledUnknown: SubmissionState.UNKNOWN,
    SettledNotSent: SubmissionState.NOT_SENT,
    SettledAbsent: SubmissionState.ABSENT,
    SettledParked: SubmissionState.PARKED,
}

#: Columns of a submission that has no outcome yet.
NO_OUTCOME: dict[str, Any] = {
    "job_id": "",
    "code": "",
    "reason": "",
    "next_step": "",
    "document_kind": "",
    "document_number": "",
    "document_etag": "",
    "document_url": "",
    "document_details": "{}",
    "verified": False,
    "settled_at": None,
}


def target_of(settlement: Settlement) -> SubmissionState:
    return _TARGETS[type(settlement)]


def values_of(settlement: Settlement) -> dict[str, Any]:
    """The outcome columns of a submission after `settlement`, all but `settled_at` and `verified`.

    `job_id` is None where an earlier one stays; `attempts` is there only where they are counted back.
    """
    values = {name: value for name, value in NO_OUTCOME.items() if name not in ("settled_at", "verified")}
    values["job_id"] = None
    match settlement:
        case SettledPosted(document=document):
            values.update(
                document_kind=document.kind,
                document_number=document.number,
                document_etag=document.etag,
                document_url=document.url,
                document_details=dump_json(dict(document.details)),
            )
        case SettledAccepted(job_id=job_id):
            values.update(job_id=job_id)
        case SettledRejected(code=code, reason=reason, next_step=next_step):
            values.update(code=code, reason=reason, next_step=next_step)
        case SettledUnknown(reason=reason, attempts=attempts):
            values.update(reason=reason, **({} if attempts is None else {"attempts": attempts}))
        case SettledNotSent(reason=reason):
            values.update(reason=reason)
        case SettledAbsent(put_aside=True):
            values.update(code=PUT_ASIDE)
        case SettledParked(instructions=instructions):
            values.update(code=CANNOT_TELL, reason=instructions)
    return values


def held_by(settlement: Settlement) -> tuple[str, str, str] | None:
    """(code, reason, next step) with which the postings of such a submission are held; None when they are not."""
    match settlement:
        case SettledRejected(code=code, reason=reason, next_step=next_step):
            return (code, reason, next_step)
        case SettledParked(instructions=instructions):
            return (CANNOT_TELL, UNCERTAIN, instructions)
        case _:
            return None
