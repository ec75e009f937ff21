"""One Exact Online division: everything it holds, the switches of its behaviour, and the ways a test or a demo fills it.

The rules of documents live in the modules named after them; this one stores, numbers, stamps and tells who listens.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bookkeeping.money import Money, exponent
from sandbox.clock import SandboxClock
from sandbox.exact_online import chart, customers, entries, filling, periods, sync
from sandbox.exact_online.books import Books
from sandbox.exact_online.clerk import Clerk
from sandbox.exact_online.limits import Limits
from sandbox.exact_online.matching import Settlement
from sandbox.exact_online.oauth import App, Tokens
from sandbox.exact_online.periods import Period
from sandbox.exact_online.schema import AMSTERDAM, Row
from sandbox.exact_online.switches import Switches
from sandbox.exact_online.tables import Table
from sandbox.exact_online.webhooks import Webhooks

REGIONS = {
    "nl": "start.exactonline.nl", "be": "start.exactonline.be", "uk": "start.exactonline.co.uk",
    "de": "start.exactonline.de", "fr": "start.exactonline.fr", "es": "start.exactonline.es",
    "us": "start.exactonline.com",
}  # fmt: skip
#: tables with their keys and the properties that are looked up often.
_TABLES = {
    "Accounts": ("ID", "Code SearchCode Email"),
    "BankAccounts": ("ID", "Account"),
    "DirectDebitMandates": ("ID", "Account BankAccount Reference"),
    "GLAccounts": ("ID", "Code"),
    "Journals": ("ID", "Code"),
    "FinancialPeriods": ("ID", "FinYear"),
    "VATCodes": ("ID", ""),
    "ExchangeRates": ("ID", "SourceCurrency"),
    "PaymentConditions": ("ID", ""),
    "Items": ("ID", ""),
    "Documents": ("ID", "FinancialTransactionEntryID"),
    "DocumentAttachments": ("ID", "Document"),
    "WebhookSubscriptions": ("ID", "ClientID"),
    "BankEntries": ("EntryID", "JournalCode EntryNumber"),
    "BankEntryLines": ("ID", "EntryID EntryNumber Account Description"),
    "GeneralJournalEntries": ("EntryID", "JournalCode EntryNumber"),
    "GeneralJournalEntryLines": ("ID", "EntryID EntryNumber Account Description"),
    "SalesEntries": ("EntryID", "EntryNumber YourRef Customer"),
    "SalesEntryLines": ("ID", "EntryID"),
    "SalesInvoices": ("InvoiceID", "InvoiceNumber YourRef"),
    "SalesInvoiceLines": ("ID", "InvoiceID"),
    "TransactionLines": ("ID", "EntryID EntryNumber Account InvoiceNumber Description"),
    "Terms": ("ID", "Account EntryID TransactionEntryID TransactionID InvoiceNumber IsFullyPaid"),
    "Deleted": ("ID", ""),
}


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another division of the licence. One that is not `accessible` is listed under AllDivisions only."""

    code: int
    description: str
    accessible: bool
    status: int


