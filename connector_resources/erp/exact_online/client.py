"""Exact Online's REST services, one method an endpoint, on a `Transport`: filters, paging, bulk and sync (section 2, 4).

It decides nothing. Every read names its fields and a filter, because many endpoints refuse one without (4.2, 4.3); nothing
is asked for by its key, because a 404 counts as an error (section 5). Long lists of ids are asked for in several calls.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import TypeVar

from pydantic import ValidationError

from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.exact_online import odata, wire
from connector_resources.errors import BadAnswer, ConfigurationError, Uncertain
from connector_resources.transport.messages import Request, Response, Transport

SYSTEM = "exact_online"
#: pages of one list before we take the answer to be broken.
MAX_PAGES = 2000
OPEN_ITEMS = "(Status eq 20 or Status eq 30)"
#: in the deletion log (section 4.4).
DELETED_ACCOUNT = 2
#: from so many customers on the whole list is read in bulk.
MANY = 100

_Model = TypeVar("_Model", bound=wire.Wire)


class ExactOnlineClient:
    """All reads and the one write of a connection. `use` chooses the division once it is known.

    Reads raise `NotSent`, `BadAnswer`, `Refused` and its kinds; the write raises what `Transport.send` does.
    """

    def __init__(self, transport: Transport, *, connection: str, terms: int) -> None:
        self._transport = transport
        self._connection = connection
        self._terms = terms
        self._root = ""

    def use(self, division: int) -> None:
        self._root = f"/api/v1/{division}/"

    def close(self) -> None:
        self._transport.close()

    # --- who, and which division -----------------------------------------------------------------------------------

    def me(self) -> wire.Me:
        """The user, and the division the user looks at now. The one endpoint without a division."""
        select = "UserID,UserName,FullName,CurrentDivision"
        rows = list(self._pages(odata.address("/api/v1/current/Me", select=select), wire.Me))
        if not rows:
            raise BadAnswer("Exact Online names no user.", system=SYSTEM, connection=self._connection)
        return rows[0]

    def divisions(self) -> list[wire.Division]:
        select = "Code,Description,CustomerName,Currency,Status,BlockingStatus,DivisionMoveDate"
        return self._list("system/Divisions", wire.Division, select)

    # --- reference data --------------------------------------------------------------------------------------------

    def gl_accounts(self, codes: Collection[str]) -> list[wire.GlAccount]:
        select = "ID,Code,Description,Type,IsBlocked,VATCode"
        path = "financial/GLAccounts"
        return self._asked(path, wire.GlAccount, select, "trim(Code)", map(odata.text, sorted(codes)))

    def journals(self, codes: Collection[str]) -> list[wire.Journal]:
        select = "Code,Description,Type,Currency,IsBlocked"
        path = "financial/Journals"
        return self._asked(path, wire.Journal, select, "trim(Code)", map(odata.text, sorted(codes)))

    def vat_codes(self) -> list[wire.VatCode]:
        return self._list("vat/VATCodes", wire.VatCode, "Code,Type,Percentage,IsBlocked", "IsBlocked eq false")

    def periods(self, ending_from: date) -> list[wire.Period]:
        condition = f"EndDate ge {odata.moment(ending_from)}"
        return self._list("financial/FinancialPeriods", wire.Period, "FinYear,FinPeriod,StartDate,EndDate", condition)

    def closed_periods(self, journals: Collection[str], from_year: int) -> list[wire.JournalStatus]:
        named = odata.equal("Journal", map(odata.text, sorted(journals)))
        condition = f"{named} and Year ge {from_year} and Status eq 1"
        path = "read/financial/JournalStatusList"
        return self._list(path, wire.JournalStatus, "Journal,Year,Period,Status", condition)

    # --- customers -------------------------------------------------------------------------------------------------

    def accounts(self, codes: Collection[str]) -> list[wire.Account]:
        """The customers with these codes; many are read along with all others."""
        select = ACCOUNT_FIELDS
        if len(codes) > MANY:
            rows = self._list("bulk/CRM/Accounts", wire.Account, select, "Status eq 'C'")
            return [row for row in rows if row.code in codes]
        return self._asked("crm/Accounts", wire.Account, select, "Code", map(odata.account_code, sorted(codes)))

    def accounts_by_id(self, ids: Collection[str]) -> list[wire.Account]:
        return self._asked("crm/Accounts", wire.Account, ACCOUNT_FIELDS, "ID", map(odata.guid, sorted(ids)))

    def accounts_where(self, name: str, value: str) -> list[wire.Account]:
        """Relations whose `SearchCode`, `VATNumber` or `Email` is exactly this."""
        select = ACCOUNT_FIELDS
        condition = odata.equal(f"trim({name})", [odata.text(value)])
        return self._list("crm/Accounts", wire.Account, select, condition)

    def changed_accounts(self, since: int) -> Iterator[wire.Account]:
        """Relations in the order of their newest change, from row version `since` on (section 4.4)."""
        condition = f"Timestamp gt {odata.long(since)}"
        address = self._address("sync/CRM/Accounts", f"Timestamp,{ACCOUNT_FIELDS}", condition)
        return self._pages(address, wire.Account)

    def deletions(self, since: int) -> Iterator[wire.Deletion]:
        condition = f"Timestamp gt {odata.long(since)} and EntityType eq {DELETED_ACCOUNT}"
        return self._pages(self._address("sync/Deleted", "Timestamp,EntityType,EntityKey", condition), wire.Deletion)

    def bank_accounts(self, accounts: Collection[str]) -> list[wire.BankAccount]:
        select, ids = "ID,Account,Main,Blocked", map(odata.guid, sorted(accounts))
        return self._asked("crm/BankAccounts", wire.BankAccount, select, "Account", ids)

    def account_numbers(self, accounts: Collection[str]) -> list[wire.AccountNumber]:
        """The bank accounts of these customers with their numbers."""
        select = "ID,Account,BankAccount,BankAccountHolderName,Main,Blocked"
        return self._asked("crm/BankAccounts", wire.AccountNumber, select, "Account", map(odata.guid, sorted(accounts)))

    def mandates_of(self, accounts: Collection[str]) -> list[wire.Mandate]:
        """Every mandate of these customers, ours and the merchant's own."""
        ids = map(odata.guid, sorted(accounts))
        return self._asked("cashflow/DirectDebitMandates", wire.Mandate, MANDATE_FIELDS, "Account", ids)

    def mandates(self, references: Collection[str]) -> list[wire.Mandate]:
        names = map(odata.text, sorted(references))
        return self._asked("cashflow/DirectDebitMandates", wire.Mandate, MANDATE_FIELDS, "Reference", names)

    def mandates_by_id(self, ids: Collection[str]) -> list[wire.Mandate]:
        keys = map(odata.guid, sorted(ids))
        return self._asked("cashflow/DirectDebitMandates", wire.Mandate, MANDATE_FIELDS, "ID", keys)

    # --- open items and entries ------------------------------------------------------------------------------------

    def open_items(self, accounts: Collection[str] = ()) -> list[wire.Receivable]:
        """Everything open, of some customers or of all: invoices, credit notes, and receipts that settle nothing."""
        path, select = "bulk/Cashflow/Receivables", RECEIVABLE_FIELDS
        if not accounts:
            return self._list(path, wire.Receivable, select, OPEN_ITEMS)
        ids = map(odata.guid, sorted(accounts))
        return self._asked(path, wire.Receivable, select, "Account", ids, f" and {OPEN_ITEMS}")

    def open_items_of_entries(self, entries: Collection[str]) -> list[wire.Receivable]:
        path, ids = "bulk/Cashflow/Receivables", map(odata.guid, sorted(entries))
        return self._asked(path, wire.Receivable, RECEIVABLE_FIELDS, "EntryID", ids, f" and {OPEN_ITEMS}")

    def receivables(self, ids: Collection[str]) -> list[wire.Receivable]:
        path = "cashflow/Receivables"
        return self._asked(path, wire.Receivable, RECEIVABLE_FIELDS, "ID", map(odata.guid, sorted(ids)))

    def last_bank_entry(self, journal: str) -> wire.BankEntry | None:
        """The journal's newest entry; None in an empty journal."""
        url = odata.address(
            f"{self._root}financialtransaction/BankEntries",
            select="EntryNumber,FinancialYear,FinancialPeriod,ClosingBalanceFC",
            filter=f"JournalCode eq {odata.text(journal)}",
            orderby="FinancialYear desc,FinancialPeriod desc,EntryNumber desc",
            top=1,
        )
        return next(self._pages(url, wire.BankEntry), None)

    def lines_of_entries(self, entries: Collection[str]) -> list[wire.TransactionLine]:
        """The posted lines of whole entries, a thousand a page."""
        ids = map(odata.guid, sorted(entries))
        return self._asked("bulk/Financial/TransactionLines", wire.TransactionLine, LINE_FIELDS, "EntryID", ids)

    def lines_with(self, markers: Collection[str]) -> list[wire.TransactionLine]:
        """Posted lines whose description holds one of our markers."""
        found: list[wire.TransactionLine] = []
        for some in _slices(sorted(markers), self._terms):
            condition = odata.containing("Description", some)
            found += self._list("financialtransaction/TransactionLines", wire.TransactionLine, LINE_FIELDS, condition)
        return found

    def sales_entries(self, entries: Collection[str]) -> list[wire.SalesEntry]:
        select, ids = SALES_FIELDS, map(odata.guid, sorted(entries))
        return self._asked("salesentry/SalesEntries", wire.SalesEntry, select, "EntryID", ids)

    def sales_entries_with(self, references: Collection[str]) -> list[wire.SalesEntry]:
        select, names = SALES_FIELDS, map(odata.text, sorted(references))
        return self._asked("salesentry/SalesEntries", wire.SalesEntry, select, "YourRef", names)

    # --- writing ---------------------------------------------------------------------------------------------------

    def write(self, planned: PlannedSubmission) -> wire.Created:
        """Send the planned bytes once. The answer names what was made; an update names nothing.

        Raises `Uncertain` for a 2xx that creates something and does not name it.
        """
        response = self._transport.send(
            Request(
                planned.method,
                planned.path,
                headers=planned.headers,
                body=planned.body,
                content_type=planned.content_type,
                write=True,
            )
        )
        if planned.method == "PUT":
            return wire.Created()
        created = self._created(response)
        if not (created.entry_id or created.id):
            raise Uncertain(
                f"Exact Online took {planned.reference} and its answer does not name what was made.",
                system=SYSTEM,
                status=response.status,
                connection=self._connection,
                subject=planned.reference,
            )
        return created

    def upload(self, planned: PlannedSubmission) -> bytes:
        """Send the planned XML file once; the answer as it is."""
        return self._transport.send(
            Request(
                planned.method,
                planned.path,
                headers=planned.headers,
                body=planned.body,
                content_type=planned.content_type,
                write=True,
            )
        ).body

    # --- webhook subscriptions -------------------------------------------------------------------------------------

    def subscriptions(self) -> list[wire.WebhookSubscription]:
        """Those of this app in the division."""
        return self._list("webhooks/WebhookSubscriptions", wire.WebhookSubscription, "ID,Topic,CallbackURL")

    def subscribe(self, body: bytes) -> wire.Created:
        """Raises `Uncertain` also where Exact refuses with its error envelope (section 6.1)."""
        address = f"{self._root}webhooks/WebhookSubscriptions"
        headers = (("prefer", "return=representation"),)
        request = Request("POST", address, headers=headers, body=body, content_type="application/json", write=True)
        created = self._created(self._transport.send(request))
        return created if created.id else wire.Created(id=created.entry_id)

    def unsubscribe(self, subscription: str) -> None:
        address = f"{self._root}webhooks/WebhookSubscriptions({odata.guid(subscription)})"
        self._transport.send(Request("DELETE", address, write=True))

    # --- answers ---------------------------------------------------------------------------------------------------

    def _created(self, response: Response) -> wire.Created:
        """From the representation, else from `Location`: without `Prefer` most properties come back null."""
        try:
            rows = odata.page_of(response.json()).rows
            created = wire.Created.model_validate(rows[0] if rows else {})
        except ValueError:
            created = wire.Created()
        if created.entry_id or created.id:
            return created
        return wire.Created(entry_id=odata.key_of(response.headers.get("location", "")))

    # --- reading ---------------------------------------------------------------------------------------------------

    def _address(self, path: str, select: str, condition: str) -> str:
        if not self._root:
            raise ConfigurationError("No division is chosen yet.", connection=self._connection)
        return odata.address(self._root + path, select=select, filter=condition)

    def _list(self, path: str, model: type[_Model], select: str, condition: str = "") -> list[_Model]:
        return list(self._pages(self._address(path, select, condition), model))

    def _asked(
        self, path: str, model: type[_Model], select: str, name: str, literals: Iterable[str], more: str = ""
    ) -> list[_Model]:
        """All rows whose `name` is one of `literals`, some at a time: addresses stay short (section 3.5)."""
        found: list[_Model] = []
        for some in _slices(list(literals), self._terms):
            found += self._list(path, model, select, odata.equal(name, some) + more)
        return found

    def _pages(self, url: str, model: type[_Model]) -> Iterator[_Model]:
        """Every row. Exact's own link is followed as it is; the transport sends the token to no other host (4.1)."""
        seen: set[str] = set()
        while url:
            if url in seen or len(seen) >= MAX_PAGES:
                raise BadAnswer("A list of Exact Online does not end.", system=SYSTEM, connection=self._connection)
            seen.add(url)
            page, rows = self._read(url, model.model_validate)
            yield from rows
            url = page.next_url

    def _read(self, url: str, parse: Callable[[object], _Model]) -> tuple[odata.Page, list[_Model]]:
        response = self._transport.send(Request("GET", url))
        try:
            page = odata.page_of(response.json())
            return page, [parse(row) for row in page.rows]
        except (ValidationError, ValueError) as problem:
            error = BadAnswer(
                f"Exact Online's answer to GET {url.partition('?')[0]} cannot be read.",
                system=SYSTEM,
                connection=self._connection,
            )
            error.response = response
            raise error from problem


ACCOUNT_FIELDS = (
    "ID,Code,Name,Status,Email,Blocked,SearchCode,VATNumber,GLAR,Country,SalesCurrency,AddressLine1,AddressLine2,"
    "AddressLine3,City,Postcode"
)
MANDATE_FIELDS = "ID,Account,BankAccount,Reference,Description,Type,SignatureDate,CancellationDate,Main"
RECEIVABLE_FIELDS = (
    "ID,Account,AccountCode,AmountFC,TransactionAmountFC,Currency,DueDate,InvoiceDate,EntryID,EntryNumber,InvoiceNumber,"
    "GLAccount,Journal,PaymentMethod,PaymentReference,YourRef,Description,Status,TransactionID,TransactionEntryID,"
    "TransactionType"
)
LINE_FIELDS = (
    "ID,EntryID,EntryNumber,JournalCode,LineNumber,FinancialYear,FinancialPeriod,GLAccount,GLAccountCode,Account,"
    "AccountCode,AmountFC,AmountDC,Currency,Description,InvoiceNumber,Status"
)
SALES_FIELDS = "EntryID,EntryNumber,Customer,Currency,AmountFC,YourRef"


def _slices(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
