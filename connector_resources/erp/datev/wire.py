"""DATEV's answers as types: clients, import jobs, documents, DXSO jobs. Lenient, because DATEV is (datev.md 2, 9).

Numbers, booleans and dates may arrive as texts, null fields are left out, unknown fields and words may appear at any time.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

PENDING, SUCCEEDED, FAILED = "pending", "succeeded", "failed"

DXSO_OPEN, DXSO_RUNNING, DXSO_DONE = 0, 1, 2
#: states of a DXSO job that are its end, and not a good one: failed, partly, cancelled, cancel refused.
DXSO_BAD_ENDS = frozenset({3, 4, 5, 6})


def _day_only(value: object) -> object:
    """A date, also when a time of day follows it."""
    return value[:10] if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_day_only)]


class Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ServiceOfClient(Wire):
    name: str = ""
    scopes: tuple[str, ...] = ()


class AccountingClient(Wire):
    """A client of a tax adviser with the data services it has ordered."""

    id: str
    client_number: int
    consultant_number: int
    name: str = ""
    services: tuple[ServiceOfClient, ...] = ()

    def has(self, service: str) -> bool:
        return any(service == ordered.name for ordered in self.services)


class AffectedElement(Wire):
    name: str = ""
    reason: str = ""


class ValidationDetails(Wire):
    type: str = ""
    title: str = ""
    detail: str = ""
    affected_elements: tuple[AffectedElement, ...] = ()


class ImportJob(Wire):
    """A file on its way to the data centre. Every `result` but succeeded and failed means pending."""

    id: str
    filename: str = ""
    reference_id: str = ""
    result: str = PENDING
    timestamp: str = ""
    data_category_id: int | None = None
    date_from: str = ""
    date_to: str = ""
    number_of_accounting_records: int | None = None
    validation_details: ValidationDetails | None = None


class FiscalYear(Wire):
    fiscal_year_start: Day
    fiscal_year_end: Day
    account_length: int


class DocumentClient(Wire):
    """What the document service knows of a client: its last fiscal years with their account length."""

    id: str = ""
    is_document_management_available: bool = False
    basic_accounting_information: tuple[FiscalYear, ...] = ()


class DocumentType(Wire):
    name: str
    category: str = ""
    debit_credit_identifier: str = ""


class StoredDocument(Wire):
    id: str
    document_type: str = ""
    note: str = ""


class DxsoJob(Wire):
    """A transfer of posting proposals. A state that is not known counts as running.

    Its id becomes a part of addresses: what would lead elsewhere is none.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
    status: int = DXSO_OPEN
    account_length: int | None = None
    ledger_folder_names: tuple[str, ...] = ()


class ProtocolEntry(Wire):
    time: str = ""
    text: str = ""
    context: str = ""
    type: str = ""
    filename: str = ""


class UserInfo(Wire):
    """The person whose consent we hold."""

    sub: str = ""
    name: str = ""
    preferred_username: str = ""
    email: str = ""

    @property
    def shown(self) -> str:
        return self.name or self.preferred_username or self.email or self.sub
