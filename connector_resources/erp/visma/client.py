"""Visma's service API, one method an endpoint, on a `Transport`: paging, filters, `Location`, ETags, job ids (visma.md 1, 4).

It decides nothing. Filters on equality are applied again on our side, because Visma ignores a parameter it does not know and
answers with everything (section 0, fact 4). Bounds on dates and stamps only spare transfer: callers compare what they need.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.visma import documents, wire
from connector_resources.errors import BadAnswer, NotFound, Uncertain
from connector_resources.transport.messages import Request, Response, Transport

SYSTEM = "visma"
#: pages of one list before we take the answer to be broken.
MAX_PAGES = 5000
#: hosts that `Location` may name besides our own (section 1.2).
VISMA_HOSTS = frozenset({"api.finance.visma.net", "integration.visma.net"})

_Row = TypeVar("_Row", bound=wire.Row)
_Parsed = TypeVar("_Parsed")
_Model = TypeVar("_Model", bound=wire.Wire)
Params = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Written:
    """The answer to a write. `number` is what `Location` names; `job_id` is set when Visma only queued it (202)."""

    status: int
    number: str = ""
    etag: str = ""
    job_id: str = ""
    action: wire.ActionResult | None = None


class VismaClient:
    """All reads and the one write of a connection.

    Reads raise `NotSent`, `BadAnswer`, `Refused` and its kinds; the write raises what `Transport.send` does.
    """

    def __init__(self, transport: Transport, *, connection: str, hosts: Collection[str], page_size: int) -> None:
        self._transport = transport
        self._connection = connection
        self._hosts = frozenset(hosts) | VISMA_HOSTS
        self._page_size = page_size

    def close(self) -> None:
        self._transport.close()

    # --- the customer ledger ---------------------------------------------------------------------------------------

    def payments(
        self,
        *,
        kind: str | None = None,
        number: str | None = None,
        customer: str | None = None,
        period: str | None = None,
        dated_from: date | None = None,
        modified_from: str | None = None,
    ) -> list[wire.PaymentRow]:
        """Customer payments by type, number, customer and period (YYYYPP); none by `paymentRef` (fact 3)."""
        params = {
            "paymentType": kind,
            "paymentNbr": number,
            "customer": customer,
            "financialPeriod": period,
            **_at_least("docDate", dated_from.isoformat() if dated_from else None),
            **_at_least("lastModifiedDateTime", modified_from),
        }
        return [
            row
            for row in self._list(documents.PAYMENTS, params, wire.PaymentRow, lambda row: (row.type, row.ref_nbr))
            if kind in (None, row.type) and number in (None, row.ref_nbr) and customer in (None, row.customer.number)
        ]

    def open_invoices(self, customer: str | None = None) -> Iterator[wire.InvoiceRow]:
        """Invoices in status Open, of one customer or of all."""
        params = {"status": "Open", "customer": customer}
        for row in self._list("/v1/customerinvoice", params, wire.InvoiceRow, lambda row: row.reference_number):
            if row.status == "Open" and customer in (None, row.customer.number):
                yield row

    def credit_notes(
        self,
        *,
        external_reference: str | None = None,
        period: str | None = None,
        dated_from: date | None = None,
        modified_from: str | None = None,
    ) -> list[wire.InvoiceRow]:
        params = {
            "externalReference": external_reference,
            "financialPeriod": period,
            **_at_least("documentDate", dated_from.isoformat() if dated_from else None),
            **_at_least("lastModifiedDateTime", modified_from),
        }
        rows = self._list(documents.CREDIT_NOTES, params, wire.InvoiceRow, lambda row: row.reference_number)
        return [row for row in rows if external_reference in (None, row.external_reference)]

    def credit_note(self, number: str) -> wire.InvoiceRow | None:
        return self._one(f"{documents.CREDIT_NOTES}/{documents.segment(number)}", wire.InvoiceRow)

    # --- the general ledger ----------------------------------------------------------------------------------------

    def journals(self, *, period: str | None = None, modified_from: str | None = None) -> list[wire.JournalRow]:
        """Batches of the general ledger module of a period (YYYYPP), or since a stamp; one of both is mandatory.

        Pages count lines, so the parts of a batch that was split are put together again (section 2.6).
        """
        assert period or modified_from
        params = {"periodId": period, "lastModifiedDateTime": modified_from, "module": "GL"}
        merged: dict[str, wire.JournalRow] = {}
        pages = self._pages(documents.JOURNALS, params, wire.JournalRow, lambda row: len(row.journal_transaction_lines))
        for row in pages:
            if row.module not in ("", "GL") or (period is not None and row.financial_period not in ("", period)):
                continue
            known = merged.get(row.batch_number)
            lines = (*(known.journal_transaction_lines if known else ()), *row.journal_transaction_lines)
            merged[row.batch_number] = row.model_copy(update={"journal_transaction_lines": lines})
        return list(merged.values())

    def journal(self, number: str) -> wire.JournalRow | None:
        return self._one(f"{documents.JOURNALS}/{documents.segment(number)}", wire.JournalRow)

    def periods(self) -> list[wire.PeriodRow]:
        return self._plain("/v1/financialPeriod", wire.PeriodRow)

    # --- customers -------------------------------------------------------------------------------------------------

    def customers(self, modified_from: str | None = None) -> Iterator[wire.CustomerRow]:
        params = _at_least("lastModifiedDateTime", modified_from)
        yield from self._list(documents.CUSTOMERS, params, wire.CustomerRow, lambda row: row.number)

    def customers_with(self, attribute: str, value: str) -> list[wire.CustomerRow]:
        """Customers whose attribute has exactly this value."""
        params = {"attributes": json.dumps({attribute: value}, separators=(",", ":"))}
        rows = self._list(documents.CUSTOMERS, params, wire.CustomerRow, lambda row: row.number)
        return [row for row in rows if row.attribute(attribute) == value]

    def customer(self, number: str) -> wire.CustomerRow | None:
        return self._one(f"{documents.CUSTOMERS}/{documents.segment(number)}", wire.CustomerRow)

    # --- what the settings are checked against ---------------------------------------------------------------------

    def organizations(self) -> list[wire.OrganizationRow]:
        return self._plain("/v1/organization", wire.OrganizationRow)

    def branches(self) -> list[wire.BranchRow]:
        return self._plain("/v1/branch", wire.BranchRow)

    def accounts(self) -> list[wire.AccountRow]:
        return self._plain("/v1/account", wire.AccountRow)

    def cash_accounts(self) -> list[wire.CashAccountRow]:
        return list(self._list("/v1/cashaccount", {}, wire.CashAccountRow, lambda row: row.number))

    def payment_methods(self) -> list[wire.PaymentMethodRow]:
        return self._plain("/v1/paymentmethod", wire.PaymentMethodRow)

    def ledgers(self) -> list[wire.LedgerRow]:
        return self._plain("/v1/ledger", wire.LedgerRow)

    def vats(self) -> list[wire.VatRow]:
        return self._plain("/v1/vat", wire.VatRow)

    def attributes(self) -> list[wire.AttributeRow]:
        return self._plain("/v1/attribute", wire.AttributeRow)

    def customer_classes(self) -> list[wire.CustomerClassRow]:
        return self._plain("/v1/customer/customerClass", wire.CustomerClassRow)

    # --- writing ---------------------------------------------------------------------------------------------------

    def write(self, planned: PlannedSubmission, etag: str) -> Written:
        """Send the planned bytes once, with `etag` as If-Match. Raises `Uncertain` for a 2xx that makes no sense."""
        headers = tuple(planned.headers) + ((("if-match", etag),) if etag else ())
        response = self._transport.send(
            Request(
                planned.method,
                planned.path,
                headers=headers,
                body=planned.body,
                content_type=planned.content_type,
                write=True,
            )
        )
        if response.status == 202:
            return Written(202, job_id=self._job_id(response, planned))
        number = self.number_of(response.headers.get("location", ""))
        etag = response.headers.get("etag", "")
        action = self._parsed(response, wire.ActionResult, planned) if response.status == 200 else None
        return Written(response.status, number, etag, action=action)

    def number_of(self, location: str) -> str:
        """The document number at the end of a `Location`; "" when it is missing or names a foreign host (1.2)."""
        parts = urlsplit(location)
        if parts.hostname is not None and parts.hostname not in self._hosts:
            return ""
        try:
            return documents.segment_value(parts.path.rstrip("/").rsplit("/", 1)[-1])
        except ValueError:
            return ""

    def job(self, job_id: str) -> wire.BackgroundJob | None:
        """The state of an asynchronous request; None when Visma knows nothing of it any more."""
        return self._one(f"/v1/background/{documents.segment(job_id)}", wire.BackgroundJob)

    def job_content(self, job_id: str) -> Response:
        """The body the request would have had. Raises `NotFound`, or `ExpiredAtSource` after a day."""
        return self._transport.send(Request("GET", f"/v1/background/{documents.segment(job_id)}/content"))

    def _job_id(self, response: Response, planned: PlannedSubmission) -> str:
        job = self._parsed(response, wire.BackgroundJob, planned)
        if not job.id:
            raise self._uncertain(planned, "Visma queued the request and named no job")
        return job.id

    def _parsed(self, response: Response, model: type[_Model], planned: PlannedSubmission) -> _Model:
        try:
            return model.model_validate(response.json())
        except ValueError as problem:
            raise self._uncertain(planned, "Visma's answer cannot be read") from problem

    def _uncertain(self, planned: PlannedSubmission, what: str) -> Uncertain:
        return Uncertain(
            f"{what} ({planned.method} {planned.path}).",
            system=SYSTEM,
            connection=self._connection,
            subject=planned.reference,
        )

    # --- reading ---------------------------------------------------------------------------------------------------

    def _one(self, path: str, model: type[_Model]) -> _Model | None:
        try:
            return self._read(path, {}, model.model_validate)
        except NotFound:
            return None

    def _plain(self, path: str, model: type[_Model]) -> list[_Model]:
        """A list without paging."""
        return self._read(path, {}, lambda content: [model.model_validate(each) for each in _rows(content)])

    def _list(self, path: str, params: Params, model: type[_Row], key: Callable[[_Row], object]) -> Iterator[_Row]:
        """Every row once: what was touched while we paged may come twice (section 4)."""
        seen: set[object] = set()
        for row in self._pages(path, params, model, lambda _row: 1):
            if key(row) not in seen:
                seen.add(key(row))
                yield row

    def _pages(self, path: str, params: Params, model: type[_Row], weight: Callable[[_Row], int]) -> Iterator[_Row]:
        """All pages. `weight` is how much of the total a row stands for.

        The end is an empty page or the total reached; a page that is shorter than asked for may only have been capped.
        """
        counted = 0
        for number in range(1, MAX_PAGES + 1):
            asked = {**params, "pageNumber": str(number), "pageSize": str(self._page_size)}
            rows = self._read(path, asked, lambda content: [model.model_validate(each) for each in _rows(content)])
            yield from rows
            weights = sum(weight(row) for row in rows)
            counted += weights
            total = rows[0].metadata.total_count if rows else 0
            if not rows or (counted >= total if total is not None else weights < self._page_size):
                return
        raise BadAnswer(f"The list {path} has more than {MAX_PAGES} pages.", system=SYSTEM, connection=self._connection)

    def _read(self, path: str, params: Params, parse: Callable[[Any], _Parsed]) -> _Parsed:
        given = tuple((name, value) for name, value in params.items() if value is not None)
        response = self._transport.send(Request("GET", path, params=given))
        try:
            return parse(response.json())
        except (ValidationError, ValueError) as problem:
            error = BadAnswer(
                f"Visma's answer to GET {path} cannot be read.", system=SYSTEM, connection=self._connection
            )
            error.response = response
            raise error from problem


def _at_least(name: str, value: str | None) -> dict[str, str | None]:
    """A lower bound. Without its condition Visma would not apply it at all (section 9.5)."""
    return {name: value, f"{name}Condition": ">=" if value else None}


def _rows(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise ValueError("a list was expected")
    return content


def explain(response: Response) -> tuple[str, str]:
    """(code, message) of an error in any of Visma's shapes: ERP validation, gateway, licence (section 6.1)."""
    try:
        content = response.json()
    except ValueError:
        return "", response.body[:300].decode("utf-8", "replace")
    if not isinstance(content, dict):
        return "", ""
    by_name = {str(name).lower(): value for name, value in content.items()}
    code = by_name.get("exceptionfaultcode") or by_name.get("error") or ""
    message = by_name.get("message") or by_name.get("exceptionmessage") or by_name.get("error_description") or ""
    return str(code), str(message)
