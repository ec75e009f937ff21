"""Exchange differences of converted payouts, from what Visma itself has booked (visma.md section 11.2, row FX payout).

The clearing account is kept in its own currency and takes no line in the base currency. So the journal that clears it gets the
rate at which it takes off exactly what the payments brought on, in both currencies; what the journals then leave on the FX
transit account in the base currency is the exchange difference, and a journal of its own moves it. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money, total
from bookkeeping.postings import AccountRole, Posting, Side
from connector_resources.erp.contract import Document
from connector_resources.erp.payout_books import StoredBooks, movements
from connector_resources.erp.refusal import CannotBook
from connector_resources.erp.visma import journals
from connector_resources.erp.visma.documents import CREDIT_NOTE, JOURNAL, ZERO, day_of, money
from connector_resources.erp.visma.journals import Batch
from connector_resources.erp.visma.readback import DocumentReader, Standing
from connector_resources.erp.visma.settings import VismaSettings

if TYPE_CHECKING:
    from connector_resources.store.ledger_reading import LedgerRow

#: rates have eight decimals (section 3).
RATE_STEP = Decimal("0.00000001")
#: how many rates on each side of the quotient are tried; neighbours differ by a fraction of the smallest unit.
RATE_TRIES = 60
NOT_OURS = "what its payments were booked at is not known to this connection"


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
        #: by posting key, once it could be told: by how much a payout's items raised the clearing account.
        self._raised: dict[str, Money] = {}

    def read(self, payouts: Sequence[Posting], base_currency: str) -> dict[str, Exchange]:
        """By posting key. Raises `NotSent`, `BadAnswer`."""
        if not base_currency:
            return {each.key: Exchange(unknown="Visma names no base currency of the company") for each in payouts}
        found: dict[str, Exchange] = {}
        for each in payouts:
            try:
                found[each.key] = self._read(each, self._documents(each), base_currency)
            except CannotBook as problem:
                found[each.key] = Exchange(unknown=problem.reason)
        return found

    def differences(self, payout: Posting, step: str, standing: Standing, base_currency: str) -> list[str]:
        """How the base amounts of a converted payout's journal differ from what they must be, as phrases.

        Raises `NotSent`, `BadAnswer`.
        """
        if not base_currency:
            return []
        try:
            return self._differences(payout, step.removeprefix("release_"), standing, base_currency)
        except CannotBook as problem:
            return [problem.reason]

    def _differences(self, payout: Posting, name: str, standing: Standing, base_currency: str) -> list[str]:
        if name == journals.DIFFERENCE_STEP:
            left = self._left(payout, self._documents(payout), base_currency, standing)
            return [f"it leaves {left} on the FX transit account"] if left else []
        clearing = _foreign_clearing(payout, base_currency)
        if clearing is None or name != clearing.step or self._settings.fx_difference == "leave_open":
            return []
        raised = self._items_raised(payout, base_currency)
        if isinstance(raised, str):
            return [raised]
        left = raised + self._moved(AccountRole.CLEARING, payout, [standing], base_currency)
        return [f"it leaves {left} on clearing"] if left else []

    def _documents(self, payout: Posting) -> dict[str, Document]:
        """Step -> document of the payout itself."""
        rows = self._books.rows([payout.subject]).get(payout.subject, ())
        return {step.step: step.document for row in rows if row.posting.key == payout.key for step in row.documents}

    # --- the two amounts ---------------------------------------------------------------------------------------------

    def _read(self, payout: Posting, done: Mapping[str, Document], base_currency: str) -> Exchange:
        if journals.DIFFERENCE_STEP in done:
            return Exchange()
        missing = [each.step for each in journals.in_order(payout) if each.step not in done]
        if not missing:
            return Exchange(left=self._left(payout, done, base_currency))
        clearing = _foreign_clearing(payout, base_currency)
        if clearing is None or clearing.step not in missing:
            return Exchange()
        if missing != [clearing.step]:
            # Too early to ask for more: payments of the same run are not booked yet.
            return Exchange(unknown="" if self._moving(payout) is not None else NOT_OURS)
        raised = self._items_raised(payout, base_currency)
        return Exchange(unknown=raised) if isinstance(raised, str) else Exchange(raised)

    def _left(self, payout: Posting, done: Mapping[str, Document], base_currency: str, *also: Standing) -> Money:
        parts = [done[each.step] for each in journals.batches(payout) if each.step in done]
        standings = [*self._standings(parts).values(), *also]
        return self._moved(AccountRole.FX_TRANSIT, payout, standings, base_currency)

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

    def _items_raised(self, payout: Posting, base_currency: str) -> Money | str:
        """By how much the payout's items raised the clearing account; in words why that cannot be told."""
        if payout.key in self._raised:
            return self._raised[payout.key]
        moving = self._moving(payout)
        if moving is None:
            return NOT_OURS
        waiting = [row.posting.subject for row in moving if not _entries(row)]
        if waiting:
            return f"{waiting[0]} is not booked yet"
        cleared = -_raised_clearing(payout)
        collected = total([_raised_clearing(row.posting) for row in moving], cleared.currency)
        if collected != cleared:
            return f"its payments come to {collected}, and it clears {cleared}"
        standings = self._standings([document for row in moving for document in _entries(row)])
        amounts: list[Money] = []
        for row in moving:
            for each in _entries(row):
                standing = standings.get((each.kind, each.number))
                if standing is None:
                    return f"{each.kind} {each.number} of {row.posting.subject} is not in Visma any more"
                amounts.append(self._raised_by(row.posting, standing, base_currency))
        self._raised[payout.key] = total(amounts, base_currency)
        return self._raised[payout.key]

    def _raised_by(self, posting: Posting, standing: Standing, base_currency: str) -> Money:
        if standing.kind == JOURNAL:
            return self._moved(AccountRole.CLEARING, posting, [standing], base_currency)
        amount = money(standing.base, base_currency)
        return amount if _raised_clearing(posting).minor > 0 else -amount

    def _moved(self, role: AccountRole, posting: Posting, standings: Iterable[Standing], base_currency: str) -> Money:
        """By how much these journals raised the account on which `posting` books a role."""
        number = next(journals.account_of(line, self._settings) for line in posting.lines if line.role is role)
        amounts = [amount for each in standings for account, amount in each.moved if account == number]
        return money(sum(amounts, ZERO), base_currency)

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
    # A tenth of the smallest unit on the largest line.
    width = Money(1, raised.currency).major / 10 / max(abs(each) for each in amounts)
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


def _raised_clearing(posting: Posting) -> Money:
    """By how much a posting raises the clearing account, in the currency that was collected."""
    lines = [line for line in posting.lines if line.role is AccountRole.CLEARING]
    return total([x.amount if x.side is Side.DEBIT else -x.amount for x in lines], lines[0].amount.currency)


def _foreign_clearing(payout: Posting, base_currency: str) -> Batch | None:
    """The batch with the clearing account, if that is kept in a foreign currency."""
    found = (x for x in journals.batches(payout) if any(y.role is AccountRole.CLEARING for y in x.lines))
    batch = next(found, None)
    return batch if batch is not None and batch.currency != base_currency else None


def _entries(row: LedgerRow) -> tuple[Document, ...]:
    """The documents of a posting that moved money, each once; the credit note of a refund moves none."""
    found = {(x.document.kind, x.document.number): x.document for x in row.documents}
    return tuple(each for each in found.values() if each.kind != CREDIT_NOTE)
