"""Exchange differences of converted payouts, from what Exact itself has posted (exact_online.md section 11, row FX payout).

Receipts were booked at Exact's rate of their day, the payout at GoCardless's. When its entries stand, this reads what all of
them left on the clearing account and on the FX transit account in the division's currency: the next entry moves exactly that
to the account of exchange differences, and after it both show nothing of this payout.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from bookkeeping.entities import PayoutItem
from bookkeeping.money import Money, total
from bookkeeping.postings import AccountRole, Posting, PostingKind
from connector_resources.erp.contract import StepDone
from connector_resources.erp.exact_online import documents, readback
from connector_resources.erp.exact_online.client import ExactOnlineClient
from connector_resources.erp.exact_online.documents import BANK_ENTRY, BOOKED
from connector_resources.erp.exact_online.lines import parts_of
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.snapshot import Exchange, Residue
from connector_resources.erp.exact_online.wire import TransactionLine
from connector_resources.erp.payout_books import movements

if TYPE_CHECKING:
    from connector_resources.store.ledger_reading import LedgerRow

EXCHANGE_STEP = "exchange_difference"
_Lines = Mapping[str, Sequence[TransactionLine]]


class Books(Protocol):
    """What is needed of the store for one connection."""

    def items(self, payout_id: str) -> list[PayoutItem] | None:
        """The payout's items; None when they were never read."""
        ...

    def rows(self, subjects: Sequence[str]) -> Mapping[str, Sequence[LedgerRow]]:
        """The ledger's rows about these payments, refunds and payouts that are or will be booked, oldest first."""
        ...


def is_converted(posting: Posting) -> bool:
    """A payout in another currency than was collected."""
    return posting.kind is PostingKind.PAYOUT and any(x.role is AccountRole.FX_TRANSIT for x in posting.lines)


class ExchangeReader:
    """Reads what converted payouts left, for one connection."""

    def __init__(self, client: ExactOnlineClient, settings: ExactOnlineSettings, books: Books) -> None:
        self._client = client
        self._settings = settings
        self._books = books

    def read(self, postings: Collection[Posting], currency: str) -> dict[str, Exchange]:
        """By posting key, of each converted payout whose entries all stand. `currency` is the division's.

        Raises `NotSent`, `BadAnswer`, `Refused`.
        """
        payouts = [each for each in postings if is_converted(each)]
        if not payouts:
            return {}
        booked = self._books.rows([each.subject for each in payouts])
        whole = {each.key: each for each in payouts if self._is_whole(each, booked)}
        moved = {key: self._moved(each) for key, each in whole.items()}
        entries = {_id(step) for each in whole.values() for step in _steps(each, booked)}
        entries |= {_id(step) for rows in moved.values() for row in rows or () for step in _entries(row)}
        lines = readback.by_entry(self._client.lines_of_entries(entries)) if entries else {}
        return {
            key: self._exchange(each, _steps(each, booked), moved[key], lines, currency) for key, each in whole.items()
        }

    def _is_whole(self, payout: Posting, booked: Mapping[str, Sequence[LedgerRow]]) -> bool:
        wanted = {part.step for part in parts_of(payout, self._settings)}
        return wanted <= {step.step for step in _steps(payout, booked)}

    def _moved(self, payout: Posting) -> list[LedgerRow] | None:
        """The newest row of each payment or refund that the payout moved; None when one is not booked here."""
        items = self._books.items(payout.subject)
        if items is None:
            return None
        wanted = movements(payout, items)
        known = self._books.rows([each.subject for each in wanted])
        found: list[LedgerRow] = []
        for each in wanted:
            rows = [row for row in known.get(each.subject, ()) if row.posting.kind is each.kind and _entries(row)]
            if not rows:
                return None
            found.append(rows[-1])
        return found

    # --- adding up -------------------------------------------------------------------------------------------------

    def _exchange(
        self,
        payout: Posting,
        steps: Sequence[StepDone],
        moved: Sequence[LedgerRow] | None,
        lines: _Lines,
        currency: str,
    ) -> Exchange:
        own = [row for step in steps for row in lines.get(_id(step), ())]
        transit = self._on(AccountRole.FX_TRANSIT, [row for row in own if row.line_number], currency)
        clearing, unknown = self._clearing(payout, steps, moved, lines, currency)
        residues = [each for each in (clearing, transit) if each is not None and each.amount]
        return Exchange(tuple(residues), unknown)

    def _clearing(
        self,
        payout: Posting,
        steps: Sequence[StepDone],
        moved: Sequence[LedgerRow] | None,
        lines: _Lines,
        currency: str,
    ) -> tuple[Residue | None, str]:
        collected = {x.amount.currency for x in payout.lines if x.role is AccountRole.CLEARING} - {currency}
        if not collected:
            return None, ""
        if moved is None:
            return None, "what its payments were booked at is not known to this connection"
        (foreign,) = collected
        code = self._settings.account(AccountRole.CLEARING, foreign) or ""
        step = next(each for each in steps if each.step == f"entry_{foreign.lower()}")
        account = _clearing_account(step, lines.get(_id(step), ()), code)
        if not account:
            return None, f"no line of its entries is on the clearing account of {foreign}"
        raised = [(step, payout), *((entry, row.posting) for row in moved for entry in _entries(row))]
        amounts = [_raised(each, x.reference, lines.get(_id(each), ()), code, currency) for each, x in raised]
        cleared = [row for each in steps if each.step == EXCHANGE_STEP for row in lines.get(_id(each), ())]
        amounts += [documents.money(row.amount_dc, currency) for row in cleared if row.gl_account == account]
        return Residue(AccountRole.CLEARING, account, total(amounts, currency)), ""

    def _on(self, role: AccountRole, rows: Sequence[TransactionLine], currency: str) -> Residue | None:
        code = self._settings.account(role, currency)
        found = [row for row in rows if row.gl_account_code == code]
        if not found:
            return None
        left = total([documents.money(row.amount_dc, currency) for row in found], currency)
        return Residue(role, found[0].gl_account, left)


def _raised(step: StepDone, reference: str, rows: Sequence[TransactionLine], code: str, currency: str) -> Money:
    """By how much the lines of one posting raised the clearing account. In a bank entry that is the journal's own side."""
    own = [row for row in rows if row.line_number and documents.is_marked(row.description, reference)]
    if step.document.kind != BANK_ENTRY:
        own = [row for row in own if row.gl_account_code == code]
    amount = total([documents.money(row.amount_dc, currency) for row in own], currency)
    return -amount if step.document.kind == BANK_ENTRY else amount


def _clearing_account(step: StepDone, rows: Sequence[TransactionLine], code: str) -> str:
    """The GUID of the account behind the journal, or of the line on the clearing account; "" when there is none."""
    if step.document.kind == BANK_ENTRY:
        return next((row.gl_account for row in rows if not row.line_number), "")
    return next((row.gl_account for row in rows if row.gl_account_code == code), "")


def _steps(payout: Posting, booked: Mapping[str, Sequence[LedgerRow]]) -> list[StepDone]:
    return [step for row in booked.get(payout.subject, ()) if row.posting.key == payout.key for step in _entries(row)]


def _entries(row: LedgerRow) -> Iterator[StepDone]:
    """The entries of a posting; the credit note of a refund is none."""
    return (step for step in row.documents if step.document.kind in BOOKED)


def _id(step: StepDone) -> str:
    return step.document.details.get("id", step.document.number)
