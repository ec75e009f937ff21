"""What planning needs to know of the companies, as last read. Holds no decision. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from connector_resources.erp.ifs_cloud.customer_contacts import Contact
from connector_resources.erp.ifs_cloud.invoices import Claim, ItemKey
from connector_resources.erp.ifs_cloud.rates import RateTable
from connector_resources.erp.ifs_cloud.wire import Customer, PaymentLine
from connector_resources.erp.invoice_book import InvoiceBook
from connector_resources.erp.refusal import CannotBook


@dataclass(frozen=True, slots=True)
class FileDefaults:
    """What the file type of payment files wants in this company (section 7.6)."""

    set_id: str
    template: str
    parameters: str


@dataclass(frozen=True, slots=True)
class Target:
    """A row whose members are to be written: its address, and its members as they are."""

    path: str
    raw: Mapping[str, object]


@dataclass(slots=True)
class Snapshot:
    """Facts of all companies of the connection. `open_days` holds the day on which a document dated then may be booked."""

    currencies: dict[str, str] = field(default_factory=dict)
    open_days: dict[tuple[str, date], date | None] = field(default_factory=dict)
    rates: dict[str, RateTable] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    invoices: InvoiceBook = field(default_factory=InvoiceBook)
    customers: dict[str, Customer] = field(default_factory=dict)
    customer_targets: dict[str, Target] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    invoice_targets: dict[ItemKey, Target] = field(default_factory=dict)
    #: reference of an earlier posting -> the transactions that stand in IFS for it.
    booked: dict[str, list[PaymentLine]] = field(default_factory=dict)
    file_defaults: dict[str, FileDefaults] = field(default_factory=dict)

    def take_claims(self, found: Iterable[Claim]) -> None:
        self.claims = {each.invoice.number: each for each in found}
        self.invoices = InvoiceBook(x.invoice for x in self.claims.values() if x.invoice.open_amount.minor > 0)

    def open_day(self, company: str, day: date) -> date:
        """The day on which something of that day is booked. Raises `CannotBook` when there is none."""
        opened = self.open_days.get((company, day), day)
        if opened is None:
            raise CannotBook(
                "period_closed",
                f"dated {day}, and company {company} has no open period for its user group then",
                "open the period for the user group in IFS Cloud, or set closed_period to next_open_period",
            )
        return opened

    def rate_table(self, company: str) -> RateTable:
        found = self.rates.get(company)
        return found if found is not None else RateTable.of(self.currencies.get(company, ""), ())
