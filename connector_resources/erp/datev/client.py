"""DATEV's online services, one method an endpoint (datev.md 1.4, 2): addresses, headers, paging, answers as wire types.

It decides nothing about bookings. Errors are those of `Transport.send`, plus `BadAnswer` for a read that cannot be
understood and `Uncertain` for an accepted upload whose job is not named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from urllib3.filepost import encode_multipart_formdata

from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.datev.wire import (
    AccountingClient,
    DocumentClient,
    DocumentType,
    DxsoJob,
    ImportJob,
    ProtocolEntry,
    UserInfo,
    Wire,
)
from connector_resources.errors import BadAnswer, Uncertain
from connector_resources.transport.messages import Request, Response, Transport

SYSTEM = "datev"
PAGE = 100
#: far more pages than a client can have jobs worth reading; a server that never ends its list is stopped here.
MOST_PAGES = 1000
JSON = (("accept", "application/json;charset=utf-8"),)
MERGE_PATCH = "application/merge-patch+json"
UPLOAD_TIMEOUT_S = 120.0

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_W = TypeVar("_W", bound=Wire)


class DatevClient:
    """Calls for one client of one tax adviser. `transport` adds the token and X-DATEV-Client-Id."""

    def __init__(self, transport: Transport, settings: DatevSettings, connection: str = "") -> None:
        self._transport = transport
        self._settings = settings
        self._connection = connection
        self._id = settings.datev_client

    # --- who and which company -------------------------------------------------------------------------------------

    def user(self) -> UserInfo:
        """The person whose consent is used."""
        return self._read(UserInfo, self._settings.address("userinfo"))

    def client(self) -> AccountingClient:
        """The configured client. Raises `NotFound` when DATEV does not show it to this person."""
        return self._read(AccountingClient, f"{self._settings.address('clients')}/clients/{self._id}")

    def clients(self) -> Iterator[AccountingClient]:
        """Every client this person may see, page by page."""
        return self._pages(AccountingClient, f"{self._settings.address('clients')}/clients")

    # --- EXTF files ------------------------------------------------------------------------------------------------

    def import_file(
        self, path: str, headers: tuple[tuple[str, str], ...], body: bytes, content_type: str
    ) -> tuple[str, float]:
        """Upload a file. Returns the job id and after how many seconds DATEV wants to be asked.

        Raises `Uncertain` also when the upload was accepted and the answer names no job: it is found in the job list.
        """
        url = self._settings.address("extf_files") + path
        answer = self._transport.send(
            Request(
                "POST", url, headers=JSON + headers, body=body, content_type=content_type,
                write=True, timeout_s=UPLOAD_TIMEOUT_S,
            )
        )  # fmt: skip
        # Relative with and without slash and absolute addresses were seen; only the last part is the job (datev.md 2.2).
        job_id = answer.headers.get("location", "").split("?")[0].rstrip("/").rpartition("/")[2]
        if not _UUID.fullmatch(job_id):
            raise Uncertain(
                "DATEV accepted the file and its answer names no job; it will be looked up in the job list.",
                system=SYSTEM,
                status=answer.status,
                connection=self._connection,
            )
        return job_id, _seconds(answer.headers.get("retry-after", ""))

    def import_job(self, job_id: str) -> ImportJob:
        return self._read(
            ImportJob, f"{self._settings.address('extf_files')}/clients/{self._id}/extf-files/jobs/{job_id}"
        )

    def import_jobs(self) -> Iterator[ImportJob]:
        """All jobs of the client. A job that arrives while we read shifts the pages: callers collect by id."""
        return self._pages(ImportJob, f"{self._settings.address('extf_files')}/clients/{self._id}/extf-files/jobs")

    # --- documents -------------------------------------------------------------------------------------------------

    def document_client(self) -> DocumentClient:
        """Fiscal years and account length, from whichever of the two services is switched on."""
        service = "documents" if self._settings.documents else "dxso_jobs"
        return self._read(DocumentClient, f"{self._settings.address(service)}/clients/{self._id}")

    def document_types(self) -> list[DocumentType]:
        url = f"{self._settings.address('documents')}/clients/{self._id}/document-types"
        return self._list(DocumentType, self._get(url))

    def put_document(self, path: str, body: bytes, content_type: str) -> None:
        """Store a voucher under our own GUID. Raises `Conflict` when the GUID is taken already."""
        self._write("PUT", self._settings.address("documents") + path, body, content_type)

    # --- DXSO ------------------------------------------------------------------------------------------------------

    def create_dxso_job(self, path: str, body: bytes, content_type: str) -> DxsoJob:
        """Open a transfer. One that is never made ready does nothing."""
        answer = self._write("POST", self._settings.address("dxso_jobs") + path, body, content_type)
        try:
            return DxsoJob.model_validate(answer.json())
        except (ValueError, ValidationError) as error:
            raise Uncertain(
                "DATEV opened a transfer and its answer names no job.", system=SYSTEM, connection=self._connection
            ) from error

    def add_dxso_file(self, job_id: str, name: str, content: bytes) -> None:
        """Put one file into an open transfer."""
        boundary = f"file-{len(content)}-{job_id}"
        body, kind = encode_multipart_formdata([("files", (name, content, "application/xml"))], boundary=boundary)
        self._write("POST", f"{self._dxso_job(job_id)}/files", body, kind)

    def finish_dxso_job(self, job_id: str) -> None:
        """Start processing. The word true is a text at DATEV."""
        self._write("PUT", self._dxso_job(job_id), json.dumps({"ready": "true"}).encode(), MERGE_PATCH)

    def cancel_dxso_job(self, job_id: str) -> None:
        self._write("DELETE", self._dxso_job(job_id), b"", "")

    def dxso_job(self, job_id: str) -> DxsoJob:
        return self._read(DxsoJob, self._dxso_job(job_id))

    def dxso_protocol(self, job_id: str) -> list[ProtocolEntry]:
        return self._list(ProtocolEntry, self._get(f"{self._dxso_job(job_id)}/protocol-entries"))

    def close(self) -> None:
        self._transport.close()

    # --- common ----------------------------------------------------------------------------------------------------

    def _dxso_job(self, job_id: str) -> str:
        return f"{self._settings.address('dxso_jobs')}/clients/{self._id}/dxso-jobs/{job_id}"

    def _get(self, url: str, params: tuple[tuple[str, str], ...] = ()) -> Response:
        return self._transport.send(Request("GET", url, params=params, headers=JSON))

    def _write(self, method: str, url: str, body: bytes, content_type: str) -> Response:
        return self._transport.send(
            Request(
                method, url, headers=JSON, body=body or None, content_type=content_type,
                write=True, timeout_s=UPLOAD_TIMEOUT_S,
            )
        )  # fmt: skip

    def _read(self, kind: type[_W], url: str) -> _W:
        answer = self._get(url)
        found: _W = self._understood(TypeAdapter(kind), self._json(answer), answer)
        return found

    def _list(self, kind: type[_W], answer: Response) -> list[_W]:
        adapter = TypeAdapter(list[kind])  # type: ignore[valid-type]
        found: list[_W] = self._understood(adapter, self._json(answer), answer)
        return found

    def _pages(self, kind: type[_W], url: str) -> Iterator[_W]:
        """Items of a paged list, until Total-Items are read or no next page is linked (datev.md 4)."""
        skip = 0
        for _ in range(MOST_PAGES):
            answer = self._get(url, (("skip", str(skip)), ("top", str(PAGE))))
            items = self._list(kind, answer)
            yield from items
            skip += len(items)
            total = answer.headers.get("total-items", "")
            more = skip < int(total) if total.isdecimal() else 'rel="next"' in answer.headers.get("link", "")
            if not items or not more:
                return
        raise self._bad_answer(f"The list has more than {MOST_PAGES} pages.", None)

    def _json(self, answer: Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            problem = self._bad_answer("The answer is not JSON.", answer)
        raise problem

    def _understood(self, adapter: TypeAdapter[Any], value: Any, answer: Response) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            fields = ", ".join(".".join(str(part) for part in e["loc"]) or "answer" for e in error.errors()[:5])
            problem = self._bad_answer(f"The answer does not have the expected shape ({fields}).", answer)
        raise problem

    def _bad_answer(self, what: str, answer: Response | None) -> BadAnswer:
        error = BadAnswer(what, system=SYSTEM, status=answer.status if answer else 0, connection=self._connection)
        error.response = answer
        return error


def _seconds(retry_after: str) -> float:
    """Seconds of a Retry-After header; 0 when it is absent or a date."""
    return int(retry_after) if retry_after.isdecimal() else 0
