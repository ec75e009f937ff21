"""Turns one posting into rows of a Buchungsstapel (datev.md 11.3): which accounts, which texts, which date and number.

Every row is one debit and credit pair. Rows of a payout stand against the clearing account, whose own lines net out:
what was refunded, charged back or failed was booked when it happened and is never booked again. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from bookkeeping.money import Money
from bookkeeping.postings import PAYOUT_KINDS, AccountRole, Line, Party, Posting, PostingKind, Side
from connector_resources.erp.datev.exchange import Conversion, FxPayout
from connector_resources.erp.datev.extf import BookingRow
from connector_resources.erp.datev.extf_text import TEXT_LENGTH, clean_text, document_number
from connector_resources.erp.datev.fees import FEE_ROLES, FeeAmount, fee_amounts, signed
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.refusal import CannotBook

#: first words of the Buchungstext by kind; the GoCardless id and the customer's name follow.
KIND_WORDS = {
    PostingKind.RECEIPT: "GC Zahlung",
    PostingKind.RECEIPT_REVERSAL: "GC Rücklastschrift",
    PostingKind.REFUND: "GC Erstattung",
    PostingKind.REFUND_REVERSAL: "GC Erstattung zurück",
    PostingKind.PAYOUT: "GC Auszahlung",
    PostingKind.PAYOUT_REVERSAL: "GC Auszahlung zurück",
    PostingKind.PAYOUT_REPEAT: "GC Auszahlung erneut",
    PostingKind.CORRECTION: "GC Storno",
}
#: by role, where the row is not simply about the document: words for a debit and for a credit.
ROLE_WORDS = {
    AccountRole.FEES: ("GC Gebühren", "GC Gebührenerstattung"),
    AccountRole.SURCHARGES: ("GC Zuschläge", "GC Zuschlagserstattung"),
    AccountRole.PARTNER_FEES: ("GC Partnergebühren", "GC Partnergebühren zurück"),
    AccountRole.INPUT_VAT: ("GC Vorsteuer", "GC Vorsteuer zurück"),
    AccountRole.ROUNDING: ("GC Rundung", "GC Rundung"),
    AccountRole.FX_DIFFERENCE: ("GC Kursverlust", "GC Kursgewinn"),
    AccountRole.SUSPENSE: ("GC Klärung", "GC Klärung"),
    AccountRole.OTHER_INCOME: ("GC Partnererlös", "GC Partnererlös"),
    AccountRole.SALES_RETURNS: ("GC Gutschrift", "GC Gutschrift zurück"),
}
GOCARDLESS_INFO = "GoCardless-ID"
TRUE_DATE_INFO = "Belegdatum"
BANK_REFERENCE_INFO = "Bank-Referenz"
INFO_LENGTH = 210
ORDER_NUMBER_LENGTH = 30
SETTLEMENT_LENGTH = 50
#: 7, 8 and 9 are creditors (datev.md 3.4).
DEBTOR_FIRST_DIGITS = "123456"


def rows_of(posting: Posting, settings: DatevSettings, link: str = "") -> tuple[BookingRow, ...]:
    """The rows of `posting`; empty when DATEV has nothing to book for it. `link` is the Beleglink of every row.

    Raises `CannotBook` when a person must act: unmapped customer or account, missing exchange rate, closed period.
    """
    frame = _Frame.of(posting, settings, link)
    lines = _own_lines(posting, settings)
    fx_payout = FxPayout.of(posting, settings)
    if _stands_on_clearing(frame, lines):
        rows = list(_against_clearing(frame, lines))
    else:
        rows = list(_pairs(frame, lines))
    if fx_payout is not None and fx_payout.booked is not None:
        rows += _difference(frame, rows, fx_payout.booked)
    if posting.kind is PostingKind.CORRECTION:
        return tuple(_as_general_reversal(row) for row in rows)
    return tuple(rows)


def first_open_day(day: date, settings: DatevSettings) -> date:
    """`day`, or the first day after the closed period (datev.md 6, locked periods)."""
    closed = settings.closed_through
    return closed + timedelta(days=1) if closed is not None and day <= closed else day


def document_source(posting: Posting, settings: DatevSettings) -> str:
    """What Belegfeld 1 is made from, before its characters are mapped (datev.md 9, `belegfeld1_source`).

    The books' `invoice_references` decide what a payment's best reference is; `metadata:<key>` looks there too.
    """
    if posting.kind in PAYOUT_KINDS:
        return posting.subject
    source, facts = settings.belegfeld1_source, posting.facts
    best = posting.invoices[0] if posting.invoices else ""
    if source == "payment_id":
        return facts.get("payment") or posting.subject
    if source == "payment_reference":
        return facts.get("payment_reference") or best or posting.subject
    return facts.get(source) or best or posting.subject


def debtor_number(party: Party | None, settings: DatevSettings) -> int:
    """The debtor number of a customer. Raises `CannotBook` (`customer_unmapped`, `customer_number_invalid`)."""
    number = party.erp_customer if party else None
    who = (party.gocardless_customer if party else None) or "the payer"
    if not number:
        raise CannotBook(
            "customer_unmapped",
            f"{who} has no debtor number yet.",
            "Run the customers asset of the connection, or `connector customers link` the customer, then release the posting.",
        )
    digits = settings.account_length + 1
    if not (number.isascii() and number.isdigit() and len(number) == digits and number[0] in DEBTOR_FIRST_DIGITS):
        raise CannotBook(
            "customer_number_invalid",
            f"{number} of {who} is not a debtor number of {digits} digits.",
            "Correct the link with `connector customers link`, then release the posting.",
        )
    return int(number)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all rows of a posting share, and how its lines find their accounts."""

    posting: Posting
    settings: DatevSettings
    conversion: Conversion
    day: date
    infos: tuple[tuple[str, str], ...]
    link: str
    number: str
    name: str

    @classmethod
    def of(cls, posting: Posting, settings: DatevSettings, link: str) -> _Frame:
        day, infos = _day_and_infos(posting, settings)
        number = document_number(document_source(posting, settings)) or document_number(posting.subject)
        name = posting.party.name if posting.party else None
        return cls(posting, settings, Conversion(posting, settings), day, infos, link, number, name or "")

    @property
    def clearing(self) -> int:
        return _mapped(self.settings.clearing_account(), AccountRole.CLEARING)

    def account(self, line: Line) -> int:
        """The account of a line. Raises `CannotBook` when the role or the customer is not mapped."""
        settings, role = self.settings, line.role
        if role is AccountRole.RECEIVABLE:
            return debtor_number(line.party or self.posting.party, settings)
        if role is AccountRole.BANK:
            return _mapped(settings.bank_account(), role)
        if role is AccountRole.CLEARING:
            return self.clearing
        if role is AccountRole.PAYOUT_TRANSIT:
            # A bounced payout waits on the clearing account until it is paid again (datev.md 11.3).
            return settings.accounts.get(role) or self.clearing
        if role is AccountRole.FX_DIFFERENCE:
            return _mapped(settings.fx_loss if line.side is Side.DEBIT else settings.fx_gain, role)
        return _mapped(settings.account(role), role)

    def row(self, debit: int, credit: int, amount: Money, words: str, number: str = "") -> BookingRow:
        converted = self.conversion.convert(amount)
        posting = self.posting
        return BookingRow(
            posting_key=posting.key,
            amount=amount,
            account=debit,
            contra=credit,
            day=self.day,
            document_number=number or self.number,
            text=clean_text(f"{words} {posting.subject} {self.name}", TEXT_LENGTH),
            rate=converted.rate if converted else None,
            base=converted.base if converted else None,
            link=self.link,
            infos=self.infos,
            order_number=posting.subject[:ORDER_NUMBER_LENGTH] if self.settings.order_number else "",
            lock=self.settings.lock,
            settlement=posting.facts.get("payout", "")[:SETTLEMENT_LENGTH],
        )


