"""The lines of a journal entry from one posting, in the company's functional currency (sage300.md sections 2.9 and 11). Pure.

A converted payout is booked at GoCardless's own rate. What rounding leaves over, and nothing else, goes to the account of
exchange differences; what the receipts were booked at is Sage's rate of their day, and is revalued there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from bookkeeping.money import Money, exponent, total
from bookkeeping.postings import AccountRole, Line, Posting, PostingKind, Side
from connector_resources.erp.refusal import CannotBook
from connector_resources.erp.sage300.carried import Carried, movements
from connector_resources.erp.sage300.documents import JournalLine
from connector_resources.erp.sage300.references import journal_reference
from connector_resources.erp.sage300.settings import Sage300Settings

RATE_PLACES = Decimal("0.0000001")
#: role and currency -> unformatted account; raises `CannotBook`.
Accounts = Callable[[AccountRole, str], str]


def journal_lines(
    posting: Posting,
    settings: Sage300Settings,
    functional: str,
    account: Accounts,
    carried: Sequence[Carried] | None,
) -> list[JournalLine]:
    """Every line, balanced in the functional currency. Raises `CannotBook`."""
    lines = [line for line in posting.lines if line.role is not AccountRole.FX_TRANSIT]
    if settings.mode == "payout_gl" and posting.kind is PostingKind.PAYOUT:
        written = [_line(posting, line, settings, functional, account) for line in lines if not _is_clearing(line)]
        written += _carried_lines(posting, lines, settings, functional, account, carried)
    else:
        written = [_line(posting, line, settings, functional, account) for line in lines]
    left = total([line.amount for line in written], functional)
    if left:
        role = AccountRole.FX_DIFFERENCE if settings.accounts.get(AccountRole.FX_DIFFERENCE) else AccountRole.ROUNDING
        code = account(role, functional)
        written.append(JournalLine(code, -left, "EXCHANGE DIFFERENCE", journal_reference(posting)))
    return written


def functional_rate(posting: Posting, currency: str, functional: str, settings: Sage300Settings) -> Decimal:
    """Functional units per unit of `currency`: GoCardless's rate of a conversion, else the month's by settings."""
    if currency == functional:
        return Decimal(1)
    received, rate = posting.facts.get("fx_currency"), _decimal(posting.facts.get("fx_rate"))
    if rate is not None and rate > 0 and any(line.role is AccountRole.FX_TRANSIT for line in posting.lines):
        if received == functional:
            return rate
        if received == currency and functional in {line.amount.currency for line in posting.lines}:
            return (1 / rate).quantize(RATE_PLACES, ROUND_HALF_UP)
    month = f"{posting.booking_date:%Y-%m}"
    configured = settings.exchange_rates.get(currency, {}).get(month)
    if configured is None or configured <= 0:
        raise CannotBook(
            "exchange_rate_missing",
            f"it is in {currency}, the books are in {functional}, and no rate of {month} is known",
            f"enter exchange_rates.{currency}.{month} in the connection file",
        )
    return configured


def _is_clearing(line: Line) -> bool:
    return line.role is AccountRole.CLEARING


def _line(posting: Posting, line: Line, settings: Sage300Settings, functional: str, account: Accounts) -> JournalLine:
    debit = line.amount if line.side is Side.DEBIT else -line.amount
    role = line.role
    subject = line.party is not None
    reference = posting.subject if subject else journal_reference(posting)
    text = line.text or f"{posting.subject} {role.replace('_', ' ')}"
    return _valued(posting, account(role, line.amount.currency), debit, text, reference, settings, functional)


def _carried_lines(
    posting: Posting,
    lines: Iterable[Line],
    settings: Sage300Settings,
    functional: str,
    account: Accounts,
    carried: Sequence[Carried] | None,
) -> list[JournalLine]:
    """One line per item, in place of the posting's sums; both must agree to the minor unit."""
    clearing = [line.amount if line.side is Side.CREDIT else -line.amount for line in lines if _is_clearing(line)]
    if not clearing and not carried:
        return []
    if carried is None:
        raise CannotBook(
            "payout_items_unknown",
            "the items of the payout were never read",
            "materialise the day of the payout again, which reads them",
        )
    currency = clearing[0].currency if clearing else carried[0].amount.currency
    due, found = total(clearing, currency), movements(carried, currency)
    if due != found:
        raise CannotBook(
            "payout_items_differ",
            f"its payments and refunds come to {found}, and the posting says {due}",
            "read the payout again; if it stays, report it with the key of the posting",
        )
    return [
        _valued(
            posting,
            account(_role(item, settings), currency),
            -item.amount,
            item.text,
            item.subject,
            settings,
            functional,
        )
        for item in carried
    ]


def _role(item: Carried, settings: Sage300Settings) -> AccountRole:
    if item.is_refund and settings.refund_offset == "sales_returns":
        return AccountRole.SALES_RETURNS
    return AccountRole.RECEIVABLE


def _valued(
    posting: Posting,
    account: str,
    debit: Money,
    text: str,
    reference: str,
    settings: Sage300Settings,
    functional: str,
) -> JournalLine:
    if debit.currency == functional:
        return JournalLine(account, debit, text, reference)
    rate = functional_rate(posting, debit.currency, functional, settings)
    places = Decimal(1).scaleb(-exponent(functional))
    amount = Money.from_major((debit.major * rate).quantize(places, ROUND_HALF_UP), functional)
    return JournalLine(account, amount, text, reference, debit, rate)


def _decimal(text: str | None) -> Decimal | None:
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
