"""The lines of an entry from one posting: accounts, customers, invoices and VAT codes resolved (section 11). Pure.

A posting has one part per currency. In a bank entry the clearing account is the journal itself, so its lines are left out; in
a general journal they stand with the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from bookkeeping.money import Money, allocate, total
from bookkeeping.postings import AccountRole, Line, Posting, PostingKind, Side
from connector_resources.erp.contract import PostingWork
from connector_resources.erp.exact_online import documents
from connector_resources.erp.exact_online.documents import BANK_ENTRY, EntryLine, signed
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.snapshot import Exchange, Snapshot
from connector_resources.erp.exact_online.wire import GlAccount, TransactionLine
from connector_resources.erp.invoice_book import InvoiceBook, allocations_of
from connector_resources.erp.refusal import CannotBook

FEE_ROLES = frozenset({AccountRole.FEES, AccountRole.SURCHARGES, AccountRole.PARTNER_FEES})
#: postings whose customer lines take those of an earlier posting back, invoice by invoice.
MIRRORS = frozenset({PostingKind.RECEIPT_REVERSAL, PostingKind.REFUND_REVERSAL, PostingKind.CORRECTION})


@dataclass(frozen=True, slots=True)
class Part:
    """The lines of a posting in one currency, and the step that books them."""

    step: str
    currency: str
    lines: tuple[Line, ...]


def parts_of(posting: Posting, settings: ExactOnlineSettings) -> tuple[Part, ...]:
    """The parts in the order in which they are booked: the currency of the clearing account first."""
    lines = booked_lines(posting, settings)
    currencies = list(dict.fromkeys(line.amount.currency for line in lines))
    if len(currencies) <= 1:
        return tuple(Part("entry", currency, lines) for currency in currencies)
    clearing = {line.amount.currency for line in lines if line.role is AccountRole.CLEARING}
    currencies.sort(key=lambda currency: (currency not in clearing, currency))
    return tuple(
        Part(f"entry_{currency.lower()}", currency, tuple(x for x in lines if x.amount.currency == currency))
        for currency in currencies
    )


def booked_lines(posting: Posting, settings: ExactOnlineSettings) -> tuple[Line, ...]:
    """The lines that an entry books. The credit note of a refund is a sales entry of its own, or is left out."""
    if posting.kind is not PostingKind.REFUND:
        return posting.lines
    return tuple(
        line
        for line in posting.lines
        if line.role is not AccountRole.SALES_RETURNS
        and not (line.role is AccountRole.RECEIVABLE and line.side is Side.CREDIT)
    )


class LineWriter:
    """Writes the lines of one part. `book` is the running balance of open invoices; receipts take from it."""

    def __init__(self, settings: ExactOnlineSettings, snapshot: Snapshot, book: InvoiceBook) -> None:
        self._settings = settings
        self._snapshot = snapshot
        self._book = book

    def write(self, work: PostingWork, part: Part, kind: str, dated: date) -> tuple[EntryLine, ...]:
        """Raises `CannotBook`."""
        posting = work.posting
        written: list[EntryLine] = []
        for line, vat in self._with_vat(part.lines):
            if line.role is AccountRole.CLEARING and kind == BANK_ENTRY:
                continue
            if line.role is AccountRole.RECEIVABLE:
                written += self._customer_lines(work, line, dated)
            else:
                account = self._snapshot.gl_account(line.role, part.currency, self._settings)
                written.append(self._plain(posting, line, account, dated, vat))
        assert kind != BANK_ENTRY or _moves(part.lines) == total([x.amount for x in written], part.currency)
        return tuple(written)

    def differences(self, posting: Posting, exchange: Exchange, dated: date) -> tuple[EntryLine, ...]:
        """What exchange left is moved to the account of exchange differences, account by account. Raises `CannotBook`."""
        currency = self._snapshot.currency
        account = self._snapshot.gl_account(AccountRole.FX_DIFFERENCE, currency, self._settings)
        marker = documents.exchange_marker(posting)
        lines = [
            EntryLine(
                gl_account=gl_account,
                amount=amount,
                dated=dated,
                description=f"{marker} {posting.subject} exchange {what}"[: documents.TEXT_LIMIT],
                notes=documents.notes(posting, None, dated),
                vat_code=vat_code,
            )
            for gl_account, amount, what, vat_code in (
                *((each.gl_account, each.amount, each.role.replace("_", " "), "") for each in exchange.residues),
                (
                    account.id,
                    -total([x.amount for x in exchange.residues], currency),
                    "difference",
                    self._no_vat(account),
                ),
            )
        ]
        return tuple(line for line in lines if line.amount)

    # --- customers -------------------------------------------------------------------------------------------------

    def _customer_lines(self, work: PostingWork, line: Line, dated: date) -> list[EntryLine]:
        posting = work.posting
        if posting.kind in MIRRORS and posting.reverses:
            return self._mirrored(posting, line, dated)
        customer = self._snapshot.customer(customer_of(posting))
        base = EntryLine(
            gl_account=customer.gl_ar or self._receivable_account(line.amount.currency),
            amount=signed(line),
            dated=dated,
            description=documents.description(posting),
            notes=documents.notes(posting, line, dated),
            account=customer.id,
        )
        if posting.kind is PostingKind.RECEIPT:
            return self._receipt(posting, line.amount, base)
        note = next((done.document for done in work.done if done.step == "credit_note"), None)
        our_ref = int(note.number) if note and note.number.isdecimal() else 0
        return [replace(base, our_ref=our_ref)]

    def _receipt(self, posting: Posting, amount: Money, base: EntryLine) -> list[EntryLine]:
        """One line per invoice that is settled, and one for the rest; what fits nothing goes where the settings say."""
        settings = self._settings
        match = allocations_of(posting, amount, customer_of(posting), self._book)
        if not match.allocations and settings.unmatched_receipts == "hold":
            looked_for = ", ".join(posting.invoices) or "nothing"
            notes = "".join(f" {note}." for note in match.notes)
            raise CannotBook(
                "invoice_unmatched",
                f"no open invoice of customer {customer_of(posting)} fits {amount}; it names {looked_for}.{notes}",
                "open or correct the invoice in Exact Online, or book on account",
            )
        self._book.take(match.allocations)
        written = []
        for each in match.allocations:
            claim = self._snapshot.claims.get(each.invoice)
            line = replace(base, amount=each.amount)
            if claim is not None and claim.account == base.account:
                line = replace(line, our_ref=claim.our_ref, gl_account=claim.gl_account or base.gl_account)
                line = replace(line, offset=claim.line if settings.matching_mode == "gj_offset" else "")
            written.append(line)
        if match.on_account:
            rest = replace(base, amount=match.on_account)
            if not match.allocations and settings.unmatched_receipts == "suspense":
                suspense = self._snapshot.gl_account(AccountRole.SUSPENSE, amount.currency, settings)
                rest = replace(rest, gl_account=suspense.id, vat_code=self._no_vat(suspense))
            written.append(rest)
        return written

    def _mirrored(self, posting: Posting, line: Line, dated: date) -> list[EntryLine]:
        """The customer lines of the posting taken back, with the other sign: the same invoices are open again."""
        assert posting.reverses is not None
        rows = self._snapshot.booked.get(reference_of(posting.reverses), ())
        own = [row for row in rows if row.account and row.line_number and row.currency == line.amount.currency]
        taken_back = total([_debit(row) for row in own], line.amount.currency)
        if taken_back != signed(line):
            raise CannotBook(
                "document_unknown",
                f"{posting.subject} is to be taken back, but its entry is not in division {self._snapshot.division} as "
                f"it was booked ({-taken_back} instead of {-signed(line)} on the customer)",
                "take it back in Exact Online by hand, then withdraw this posting instead",
            )
        return [
            EntryLine(
                gl_account=row.gl_account,
                amount=_debit(row),
                dated=dated,
                description=documents.description(posting),
                notes=documents.notes(posting, line, dated),
                account=row.account,
                our_ref=row.invoice_number,
            )
            for row in own
        ]

    def _receivable_account(self, currency: str) -> str:
        return self._snapshot.gl_account(AccountRole.RECEIVABLE, currency, self._settings).id

    # --- other accounts --------------------------------------------------------------------------------------------

    def _plain(
        self, posting: Posting, line: Line, account: GlAccount, dated: date, vat: tuple[str, Money] | None
    ) -> EntryLine:
        word = f"{documents.WORDS[posting.kind]} {line.role.replace('_', ' ')}"
        return EntryLine(
            gl_account=account.id,
            amount=signed(line) + vat[1] if vat else signed(line),
            dated=dated,
            description=documents.description(posting, word),
            notes=documents.notes(posting, line, dated),
            vat_code=vat[0] if vat else self._no_vat(account),
            vat_amount=vat[1] if vat else None,
        )

    def _no_vat(self, account: GlAccount) -> str:
        """The code without VAT where the account would bring its own (section 9). Raises `CannotBook` without one."""
        if not account.vat_code:
            return ""
        if self._settings.no_vat_code is None:
            raise CannotBook(
                "vat_code_unmapped",
                f"account {account.code} applies VAT code {account.vat_code} to every line that names none",
                "set no_vat_code in the connection file, or remove the VAT code from the account",
            )
        return self._settings.no_vat_code

    def _with_vat(self, lines: Sequence[Line]) -> Iterable[tuple[Line, tuple[str, Money] | None]]:
        """Lines with the VAT code and VAT they take in. In mode vat_code the VAT lines go into the fees they belong to."""
        if self._settings.fee_vat_mode != "vat_code":
            yield from ((line, None) for line in lines)
            return
        vat_lines = [line for line in lines if line.role is AccountRole.INPUT_VAT]
        shares = {id(line): share for rate in {x.tax_rate for x in vat_lines} for line, share in _shares(lines, rate)}
        taken_in = {line.tax_rate for line in lines if id(line) in shares}
        for line in lines:
            if line.role is AccountRole.INPUT_VAT and line.tax_rate in taken_in:
                continue
            share = shares.get(id(line))
            yield line, (self._vat_code(line.tax_rate or ""), share) if share is not None else None

    def _vat_code(self, rate: str) -> str:
        code = self._settings.vat_codes.get(rate)
        if code is None:
            raise CannotBook(
                "vat_code_unmapped",
                f"the tax rate {rate} has no VAT code",
                f"add vat_codes.{rate} to the connection file",
            )
        return code


def customer_of(posting: Posting) -> str:
    """The customer's code. Raises `CannotBook` when the GoCardless customer is not linked."""
    customer = posting.party.erp_customer if posting.party else None
    if customer:
        return customer
    who = (posting.party.gocardless_customer if posting.party else None) or "without an id"
    raise CannotBook(
        "customer_unmapped",
        f"GoCardless customer {who} is not linked to a customer in Exact Online",
        f"run `connector customers link {posting.connection} {who} CODE`",
    )


def reference_of(key: str) -> str:
    """What a posting with this key wrote into its documents."""
    return f"GC{key.split(':', 1)[0]}"


def _shares(lines: Sequence[Line], rate: str | None) -> list[tuple[Line, Money]]:
    """How the VAT of a rate belongs to the fees of that rate, in the credit view; nothing where there are no fees."""
    fees = [line for line in lines if line.role in FEE_ROLES and line.tax_rate == rate]
    vat = [signed(line) for line in lines if line.role is AccountRole.INPUT_VAT and line.tax_rate == rate]
    if not fees or not vat:
        return []
    parts = allocate(total(vat, vat[0].currency), [line.amount.minor for line in fees])
    return list(zip(fees, parts, strict=True))


def _moves(lines: Iterable[Line]) -> Money:
    """By how much the lines raise the clearing account."""
    listed = list(lines)
    clearing = [-signed(line) for line in listed if line.role is AccountRole.CLEARING]
    return total(clearing, listed[0].amount.currency)


def _debit(row: TransactionLine) -> Money:
    """A posted line in the debit view: mirrored, it is the credit view of what takes it back."""
    return documents.money(row.amount_fc, row.currency)
