"""One Visma.net company: everything it holds, the switches of its behaviour, and the ways a test or a demo fills it.

The rules of documents live in the modules named after them; this one stores, numbers, stamps and indexes.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money
from sandbox.clock import SandboxClock
from sandbox.visma import bookings, chart, periods
from sandbox.visma.books import Books, Line
from sandbox.visma.clerk import Clerk
from sandbox.visma.limits import Limits
from sandbox.visma.records import (
    Account,
    ArDocument,
    Attachment,
    Attribute,
    Batch,
    CashAccount,
    CashTransaction,
    Customer,
    CustomerClass,
    Payment,
    PaymentMethod,
    Period,
    Stamped,
    VatCode,
)
from sandbox.visma.switches import Switches
from sandbox.visma.tokens import Client, Tokens
from sandbox.visma.webhooks import Webhooks

if TYPE_CHECKING:
    from sandbox.visma.background import Job

TENANT_ID = "6f1a0c1e-5b7e-4f0e-9d53-0d6f2a7c1b10"
CUSTOMER_TENANT_ID = "b3d9c7aa-1f0e-4c52-8a55-7f2f30c0de11"


@dataclass(slots=True)
class Deferred:
    """Work that is carried out once so many further requests have come in, or when somebody finishes it by hand."""

    requests_left: int
    run: Callable[[], None]


class Company:
    """The company's state. Requests and the methods below may come from different threads; `lock` guards it all."""

    def __init__(
        self,
        *,
        name: str = "Nordlys Drift AS",
        company_id: str = "1204377",
        tenant_id: str = TENANT_ID,
        customer_tenant_id: str = CUSTOMER_TENANT_ID,
        base_currency: str = "EUR",
        clock: SandboxClock | None = None,
        seed: int = 1,
        switches: Switches | None = None,
    ) -> None:
        self.name = name
        self.company_id = company_id
        self.tenant_id = tenant_id
        self.customer_tenant_id = customer_tenant_id
        self.base_currency = base_currency
        self.clock = clock or SandboxClock()
        self.random = random.Random(seed)
        self.switches = switches or Switches()
        self.lock = threading.RLock()
        self.tokens = Tokens(self)
        self.clients: dict[str, Client] = {}
        self.add_client("isv_sandbox", "sandbox-secret")
        self.limits = Limits(self)
        self.webhooks = Webhooks(self)
        self.clerk = Clerk(self)
        self.books = Books()
        self.initialised = True
        self._make_stores()

    def _make_stores(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.cash_accounts: dict[str, CashAccount] = {}
        self.payment_methods: dict[str, PaymentMethod] = {}
        self.vat_codes: dict[str, VatCode] = {}
        self.subaccounts: dict[str, bool] = {"0": True}
        self.reason_codes: dict[str, str] = {}
        self.attributes: dict[str, Attribute] = {}
        self.customer_classes: dict[str, CustomerClass] = {}
        self.manual_numbering: set[str] = set()
        self.rates: dict[str, Decimal] = {self.base_currency: Decimal(1)}
        self.later_rates: dict[str, dict[date, Decimal]] = defaultdict(dict)
        self.periods: dict[str, Period] = {}
        self.receivable_account = ""
        self.revenue_account = ""
        self.output_vat_account = ""
        self.rounding_account = ""
        self.customers: dict[str, Customer] = {}
        self.documents: dict[tuple[str, str], ArDocument] = {}
        self.documents_of: dict[str, list[ArDocument]] = defaultdict(list)
        self.payments: dict[tuple[str, str], Payment] = {}
        self.payments_by_number: dict[str, list[Payment]] = defaultdict(list)
        self.payments_of: dict[str, list[Payment]] = defaultdict(list)
        self.payments_on: dict[str, dict[tuple[str, str], Payment]] = defaultdict(dict)
        self.batches: dict[tuple[str, str], Batch] = {}
        self.cash_transactions: dict[str, CashTransaction] = {}
        self.attachments: dict[str, Attachment] = {}
        self.attached: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.jobs: dict[str, Job] = {}
        #: what the next releases and voids answer instead of 200 Done: "failed", "in_process", "accepted".
        self.action_answers: deque[str] = deque()
        #: how the next queued jobs end instead of running: "failed" (the job itself fails).
        self.job_outcomes: deque[str] = deque()
        #: run one each after a page of a list was served: rows inserted between pages.
        self.between_pages: deque[Callable[[], Any]] = deque()
        #: why actions answered `InProcess` were refused afterwards.
        self.failed_actions: list[str] = []
        self.ignored_parameters: set[str] = set()
        self.ignored_fields: set[str] = set()
        self._deferred: list[Deferred] = []
        self._numbers: dict[str, int] = {"customer": 10000, "internal": 0, "version": 0x4D18222}

    # -- stamping and numbering -------------------------------------------------------------------------------------

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def next_version(self) -> int:
        self._numbers["version"] += 1
        return self._numbers["version"]

    def touch(self, record: Stamped) -> None:
        """Give the record a new version and modification stamp."""
        record.version = self.next_version()
        record.modified_at = self.clock.now()

    def touch_everything(self) -> None:
        """A vendor upgrade that renews the stamp of every row (section 4)."""
        with self.lock:
            stores: tuple[dict[Any, Any], ...] = (
                self.customers,
                self.documents,
                self.payments,
                self.batches,
                self.cash_transactions,
            )
            for store in stores:
                for record in store.values():
                    self.touch(record)

    def stamps(self) -> dict[str, Any]:
        """The fields of `Stamped` for a record made now."""
        now: datetime = self.clock.now()
        return {"version": self.next_version(), "created_at": now, "modified_at": now}

    def next_number(self, sequence: str) -> str:
        """The next number of a series: six digits with leading zeros, five for customers."""
        value = self._numbers.get(sequence, 0) + 1
        self._numbers[sequence] = value
        return str(value) if sequence == "customer" else f"{value:06d}"

    def _free_number(self, sequence: str, taken: Callable[[str], bool]) -> str:
        number = self.next_number(sequence)
        while taken(number):
            number = self.next_number(sequence)
        return number

    # -- deferred work ----------------------------------------------------------------------------------------------

    def later(self, run: Callable[[], None]) -> None:
        self._deferred.append(Deferred(self.switches.deferred_requests, run))

    def tick(self) -> None:
        """One request has come in: carry out what was waiting for it."""
        if not self._deferred:
            return
        for waiting in self._deferred:
            waiting.requests_left -= 1
        due = [waiting for waiting in self._deferred if waiting.requests_left <= 0]
        self._deferred = [waiting for waiting in self._deferred if waiting.requests_left > 0]
        for waiting in due:
            waiting.run()

    def finish_deferred(self) -> int:
        """Carry out all waiting jobs and actions at once; returns how many there were."""
        with self.lock:
            due, self._deferred = self._deferred, []
            for waiting in due:
                waiting.run()
            return len(due)

    # -- filling it -------------------------------------------------------------------------------------------------

    def standard_chart(self, years: tuple[int, ...] = (2026,)) -> Company:
        """Accounts, cash accounts, methods, VAT, classes and the open periods of `years` (see `chart.py`)."""
        with self.lock:
            chart.install(self)
            for year in years:
                self.add_periods(year)
        return self

    def add_client(
        self, client_id: str, secret: str, scopes: tuple[str, ...] = ("read", "create", "update", "delete")
    ) -> None:
        """Register a service application and approve the given scope suffixes for it."""
        self.clients[client_id] = Client(client_id, secret, scopes)

    def add_account(self, account: Account) -> Account:
        with self.lock:
            self.accounts[account.number] = account
        return account

    def add_cash_account(self, cash_account: CashAccount) -> CashAccount:
        """Raises `ValueError` when the linked general ledger account does not exist."""
        with self.lock:
            if cash_account.account not in self.accounts:
                raise ValueError(f"cash account {cash_account.number}: no account {cash_account.account}")
            self.cash_accounts[cash_account.number] = cash_account
        return cash_account

    def add_periods(self, year: int, *, active: bool = True) -> None:
        """Twelve calendar months as financial periods."""
        with self.lock:
            for month in range(1, 13):
                starts = date(year, month, 1)
                ends = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
                self.periods[f"{year}{month:02d}"] = Period(f"{year}{month:02d}", starts, ends, active)

    def close_period(self, period: str, modules: tuple[str, ...] = ("GL", "AR", "CA")) -> None:
        """Close a period (YYYYPP) for some modules. Raises `KeyError` for an unknown period."""
        with self.lock:
            self.periods[period].closed.update(modules)

    def reopen_period(self, period: str) -> None:
        with self.lock:
            self.periods[period].closed.clear()

    def add_rate(self, currency: str, rate: Decimal, *, starts: date) -> None:
        """What one unit of `currency` is from a day on, in the unit in which `rates` are given."""
        with self.lock:
            self.later_rates[currency][starts] = rate

    def rate_on(self, currency: str, dated: date) -> Decimal:
        """The newest rate up to a day. Raises `KeyError` for a currency that the company does not have."""
        started = [starts for starts in self.later_rates.get(currency, ()) if starts <= dated]
        return self.later_rates[currency][max(started)] if started else self.rates[currency]

    def add_customer(self, number: str = "", name: str = "", **details: Any) -> Customer:
        """A customer; a number is taken from the series when none is given. `details` are fields of `Customer`."""
        with self.lock:
            number = number or self._free_number("customer", lambda given: given in self.customers)
            if number in self.customers:
                raise ValueError(f"customer {number} exists")
            customer = Customer(
                **self.stamps(),
                internal_id=int(self.next_number("internal")),
                number=number,
                name=name or f"Customer {number}",
                **details,
            )
            self.customers[number] = customer
            return customer

    def add_invoice(
        self,
        number: str,
        customer: str,
        amount: int | Decimal,
        currency: str = "EUR",
        *,
        dated: date = date(2026, 1, 5),
        due: date | None = None,
        vat_minor: int = 0,
        kind: str = "Invoice",
        released: bool = True,
        **details: Any,
    ) -> ArDocument:
        """An invoice of `amount` including VAT (minor units, or a Decimal of major ones); released ones are booked.

        `details` are fields of `ArDocument`, such as `external_reference`, `customer_ref_number`, `payment_reference`.
        """
        with self.lock:
            minor = amount if isinstance(amount, int) else Money.from_major(amount, currency).minor
            if kind not in ("Invoice", "DebitNote", "FinCharge"):
                raise ValueError(f"{kind} {number}: only what customers owe can be added so")
            number = number or self._free_number(kind.lower(), lambda given: (kind, given) in self.documents)
            if customer not in self.customers:
                raise ValueError(f"invoice {number}: no customer {customer}")
            document = ArDocument(
                **self.stamps(),
                kind=kind,
                number=number,
                customer=customer,
                currency=currency,
                dated=dated,
                due=due or dated + timedelta(days=14),
                period=periods.of(self, dated).id,
                total_minor=minor,
                balance_minor=minor,
                vat_minor=vat_minor,
                released=released,
                status="Open" if released else "Balanced",
                **details,
            )
            self.store_document(document)
            if released:
                self._book_invoice(document)
            return document

    def _book_invoice(self, document: ArDocument) -> None:
        lines = [
            Line(self.receivable_account, document.total_minor, document.customer),
            Line(self.revenue_account, document.vat_minor - document.total_minor),
        ]
        if document.vat_minor:
            lines.append(Line(self.output_vat_account, -document.vat_minor))
        bookings.book_document(
            self,
            "AR",
            document.kind,
            document.number,
            document.external_reference,
            document.dated,
            document.currency,
            lines,
        )

    # -- storing with indexes ---------------------------------------------------------------------------------------

    def store_document(self, document: ArDocument) -> None:
        if (document.kind, document.number) in self.documents:
            raise ValueError(f"{document.kind} {document.number} exists")
        self.documents[document.kind, document.number] = document
        self.documents_of[document.customer].append(document)

    def drop_document(self, document: ArDocument) -> None:
        del self.documents[document.kind, document.number]
        self.documents_of[document.customer].remove(document)

    def store_payment(self, payment: Payment) -> None:
        self.payments[payment.type, payment.number] = payment
        self.payments_by_number[payment.number].append(payment)
        self.payments_of[payment.customer].append(payment)
        for line in payment.lines:
            self.payments_on[line.number][payment.type, payment.number] = payment

    def drop_payment(self, payment: Payment) -> None:
        del self.payments[payment.type, payment.number]
        self.payments_by_number[payment.number].remove(payment)
        self.payments_of[payment.customer].remove(payment)
        for line in payment.lines:
            self.payments_on[line.number].pop((payment.type, payment.number), None)
