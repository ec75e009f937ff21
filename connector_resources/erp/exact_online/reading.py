"""Reads what planning needs to know of the division into a snapshot, with few calls (exact_online.md sections 2, 4 and 5).

Reference data is read once per connector, open items and balances before every planning, customers when they are first needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta

from bookkeeping.postings import INVOICE_KINDS, Posting, PostingKind
from connector_resources.erp.exact_online import wire
from connector_resources.erp.exact_online.client import ExactOnlineClient
from connector_resources.erp.exact_online.documents import MANDATE_LIMIT, money
from connector_resources.erp.exact_online.exchange import ExchangeReader, is_converted
from connector_resources.erp.exact_online.invoices import Claim, claims
from connector_resources.erp.exact_online.lines import MIRRORS, reference_of
from connector_resources.erp.exact_online.matching import Matching
from connector_resources.erp.exact_online.periods import Calendar
from connector_resources.erp.exact_online.readback import by_marker
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.snapshot import Balance, Snapshot

#: up to so many payers are asked about by their codes, with their open items; of more, all open items are read.
FEW_CUSTOMERS = 20
#: booking dates before the first of these postings that a later pass may bring.
BEFORE = timedelta(days=366)


class SnapshotReader:
    """Fills the snapshot of one connector."""

    def __init__(
        self,
        client: ExactOnlineClient,
        settings: ExactOnlineSettings,
        snapshot: Snapshot,
        exchange: ExchangeReader,
        matching: Matching,
    ) -> None:
        self._client = client
        self._settings = settings
        self._snapshot = snapshot
        self._exchange = exchange
        self._matching = matching
        self._has_reference_data = False

    def read(self, division: wire.Division, postings: Sequence[Posting]) -> None:
        """Raises `NotSent`, `BadAnswer`, `Refused`."""
        snapshot = self._snapshot
        snapshot.division, snapshot.currency = division.code, division.currency
        if not postings:
            return
        booked = [posting.booking_date for posting in postings if posting.lines]
        if booked and not self._has_reference_data:
            self._read_reference_data(min(booked))
        self._read_open_items(postings)
        self._read_customers(postings)
        self._read_taken_back(postings)
        self._read_mandates([posting for posting in postings if posting.kind is PostingKind.MANDATE_STATUS])
        self._read_lookalikes(postings)
        snapshot.exchanges = self._exchange.read(postings, division.currency)
        snapshot.matches = self._matching.read(postings)
        if self._settings.bank_balances == "compute" and any(posting.lines for posting in postings):
            self._read_balances(postings)

    # --- reference data --------------------------------------------------------------------------------------------

    def _read_reference_data(self, first: date) -> None:
        settings, snapshot = self._settings, self._snapshot
        rows = self._client.gl_accounts(account_codes(settings))
        snapshot.gl_accounts = {row.code: row for row in rows}
        since = first - BEFORE
        snapshot.calendar = Calendar(
            self._client.periods(since), self._client.closed_periods(journal_codes(settings), since.year)
        )
        self._has_reference_data = True

    def _read_balances(self, postings: Sequence[Posting]) -> None:
        """Read before every planning: somebody may have booked in the journal."""
        currencies = {line.amount.currency for posting in postings for line in posting.lines}
        # Exchange differences of converted payouts are booked in the division's.
        currencies |= {self._snapshot.currency} if any(map(is_converted, postings)) else set()
        for journal, currency in self._settings.own_journals.items():
            if currency in currencies and self._settings.books_in_bank_journal(currency):
                self._snapshot.balances[journal] = self._balance(journal, currency)

    def balances(self, journals: Collection[str]) -> dict[str, Balance]:
        """The balances of these journals as they stand now. Raises `NotSent`, `BadAnswer`, `Refused`."""
        own = self._settings.own_journals
        return {journal: self._balance(journal, own[journal]) for journal in sorted(journals) if journal in own}

    def _balance(self, journal: str, currency: str) -> Balance:
        last = self._client.last_bank_entry(journal)
        if last is None or last.closing_balance_fc is None:
            return Balance()
        return Balance(money(last.closing_balance_fc, currency).major, last.financial_year, last.financial_period)

    # --- customers and their open items ----------------------------------------------------------------------------

    def _read_open_items(self, postings: Iterable[Posting]) -> None:
        wanted = {PostingKind.RECEIPT, *(INVOICE_KINDS if self._settings.write_payment_reference else ())}
        asking = [posting for posting in postings if posting.kind in wanted]
        if not asking:
            return
        payers = _codes(asking)
        if payers and len(payers) <= FEW_CUSTOMERS and all(_codes([posting]) for posting in asking):
            self._read_accounts(payers)
            ids = [self._snapshot.accounts[code].id for code in sorted(payers) if code in self._snapshot.accounts]
            found = self.claims_of(ids) if ids else []
        else:
            found = self.claims_of(())
        self._snapshot.take_claims(found)

    def claims_of(self, accounts: Collection[str]) -> list[Claim]:
        """The open items of these customers (GUIDs), or of all."""
        return claims(self._client.open_items(accounts), self._settings)

    def _read_customers(self, postings: Iterable[Posting]) -> None:
        self._read_accounts(_codes(posting for posting in postings if posting.kind not in INVOICE_KINDS))

    def _read_accounts(self, codes: Collection[str]) -> None:
        missing = set(codes) - self._snapshot.accounts.keys()
        if missing:
            self._snapshot.accounts |= {row.code: row for row in self._client.accounts(missing)}

    def forget_customers(self) -> None:
        """After a write to one of them: the next planning reads them again."""
        self._snapshot.accounts.clear()

    # --- earlier entries and master data -----------------------------------------------------------------------------

    def _read_taken_back(self, postings: Iterable[Posting]) -> None:
        """The entries that are taken back, by their marker: of the journals we book in, not the sales journal."""
        wanted = {reference_of(x.reverses) for x in postings if x.kind in MIRRORS and x.reverses}
        if not wanted:
            return
        journals = {*self._settings.own_journals, self._settings.general_journal or ""}
        rows = [row for row in self._client.lines_with(wanted) if row.journal_code in journals]
        marked = by_marker(rows)
        self._snapshot.booked = {reference: marked.get(reference, []) for reference in wanted}

    def _read_mandates(self, postings: Sequence[Posting]) -> None:
        snapshot = self._snapshot
        if not postings or self._settings.mandate_sync == "off":
            return
        references = {posting.subject[:MANDATE_LIMIT] for posting in postings}
        snapshot.mandates = {row.reference: row for row in self._client.mandates(references)}
        holders = {snapshot.accounts[code].id for code in _codes(postings) if code in snapshot.accounts}
        if holders:
            usable = [row for row in self._client.bank_accounts(holders) if not row.blocked]
            # The main account is put last, so that it is the one that stays.
            snapshot.bank_accounts = {row.account: row for row in sorted(usable, key=lambda row: row.main)}

    def _read_lookalikes(self, postings: Iterable[Posting]) -> None:
        """Before a customer is made: whoever has his GoCardless id or e-mail (section 11)."""
        if not self._settings.create_customers:
            return
        for posting in postings:
            if posting.kind is not PostingKind.CUSTOMER or _codes([posting]):
                continue
            found = self._client.accounts_where("SearchCode", posting.subject)
            if not found and posting.facts.get("email"):
                found = self._client.accounts_where("Email", posting.facts["email"])
            self._snapshot.lookalikes[posting.subject] = found


def account_codes(settings: ExactOnlineSettings) -> set[str]:
    """Every general ledger account that the settings name."""
    codes = set(settings.accounts.values())
    for accounts in settings.currencies.values():
        codes |= {accounts.transit_account, *([accounts.clearing_account] if accounts.clearing_account else [])}
    return codes


def journal_codes(settings: ExactOnlineSettings) -> set[str]:
    """Every journal that the settings name."""
    return {*settings.own_journals, *filter(None, (settings.general_journal, settings.sales_journal))}


def _codes(postings: Iterable[Posting]) -> set[str]:
    return {posting.party.erp_customer for posting in postings if posting.party and posting.party.erp_customer}
