"""One company database behind the Web API: its tables, options, clock, users and books. Everything a test looks at or
sets up is here; `filling.py` and `chart.py` do the setting up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from bookkeeping.money import Money, exponent
from sandbox.clock import SandboxClock
from sandbox.sage300 import batches, chart, filling, periods, recurring
from sandbox.sage300.access import Gate, User
from sandbox.sage300.books import Books, Posting
from sandbox.sage300.clerk import Clerk
from sandbox.sage300.refusals import FieldInvalid
from sandbox.sage300.resources import RESOURCES, TOTALS
from sandbox.sage300.schema import Row
from sandbox.sage300.switches import Switches
from sandbox.sage300.tables import Key, Table


class HalfWrite:
    """The next insert of a resource is cut off after so many entries, and answered with 500."""

    def __init__(self, resource: str, entries: int) -> None:
        self.resource = resource
        self.entries = entries


class Company:
    """`company_id` is the ORG ID in addresses, `functional` the functional currency, `zone` where the server stands."""

    def __init__(
        self,
        company_id: str = "SAMLTD",
        *,
        clock: SandboxClock | None = None,
        switches: Switches | None = None,
        functional: str = "EUR",
        zone: str = "Europe/Amsterdam",
        user_id: str = "GCAPI",
        password: str = "Gocard1ess!",
    ) -> None:
        self.company_id = company_id
        self.clock = clock or SandboxClock()
        self.switches = switches or Switches()
        self.functional = functional
        self.zone = ZoneInfo(zone)
        self.lock = threading.RLock()
        self.tables = {name: Table(name, each.kind) for name, each in RESOURCES.items()}
        self.totals: dict[str, Callable[[Company, Row], None]] = TOTALS
        self.books = Books()
        self.gate = Gate(self)
        self.user_id = user_id
        self.gate.add(User(user_id, password))
        self.gate.add(User("ADMIN", "Admin"))
        self.clerk = Clerk(self)
        #: other companies on the same server that the user is not authorised for.
        self.siblings: set[str] = set()
        self.modules = {"AR", "GL", "BK", "CS", "TX"}
        self.counters: dict[str, int] = {}
        #: tax group to its rate, whether it is included in prices, and the account it is owed on.
        self.taxes: dict[str, tuple[Decimal, bool, str]] = {}
        self.attached_fields: dict[str, set[str]] = {}
        self.locked_periods: set[tuple[str, str, str]] = set()
        #: batches a person holds: how often that still refuses, -1 for ever.
        self.locks: dict[tuple[str, Key], int] = {}
        self.half_writes: list[HalfWrite] = []
        #: postings that stop in PostInProgress.
        self.stuck_postings = 0
        #: what the posting errors report says.
        self.posting_errors: list[dict[str, str]] = []
        #: receivables postings that wait for `ARCreateGLBatch`.
        self.unfed: list[tuple[str, Posting]] = []
        #: work done once a page was served, so that rows change while they are read.
        self.between_pages: list[Callable[[], Any]] = []

    # -- time and money ---------------------------------------------------------------------------------------------

    def local_time(self) -> datetime:
        return self.clock.now().astimezone(self.zone)

    def today(self) -> date:
        """The session date: the day where the server stands."""
        return self.local_time().date()

    def rate(self, currency: str) -> Decimal:
        """The newest rate to the functional currency. Raises `FieldInvalid` when there is none."""
        return filling.newest_rate(self, currency)

    @staticmethod
    def rounded(amount: Decimal, currency: str) -> Decimal:
        return amount.quantize(Decimal(1).scaleb(-exponent(currency)), ROUND_HALF_UP)

    def in_functional(self, amount: Decimal, rate: Decimal) -> Decimal:
        return self.rounded(amount * rate, self.functional)

    def check_places(self, name: str, amount: Decimal, currency: str) -> None:
        """Raises `FieldInvalid` for an amount finer than the currency's minor unit."""
        if self.rounded(amount, currency) != amount:
            raise FieldInvalid(
                f"{name} is invalid. {currency} has {exponent(currency)} decimals, not as many as {amount}."
            )

    def account(self, number: str, *, formatted: bool) -> Row | None:
        """A ledger account: A/R names it formatted, journals unformatted (section 2.9)."""
        if not formatted:
            return self.tables["GLAccounts"].get(number)
        found = self.tables["GLAccounts"].get(number.replace("-", ""))
        return found if found is not None and found["AccountNumber"] == number else None

    # -- setting up -------------------------------------------------------------------------------------------------

    def standard(self, years: Iterable[int] = (2025, 2026, 2027)) -> Company:
        """Accounts, banks, codes, taxes, rates, optional fields and calendars (see `chart.py`)."""
        with self.lock:
            chart.install(self)
            for year in years:
                periods.add_year(self, year)
        return self

    def add_user(self, user_id: str, password: str, **details: Any) -> User:
        return self.gate.add(User(user_id, password, **details))

    def add_account(self, number: str, description: str, **details: Any) -> Row:
        """`number` may be formatted, such as `4010-100`; its key is without the hyphen."""
        with self.lock:
            return filling.add_account(self, number, description, details)

    def add_customer(self, number: str, name: str = "", **details: Any) -> Row:
        """A customer of group RTL unless told otherwise; `details` are properties of ARCustomers, and
        `optional_fields` a mapping of codes to text values."""
        with self.lock:
            return filling.add_customer(self, number, name, details)

    def add_invoice(
        self,
        customer: str,
        number: str,
        amount: int | Decimal,
        *,
        dated: date | None = None,
        due: date | None = None,
        **details: Any,
    ) -> Row:
        """A posted invoice of `amount` (minor units, or a Decimal of major ones), without tax unless `TaxGroup` says so.

        `details` are properties of the entry, such as `DocumentType`, `PONumber`, `OrderNumber`; `instalments` is a
        list of `(due, amount)`. The posted document is returned.
        """
        with self.lock:
            currency = self.tables["ARCustomers"][customer]["CurrencyCode"]
            major = Money(amount, currency).major if isinstance(amount, int) else amount
            return filling.add_invoice(self, customer, number, major, dated, due, details)

    def add_optional_field(self, code: str, kind: str = "Text", length: int = 60, **details: Any) -> Row:
        """An optional field, attached to A/R customers; `values` makes it validated."""
        with self.lock:
            return filling.add_optional_field(self, code, kind, length, details)

    def add_rate(self, currency: str, rate: Decimal, starts: date = date(2025, 1, 1)) -> None:
        with self.lock:
            filling.add_rate(self, currency, rate, starts)

    def lock_period(self, year: int, period: int, *modules: str) -> None:
        """Lock a period for some modules, or for AR, GL and BK."""
        for module in modules or ("AR", "GL", "BK"):
            self.locked_periods.add((module, str(year), f"{period:02d}"))

    def unlock_period(self, year: int, period: int) -> None:
        self.locked_periods = {each for each in self.locked_periods if each[1:] != (str(year), f"{period:02d}")}

    def new_batch_number(self, resource: str, batch: Row) -> int | str:
        """The number of the next batch of a kind."""
        series = {"ARInvoiceBatches": "AR invoices", "ARRefundBatches": "AR refunds", "GLJournalBatches": "GL"}
        count = batches.next_number(self, series.get(resource) or f"AR {batch['BatchRecordType']}")
        return f"{count:06d}" if resource == "GLJournalBatches" else count

    def invoice_posted(self, entry: Row) -> None:
        """Recurring charges know the invoices made of them."""
        recurring.invoice_posted(self, entry)

    def refresh_profile(self) -> None:
        """The company profile shows the option for locked periods as it is now."""
        for row in self.tables["CSCompanyProfile"]:
            row["LockedFiscalPeriod"] = self.switches.locked_period.title()

    def page_served(self) -> None:
        if self.between_pages:
            self.between_pages.pop(0)()
