"""`POST …/extf-files/import`: takes a file, and the data centre's own check of it, which looks at the header only.

Rows are not judged here: as at DATEV, a file with wrong rows succeeds, and the adviser refuses it later. datev.md 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.datev.datacentre import BOOKING_SERVICE, Company, DataCentre, Session
from sandbox.datev.extf_reader import LONGEST_HEADER, MOST_ROWS, WrongEncoding, decoded, split_line
from sandbox.datev.extf_rules import FORMATS
from sandbox.datev.gateway import Refusal, admit, company_of, problem
from sandbox.datev.jobs import EXTF_SCOPE, Job, Verdict, shortened

FILENAME = re.compile(r"EXTF_.{0,51}\.csv")
REFERENCE = re.compile(r"[-0-9A-Za-z_äöüÄÖÜß_. +?;]{0,254}")
LARGEST_BODY = 50 * 1024 * 1024
HEADER_FIELDS = 31

#: the harmless string every virus scanner must find
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

#: what `Behaviour.forced_failures` may name
FORCED = {
    "1008836": Verdict("1008836", "Virus found", "The transferred EXTF-file contains a virus"),
    "1008837": Verdict("1008837", "Try again", "An internal error occurred. Job failed. Try again."),
    "1008838": Verdict(
        "1008838",
        "Missing permission",
        "Permission to transfer data for this client-id is missing or has expired. Please contact your tax consultant.",
    ),
}

#: header field number -> (DATEV's name of it, expression of the value without quotes)
_CHECKED: dict[int, tuple[str, str]] = {
    2: ("Version Number", r"700"),
    3: ("Data Category", r"16|20|21|46|48|65|66"),
    4: ("Format Name", r".+"),
    5: ("Format Version", r"[0-9]{1,2}"),
    6: ("Created On", r"20[0-9]{15}"),
    7: ("Imported", r""),
    11: ("Consultant", r"[1-9][0-9]{3,6}"),
    12: ("Client", r"[1-9][0-9]{0,4}"),
    13: ("FY Begin", r"20[0-9]{6}"),
    14: ("Length of Ledger Account", r"[4-8]"),
    15: ("Date From", r"(20[0-9]{6})?"),
    16: ("Date To", r"(20[0-9]{6})?"),
}
_RESERVED = (23, 24, 25, 26, 29, 30)
#: of the checked fields, those that are dates
_DATES = (13, 15, 16)


class ImportApi:
    """The upload endpoint."""

    def __init__(self, datacentre: DataCentre) -> None:
        self.datacentre = datacentre

    async def receive(self, request: Request) -> Response:
        session = admit(self.datacentre, request, EXTF_SCOPE)
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/octet-stream":
            raise Refusal(problem(self.datacentre, 415, "Unsupported Media Type"))
        company = company_of(self.datacentre, request, session)
        self._check_headers(request)
        content = await self._body(request)
        job = self._new_job(request, session, company, content)
        self.datacentre.jobs[job.id] = job
        headers = {
            "location": self._location(request, job),
            "retry-after": str(self.datacentre.behaviour.retry_after_s),
        }
        return Response(status_code=202, headers=headers)

    def _check_headers(self, request: Request) -> None:
        filename = request.headers.get("filename", "")
        if not filename:
            self._refuse_header("Filename", "is empty")
        if not FILENAME.fullmatch(filename):
            self._refuse_header("Filename", r"must conform to following pattern 'EXTF_.{0,51}\.csv'")
        for name in ("Reference-Id", "Client-Application-Version"):
            if not REFERENCE.fullmatch(request.headers.get(name, "")):
                self._refuse_header(name, f"must conform to following pattern '{REFERENCE.pattern}'")

    def _refuse_header(self, name: str, reason: str) -> None:
        title, detail = "Invalid header fields", f"{name} {reason}"
        affected = [(name, reason)]
        raise Refusal(problem(self.datacentre, 400, title, code="1008832", detail=detail, affected=affected))

    async def _body(self, request: Request) -> bytes:
        too_large = problem(self.datacentre, 413, "Invalid file", code="1008833", detail="File size exceeds 50 MB")
        if int(request.headers.get("content-length", "0")) > LARGEST_BODY:
            raise Refusal(too_large)
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > LARGEST_BODY:
                raise Refusal(too_large)
        if not content:
            detail = "Message body for request is missing"
            raise Refusal(problem(self.datacentre, 400, "Invalid message-body", code="1008831", detail=detail))
        return bytes(content)

    def _new_job(self, request: Request, session: Session, company: Company, content: bytes) -> Job:
        filename = re.sub(r"[^A-Za-z0-9_.\-]", "_", request.headers["filename"])
        verdict, facts = examined(content, company)
        behaviour = self.datacentre.behaviour
        if behaviour.forced_failures:
            verdict = FORCED[behaviour.forced_failures.pop(0)]
        elif EICAR in content:
            verdict = FORCED["1008836"]
        elif BOOKING_SERVICE not in company.services:
            verdict = FORCED["1008838"]
        facts |= {
            "client_application_display_name": session.registration.name,
            "client_application_vendor": session.registration.vendor,
            "client_application_version": request.headers.get("client-application-version"),
        }
        return Job(
            id=self.datacentre.new_uuid(),
            client_id=company.id,
            filename=filename,
            reference_id=request.headers.get("reference-id", ""),
            received_at=self.datacentre.now(),
            content=content,
            facts=facts,
            verdict=verdict,
            ignored=behaviour.duplicate_mode == "same_name_is_ignored" and self._seen(company, filename),
        )

    def _seen(self, company: Company, filename: str) -> bool:
        """Whether a file of that name came before and did not fail."""
        return any(
            job.client_id == company.id and job.filename == filename and job.verdict is None
            for job in self.datacentre.jobs.values()
        )

    def _location(self, request: Request, job: Job) -> str:
        """All three forms were seen in the wild (datev.md 2.2)."""
        form = self.datacentre.behaviour.location_form
        if form == "rotate":
            form = ("slash", "relative", "absolute")[len(self.datacentre.jobs) % 3]
        relative = f"clients/{job.client_id}/extf-files/jobs/{job.id}"
        if form == "absolute":
            prefix = request.url.path.split("/clients/")[0]
            return f"{str(request.base_url).rstrip('/')}{prefix}/{relative}"
        return relative if form == "relative" else f"/{relative}"


def examined(content: bytes, company: Company) -> tuple[Verdict | None, dict[str, Any]]:
    """The data centre's verdict on a file, None when it succeeds, and what it understood of the header."""
    try:
        _, text = decoded(content)
    except WrongEncoding:
        reason = "Only Windows-1252,UTF-8, UTF16LE, and UTF16BE are supported"
        return Verdict("1008833", "Invalid file", reason), {}
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    values = [value for value, _, _ in split_line(lines[0])]
    if len(values) < HEADER_FIELDS:
        return _header_verdict(("EXTF-header", "Missing columns in EXTF-header")), {}
    # A reader of the field by its number in the sheet.
    fields = ["", *values]
    rows = len(lines) - 2
    facts = _facts(fields, max(0, rows))
    if len(lines[0]) > LONGEST_HEADER:
        return _header_verdict(("EXTF-header", f"exceeds maximum length of {LONGEST_HEADER} characters")), facts
    faults = list(_header_faults(fields, company))
    if faults:
        return _header_verdict(*faults), facts
    if rows < 1:
        return Verdict("1008833", "Invalid file", "No payload"), facts
    if rows > MOST_ROWS:
        return Verdict("1008833", "Invalid file", f"More than {MOST_ROWS} postings"), facts
    return None, facts


