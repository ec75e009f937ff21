"""`accounting-documents`: basic accounting data, document types, and the store for vouchers. Sheet: datev.md 2.3."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any, NoReturn

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.datev.datacentre import DOCUMENT_SERVICE, Company, DataCentre, StoredDocument, StoredFile
from sandbox.datev.extf_import import EICAR
from sandbox.datev.gateway import Refusal, admit, company_of, dco, json_answer, refuse_dco

READ_SCOPE = "accounting:clients:read"
WRITE_SCOPE = "accounting:documents"
LARGEST_DOCUMENT = 20 * 1024 * 1024
LONGEST_FILENAME = 255
MOST_STAPLED = 10
EXTENSIONS = ("bmp", "csv", "gif", "jpeg", "jpg", "pdf", "png", "tif", "tiff", "txt", "xml")
GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

#: metadata field -> (longest length, code and name of the fault when it is longer)
_LENGTHS = {
    "document_type": (30, "DCO01227", "PropertyDocumentTypeTooLongFault"),
    "note": (255, "DCO01223", "PropertyNoteTooLongFault"),
    "category": (30, "DCO01224", "PropertyCategoryNameTooLongFault"),
    "folder": (30, "DCO01225", "PropertyFolderNameTooLongFault"),
    "register": (30, "DCO01226", "PropertyRegisterNameTooLongFault"),
}
_PLACE = ("category", "folder", "register")


class DocumentsApi:
    """Companies as the document service sees them, and uploads."""

    def __init__(self, datacentre: DataCentre) -> None:
        self.datacentre = datacentre

    async def clients(self, request: Request) -> Response:
        session = admit(self.datacentre, request, READ_SCOPE, dialect="dco")
        bound = session.bound_clients
        shown = [company for company in self.datacentre.companies.values() if not bound or company.id in bound]
        return json_answer([self._told(company_facts(company)) for company in shown])

    async def client(self, request: Request) -> Response:
        """Last three fiscal years with their account length: how a connector proves its settings."""
        company = self._company(request, READ_SCOPE)
        return json_answer(self._told(company_basics(self.datacentre, company)))

    async def document_types(self, request: Request) -> Response:
        company = self._company(request, WRITE_SCOPE)
        return json_answer([asdict(kind) for kind in company.document_types])

    async def duo_version(self, request: Request) -> Response:
        self._company(request, READ_SCOPE)
        staple = [extension for extension in EXTENSIONS if extension in ("jpeg", "jpg", "pdf", "png", "tif", "tiff")]
        facts = {
            "allowed_file_extensions": list(EXTENSIONS),
            "allowed_staple_file_extensions": staple,
            "staple_logic": "logically",
        }
        return json_answer(facts)

    async def upload(self, request: Request) -> Response:
        """`PUT documents/{guid}` under the caller's id, or `POST documents` under one made here."""
        company = self._company(request, WRITE_SCOPE)
        guid = request.path_params.get("document_id", "")
        if guid and not GUID.fullmatch(guid):
            self._refuse(400, "DCO01234", "WrongUuidFormatFault")
        form = await self._form(request)
        files = form.getlist("file")
        if len(files) != 1:
            self._refuse(400, "DCO01004", "MultipartUploadFault")
        return await self._store(company, guid or self.datacentre.new_uuid(), form, files)

    async def staple(self, request: Request) -> Response:
        """`PUT documents/stapled`: several `files` become one document."""
        company = self._company(request, WRITE_SCOPE)
        form = await self._form(request)
        files = form.getlist("files")
        if not files:
            self._refuse(400, "DCO01004", "MultipartUploadFault")
        if len(files) > MOST_STAPLED:
            self._refuse(400, "DCO01232", "MultipleFilesUploadIsNotSupportedFault")
        return await self._store(company, self.datacentre.new_uuid(), form, files)

    def _company(self, request: Request, scope: str) -> Company:
        session = admit(self.datacentre, request, scope, dialect="dco")
        company = company_of(self.datacentre, request, session, dialect="dco")
        if scope == WRITE_SCOPE and DOCUMENT_SERVICE not in company.services:
            raise Refusal(dco(self.datacentre, 403, "", ""))
        return company

    async def _form(self, request: Request) -> FormData:
        if self.datacentre.behaviour.documents_down:
            self._refuse(503, "DCO01020", "ServiceNotAvailableFault")
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            self._refuse(400, "DCO01004", "MultipartUploadFault")
        try:
            return await request.form(max_part_size=LARGEST_DOCUMENT)
        except MultiPartException:
            self._refuse(400, "DCO01004", "MultipartUploadFault")

    async def _store(self, company: Company, guid: str, form: FormData, parts: Sequence[UploadFile | str]) -> Response:
        metadata = await self._metadata(form)
        self._check_metadata(company, metadata)
        key = (company.id, guid.lower())
        if key in self.datacentre.documents:
            self._refuse(409, "DCO01012", "KeyConflictFault")
        files = tuple([await self._file(part) for part in parts])
        if sum(file.size for file in files) > LARGEST_DOCUMENT:
            self._refuse(400, "DCO01016", "FileSizeFault")
        place = (metadata["category"], metadata["folder"], metadata["register"]) if "category" in metadata else None
        note = metadata.get("note", "")
        now = self.datacentre.now()
        kind = metadata["document_type"]
        self.datacentre.documents[key] = StoredDocument(company.id, guid, files, kind, note, place, now)
        shown_files = [
            {
                "id": file.id,
                "name": file.name,
                "size": file.size,
                "upload_date": now.isoformat(timespec="seconds"),
                "media_type": file.media_type,
            }
            for file in files
        ]
        shown = {"id": guid, "files": shown_files, "document_type": kind, "note": note}
        return json_answer(self._told({name: value for name, value in shown.items() if value}), 201)

    async def _metadata(self, form: FormData) -> dict[str, str]:
        part = form.get("metadata")
        text = await part.read() if isinstance(part, UploadFile) else (part or "").encode()
        try:
            metadata = orjson.loads(text)
        except orjson.JSONDecodeError:
            metadata = None
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            self._refuse(400, "DCO01217", "MetadataParsingFault")
        return metadata

    def _check_metadata(self, company: Company, metadata: dict[str, str]) -> None:
        for name, (longest, code, fault) in _LENGTHS.items():
            if len(metadata.get(name, "")) > longest:
                self._refuse(400, code, fault)
        if metadata.get("document_type") not in [kind.name for kind in company.document_types]:
            self._refuse(400, "DCO01010", "InvalidDocumentTypeFault")
        given = [name for name in _PLACE if metadata.get(name)]
        if given and len(given) < len(_PLACE):
            self._refuse(400, "DCO01017", "MissingMandatoryParameterFault")

    async def _file(self, part: UploadFile | str) -> StoredFile:
        if not isinstance(part, UploadFile) or not part.filename:
            self._refuse(400, "DCO01004", "MultipartUploadFault")
        if len(part.filename) > LONGEST_FILENAME:
            self._refuse(400, "DCO01222", "FileNameTooLongFault")
        extension = part.filename.rpartition(".")[2].lower()
        if extension not in EXTENSIONS:
            self._refuse(400, "DCO01015", "UnsupportedFileTypeFault")
        content = await part.read()
        if not content:
            self._refuse(400, "DCO01004", "MultipartUploadFault")
        if extension == "pdf" and not content.startswith(b"%PDF-"):
            self._refuse(400, "DCO01219", "ContentTypeDoesNotMatchFileExtensionFault")
        if EICAR in content:
            self._refuse(400, "DCO01243", "VirusInFileFoundFault")
        name, kind = clean_name(part.filename), part.content_type or "application/octet-stream"
        digest = hashlib.sha256(content).hexdigest()
        return StoredFile(self.datacentre.new_uuid(), name, len(content), kind, digest)

    def _told(self, value: Any) -> Any:
        return as_texts(value) if self.datacentre.behaviour.texts_for_values else value

    def _refuse(self, status: int, code: str, description: str) -> NoReturn:
        refuse_dco(self.datacentre, status, code, description)


