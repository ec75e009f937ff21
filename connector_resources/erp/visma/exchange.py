"""Exchange differences of converted payouts, from what Visma itself has booked (visma.md section 11.2, row FX payout).

The clearing account is kept in its own currency and takes no line in the base currency. So the journal that clears it gets the
rate at which it takes off exactly what the payments brought on, in both currencies; what the journals then leave on the FX
transit account in the base currency is the exchange difference, and a journal of its own moves it. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money, total
from bookkeeping.postings import AccountRole, Posting, Side
from connector_resources.erp.contract import Document
from connector_resources.erp.payout_books import StoredBooks, movements
from connector_resources.erp.visma import journals
from connector_resources.erp.visma.documents import CREDIT_NOTE, CUSTOMER, JOURNAL, ZERO, day_of, money
from connector_resources.erp.visma.journals import Batch
from connector_resources.erp.visma.readback import DocumentReader, Standing
from connector_resources.erp.visma.settings import VismaSettings

if TYPE_CHECKING:
    from connector_resources.store.ledger_reading import LedgerRow

#: rates have eight decimals (section 3).
RATE_STEP = Decimal("0.00000001")
#: how many rates on each side of the quotient are tried; neighbours differ by a fraction of the smallest unit.
RATE_TRIES = 60


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is known of a converted payout, in the base currency: by how much its payments raised the clearing account, and
    what its journals left on the FX transit account. None: not asked yet, or of no matter.

    `unknown` says in words why the first cannot be told.
    """

    raised: Money | None = None
    left: Money | None = None
    unknown: str = ""


class ExchangeReader:
    """Reads what converted payouts moved, for one connection."""

    def __init__(self, reader: DocumentReader, settings: VismaSettings, books: StoredBooks) -> None:
        self._reader = reader
        self._settings = settings
        self._books = books
        #: of payouts whose clearing journal was sent, by posting key: what it has to take off.
        self._raised: dict[str, Money] = {}
        self._base_currency = ""

    def read(self, payouts: Sequence[Posting], base_currency: str) -> dict[str, Exchange]:
        """By posting key. Raises `NotSent`, `BadAnswer`."""
        self._base_currency = base_currency
        booked = self._books.rows([each.subject for each in payouts]) if payouts else {}
        return {each.key: self._read(each, _documents(booked.get(each.subject, ()), each)) for each in payouts}

    def differences(self, posting: Posting, step: str, standing: Standing) -> list[str]:
        """How the base amounts of a converted payout's journal differ from what they must be, as phrases.

        Raises `NotSent`, `BadAnswer`.
        """
        if not journals.is_converted(posting) or not self._base_currency:
            return []
        name = step.removeprefix("release_")
        if name == journals.batches(posting)[0].step and self._settings.fx_difference == "hold":
            raised = self._items_raised(posting)
            left = (
                raised + self._moved(AccountRole.CLEARING, posting, [standing]) if isinstance(raised, Money) else None
            )
            return [f"it leaves {left} on clearing"] if left else []
        if name == journals.DIFFERENCE_STEP:
            rows = self._books.rows([posting.subject]).get(posting.subject, ())
            left = self._left(posting, _documents(rows, posting), standing)
            return [f"{left} stay on the FX transit account"] if left else []
        return []

    # --- the two amounts ---------------------------------------------------------------------------------------------

    def _read(self, payout: Posting, done: dict[str, Document]) -> Exchange:
        if not self._base_currency:
            return Exchange(unknown="Visma does not say what the base currency of the company is")
        clearing = journals.batches(payout)[0]
        missing = [each.step for each in journals.in_order(payout) if each.step not in done]
        if not missing:
            return Exchange(left=self._left(payout, done))
        if clearing.currency == self._base_currency or clearing.step not in missing:
            return Exchange()
        moved = self._moving(payout)
        if moved is None:
            return Exchange(unknown="what its payments were booked at is not known to this connection")
        if missing != [clearing.step]:
            return Exchange()
        raised = self._items_raised(payout)
        return Exchange(unknown=raised) if isinstance(raised, str) else Exchange(raised)

    def _left(self, payout: Posting, done: dict[str, Document], *also: Standing) -> Money:
        parts = [done[each.step] for each in journals.batches(payout) if each.step in done]
        return self._moved(AccountRole.FX_TRANSIT, payout, [*self._standings(parts).values(), *also])

    def _moving(self, payout: Posting) -> list[LedgerRow] | None:
        """The newest row of each payment or refund that the payout moved; None when one is not of this connection."""
        items = self._books.items(payout.subject)
        if items is None:
            return None
        wanted = movements(payout, items)
        known = self._books.rows([each.subject for each in wanted])
        found: list[LedgerRow] = []
        for each in wanted:
            rows = [row for row in known.get(each.subject, ()) if row.posting.kind is each.kind]
            if not rows:
                return None
            found.append(rows[-1])
        return found

    def _items_raised(self, payout: Posting) -> Money | str:
        """By how much the payout's items raised the clearing account; in words why that cannot be told."""
        if payout.key in self._raised:
            return self._raised[payout.key]
        moving = self._moving(payout)
        if moving is None:
            return "what its payments were booked at is not known to this connection"
        waiting = [row.posting.subject for row in moving if not any(_entries(row))]
        if waiting:
            return f"{waiting[0]} is not booked yet"
        cleared = -_cleared(payout)
        collected = total([_cleared(row.posting) for row in moving], cleared.currency)
        if collected != cleared:
            return f"its payments come to {collected}, and {cleared} are cleared"
        standings = self._standings([document for row in moving for document in _entries(row)])
        raised: list[Money] = []
        for row in moving:
            found = [standings.get((each.kind, each.number)) for each in _entries(row)]
            if None in found:
                return f"a document of {row.posting.subject} is not in Visma any more"
            raised += [self._raised_by(row.posting, each) for each in found if each is not None]
        self._raised[payout.key] = total(raised, self._base_currency)
        return self._raised[payout.key]

    def _raised_by(self, posting: Posting, standing: Standing) -> Money:
        if standing.kind == JOURNAL:
            return self._moved(AccountRole.CLEARING, posting, [standing])
        amount = money(standing.base, self._base_currency)
        return amount if _cleared(posting).minor > 0 else -amount

    def _moved(self, role: AccountRole, posting: Posting, standings: Iterable[Standing]) -> Money:
        """By how much these journals raised the account on which `posting` books a role."""
        number = next(journals.account_of(line, self._settings) for line in posting.lines if line.role is role)
        amounts = [amount for each in standings for account, amount in each.moved if account == number]
        return money(sum(amounts, ZERO), self._base_currency)

    def _standings(self, wanted: Sequence[Document]) -> dict[tuple[str, str], Standing]:
        return self._reader.read({(x.kind, x.number): day_of(x.details.get("date", "")) for x in wanted})


