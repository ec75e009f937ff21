"""Groups rows into files and turns them into upload requests: months, limits, names, header, and the check of each file.

It knows file formats and names, not bookings: an `Entry` is a posting with its finished lines.
"""

from __future__ import annotations

import calendar
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bookkeeping.postings import Posting
from connector_resources.erp.contract import Hold, Planned, PlannedSubmission
from connector_resources.erp.datev.debtors import label_line
from connector_resources.erp.datev.extf import MOST_BYTES, MOST_ROWS, Header, file_chunks
from connector_resources.erp.datev.extf_check import FIRST_ROW_LINE, Expected, Finding, check, year_after
from connector_resources.erp.datev.extf_columns import BOOKINGS, DEBTORS, LABELS, Format
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.refusal import CannotBook
from connector_resources.errors import ConfigurationError

CONTENT_TYPE = "application/octet-stream"
HASH_LENGTH = 12
TAG_LENGTH = 16
MOST_FINDINGS_SHOWN = 5
STEP_LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Entry:
    """A posting and its finished rows; `voucher` is the GUID its rows link to."""

    posting: Posting
    lines: tuple[str, ...]
    voucher: str = ""


@dataclass(frozen=True, slots=True)
class FileGroup:
    """The period of a file: one posting month within one fiscal year."""

    fiscal_year_start: date
    first_day: date
    last_day: date

    @classmethod
    def for_master_data(cls, entries: Sequence[Entry], settings: DatevSettings) -> FileGroup:
        """Master data have no period; their file is named by the newest posting in it."""
        return group_of(max(entry.posting.booking_date for entry in entries), settings)


@dataclass(frozen=True, slots=True)
class FileKind:
    """How the files of a format category are named in summaries and whether their header has a period."""

    form: Format
    has_period: bool
    noun: str


MONTHS = FileKind(BOOKINGS, True, "bookings")
MASTER_DATA = FileKind(DEBTORS, False, "debtors")
LABELLING = FileKind(LABELS, False, "labels")


def group_of(day: date, settings: DatevSettings) -> FileGroup:
    """The file a row of `day` belongs to. A fiscal year that starts within a month splits that month."""
    month, start_day = (int(part) for part in settings.fiscal_year_start.split("-"))
    start = date(day.year, month, start_day)
    if day < start:
        start = start.replace(year=day.year - 1)
    end = year_after(start) - timedelta(days=1)
    last = calendar.monthrange(day.year, day.month)[1]
    return FileGroup(start, max(day.replace(day=1), start), min(day.replace(day=last), end))


def planned_files(
    step: str, kind: FileKind, group: FileGroup, entries: Sequence[Entry], settings: DatevSettings, created: datetime
) -> Iterator[Planned]:
    """The uploads for `entries`, split by DATEV's limits; postings with a finding come as holds."""
    for part in _parts(entries):
        good = list(part)
        while good:
            submission, content = _submission(step, kind, group, good, settings, created)
            holds = _holds(check(content, _expected(group, good, settings)), good)
            if not holds:
                yield submission
                break
            yield from holds.values()
            good = [entry for entry in good if entry.posting.key not in holds]


def label_file(settings: DatevSettings, day: date, created: datetime) -> PlannedSubmission:
    """The file that names the clearing account (category 20); it carries no posting.

    Raises `CannotBook` when no clearing account is set, and `ConfigurationError` for a label that DATEV would refuse.
    """
    account = settings.clearing_account()
    if account is None:
        raise CannotBook("account_unmapped", "No clearing account is set.", "Set erp.accounts.clearing.")
    line = label_line(account, settings.label_clearing)
    group = group_of(day, settings)
    name, reference, _, content = _file(LABELLING, group, [line], [line], settings, created)
    if findings := check(content, _expected(group, (), settings)):
        # It carries no posting that could be held.
        raise ConfigurationError(
            f"DATEV would not take the label of account {account}: {'; '.join(map(str, findings))}",
            next_step="correct erp.label_clearing",
        )
    return _upload(STEP_LABELS, name, reference, content, (), settings, f"label of account {account}")


def short_hash(parts: Iterable[str]) -> str:
    """First 12 hex digits of SHA-256 over the parts, each followed by a line feed."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\n")
    return digest.hexdigest()[:HASH_LENGTH]


def _parts(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Slices within DATEV's limits of rows and bytes; a posting's rows stay together."""
    part: list[Entry] = []
    rows = 0
    size = _HEAD_ROOM
    for entry in entries:
        own_size = sum(len(line) + 2 for line in entry.lines)
        if part and (rows + len(entry.lines) > MOST_ROWS or size + own_size > MOST_BYTES):
            yield part
            part, rows, size = [], 0, _HEAD_ROOM
        part.append(entry)
        rows += len(entry.lines)
        size += own_size
    if part:
        yield part


