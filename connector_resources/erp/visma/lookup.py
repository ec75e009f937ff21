""" "Did my write happen?" For many submissions with few list calls, by the rules of section 6.4 of visma.md.

No hit: surely absent. One hit that agrees: adopt it. Several, or one that differs: a person decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from connector_resources.erp.contract import Absent, CannotTell, Document, Finding, Found, OpenSubmission
from connector_resources.erp.visma import documents
from connector_resources.erp.visma.client import VismaClient
from connector_resources.erp.visma.customer_details import has_details
from connector_resources.erp.visma.documents import CREDIT_NOTE, CUSTOMER, JOURNAL, Sent, read_request
from connector_resources.erp.visma.readback import (
    FOUND_VOIDED,
    VOIDED,
    DocumentReader,
    Expected,
    Ref,
    Standing,
    credit_note_standing,
    expected_of,
    expected_of_sent,
    journal_standing,
    payment_standing,
)
from connector_resources.erp.visma.settings import VismaSettings

#: the document's date may differ from the one we sent, so a look-up reaches back a little (section 6.4).
DATE_SLACK = timedelta(days=5)
#: up to so many refunds are looked up one by one, with the filter on externalReference.
FEW_NOTES = 3


class Lookup:
    """Finds what became of submissions whose end is not known."""

    def __init__(self, client: VismaClient, reader: DocumentReader, settings: VismaSettings) -> None:
        self._client = client
        self._reader = reader
        self._settings = settings

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        """One finding per submission, in order."""
        sent = [read_request(each.planned) for each in submissions]
        created = self._created(sent)
        standing = self._reader.read({ref: None for each in sent if each.action != "create" for ref in _touched(each)})
        findings: list[Finding] = []
        for submission, request in zip(submissions, sent, strict=True):
            if request.kind == CUSTOMER:
                findings.append(self._customer(request))
            elif request.action == "create":
                findings.append(_judge(submission, request, created))
            elif request.action == "void":
                findings.append(_judge_void(submission, request, standing))
            else:
                findings.append(_judge_release(submission, request, standing))
        return findings

    # --- candidates ------------------------------------------------------------------------------------------------

    def _created(self, sent: Sequence[Sent]) -> list[Standing]:
        """Every document that may be one of those asked for; one list per kind, or per period for journals."""
        creates = [each for each in sent if each.action == "create" and each.kind != CUSTOMER]
        found: list[Standing] = []
        for kind in sorted({each.kind for each in creates}):
            requests = [each for each in creates if each.kind == kind]
            if kind == JOURNAL:
                found += self._journals({str(each.fields["financialPeriod"]) for each in requests})
            elif kind == CREDIT_NOTE:
                found += self._credit_notes(requests)
            else:
                found += self._payments(kind, requests)
        return found

    def _payments(self, kind: str, requests: Sequence[Sent]) -> list[Standing]:
        customers = {str(each.fields["customer"]) for each in requests}
        rows = self._client.payments(
            kind=kind,
            customer=customers.pop() if len(customers) == 1 else None,
            dated_from=_earliest(requests),
        )
        return [payment_standing(row) for row in rows]

    def _credit_notes(self, requests: Sequence[Sent]) -> list[Standing]:
        references = {str(each.fields["externalReference"]) for each in requests}
        if len(references) > FEW_NOTES:
            rows = self._client.credit_notes(dated_from=_earliest(requests))
        else:
            rows = [row for each in sorted(references) for row in self._client.credit_notes(external_reference=each)]
        return [credit_note_standing(row) for row in rows]

    def _journals(self, periods: set[str]) -> list[Standing]:
        return [journal_standing(row) for each in sorted(periods) for row in self._client.journals(period=each)]

    # --- customers -------------------------------------------------------------------------------------------------

    def _customer(self, sent: Sent) -> Finding:
        wanted = {str(line["attributeId"]): str(line["attributeValue"]) for line in sent.lines}
        if sent.action == "update":
            row = self._client.customer(sent.number)
            if row is None:
                return CannotTell(f"Customer {sent.number} is not in Visma any more; correct its link.")
            written = has_details(sent.fields, row) and all(row.attribute(name) == wanted[name] for name in wanted)
            return Found(Document(CUSTOMER, row.number, row.etag)) if written else Absent()
        link = wanted.get(self._settings.attributes.customer)
        if not link:
            name = sent.fields["name"]
            return CannotTell(
                f"Look in Visma for a new customer {name}; link it if it is there, else release the posting."
            )
        rows = self._client.customers_with(self._settings.attributes.customer, link)
        if len(rows) > 1:
            numbers = ", ".join(row.number for row in rows)
            return CannotTell(f"Customers {numbers} all carry {link} in Visma. Keep one link and remove the others.")
        return Found(Document(CUSTOMER, rows[0].number, rows[0].etag)) if rows else Absent()


def _earliest(requests: Sequence[Sent]) -> date:
    return min(each.dated for each in requests) - DATE_SLACK


def _touched(sent: Sent) -> list[Ref]:
    """The documents whose state tells whether a release or void happened."""
    if sent.action == "void":
        return [(sent.kind, sent.number), (documents.VOIDED_BY[sent.kind], sent.number)]
    return [(sent.kind, sent.number)]


def _expected(submission: OpenSubmission, sent: Sent) -> Expected | None:
    """What the document must show; None for a credit note whose posting is not at hand."""
    if sent.kind != CREDIT_NOTE:
        return expected_of_sent(sent)
    return expected_of(submission.postings[0], "credit_note") if submission.postings else None


def _judge(submission: OpenSubmission, sent: Sent, candidates: Sequence[Standing]) -> Finding:
    fits = _reference_test(sent)
    # A voided document is history: what was voided was not made by this attempt, which never got to its release.
    ours = [each for each in candidates if each.kind == sent.kind and fits(each)]
    hits = [each for each in ours if each.status != VOIDED]
    if submission.forgotten and not hits:
        # A store that was restored may have forgotten both, that it was made and that it was taken back.
        hits = ours
    if not hits:
        return Absent()
    numbers = ", ".join(each.number for each in hits)
    if len(hits) > 1:
        return CannotTell(
            f"Visma has several {sent.kind} documents with the reference of {submission.planned.reference}: {numbers}. "
            "Keep one and void or delete the others, then release the posting."
        )
    expected = _expected(submission, sent)
    differences = expected.differences(hits[0]) if expected else ["its amount cannot be compared"]
    if differences:
        return CannotTell(
            f"{sent.kind} {numbers} carries the reference of {submission.planned.reference}, but "
            f"{'; '.join(differences)}. Correct or delete it in Visma, then release the posting."
        )
    return Found(_adopted(submission, hits[0]))


def _reference_test(sent: Sent) -> Callable[[Standing], bool]:
    if sent.kind == JOURNAL:
        # Somebody may have put words before our text; the end is what we own (section 2.6).
        end = " ".join(str(sent.fields["description"]).split()[-2:])
        return lambda standing: standing.reference.endswith(end)
    reference = str(sent.fields["externalReference" if sent.kind == CREDIT_NOTE else "paymentRef"])
    return lambda standing: standing.reference == reference


def _judge_void(submission: OpenSubmission, sent: Sent, standing: Mapping[Ref, Standing]) -> Finding:
    voiding = standing.get((documents.VOIDED_BY[sent.kind], sent.number))
    original = standing.get((sent.kind, sent.number))
    if original is None:
        return CannotTell(f"{sent.kind} {sent.number} is not in Visma any more. Look at it, then withdraw the posting.")
    if voiding is None and original.status == VOIDED:
        return CannotTell(f"{sent.kind} {sent.number} is voided, but no document that voids it is there. Look at it.")
    if voiding is None:
        return Absent()
    expected = expected_of(submission.postings[0], "void") if submission.postings else None
    differences = expected.differences(voiding) if expected else []
    if differences:
        return CannotTell(f"{voiding.kind} {voiding.number} exists, but {'; '.join(differences)}. Look at it in Visma.")
    return Found(voiding.document())


def _judge_release(submission: OpenSubmission, sent: Sent, standing: Mapping[Ref, Standing]) -> Finding:
    document = standing.get((sent.kind, sent.number))
    if document is None:
        return CannotTell(
            f"{sent.kind} {sent.number} was to be released, but is not in Visma any more. Look for it there."
        )
    return Found(_adopted(submission, document)) if document.is_released else Absent()


def _adopted(submission: OpenSubmission, standing: Standing) -> Document:
    """The document as it stands. One that a restored store has forgotten may be voided: its read-back must not wonder."""
    document = standing.document()
    if submission.forgotten and standing.status == VOIDED:
        return replace(document, details={**document.details, FOUND_VOIDED: "true"})
    return document
