"""What stands on the clearing account on a day, item by item and with its age; the items always sum to the balance.

Receipts, their reversals and refunds stand on the account by themselves; a payout's journal moves them in one sum, so it
is taken apart by the payout's items. What a journal moved beyond its items stands under the payout's own id: nothing is
ever left out of the sum. Source: gocardless.md section 11, controls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from bookkeeping.entities import Payout, PayoutItem
from bookkeeping.money import Money
from bookkeeping.payout_proof import FEE_TYPES
from bookkeeping.postings import AccountRole, Posting, PostingKind, Side

_REFUND_TYPES = frozenset({"payment_refunded", "refund", "refund_funds_returned"})
_NOT_HELD_FOR_US = frozenset({*FEE_TYPES, "revenue_share"})


@dataclass(frozen=True, slots=True)
class Opening:
    """What stood on the account at the cut-over: signed amounts of payments and refunds, and the payouts already booked."""

    day: date
    amounts: tuple[tuple[str, Money], ...] = ()
    payouts: frozenset[str] = frozenset()


class Move(NamedTuple):
    """One change of the account: debits are positive. `kind` says what moved it, `opening` for the cut-over."""

    day: date
    units: int
    kind: str


@dataclass(frozen=True, slots=True)
class OpenItem:
    """One payment, refund or payout that is not zero on the account. `since` is the day it last began to differ from zero.

    last_kind  what moved it last: a `PostingKind`, or `opening`
    """

    subject: str
    amount: Money
    since: date
    last_kind: str
    from_opening: bool = False

    def age_days(self, as_of: date) -> int:
        return (as_of - self.since).days


@dataclass(slots=True)
class Account:
    """The clearing account as it is added up: every move of every item, by currency and id."""

    moves: dict[tuple[str, str], list[Move]] = field(default_factory=dict)
    journals: dict[str, list[Posting]] = field(default_factory=dict)

    def move(self, currency: str, subject: str, move: Move) -> None:
        self.moves.setdefault((currency, subject), []).append(move)


def clearing_account(
    postings: Iterable[Posting],
    payouts: Iterable[Payout],
    items_of: Callable[[Payout], Iterable[PayoutItem]],
    opening: Opening,
) -> Account:
    """Every move of the clearing account. `postings` are all booked ones, in any order; everything is gone through once."""
    account = Account()
    for subject, amount in opening.amounts:
        account.move(amount.currency, subject, Move(opening.day, amount.minor, "opening"))
    for posting in postings:
        if posting.kind is PostingKind.PAYOUT:
            account.journals.setdefault(posting.subject, []).append(posting)
            continue
        for currency, units in clearing_units(posting):
            account.move(currency, posting.subject, Move(posting.booking_date, units, posting.kind.value))
    explained: set[str] = set()
    for payout in payouts:
        journals = account.journals.get(payout.id, [])
        if journals:
            explained.add(payout.id)
            _take_apart(account, journals, items_of(payout))
        elif payout.id in opening.payouts:
            for subject, currency, units in _moved(items_of(payout)):
                account.move(currency, subject, Move(opening.day, units, "opening"))
    for payout_id, journals in account.journals.items():
        if payout_id not in explained:
            _take_apart(account, journals, ())
    return account


def open_items(account: Account, as_of: date) -> tuple[OpenItem, ...]:
    """What is not zero at the end of `as_of`, oldest first."""
    found = []
    for (currency, subject), moves in account.moves.items():
        dated = [move for move in moves if move.day <= as_of]
        of_day: dict[date, int] = {}
        for move in dated:
            of_day[move.day] = of_day.get(move.day, 0) + move.units
        balance, since = 0, as_of
        for day in sorted(of_day):
            since = since if balance else day
            balance += of_day[day]
        if balance:
            last = max(dated, key=lambda move: move.day).kind
            opened = any(move.kind == "opening" for move in dated)
            found.append(OpenItem(subject, Money(balance, currency), since, last, opened))
    return tuple(sorted(found, key=lambda item: (item.amount.currency, item.since, item.subject)))


def balance_moves(account: Account) -> Iterator[tuple[str, Move]]:
    """(currency, move) of everything, for balances over time."""
    for (currency, _), moves in account.moves.items():
        for move in moves:
            yield currency, move


def clearing_units(posting: Posting) -> Iterator[tuple[str, int]]:
    """(currency, units) of each clearing line; debits are positive."""
    for line in posting.lines:
        if line.role is AccountRole.CLEARING:
            yield line.amount.currency, line.amount.minor if line.side is Side.DEBIT else -line.amount.minor


def moved_subject(item: PayoutItem) -> str:
    """The payment or refund that a payout item is about; "" where it names none."""
    return (item.refund_id if item.type in _REFUND_TYPES else item.payment_id) or ""


def is_held_for_us(item: PayoutItem) -> bool:
    """True for payments and refunds: what stood on the clearing account before the payout."""
    return item.type not in _NOT_HELD_FOR_US


def _moved(items: Iterable[PayoutItem]) -> Iterator[tuple[str, str, int]]:
    for item in items:
        subject = moved_subject(item)
        if is_held_for_us(item) and subject:
            yield subject, item.currency, -int(item.amount)


def _take_apart(account: Account, journals: list[Posting], items: Iterable[PayoutItem]) -> None:
    """The journal's sum as moves of its items; what they do not explain, and a second journal, stand under the payout."""
    journal, *further = journals
    in_suspense = set(journal.facts.get("suspense_payments", "").split(","))
    kind = PostingKind.PAYOUT.value
    for each in further:
        for currency, units in clearing_units(each):
            account.move(currency, journal.subject, Move(each.booking_date, units, kind))
    rest: dict[str, int] = {}
    for currency, units in clearing_units(journal):
        rest[currency] = rest.get(currency, 0) + units
    for subject, currency, units in _moved(items):
        if subject not in in_suspense:
            account.move(currency, subject, Move(journal.booking_date, units, kind))
            rest[currency] = rest.get(currency, 0) - units
    for currency, units in rest.items():
        if units:
            account.move(currency, journal.subject, Move(journal.booking_date, units, kind))