#: header and headings of the widest format, generously.
_HEAD_ROOM = 10_000


def _submission(
    step: str, kind: FileKind, group: FileGroup, entries: Sequence[Entry], settings: DatevSettings, created: datetime
) -> tuple[PlannedSubmission, bytes]:
    lines = [line for entry in entries for line in entry.lines]
    # The keys make two equal rows of different events two files: a payment taken again on one day is booked again.
    hashed = (f"{entry.posting.key} {line}" for entry in entries for line in entry.lines)
    name, reference, month, content = _file(kind, group, lines, hashed, settings, created)
    keys = tuple(entry.posting.key for entry in entries)
    summary = f"{month}: {len(lines)} rows of {len(keys)} postings ({kind.noun})"
    return _upload(step, name, reference, content, keys, settings, summary), content


def _file(
    kind: FileKind,
    group: FileGroup,
    lines: Sequence[str],
    hashed: Iterable[str],
    settings: DatevSettings,
    created: datetime,
) -> tuple[str, str, str, bytes]:
    """File name, reference, month and bytes."""
    digest = short_hash(hashed)
    month = f"{group.last_day:%Y%m}"
    client = settings.datev_client
    header = Header(
        form=kind.form,
        created=created,
        consultant_number=settings.consultant_number,
        client_number=settings.client_number,
        fiscal_year_start=group.fiscal_year_start,
        account_length=settings.account_length,
        chart=settings.chart.removeprefix("skr"),
        first_day=group.first_day if kind.has_period else None,
        last_day=group.last_day if kind.has_period else None,
        label=f"GoCardless {group.last_day:%Y-%m}" if kind.has_period else "",
        lock=settings.lock,
        tag=f"GC{month}{digest}"[:TAG_LENGTH] if kind.has_period else "",
    )
    content = b"".join(file_chunks(header, lines))
    return f"EXTF_GC_{client}_{month}_{digest}.csv", f"GC-{client}-{month}-{digest}", month, content


def _upload(
    step: str,
    name: str,
    reference: str,
    content: bytes,
    keys: tuple[str, ...],
    settings: DatevSettings,
    summary: str,
) -> PlannedSubmission:
    return PlannedSubmission(
        reference=reference,
        step=step,
        method="POST",
        path=f"/clients/{settings.datev_client}/extf-files/import",
        body=content,
        content_type=CONTENT_TYPE,
        posting_keys=keys,
        headers=(
            ("Filename", name),
            ("Reference-Id", reference),
            ("Client-Application-Version", settings.client_application_version),
        ),
        summary=summary,
    )


def _expected(group: FileGroup, entries: Sequence[Entry], settings: DatevSettings) -> Expected:
    return Expected(
        consultant_number=settings.consultant_number,
        client_number=settings.client_number,
        account_length=settings.account_length,
        chart=settings.chart.removeprefix("skr"),
        fiscal_year_start=group.fiscal_year_start,
        automatic_accounts=settings.automatic,
        vouchers=frozenset(entry.voucher for entry in entries if entry.voucher),
    )


def _holds(findings: Sequence[Finding], entries: Sequence[Entry]) -> dict[str, Hold]:
    """Holds by posting key: of the rows that have a finding, or of all when the file as a whole has one."""
    if not findings:
        return {}
    if whole := [finding for finding in findings if finding.concerns_file]:
        return {entry.posting.key: _hold(entry.posting.key, whole) for entry in entries}
    owners = [entry.posting.key for entry in entries for _ in entry.lines]
    by_key: dict[str, list[Finding]] = {}
    for finding in findings:
        by_key.setdefault(owners[finding.line - FIRST_ROW_LINE], []).append(finding)
    return {key: _hold(key, found) for key, found in by_key.items()}


def _hold(key: str, findings: Sequence[Finding]) -> Hold:
    shown = "; ".join(map(str, findings[:MOST_FINDINGS_SHOWN]))
    more = f"; {len(findings) - MOST_FINDINGS_SHOWN} more" if len(findings) > MOST_FINDINGS_SHOWN else ""
    return Hold(
        key,
        findings[0].code,
        f"DATEV would not take this: {shown}{more}.",
        "Correct the setting or the data the message names, then `connector release` the posting.",
    )
