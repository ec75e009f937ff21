"""Bodies of general ledger journals: payouts, bounces, chargeback receivables (visma.md sections 2.6, 3 and 11.2).

Pure. A posting with several currencies becomes several batches, because a batch has one currency; the FX transit account
joins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Posting, PostingKind, Side
from connector_resources.erp.refusal import CannotBook
from connector_resources.erp.visma.documents import date_time, fitting, subaccount, wrapped
from connector_resources.erp.visma.settings import VismaSettings

TEXT_LIMIT = 60
REFERENCE_LIMIT = 15
#: the two batches of a converted payout, then more if tax comes in a third currency.
LETTERS = "ABCDEFGH"
#: the batch of a converted payout's exchange difference.
DIFFERENCE_SUFFIX = "/FX"
DIFFERENCE_STEP = "journal_fx"


@dataclass(frozen=True, slots=True)
class Batch:
    """The lines of a posting that go into one journal. `suffix` is empty, or `/A`, `/B` …"""

    currency: str
    lines: tuple[Line, ...]
    suffix: str = ""

    @property
    def step(self) -> str:
        """`journal`, or `journal_a`, `journal_b` …"""
        return f"journal_{self.suffix[1:].lower()}" if self.suffix else "journal"

    @property
    def total(self) -> Money:
        return Money(sum(each.amount.minor for each in self.lines if each.side is Side.DEBIT), self.currency)


def batches(posting: Posting) -> tuple[Batch, ...]:
    """One batch per currency; the one that clears comes first, so that the bank's follows what it is paid from."""
    currencies = list(dict.fromkeys(line.amount.currency for line in posting.lines))
    if len(currencies) == 1:
        return (Batch(currencies[0], posting.lines),)
    clearing = {line.amount.currency for line in posting.lines if line.role is AccountRole.CLEARING}
    currencies.sort(key=lambda currency: (currency not in clearing, currency))
    return tuple(
        Batch(currency, tuple(x for x in posting.lines if x.amount.currency == currency), f"/{LETTERS[position]}")
        for position, currency in enumerate(currencies)
    )


def is_converted(posting: Posting) -> bool:
    """A payout whose journals are joined by the FX transit account."""
    return posting.kind is PostingKind.PAYOUT and any(x.role is AccountRole.FX_TRANSIT for x in posting.lines)


def in_order(posting: Posting) -> tuple[Batch, ...]:
    """The batches as they are booked. Of a converted payout the one that clears is the last: its rate is that of the
    payments, and what they were booked at is known by then.
    """
    found = batches(posting)
    return found[1:] + found[:1] if is_converted(posting) else found


def difference(posting: Posting, left: Money) -> Batch:
    """Moves what a converted payout left on the FX transit account, in the base currency, to the exchange differences."""
    sides = (Side.CREDIT, Side.DEBIT) if left.minor > 0 else (Side.DEBIT, Side.CREDIT)
    roles = (AccountRole.FX_TRANSIT, AccountRole.FX_DIFFERENCE)
    lines = (Line(role, side, abs(left), "Exchange difference") for role, side in zip(roles, sides, strict=True))
    return Batch(left.currency, tuple(lines), DIFFERENCE_SUFFIX)


def difference_key(posting: Posting) -> str:
    """`key_text` of the batch of exchange differences."""
    return f"{posting.reference} {posting.subject}{DIFFERENCE_SUFFIX}"


def key_text(posting: Posting, batch: Batch) -> str:
    """What the description ends with, and what a look-up compares: our reference, then the GoCardless id (6.4)."""
    return f"{posting.reference} {posting.subject}{batch.suffix}"


def description(posting: Posting, batch: Batch, dated: date) -> str:
    moved = f"of {posting.booking_date.isoformat()}" if dated != posting.booking_date else ""
    return fitting(
        TEXT_LIMIT, key_text(posting, batch)[-TEXT_LIMIT:], moved, f"GoCardless {posting.kind.split('_')[0]}"
    )


def line_reference(posting: Posting) -> str:
    return posting.subject[:REFERENCE_LIMIT]


