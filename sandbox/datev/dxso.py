"""`accounting-dxso-jobs`: a transfer is opened, filled with files, marked ready, and processed into protocol entries.

Sheet: datev.md 2.4. States: 0 open, 1 running, 2 ok, 3 failed, 4 partly, 5 cancelled, 6 cancel refused (never here:
only an open job can be cancelled).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.datev.datacentre import INVOICE_SERVICE, Company, DataCentre
from sandbox.datev.documents import as_texts, company_basics, company_facts
from sandbox.datev.dxso_xml import archive_faults, data_files, ledger_faults
from sandbox.datev.gateway import Refusal, admit, company_of, dco, json_answer, problem, refuse_dco

READ_SCOPE = "accounting:clients:read"
JOB_SCOPE = "accounting:dxso-jobs"
LARGEST_FILE = 465 * 1024 * 1024

OPEN, RUNNING, DONE, FAILED, PARTLY, CANCELLED = range(6)

#: import type -> (field that lists the ledgers, their names)
LEDGER_NAMES = {
    "accountsReceivableLedgerImport": ("ledger_folder_names", ["Ausgangsrechnungen"]),
    "accountsPayableLedgerImport": ("ledger_folder_names", ["Eingangsrechnungen"]),
    "cashLedgerImport": ("cash_ledger_names", ["Kasse"]),
}
_STARTS = {"xml": b"<", "pdf": b"%PDF-", "png": b"\x89PNG", "jpg": b"\xff\xd8", "jpeg": b"\xff\xd8"}
ARCHIVE_NAME = "document.xml"


@dataclass(slots=True)
class DxsoJob:
    id: str
    client_id: str
    import_type: str
    accounting_month: str
    status: int = OPEN
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    protocol: list[dict[str, str]] = field(default_factory=list)
    running_polls: int = 0


class DxsoApi:
    """The endpoints; a job belongs to one company."""

    def __init__(self, datacentre: DataCentre) -> None:
        self.datacentre = datacentre

    async def clients(self, request: Request) -> Response:
        session = admit(self.datacentre, request, READ_SCOPE, dialect="dco")
        if "offline_access" in session.scopes:
            # Offline tokens may not list companies (datev.md 2.4).
            refuse_dco(self.datacentre, 403, "DCO01013", "AuthentificationTypeFault")
        return json_answer(self._told([company_facts(company) for company in self.datacentre.companies.values()]))

    async def client(self, request: Request) -> Response:
        company = self._company(request, READ_SCOPE)
        return json_answer(self._told(company_basics(self.datacentre, company)))

    async def create(self, request: Request) -> Response:
        company = self._company(request, JOB_SCOPE)
        wish = await self._json(request)
        import_type, month = wish.get("import_type"), wish.get("accounting_month")
        if (import_type is None) != (month is None):
            self._refuse("DCO01017", "MissingMandatoryParameterFault")
        if import_type is not None and (
            import_type not in LEDGER_NAMES or not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", str(month))
        ):
            self._refuse("DCO01008", "InvalidMessageBodyFault")
        job = DxsoJob(self.datacentre.new_uuid().upper(), company.id, import_type or "", month or "")
        self.datacentre.dxso_jobs[job.id] = job
        answer: dict[str, Any] = {"id": job.id}
        if import_type is not None:
            name, ledgers = LEDGER_NAMES[import_type]
            answer |= {"account_length": company.account_length, name: ledgers}
        return json_answer(self._told(answer), 201)

    async def one(self, request: Request) -> Response:
        """The status; while running it ends after so many looks."""
        job = self._job(request)
        if job.status == RUNNING:
            job.running_polls += 1
            if job.running_polls > self.datacentre.behaviour.dxso_running_polls:
                self._process(job)
        return json_answer(self._told({"id": job.id, "status": job.status}))

    async def add_file(self, request: Request) -> Response:
        job = self._job(request)
        self._must_be_open(job)
        try:
            form = await request.form(max_part_size=LARGEST_FILE)
        except MultiPartException:
            self._refuse("DCO01004", "MultipartUploadFault")
        parts = form.getlist("files")
        part = parts[0] if len(parts) == 1 else None
        if not isinstance(part, UploadFile) or not part.filename:
            self._refuse("DCO01004", "MultipartUploadFault")
        content = await part.read()
        extension = part.filename.rpartition(".")[2].lower()
        if extension not in _STARTS:
            self._refuse("DCO01015", "UnsupportedFileTypeFault")
        if not content.lstrip(b"\xef\xbb\xbf \r\n").startswith(_STARTS[extension]):
            self._refuse("DCO01219", "ContentTypeDoesNotMatchFileExtensionFault")
        job.files[part.filename] = content
        return json_answer({"name": part.filename}, 201)

    async def finish(self, request: Request) -> Response:
        """`{"ready":"true"}`, the word as a text; a JSON true is refused."""
        job = self._job(request)
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/merge-patch+json":
            raise Refusal(problem(self.datacentre, 415, "Unsupported Media Type"))
        if (await self._json(request)).get("ready") != "true":
            self._refuse("DCO01008", "InvalidMessageBodyFault")
        self._must_be_open(job)
        job.status = RUNNING
        return Response(status_code=204)

    async def cancel(self, request: Request) -> Response:
        job = self._job(request)
        self._must_be_open(job)
        job.status = CANCELLED
        job.files.clear()
        return Response(status_code=204)

    async def protocol(self, request: Request) -> Response:
        return json_answer(self._job(request).protocol)

    def _process(self, job: DxsoJob) -> None:
        """Check the archive, then each data file: all good is 2, none good 3, some good 4."""
        faults = ["document.xml is missing"]
        if ARCHIVE_NAME in job.files:
            faults = archive_faults(job.files[ARCHIVE_NAME], job.files.keys())
        if faults:
            for fault in faults:
                self._note(job, "error", fault, ARCHIVE_NAME)
            job.status = FAILED
            return
        names = data_files(job.files[ARCHIVE_NAME])
        good = 0
        for name in names:
            faults = ledger_faults(job.files[name])
            for fault in faults:
                self._note(job, "error", fault, name)
            if not faults:
                good += 1
                self._note(job, "information", "wurde empfangen!", name)
        job.status = DONE if good == len(names) else PARTLY if good else FAILED

    def _note(self, job: DxsoJob, kind: str, text: str, filename: str) -> None:
        time = self.datacentre.now().isoformat(timespec="seconds")
        entry = {"time": time, "text": text, "context": f"Auftrag {job.id}", "type": kind, "filename": filename}
        job.protocol.append(entry)

    def _company(self, request: Request, scope: str) -> Company:
        session = admit(self.datacentre, request, scope, dialect="dco")
        company = company_of(self.datacentre, request, session, dialect="dco")
        if scope == JOB_SCOPE and company.uses_new_belege_online:
            self._refuse("DCO01301", "RDS1UploadNotSupportedFault")
        if scope == JOB_SCOPE and INVOICE_SERVICE not in company.services:
            self._refuse("DCO01002", "InvalidDxsoImportTargetFault")
        return company

    def _job(self, request: Request) -> DxsoJob:
        company = self._company(request, JOB_SCOPE)
        job = self.datacentre.dxso_jobs.get(request.path_params["job_id"])
        if job is None or job.client_id != company.id:
            if request.method == "POST":
                self._refuse("DCO01003", "InvalidDxsoJobIdFault")
            raise Refusal(dco(self.datacentre, 404, "", ""))
        return job

    def _must_be_open(self, job: DxsoJob) -> None:
        if job.status != OPEN:
            self._refuse("DCO01007", "InvalidDxsoJobStateFault")

    async def _json(self, request: Request) -> dict[str, Any]:
        try:
            value = orjson.loads(await request.body() or b"{}")
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            self._refuse("DCO01008", "InvalidMessageBodyFault")
        return value

    def _told(self, value: Any) -> Any:
        return as_texts(value) if self.datacentre.behaviour.texts_for_values else value

    def _refuse(self, code: str, description: str) -> NoReturn:
        refuse_dco(self.datacentre, 400, code, description)
