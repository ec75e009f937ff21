"""The ping checklist of a DATEV connection: consent, client, services, fiscal year. Every line is tried, none raises.

Shows what DATEV's approval demands: who gave consent, until when, and where consents are managed (datev.md 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from connector_resources.erp.contract import PingLine, PingReport
from connector_resources.erp.datev.client import DatevClient
from connector_resources.erp.datev.problems import MANAGE_CONSENTS, ORDER_SERVICES
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.datev.wire import AccountingClient, FiscalYear
from connector_resources.errors import ConnectorError

BOOKING_SERVICE = "Buchungsdatenservice"
DOCUMENT_SERVICE = "Belegbilderservice"
INVOICE_SERVICE = "Rechnungsdatenservice 1.0"


@dataclass(frozen=True, slots=True)
class Consent:
    """When a person gave consent, when it ends by DATEV's word, and what time it is now (all aware UTC)."""

    granted_at: datetime
    ends_at: datetime
    now: datetime
    refused: bool = False


class Pinger:
    """Makes the checklist of one connection, with at most five calls."""

    def __init__(
        self, connection: str, settings: DatevSettings, client: DatevClient, consent: Callable[[], Consent | None]
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._client = client
        self._consent = consent

    def report(self) -> PingReport:
        consent = self._person()
        lines = [consent, self._expiry()]
        if consent.ok:
            found, client = self._company()
            lines.append(found)
            if client is not None:
                lines += self._services(client)
            if self._settings.documents or self._settings.dxso:
                lines += self._fiscal_year()
            if self._settings.documents:
                lines.append(self._document_types())
        return PingReport((*lines, self._accounts()))

    def _person(self) -> PingLine:
        what = "Consent"
        try:
            user = self._client.user()
        except ConnectorError as error:
            return PingLine(what, False, str(error), self._authorise)
        return PingLine(what, True, f"{user.shown}; consents are managed at {MANAGE_CONSENTS}")

    def _expiry(self) -> PingLine:
        what = "Consent valid until"
        consent = self._consent()
        if consent is None:
            return PingLine(what, False, "no consent is stored", self._authorise)
        shown = f"{consent.ends_at.astimezone(ZoneInfo(self._settings.time_zone)):%d.%m.%Y %H:%M}"
        if consent.refused or consent.ends_at <= consent.now:
            return PingLine(what, False, f"{shown} ({MANAGE_CONSENTS})", self._authorise)
        return PingLine(what, True, f"{shown} ({MANAGE_CONSENTS})")

    @property
    def _authorise(self) -> str:
        return f"connector authorize {self._connection}"

    def _company(self) -> tuple[PingLine, AccountingClient | None]:
        settings = self._settings
        what = f"Client {settings.consultant_number}/{settings.client_number}"
        try:
            client = self._client.client()
        except ConnectorError as error:
            step = "Check erp.consultant_number and erp.client_number, and the DATEV user's right for this client."
            return PingLine(what, False, str(error), step), None
        if (client.consultant_number, client.client_number) != (settings.consultant_number, settings.client_number):
            answered = f"DATEV answered for {client.consultant_number}/{client.client_number}"
            return PingLine(what, False, answered, "Correct the numbers in the connection file."), None
        return PingLine(what, True, client.name), client

    def _services(self, client: AccountingClient) -> Iterator[PingLine]:
        wanted = [BOOKING_SERVICE]
        wanted += [DOCUMENT_SERVICE] if self._settings.documents else []
        wanted += [INVOICE_SERVICE] if self._settings.dxso else []
        for service in wanted:
            if client.has(service):
                yield PingLine(service, True, "ordered")
            else:
                step = f"Have the tax adviser order it at {ORDER_SERVICES}."
                yield PingLine(service, False, "not ordered for this client", step)

    def _fiscal_year(self) -> list[PingLine]:
        """Account length and fiscal year by DATEV's word, against the settings; one line each."""
        settings = self._settings
        try:
            years = self._client.document_client().basic_accounting_information
        except ConnectorError as error:
            step = "Check the user's rights for documents in DATEV, or compare the numbers by hand."
            return [PingLine("Fiscal year and account length", False, str(error), step)]
        if not years:
            return [PingLine("Fiscal year and account length", True, "DATEV tells none; compare them by hand")]
        year: FiscalYear = max(years, key=lambda each: each.fiscal_year_start)
        length_ok = year.account_length == settings.account_length
        start_ok = f"{year.fiscal_year_start:%m-%d}" == settings.fiscal_year_start
        return [
            PingLine(
                "Account length",
                length_ok,
                f"{year.account_length} at DATEV, {settings.account_length} here",
                "" if length_ok else "Correct erp.account_length in the connection file.",
            ),
            PingLine(
                "Fiscal year",
                start_ok,
                f"from {year.fiscal_year_start:%d.%m.%Y} at DATEV, {settings.fiscal_year_start} here",
                "" if start_ok else "Correct erp.fiscal_year_start in the connection file.",
            ),
        ]

    def _document_types(self) -> PingLine:
        service = self._settings.documents
        assert service is not None
        try:
            known = {kind.name for kind in self._client.document_types()}
        except ConnectorError as error:
            return PingLine("Document types", False, str(error), "Check the user's rights for documents in DATEV.")
        missing = sorted(set(service.types.values()) - known)
        if missing:
            step = f"Put one of {', '.join(sorted(known)) or 'none'} into erp.documents.types."
            return PingLine("Document types", False, f"unknown: {', '.join(missing)}", step)
        return PingLine("Document types", True, ", ".join(sorted(set(service.types.values()))))

    def _accounts(self) -> PingLine:
        settings = self._settings
        clearing, bank = settings.clearing_account(), settings.bank_account()
        if clearing is None or bank is None:
            return PingLine("Accounts", False, "clearing or bank is not set", "Name them in erp.accounts.")
        first, last = settings.customer_number_range
        chart = settings.chart.upper()
        return PingLine("Accounts", True, f"{chart}: clearing {clearing}, bank {bank}, debtors {first} to {last}")