def journal(
    posting: Posting,
    batch: Batch,
    dated: date,
    period: str,
    settings: VismaSettings,
    exchange_rate: Decimal | None = None,
) -> dict[str, Any]:
    """The body of one batch. Without an exchange rate Visma takes its own of the day. Raises `CannotBook`."""
    with_vat = settings.fee_vat_mode == "gl_vat" and any(line.tax_rate for line in batch.lines)
    body: dict[str, Any] = {
        "hold": wrapped(settings.create_on_hold),
        "transactionDate": wrapped(date_time(dated)),
        "financialPeriod": wrapped(period),
        "currencyId": wrapped(batch.currency),
        "description": wrapped(description(posting, batch, dated)),
        "controlTotalInCurrency": wrapped(batch.total.major),
    }
    if settings.ledger:
        body["ledger"] = wrapped(settings.ledger)
    if settings.branch:
        body["branch"] = wrapped(settings.branch)
    if exchange_rate is not None:
        body["exchangeRate"] = wrapped(exchange_rate)
    if with_vat:
        body["createVatTransaction"] = wrapped(True)
    body["journalTransactionLines"] = [_line(posting, line, settings, with_vat) for line in batch.lines]
    return body


def _line(posting: Posting, line: Line, settings: VismaSettings, with_vat: bool) -> dict[str, Any]:
    side = "debitAmountInCurrency" if line.side is Side.DEBIT else "creditAmountInCurrency"
    text = line.text if posting.subject in line.text else f"{line.text} {posting.subject}".strip()
    body: dict[str, Any] = {
        "operation": "Insert",
        "accountNumber": wrapped(account_of(line, settings)),
        "referenceNumber": wrapped(line_reference(posting)),
        "transactionDescription": wrapped(text[:TEXT_LIMIT]),
        side: wrapped(line.amount.major),
    }
    if settings.subaccount:
        body["subaccount"] = subaccount(settings.subaccount)
    if with_vat and line.tax_rate:
        code = settings.vat_codes.get(line.tax_rate)
        if code is None:
            raise CannotBook(
                "vat_code_unmapped",
                f"the tax rate {line.tax_rate} has no VAT code",
                f"add vat_codes.{line.tax_rate} to the connection file",
            )
        body["vatCodeId"] = wrapped(code.vat_category)
        body["vatId"] = wrapped(code.vat_id)
    return body


def account_of(line: Line, settings: VismaSettings) -> str:
    """The general ledger account of a line. Raises `CannotBook` when the settings name none."""
    role, currency = line.role, line.amount.currency
    if role in (AccountRole.CLEARING, AccountRole.BANK):
        accounts = settings.currencies.get(currency)
        if accounts is None:
            raise currency_unmapped(currency)
        return accounts.clearing_ledger_account if role is AccountRole.CLEARING else accounts.bank_account
    if role is AccountRole.RECEIVABLE:
        # The receivables account is a control account and takes no manual line; this is a chargeback without a void.
        if settings.chargeback_receivable is None:
            raise _role_unmapped("chargeback_receivable", "chargeback_receivable")
        return settings.chargeback_receivable
    if role is AccountRole.INPUT_VAT and settings.fee_vat_mode == "none":
        role = AccountRole.FEES
    number = settings.accounts.get(role) or settings.accounts.get(_SUBSTITUTES.get(role, role))
    if number is None:
        raise _role_unmapped(role, f"accounts.{role}")
    return number


#: where a role without an account of its own is booked.
_SUBSTITUTES = {
    AccountRole.SURCHARGES: AccountRole.FEES,
    AccountRole.PARTNER_FEES: AccountRole.FEES,
    AccountRole.ROUNDING: AccountRole.FEES,
}


def currency_unmapped(currency: str) -> CannotBook:
    return CannotBook(
        "currency_unmapped",
        f"there are no accounts for {currency}",
        f"add currencies.{currency} with its clearing cash account and bank account to the connection file",
    )


def _role_unmapped(role: str, field: str) -> CannotBook:
    return CannotBook("account_unmapped", f"the role {role} has no account", f"set {field} in the connection file")