def clean_name(name: str) -> str:
    """A file name as the store keeps it: composed, and `_` for what is not on the white list (datev.md 2.3)."""
    return re.sub(r"[^ &()+\-._0-9A-Za-zÀ-ÖØ-öø-ÿ]", "_", unicodedata.normalize("NFC", name))


def company_facts(company: Company) -> dict[str, Any]:
    return {
        "client_number": company.client_number,
        "consultant_number": company.consultant_number,
        "id": company.id,
        "name": company.name,
    }


def company_basics(datacentre: DataCentre, company: Company) -> dict[str, Any]:
    """What documents and dxso-jobs tell of one company: the last three fiscal years that have begun."""
    today = datacentre.now().date()
    begun = [day for day in sorted(company.fiscal_year_begins) if day <= today][-3:]
    ledgers = {
        "is_accounts_payable_ledger_available": True,
        "is_accounts_receivable_ledger_available": True,
        "is_cash_ledger_available": False,
    }
    years = [
        {
            "fiscal_year_start": begin.isoformat(),
            "fiscal_year_end": _year_end(begin).isoformat(),
            "account_length": company.account_length,
            "datev_chart_of_accounts": int(company.chart),
            "ledgers": ledgers,
        }
        for begin in begun
    ]
    available = DOCUMENT_SERVICE in company.services
    return company_facts(company) | {
        "is_document_management_available": available,
        "basic_accounting_information": years,
    }


def as_texts(value: Any) -> Any:
    """Numbers and booleans as texts, dates with a time of day: so these services were seen to answer (datev.md 2.3)."""
    match value:
        case dict():
            return {name: as_texts(item) for name, item in value.items()}
        case list():
            return [as_texts(item) for item in value]
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str() if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return f"{value}T00:00:00.000+0000"
        case _:
            return value


def _year_end(begin: date) -> date:
    return date(begin.year + 1, begin.month, begin.day) - timedelta(days=1)
