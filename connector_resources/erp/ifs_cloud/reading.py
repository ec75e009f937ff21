"""Reads what planning needs to know of the companies into a snapshot, with few calls (ifs_cloud.md sections 3, 4 and 7).

One company after the other, so that a broken read is easy to name. What a tenant refuses to be asked (a condition on the state,
section 0.10) is remembered for the life of the connector and asked for in another way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from bookkeeping.customer_rules import changed_details
from bookkeeping.postings import INVOICE_KINDS, MASTER_DATA_KINDS, Posting, PostingKind
from connector_resources.erp.ifs_cloud import odata, wire
from connector_resources.erp.ifs_cloud.client import IfsCloudClient, is_bad_filter, references
from connector_resources.erp.ifs_cloud.companies import company_of, identity_of, split_invoice
from connector_resources.erp.ifs_cloud.customer_contacts import Contacts
from connector_resources.erp.ifs_cloud.invoices import CUSTOMER, Claim, claims
from connector_resources.erp.ifs_cloud.markers import Markers
from connector_resources.erp.ifs_cloud.odata import problem_of
from connector_resources.erp.ifs_cloud.rates import RateTable
from connector_resources.erp.ifs_cloud.refusals import rejected
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.snapshot import FileDefaults, Snapshot, Target
from connector_resources.erp.ifs_cloud.wire import OpenItem, PaymentLine
from connector_resources.erp.refusal import CannotBook
from connector_resources.errors import Refused, WrongCompany

#: terms of one condition; addresses stay short.
TERMS = 20
#: months that are tried for the next open period.
MONTHS_AHEAD = 12
#: file type of bank statements and payment notifications (section 7.6).
PAYMENT_FILE_TYPE = "ExtMixedPayment"


class SnapshotReader:
    """Fills the snapshot of one connector."""

    def __init__(
        self,
        client: IfsCloudClient,
        settings: IfsCloudSettings,
        snapshot: Snapshot,
        contacts: Contacts,
        *,
        connection: str,
    ) -> None:
        self._client = client
        self._settings = settings
        self._snapshot = snapshot
        self._contacts = contacts
        self._connection = connection
        self._markers = Markers(client, settings)
        has_state = bool(client.projections["open_items"].member("state"))
        every_way = [*(["state"] if has_state else []), "amount", "none"]
        self._filters = every_way if settings.open_filter == "auto" else [settings.open_filter]
        #: days whose period was closed when it came to booking, in spite of what was read.
        self._closed: set[tuple[str, date]] = set()

    def read(self, postings: Sequence[Posting]) -> None:
        """Raises `NotSent`, `BadAnswer`, `Refused`, `WrongCompany`."""
        self.require_companies()
        if not postings:
            return
        by_company = self._by_company(postings)
        self._read_claims(by_company)
        for company, own in by_company.items():
            booked = [posting for posting in own if posting.lines]
            self._read_open_days(company, booked)
            self._read_rates(company, booked)
            self._read_file_defaults(company, booked)
            self._read_invoice_targets(company, [posting for posting in own if posting.kind in INVOICE_KINDS])
            self._read_booked(company, [posting for posting in booked if posting.reverses])
        self._read_customers(postings)

    def require_companies(self) -> None:
        """The companies of the connection are there, for this user. Raises `WrongCompany`."""
        if self._snapshot.currencies:
            return
        rows = {row.company: row for row in self._client.rows("companies", wire.CompanyRow)}
        missing = sorted(set(self._settings.companies) - set(rows))
        if missing:
            raise WrongCompany(
                f"IFS Cloud shows no company {', '.join(missing)} to this user; it shows {', '.join(sorted(rows))}.",
                connection=self._connection,
                next_step="correct companies in the connection file, or add the service user to the company.",
            )
        self._snapshot.currencies = {code: rows[code].currency for code in self._settings.companies}

    def closed(self, company: str, day: date) -> None:
        """Booking found this day closed: the next plan looks for another."""
        self._closed.add((company, day))
        for key in [key for key, opened in self._snapshot.open_days.items() if key[0] == company and opened == day]:
            del self._snapshot.open_days[key]

    def _by_company(self, postings: Iterable[Posting]) -> dict[str, list[Posting]]:
        found: dict[str, list[Posting]] = {}
        for posting in postings:
            try:
                found.setdefault(company_of(posting, self._settings), []).append(posting)
            except CannotBook:
                # Planning says so to a person; nothing needs to be read for it.
                continue
        return found

    # --- open items ------------------------------------------------------------------------------------------------

    def _read_claims(self, by_company: dict[str, list[Posting]]) -> None:
        wanted = {PostingKind.RECEIPT, PostingKind.REFUND} if self._settings.settles else set()
        companies = [code for code, own in by_company.items() if any(posting.kind in wanted for posting in own)]
        if companies:
            self._snapshot.take_claims(claim for code in companies for claim in self.claims_of(code, marked=False))

    def claims_of(self, company: str, *, marked: bool = True) -> list[Claim]:
        """The open items of a company; with `marked` those that are not ready to be collected are held back."""
        items = list(self.open_items(company))
        ready = self._markers.ready(company, items) if marked else None
        return claims(items, self._settings, ready)

    def open_items(self, company: str) -> list[OpenItem]:
        projection = self._client.projections["open_items"]
        party = projection.equals("party", CUSTOMER)
        extra = {member for member in self._extra_members() if member}
        select = ",".join(sorted({*filter(None, projection.fields.values()), *extra}))
        options = {"select": select if self._settings.use_select else ""}
        while True:
            condition = odata.every(party, self._open_condition(self._filters[0]))
            try:
                return list(self._client.rows("open_items", wire.OpenItem, condition, company=company, **options))
            except Refused as error:
                if not is_bad_filter(error) or len(self._filters) == 1:
                    raise
                self._filters.pop(0)

    def _extra_members(self) -> list[str]:
        """Members besides the map's that the open items are asked for: the marker, and the status to be written."""
        marker, status = self._settings.marker, self._settings.invoice_status
        on_items = marker is not None and marker.strategy == "field" and marker.on == "open_items"
        extra = [marker.member] if marker is not None and on_items else []
        return extra + (list(status.members.values()) if status.target == "open_items" else [])

    def _open_condition(self, kind: str) -> str:
        projection = self._client.projections["open_items"]
        if kind == "state":
            states = [projection.enumeration("state", state) for state in self._settings.open_states]
            return odata.any_of(projection.member("state"), states)
        if kind == "amount":
            return f"{projection.member('full')} ne {projection.member('cleared')}"
        return ""

    # --- periods, rates, files -------------------------------------------------------------------------------------

    def _read_open_days(self, company: str, postings: Iterable[Posting]) -> None:
        for day in sorted({posting.booking_date for posting in postings}):
            if (company, day) not in self._snapshot.open_days:
                self._snapshot.open_days[company, day] = self._open_day(company, day)

    def _open_day(self, company: str, day: date) -> date | None:
        """The day itself, or by policy the first of the next month that is open (section 3.6 and quirk 4)."""
        if self._is_open(company, day):
            return day
        if self._settings.closed_period == "hold":
            return None
        first = day
        for _ in range(MONTHS_AHEAD):
            first = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
            if self._is_open(company, first):
                return first
        return None

    def _is_open(self, company: str, day: date) -> bool:
        if (company, day) in self._closed:
            return False
        group = self._settings.companies[company].user_group
        call = odata.key({"Company": company, "VoucherDate": day, "UserGroup": group})
        try:
            self._client.function("voucher_entry", f"AccYearPeriodInfo{call}")
        except Refused as error:
            if problem_of(error.response) is None or rejected(error, "").code != "period_closed":
                raise
            return False
        return True

    def _read_rates(self, company: str, postings: Iterable[Posting]) -> None:
        """The rates of the foreign currencies that vouchers of these postings need."""
        base = self._snapshot.currencies[company]
        needed = {
            line.amount.currency
            for posting in postings
            if self._becomes_voucher(posting)
            for line in posting.lines
            if line.amount.currency != base
        }
        if not needed or company in self._snapshot.rates:
            return
        kind = self._settings.currency_type or self._default_rate_type(company)
        projection = self._client.projections["currency_rates"]
        condition = f"{projection.member('type')} eq {odata.text(kind)}" if kind else ""
        rows = self._client.rows("currency_rates", wire.Rate, condition, company=company)
        currencies = self._client.rows("currencies", wire.CurrencyRow, company=company)
        inverted = [row.currency for row in currencies if row.inverted]
        self._snapshot.rates[company] = RateTable.of(base, rows, inverted)

    def _default_rate_type(self, company: str) -> str:
        rows = self._client.rows("currency_types", wire.RateType, company=company)
        return next((row.type for row in rows if row.default), "")

    def _becomes_voucher(self, posting: Posting) -> bool:
        """Everything but what moves money of a customer, and that too where AR is left alone."""
        return not self._settings.settles or posting.kind not in CUSTOMER_KINDS

    def _read_file_defaults(self, company: str, postings: Iterable[Posting]) -> None:
        moving = any(posting.kind in CUSTOMER_KINDS for posting in postings)
        if self._settings.settlement != "camt_file" or not moving or company in self._snapshot.file_defaults:
            return
        call = odata.key({"Company": company, "FileType": PAYMENT_FILE_TYPE, "ProcessOption": "Online"})
        told = self._client.function("file_task", f"GetDefaultFileTypeInfo{call}")
        self._snapshot.file_defaults[company] = FileDefaults(
            str(told.get("SetId") or "1"), self._settings.camt_template, str(told.get("ParamString") or "")
        )

    def _read_booked(self, company: str, postings: Iterable[Posting]) -> None:
        """The transactions of what is taken back, by their marker (section 7.4): they tell which items to open again."""
        wanted = {reference_of(x.reverses) for x in postings if x.kind in CUSTOMER_KINDS and x.reverses}
        if not self._settings.settles:
            return
        member = self._client.projections["payment_lines"].member("text")
        for some in _slices(sorted(wanted), TERMS):
            condition = "(" + " or ".join(f"contains({member},{odata.text(each)})" for each in some) + ")"
            rows = list(self._client.rows("payment_lines", wire.PaymentLine, condition, company=company))
            for each in some:
                own = self._in_effect(company, [row for row in rows if marker_of(row.text) == each.upper()])
                self._snapshot.booked[each] = [part for row in own for part in self._matched(company, row)]

    def _in_effect(self, company: str, lines: list[PaymentLine]) -> list[PaymentLine]:
        """Without those of cancelled payments, where one marker stands on several: a payment that was refused when it was
        approved is cancelled, and its transactions are kept."""
        numbers = {row.payment for row in lines}
        if len(numbers) < 2:
            return lines
        projection = self._client.projections["mixed_payments"]
        some = odata.any_of(projection.member("id"), [odata.literal(number) for number in sorted(numbers)])
        payments = self._client.rows("mixed_payments", wire.MixedPayment, some, company=company)
        dead = {row.id for row in payments if row.state == "Cancelled"}
        return [row for row in lines if row.payment not in dead]

    def _matched(self, company: str, line: PaymentLine) -> list[PaymentLine]:
        """A transaction by the items it was matched with; of a file's, the transaction itself does not name them."""
        if line.number:
            return [line]
        projection = self._client.projections["payment_matches"]
        parts = self._client.array("payment_matches", projection.key_of(line.raw), wire.PaymentLine, company=company)
        rest = line.amount - sum((part.amount for part in parts), Decimal(0))
        return [*parts, *([line.model_copy(update={"amount": rest})] if rest else [])]

    # --- what members are written to -------------------------------------------------------------------------------

    def _read_invoice_targets(self, company: str, postings: Sequence[Posting]) -> None:
        """The rows on which the status of these invoices is written, some at a time."""
        status = self._settings.invoice_status
        if not postings or status.target == "off":
            return
        projection = self._client.projections[status.target]
        numbers = sorted({split_invoice(name)[2] for posting in postings for name in posting.invoices})
        for some in _slices(numbers, TERMS):
            condition = references(projection.member("number"), some)
            for row in self._client.rows(status.target, wire.Item, condition, company=company, select=""):
                path = projection.path + odata.segment(projection.key_of(row.raw))
                self._snapshot.invoice_targets[company, row.series, row.number] = Target(path, row.raw)

    def _read_customers(self, postings: Sequence[Posting]) -> None:
        """The rows that links and changed details are written to."""
        wanted = {
            identity_of(posting.party.erp_customer)
            for posting in postings
            if posting.party and posting.party.erp_customer and self._writes_customer(posting)
        } - self._snapshot.customers.keys()
        projection = self._client.projections["customers"]
        for some in _slices(sorted(wanted), TERMS):
            condition = references(projection.member("customer"), some)
            for row in self._client.rows("customers", wire.Customer, condition):
                path = projection.path + odata.segment(projection.key_of(row.raw))
                self._snapshot.customers[row.customer] = row
                self._snapshot.customer_targets[row.customer] = Target(path, row.raw)
        changed = {
            identity_of(posting.party.erp_customer)
            for posting in postings
            if posting.party and posting.party.erp_customer and _changes_details(posting)
        }
        self._snapshot.contacts |= self._contacts.read(changed - self._snapshot.contacts.keys())

    def _writes_customer(self, posting: Posting) -> bool:
        if posting.kind not in MASTER_DATA_KINDS:
            return False
        return self._settings.write_customer_link or _changes_details(posting)

    def read_customers_again(self, postings: Sequence[Posting]) -> None:
        """After writes to customers: planning goes on with these, and reads the others when they are needed."""
        self._snapshot.customers.clear()
        self._snapshot.customer_targets.clear()
        self._snapshot.contacts.clear()
        self._read_customers([posting for posting in postings if _changes_details(posting)])


#: what moves money of a customer: transactions of payments where invoices are settled.
CUSTOMER_KINDS = frozenset(
    {PostingKind.RECEIPT, PostingKind.RECEIPT_REVERSAL, PostingKind.REFUND, PostingKind.REFUND_REVERSAL}
)


def _changes_details(posting: Posting) -> bool:
    return posting.kind is PostingKind.CUSTOMER and bool(changed_details(posting))


def reference_of(key: str) -> str:
    """What a posting with this key wrote into its documents."""
    return f"GC{key.split(':', 1)[0]}"


def marker_of(text: str) -> str:
    """The reference at the start of a transaction's text, without the number of a piece, upper-cased."""
    return text.split(" ", 1)[0].partition("/")[0].upper()


def _slices(items: Sequence[str], size: int) -> Iterable[Collection[str]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