def _day_and_infos(posting: Posting, settings: DatevSettings) -> tuple[date, tuple[tuple[str, str], ...]]:
    """Booking day and Beleginfo pairs: the GoCardless id, the true date of a moved row, the bank's reference."""
    day = first_open_day(posting.booking_date, settings)
    facts = posting.facts
    if facts.get("period_closed") and day == posting.booking_date:
        raise CannotBook(
            "period_closed",
            f"{day:%d.%m.%Y} lies in a period that is closed through {facts['period_closed']}.",
            "Open the period, or set books.closed_period to next_open_day (or erp.closed_through), then release it.",
        )
    infos = [(GOCARDLESS_INFO, clean_text(posting.subject, INFO_LENGTH))]
    true_date = f"{posting.booking_date:%d.%m.%Y}" if day != posting.booking_date else ""
    if original := facts.get("original_date"):
        true_date = f"{date.fromisoformat(original):%d.%m.%Y}"
    if true_date:
        infos.append((TRUE_DATE_INFO, true_date))
    if posting.kind in PAYOUT_KINDS and (reference := clean_text(facts.get("payout_reference", ""), INFO_LENGTH)):
        infos.append((BANK_REFERENCE_INFO, reference))
    return day, tuple(infos)


def _own_lines(posting: Posting, settings: DatevSettings) -> list[Line]:
    """The lines DATEV books for us. A credit memo is the invoicing software's, unless SALES_RETURNS has an account.

    FX transit only balances a posting in each currency; in DATEV the exchange rate does that.
    """
    lines = [line for line in posting.lines if line.role is not AccountRole.FX_TRANSIT]
    if settings.account(AccountRole.SALES_RETURNS) is None:
        for memo in [line for line in lines if line.role is AccountRole.SALES_RETURNS]:
            lines.remove(memo)
            twin = next(
                (
                    line
                    for line in lines
                    if line.role is AccountRole.RECEIVABLE and line.side is not memo.side and line.amount == memo.amount
                ),
                None,
            )
            if twin is not None:
                lines.remove(twin)
    return lines