def _header_verdict(*affected: tuple[str, str]) -> Verdict:
    return Verdict("1008834", "Invalid EXTF-header", "Fields with error", affected)


def _header_faults(fields: list[str], company: Company) -> Iterator[tuple[str, str]]:
    if fields[1] != "EXTF":
        yield "DATEV Format Label", "must be EXTF (1)"
    wrong = set()
    for number, (name, expression) in _CHECKED.items():
        if not re.fullmatch(expression, fields[number]) or (number in _DATES and _no_date(fields[number])):
            wrong.add(number)
            yield name, f"is invalid ({number})"
    for number in _RESERVED:
        if fields[number]:
            yield "Reserved", f"must be empty ({number})"
    if not wrong & {3, 4, 5}:
        name, versions = FORMATS[int(fields[3])]
        if fields[4] != name or int(fields[5]) not in versions:
            yield "EXTF-header", "Invalid combination of data category, format name and format version"
    if not wrong & {15, 16} and fields[15] and fields[16] and fields[15] > fields[16]:
        yield "Date From", "DateFrom must not be greater than DateTo"
    for number, expected in ((11, company.consultant_number), (12, company.client_number)):
        if number not in wrong and int(fields[number]) != expected:
            which = "consultant" if number == 11 else "client"
            reason = f"The {which}-number in the EXTF-header does not match with the upload request ({number})"
            yield _CHECKED[number][0], reason


def _no_date(text: str) -> bool:
    return bool(text) and _iso(text) is None


def _facts(fields: list[str], rows: int) -> dict[str, Any]:
    return {
        "data_category_id": int(fields[3]) if re.fullmatch(r"[0-9]{1,3}", fields[3]) else None,
        "fiscal_year_begin": _iso(fields[13]),
        "date_from": _iso(fields[15]),
        "date_to": _iso(fields[16]),
        "label": shortened(fields[17]),
        "number_of_accounting_records": rows,
    }


def _iso(text: str) -> str | None:
    """YYYYMMDD as YYYY-MM-DD, None when it is no date."""
    if not re.fullmatch(r"[0-9]{8}", text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
    except ValueError:
        return None