class Division:
    """The division's state. Requests and the methods below may come from different threads; `lock` guards it all."""

    def __init__(
        self,
        *,
        code: int = 4001234,
        name: str = "Polder Handel B.V.",
        region: str = "nl",
        base_currency: str = "EUR",
        clock: SandboxClock | None = None,
        seed: int = 1,
        switches: Switches | None = None,
    ) -> None:
        if region not in REGIONS:
            raise ValueError(f"unknown region {region!r}; known: {', '.join(REGIONS)}")
        self.code = code
        self.name = name
        self.region = region
        self.base_currency = base_currency
        self.clock = clock or SandboxClock()
        self.random = random.Random(seed)
        self.switches = switches or Switches()
        self.lock = threading.RLock()
        #: the address of the region, as webhook messages name it.
        self.public_url = f"https://{REGIONS[region]}"
        self.user_id = self.new_id()
        #: what the user last selected; it may be another division than this one.
        self.current_division = code
        self.status, self.blocking_status = 1, 0
        self.moved_at: datetime | None = None
        self.siblings: dict[int, Sibling] = {}
        self.receivable_gl = self.revenue_gl = self.write_off_code = ""
        self._make_stores()
        self.tokens = Tokens(self)
        self.limits = Limits(self)
        self.webhooks = Webhooks(self)
        self.clerk = Clerk(self)
        self.books = Books()
        self.add_app()

    def _make_stores(self) -> None:
        self._version = 1000
        self._numbers: dict[str, int] = {"account": 1000}
        self._foreign: set[str] = set()
        self.used_numbers: set[tuple[str, int]] = set()
        self.closed: set[tuple[str, Period]] = set()
        self.settlements: dict[str, Settlement] = {}
        #: run one each after a page of a list was served: rows that come and go between pages.
        self.between_pages: deque[Callable[[], Any]] = deque()
        self.ignored_fields: set[str] = set()
        self.tables = {
            name: Table(name, key, indexed.split(), self._stamp, self._changed)
            for name, (key, indexed) in _TABLES.items()
        }

    # -- time, numbers, stamps --------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return self.clock.now()

    def local_time(self) -> datetime:
        """Zone-less time of the server, which is Amsterdam's: `Created` and `Modified` are not UTC (section 3.4)."""
        return self.now().astimezone(AMSTERDAM).replace(tzinfo=None)

    def today(self) -> date:
        return self.local_time().date()

    def midnight(self) -> datetime:
        return self.at_midnight(self.today())

    @staticmethod
    def at_midnight(day: date) -> datetime:
        return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - Edm.DateTime has no zone

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def next_number(self, sequence: str) -> int:
        self._numbers[sequence] = self._numbers.get(sequence, 0) + 1
        return self._numbers[sequence]

    def next_entry_number(self, journal: str, period: Period) -> int:
        return entries.number(self, journal, period, None)

    def _stamp(self) -> tuple[int, datetime]:
        self._version += 1
        return self._version, self.local_time()

    def _changed(self, table: Table, what: str, row: Row) -> None:
        if what == "delete":
            sync.log_deletion(self, table.name, row[table.key])
        self.webhooks.record_changed(table.name, what, row[table.key])

    def page_served(self) -> None:
        if self.between_pages:
            self.between_pages.popleft()()

    def move(self) -> None:
        """Move the division to another database: every row version is new, and DivisionMoveDate says so."""
        with self.lock:
            self._version = 1
            self.moved_at = self.local_time()
            for table in self.tables.values():
                table.renumber()

    # -- looking up -------------------------------------------------------------------------------------------------

    def currencies(self) -> set[str]:
        return {self.base_currency} | {row["SourceCurrency"] for row in self.tables["ExchangeRates"]}

    def rate(self, currency: str) -> Decimal:
        """The newest rate to the division's currency. Raises `KeyError` when there is none."""
        if currency == self.base_currency:
            return Decimal(1)
        rows = self.tables["ExchangeRates"].where("SourceCurrency", currency)
        if not rows:
            raise KeyError(f"no exchange rate for {currency}")
        return Decimal(max(rows, key=lambda row: row["StartDate"])["Rate"])

    def in_base(self, amount: Decimal, rate: Decimal) -> Decimal:
        return (amount * rate).quantize(Decimal(1).scaleb(-exponent(self.base_currency)), ROUND_HALF_UP)

    def gl_account(self, code: str) -> Row:
        """Raises `KeyError` for an unknown code."""
        return self._by_code("GLAccounts", code)

    def journal(self, code: str) -> Row:
        return self._by_code("Journals", code)

    def general_journal(self) -> Row:
        return next(row for row in self.tables["Journals"] if row["Type"] == 90 and not row["IsBlocked"])

    def account(self, code: str) -> Row:
        """A customer by unpadded code. Raises `KeyError`."""
        return self._by_code("Accounts", customers.padded(code))

    def _by_code(self, table: str, code: str) -> Row:
        found = self.tables[table].where("Code", code)
        if not found:
            raise KeyError(f"no {code.strip()} among {table}")
        return found[0]

    def is_foreign(self, guid: str) -> bool:
        return guid in self._foreign

    # -- filling it -------------------------------------------------------------------------------------------------

    def standard_chart(self, years: Iterable[int] = (2026,)) -> Division:
        """Accounts, journals, VAT codes, rates and the open periods of `years` (see `chart.py`)."""
        with self.lock:
            chart.install(self)
            for year in years:
                periods.add_year(self, year)
        return self

    def add_app(
        self,
        client_id: str = "3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11",
        secret: str = "sandbox-secret",
        redirect_uris: Iterable[str] = (
            "https://connector.example.test/callback",
            "http://127.0.0.1/callback",
            "http://localhost/callback",
        ),
        webhook_secret: str = "exact-webhook-secret",
    ) -> App:
        """Register an application in the App Center; on this machine redirect URIs match at any port."""
        return self.tokens.register(App(client_id, secret, tuple(redirect_uris), webhook_secret))

    def add_sibling(self, code: int, description: str = "", *, accessible: bool = False, status: int = 1) -> Sibling:
        self.siblings[code] = Sibling(code, description or f"Division {code}", accessible, status)
        return self.siblings[code]

    def foreign_id(self) -> str:
        """A GUID of another division: accepted in bodies, and dropped without a word."""
        guid = self.new_id()
        self._foreign.add(guid)
        return guid

    def add_gl_account(self, code: str, description: str, kind: int, **details: Any) -> Row:
        """`kind` is Exact Online's type (12 bank, 20 receivable, 90 general, 120 costs ...)."""
        with self.lock:
            return filling.add_gl_account(self, code, description, kind, details)

    def add_journal(self, code: str, description: str, kind: int, gl_code: str, **details: Any) -> Row:
        """A journal of type 12, 20, 22 or 90. `gl_code` is the ledger account behind a bank journal."""
        with self.lock:
            return filling.add_journal(self, code, description, kind, gl_code, details)

    def add_rate(self, currency: str, rate: Decimal, starts: date = date(2026, 1, 1)) -> None:
        with self.lock:
            filling.add_rate(self, currency, rate, starts)

    def add_account(self, code: str = "", name: str = "", **details: Any) -> Row:
        """A customer (Exact Online's word is account). `details` are fields of crm/Accounts, such as `Email`."""
        with self.lock:
            body = {"Name": name or f"Customer {code}", "Status": "C", **({"Code": code} if code else {}), **details}
            return filling.add_account(self, body)

    def add_invoice(
        self,
        number: int | str | None,
        account: str,
        amount: int | Decimal,
        currency: str = "",
        *,
        dated: date = date(2026, 1, 5),
        due: date | None = None,
        vat_minor: int = 0,
        processed: bool = True,
        **details: Any,
    ) -> Row:
        """A sales entry of `amount` including VAT (minor units, or a Decimal of major ones) on customer `account`.

        `details` are fields of the entry, such as `YourRef`, `PaymentReference`, `PaymentCondition`, `Description`.
        Raises `Business` where Exact Online would refuse it, too.
        """
        currency = currency or self.base_currency
        minor = amount if isinstance(amount, int) else Money.from_major(amount, currency).minor
        body = {
            **({"EntryNumber": int(number)} if number else {}),
            "Currency": currency,
            "EntryDate": self.at_midnight(dated),
            "DueDate": self.at_midnight(due or dated + timedelta(days=14)),
            **details,
        }
        with self.lock:
            return filling.add_invoice(self, account, body, minor, vat_minor, processed=processed)

    def close_period(self, year: int, period: int, journals: Iterable[str] = ()) -> None:
        """Close a period for some journals, or for all of them."""
        with self.lock:
            for code in journals or [row["Code"] for row in self.tables["Journals"]]:
                self.closed.add((code, Period(year, period)))

    def reopen_period(self, year: int, period: int) -> None:
        with self.lock:
            self.closed = {each for each in self.closed if each[1] != Period(year, period)}