def _stands_on_clearing(frame: _Frame, lines: Sequence[Line]) -> bool:
    """Payouts net on the clearing account; so does whatever touches it besides a credit memo."""
    roles = {line.role for line in lines}
    return AccountRole.SALES_RETURNS not in roles and (
        frame.posting.kind in PAYOUT_KINDS or AccountRole.CLEARING in roles
    )


def _against_clearing(frame: _Frame, lines: Sequence[Line]) -> Iterator[BookingRow]:
    """One row per line that is not on the clearing account; fees first pass the VAT treatment."""
    if frame.posting.kind is PostingKind.PAYOUT or FEE_ROLES & {line.role for line in lines}:
        fees = fee_amounts(lines, frame.settings)
    else:
        fees = []
    fee_lines = FEE_ROLES | {AccountRole.INPUT_VAT}
    others = [line for line in lines if line.role not in fee_lines]
    for line in sorted(others, key=lambda line: line.role is not AccountRole.BANK):
        if line.role is AccountRole.BANK:
            yield from _line_row(frame, line)
    for fee in fees:
        yield _fee_row(frame, fee)
    for line in others:
        if line.role is not AccountRole.BANK:
            yield from _line_row(frame, line)


def _line_row(frame: _Frame, line: Line) -> Iterator[BookingRow]:
    account, clearing = frame.account(line), frame.clearing
    if account == clearing:
        return
    words = _words(frame.posting, line)
    for amount, number in _by_invoice(frame.posting, line):
        debit, credit = (account, clearing) if line.side is Side.DEBIT else (clearing, account)
        yield frame.row(debit, credit, amount, words, number)


def _fee_row(frame: _Frame, fee: FeeAmount) -> BookingRow:
    account = fee.account or _mapped(frame.settings.account(fee.role), fee.role)
    charged = fee.amount.minor > 0
    debit, credit = (account, frame.clearing) if charged else (frame.clearing, account)
    row = frame.row(debit, credit, abs(fee.amount), ROLE_WORDS[fee.role][0 if charged else 1])
    return replace(
        row,
        tax_key=fee.tax_key,
        service_fact=fee.service_fact if fee.tax_key else "",
        service_rate=fee.service_rate if fee.tax_key else "",
        cost_centre=frame.settings.fee_cost_centre,
    )


def _pairs(frame: _Frame, lines: Sequence[Line]) -> Iterator[BookingRow]:
    """Debits against credits in the order of the lines, splitting where amounts differ."""
    debits = [(line, line.amount) for line in lines if line.side is Side.DEBIT]
    credits = [(line, line.amount) for line in lines if line.side is Side.CREDIT]
    while debits and credits:
        (debit, due), (credit, left) = debits[0], credits[0]
        amount = min(due, left)
        accounts = frame.account(debit), frame.account(credit)
        if accounts[0] != accounts[1]:
            told = next((line for line in (debit, credit) if line.role in ROLE_WORDS), debit)
            yield frame.row(*accounts, amount, _words(frame.posting, told))
        debits = [(debit, due - amount), *debits[1:]] if due > amount else debits[1:]
        credits = [(credit, left - amount), *credits[1:]] if left > amount else credits[1:]


def _by_invoice(posting: Posting, line: Line) -> list[tuple[Money, str]]:
    """The amounts of a customer line with the invoice each settles; what is left carries the posting's own number."""
    if line.role is not AccountRole.RECEIVABLE or not posting.allocations:
        return [(line.amount, "")]
    parts: list[tuple[Money, str]] = []
    rest = line.amount
    for allocation in posting.allocations:
        amount = min(allocation.amount, rest)
        if amount:
            parts.append((amount, document_number(allocation.invoice)))
            rest = rest - amount
    return [*parts, (rest, "")] if rest else parts


def _difference(frame: _Frame, rows: Sequence[BookingRow], booked: Money) -> list[BookingRow]:
    """The exchange difference that brings the clearing account to zero: what was booked less what leaves it now."""
    leaves = Money.zero(booked.currency)
    for row in rows:
        value = row.base or row.amount
        leaves = leaves + value if row.contra == frame.clearing else leaves - value
    open_amount = booked - leaves
    if not open_amount:
        return []
    side = Side.DEBIT if open_amount.minor > 0 else Side.CREDIT
    return list(_line_row(frame, Line(AccountRole.FX_DIFFERENCE, side, abs(open_amount))))


def _as_general_reversal(row: BookingRow) -> BookingRow:
    """Generalumkehr: the original's accounts in their order, the other side, and the flag (datev.md 3.4)."""
    return replace(row, account=row.contra, contra=row.account, debit=False, general_reversal=True)


def _words(posting: Posting, line: Line) -> str:
    if posting.kind is PostingKind.CORRECTION:
        return KIND_WORDS[posting.kind]
    by_role = ROLE_WORDS.get(line.role)
    if by_role is not None:
        return by_role[0 if signed(line).minor > 0 else 1]
    return KIND_WORDS[posting.kind]


def _mapped(account: int | None, role: AccountRole) -> int:
    if account is None:
        raise CannotBook(
            "account_unmapped",
            f"No account is set for {role.value}.",
            f"Name it in the connection file under erp.accounts.{role.value}, then `connector release` the posting.",
        )
    return account