def clearing_rate(batch: Batch, raised: Money, settings: VismaSettings) -> Decimal | None:
    """The `exchangeRate` at which the batch's lines on the clearing account take off exactly `raised`; None if there is none.

    Every line is rounded to the minor unit, so the quotient of the sums may miss by a unit: its neighbours are tried.
    """
    amounts = [_signed(x.side, x.amount) for x in batch.lines if x.role is AccountRole.CLEARING]
    net = sum(amounts, ZERO)
    if not net or -raised.major / net <= 0:
        return None
    quotient = -raised.major / net
    divides = settings.exchange_rate == "divide"
    start = 1 / quotient if divides else quotient
    # A tenth of a minor unit on the largest line.
    width = (abs(-raised.major / net) / max(abs(each) for each in amounts) / abs(raised.minor)) * abs(net) / 10
    step = max(RATE_STEP, width * start * start if divides else width)
    for position in range(2 * RATE_TRIES + 1):
        offset = step * ((position + 1) // 2) * (1 if position % 2 else -1)
        rate = (start + offset).quantize(RATE_STEP, rounding=ROUND_HALF_UP)
        if rate > 0 and _valued(amounts, 1 / rate if divides else rate, raised.currency) == -raised:
            return rate
    return None


def _valued(amounts: Iterable[Decimal], rate: Decimal, currency: str) -> Money:
    return total([money(each * rate, currency) for each in amounts], currency)


def _signed(side: Side, amount: Money) -> Decimal:
    return amount.major if side is Side.DEBIT else -amount.major


def _cleared(posting: Posting) -> Money:
    """By how much a posting raises the clearing account, in the currency that was collected."""
    lines = [line for line in posting.lines if line.role is AccountRole.CLEARING]
    return total([x.amount if x.side is Side.DEBIT else -x.amount for x in lines], lines[0].amount.currency)


def _documents(rows: Sequence[LedgerRow], payout: Posting) -> dict[str, Document]:
    """Step -> document of the payout itself."""
    return {step.step: step.document for row in rows if row.posting.key == payout.key for step in row.documents}


def _entries(row: LedgerRow) -> Iterator[Document]:
    """The documents of a posting that moved money, each once; the credit note of a refund moves none."""
    found = {(x.document.kind, x.document.number): x.document for x in row.documents}
    return (each for each in found.values() if each.kind not in (CREDIT_NOTE, CUSTOMER))
