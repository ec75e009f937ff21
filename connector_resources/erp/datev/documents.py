"""From unfinished postings to the next DATEV requests, byte for byte: the front of the folder. Pure, no clock, no I/O.

Steps of a posting, in order: `document` (PDF voucher, where switched on), then `debtors` (customers) or `batch`
(bookings), then `dxso_job` and `dxso_package` (posting proposals, where switched on). Rows come from `bookings` and
`debtors`, bytes from `extf`, and every file passes `extf_check`: postings with a finding are held, the rest goes on.

File names carry a hash of the rows and their posting keys, never of the time; the creation time in the header is the
`cut_off`, which the protocol takes from the newest posting. So the same postings always give the same files.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from bookkeeping.money import NotRepresentable
from bookkeeping.postings import PAYOUT_KINDS, Posting, PostingKind
from connector_resources.erp.contract import Complete, Hold, Planned, PlannedSubmission, PostingWork
from connector_resources.erp.datev import dxso
from connector_resources.erp.datev.bookings import document_source, first_open_day, rows_of
from connector_resources.erp.datev.debtors import debtor_of
from connector_resources.erp.datev.extf import BookingRow, booking_line
from connector_resources.erp.datev.extf_text import document_number
from connector_resources.erp.datev.files import (
    MASTER_DATA,
    MONTHS,
    Entry,
    FileGroup,
    group_of,
    planned_files,
    short_hash,
)
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.datev.voucher import voucher_guid, voucher_link, voucher_upload
from connector_resources.erp.refusal import CannotBook

STEP_DOCUMENT, STEP_DEBTORS, STEP_BATCH = "document", "debtors", "batch"
STEP_DXSO_JOB, STEP_DXSO_PACKAGE = "dxso_job", "dxso_package"
MANDATE_REASON = "DATEV keeps no mandates; the change is recorded here."
NOTHING_REASON = "Nothing of this posting is booked in DATEV: no amount, or the adviser's bank statement books it."
JSON = "application/json"


def plan_work(
    work: Sequence[PostingWork],
    cut_off: datetime,
    settings: DatevSettings,
    document_types: Collection[str] | None = None,
) -> list[Planned]:
    """The next request of every posting: holds and completes first, then files in a safe order to send.

    `document_types` are the client's, where they have been read; a voucher of another type is held before its upload.
    """
    plan = _Plan(settings, cut_off, document_types)
    for item in work:
        plan.sort_in(item)
    plan.hold_colliding_numbers()
    return plan.answers()


@dataclass(slots=True)
class _Plan:
    """What has been decided so far; every posting ends in exactly one of the lists."""

    settings: DatevSettings
    cut_off: datetime
    document_types: Collection[str] | None
    decided: list[Planned] = field(default_factory=list)
    uploads: list[PlannedSubmission] = field(default_factory=list)
    debtors: list[Entry] = field(default_factory=list)
    bookings: list[Entry] = field(default_factory=list)
    proposals: list[Posting] = field(default_factory=list)
    packages: dict[str, list[Posting]] = field(default_factory=dict)

    @property
    def created(self) -> datetime:
        """The cut-off in the office's time, for headers."""
        return self.cut_off.astimezone(ZoneInfo(self.settings.time_zone))

    def sort_in(self, item: PostingWork) -> None:
        posting, done = item.posting, {step.step for step in item.done}
        try:
            match posting.kind:
                case PostingKind.MANDATE_STATUS:
                    self.decided.append(Complete(posting.key, MANDATE_REASON))
                case PostingKind.CUSTOMER if STEP_DEBTORS in done:
                    self.decided.append(Complete(posting.key))
                case PostingKind.CUSTOMER:
                    row = debtor_of(posting, self.settings)
                    self.debtors.append(Entry(posting, (row.line(),)))
                case _ if STEP_BATCH in done:
                    self._after_batch(item, done)
                case _:
                    self._booking(item, done)
        except CannotBook as problem:
            self.decided.append(Hold(posting.key, problem.code, problem.reason, problem.next_step))
        except NotRepresentable as problem:
            self.decided.append(
                Hold(
                    posting.key, "amount_not_representable", f"{posting.subject}: {problem}",
                    "Book this posting by hand in DATEV, then `connector withdraw` it.",
                )
            )  # fmt: skip

    def _booking(self, item: PostingWork, done: Collection[str]) -> None:
        posting, settings = item.posting, self.settings
        has_voucher = settings.documents is not None and posting.kind in settings.documents.types
        guid = voucher_guid(posting) if has_voucher else ""
        rows = rows_of(posting, settings, voucher_link(guid) if guid else "")
        lines = tuple(booking_line(row) for row in rows)
        if not rows:
            self.decided.append(Complete(posting.key, NOTHING_REASON))
        elif has_voucher and STEP_DOCUMENT not in done:
            self.uploads.append(self._voucher(posting, rows, guid))
        else:
            self.bookings.append(Entry(posting, lines, guid))

    def _voucher(self, posting: Posting, rows: Sequence[BookingRow], guid: str) -> PlannedSubmission:
        service = self.settings.documents
        assert service is not None
        wanted = service.types[posting.kind]
        if self.document_types is not None and wanted not in self.document_types:
            raise CannotBook(
                "document_type_unknown",
                f"The client has no document type {wanted!r}; it has {', '.join(sorted(self.document_types)) or 'none'}.",
                f"Put one of them into erp.documents.types.{posting.kind.value}, then `connector release` the posting.",
            )
        body, content_type = voucher_upload(posting, rows, service)
        return PlannedSubmission(
            reference=f"GC-DOC-{guid}",
            step=STEP_DOCUMENT,
            method="PUT",
            path=f"/clients/{self.settings.datev_client}/documents/{guid}",
            body=body,
            content_type=content_type,
            posting_keys=(posting.key,),
            summary=f"voucher of {posting.subject}, {wanted}",
        )

    def _after_batch(self, item: PostingWork, done: Collection[str]) -> None:
        """What follows a delivered booking: nothing, unless posting proposals are switched on."""
        posting = item.posting
        proposed = self.settings.dxso is not None and posting.kind is PostingKind.RECEIPT and dxso.is_proposed(posting)
        if not proposed or STEP_DXSO_PACKAGE in done:
            self.decided.append(Complete(posting.key))
            return
        dxso.ledger_file(posting, self.settings)
        job = next((step.document.number for step in item.done if step.step == STEP_DXSO_JOB), None)
        if job is None:
            self.proposals.append(posting)
        else:
            self.packages.setdefault(job, []).append(posting)

    def hold_colliding_numbers(self) -> None:
        """Hold rows whose Belegfeld 1 became equal to that of another invoice of the same debtor (datev.md 9)."""
        origins: dict[tuple[str, str], set[str]] = {}
        for entry in self.bookings:
            for source in _sources(entry.posting, self.settings):
                origins.setdefault(_number_key(entry.posting, source), set()).add(source)
        kept = []
        for entry in self.bookings:
            clash = next(
                (
                    source
                    for source in _sources(entry.posting, self.settings)
                    if document_number(source) != source and len(origins[_number_key(entry.posting, source)]) > 1
                ),
                None,
            )
            if clash is None:
                kept.append(entry)
                continue
            number, others = document_number(clash), origins[_number_key(entry.posting, clash)] - {clash}
            self.decided.append(
                Hold(
                    entry.posting.key,
                    "document_number_collision",
                    f"Belegfeld 1 of {clash!r} becomes {number}, and so does that of {', '.join(sorted(others))}.",
                    "Book this one by hand and `connector withdraw` it, or set erp.belegfeld1_source to payment_id.",
                )
            )
        self.bookings = kept

    def answers(self) -> list[Planned]:
        files: list[Planned] = []
        settings, created = self.settings, self.created
        if self.debtors:
            group = FileGroup.for_master_data(self.debtors, settings)
            files += planned_files(STEP_DEBTORS, MASTER_DATA, group, self.debtors, settings, created)
        for group, entries in _by_month(self.bookings, settings):
            files += planned_files(STEP_BATCH, MONTHS, group, entries, settings, created)
        return [*self.decided, *self.uploads, *files, *self._dxso_jobs(), *self._dxso_packages()]

    def _dxso_jobs(self) -> Iterable[PlannedSubmission]:
        by_month: dict[str, list[Posting]] = {}
        for posting in self.proposals:
            by_month.setdefault(_month(posting, self.settings), []).append(posting)
        for month, postings in sorted(by_month.items()):
            for first in range(0, len(postings), dxso.MOST_RECEIPTS):
                keys = tuple(posting.key for posting in postings[first : first + dxso.MOST_RECEIPTS])
                wish = {"import_type": dxso.IMPORT_TYPE, "accounting_month": month}
                yield self._dxso(STEP_DXSO_JOB, "", json.dumps(wish).encode(), JSON, keys, f"transfer for {month}")

    def _dxso_packages(self) -> Iterable[PlannedSubmission]:
        for job, postings in self.packages.items():
            files = [dxso.ledger_file(posting, self.settings) for posting in postings]
            names = [(posting, name) for posting, (name, _) in zip(postings, files, strict=True)]
            months = {_month(posting, self.settings) for posting in postings}
            listing = dxso.document_file(names, self.settings, min(months), self.created)
            body = dxso.package([*files, (dxso.DOCUMENT_FILE, listing)])
            keys = tuple(posting.key for posting in postings)
            yield self._dxso(STEP_DXSO_PACKAGE, f"/{job}", body, "application/zip", keys, f"{len(keys)} proposals")

    def _dxso(
        self, step: str, tail: str, body: bytes, content_type: str, keys: tuple[str, ...], summary: str
    ) -> PlannedSubmission:
        return PlannedSubmission(
            reference=f"GC-{step.upper().replace('_', '-')}-{self.settings.datev_client}-{short_hash([tail, *keys])}",
            step=step,
            method="POST",
            path=f"/clients/{self.settings.datev_client}/dxso-jobs{tail}",
            body=body,
            content_type=content_type,
            posting_keys=keys,
            summary=f"posting proposals: {summary}",
        )


def _by_month(entries: Sequence[Entry], settings: DatevSettings) -> list[tuple[FileGroup, list[Entry]]]:
    groups: dict[FileGroup, list[Entry]] = {}
    for entry in entries:
        day = first_open_day(entry.posting.booking_date, settings)
        groups.setdefault(group_of(day, settings), []).append(entry)
    return sorted(groups.items(), key=lambda pair: pair[0].first_day)


def _month(posting: Posting, settings: DatevSettings) -> str:
    return f"{first_open_day(posting.booking_date, settings):%Y-%m}"


def _sources(posting: Posting, settings: DatevSettings) -> list[str]:
    """What the posting's Belegfelder 1 are made from; a payout's own id never changes."""
    if posting.kind in PAYOUT_KINDS:
        return []
    return [*(allocation.invoice for allocation in posting.allocations), document_source(posting, settings)]


def _number_key(posting: Posting, source: str) -> tuple[str, str]:
    """Numbers clear open items per debtor, so they may only collide there."""
    debtor = posting.party.erp_customer if posting.party else None
    return debtor or "", document_number(source)
