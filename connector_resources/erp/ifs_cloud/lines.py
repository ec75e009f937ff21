"""The rows of a voucher from postings: accounts, both currencies, tax codes and our reference (7.4, 7.5 and 11.1). Pure.

A voucher balances in the accounting currency. A converted payout has rows in two currencies, each valued at IFS's rate of
the day; what that leaves over is the exchange difference. The transit lines by which our postings balance per currency have no
use there and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from bookkeeping.money import Money, allocate, total
from bookkeeping.postings import AccountRole, Line, Posting, PostingKind, Side
from connector_resources.erp.ifs_cloud.rates import RateTable
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.refusal import CannotBook

FEE_ROLES = frozenset({AccountRole.FEES, AccountRole.SURCHARGES, AccountRole.PARTNER_FEES})
#: reference series of rows that are ours (section 7.4).
SERIE = "GC"
TEXT_LIMIT, REFERENCE_LIMIT = 200, 50

WORDS = {
    PostingKind.RECEIPT: "receipt",
    PostingKind.RECEIPT_REVERSAL: "taken back",
    PostingKind.REFUND: "refund",
    PostingKind.REFUND_REVERSAL: "refund returned",
    PostingKind.PAYOUT: "payout",
    PostingKind.PAYOUT_REVERSAL: "payout returned",
    PostingKind.PAYOUT_REPEAT: "payout repeated",
    PostingKind.CORRECTION: "correction",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `amount` and `base` are positive, on `side`; `tax` is what a tax code adds, in both currencies."""

    posting: Posting
    account: str
    side: Side
    amount: Money
    base: Money
    text: str
    tax_code: str = ""
    tax: Money | None = None
    tax_base: Money | None = None

    @property
    def signed_base(self) -> int:
        """Debit positive, its tax included, in minor units of the accounting currency."""
        units = self.base.minor + (self.tax_base.minor if self.tax_base else 0)
        return units if self.side is Side.DEBIT else -units


class RowWriter:
    """Writes rows of one company. `dated` is the day of the voucher."""

    def __init__(self, settings: IfsCloudSettings, company: str, table: RateTable) -> None:
        self._settings = settings
        self._company = company
        self._table = table

    def rows(self, posting: Posting, dated: date) -> list[Row]:
        """Balanced in the accounting currency. Raises `CannotBook`."""
        lines = voucher_lines(posting)
        written = [self._row(posting, line, vat, dated) for line, vat in self._with_vat(lines)]
        left = sum(row.signed_base for row in written)
        if not left:
            return written
        if len({line.amount.currency for line in lines}) == 1:
            return _rounded(written, left)
        return [*written, self._difference(posting, Money(left, self._table.base))]

    def _row(self, posting: Posting, line: Line, vat: tuple[str, Money] | None, dated: date) -> Row:
        row = Row(
            posting=posting,
            account=self.account(line.role, line.amount.currency),
            side=line.side,
            amount=line.amount,
            base=self._table.in_base(line.amount, dated),
            text=text_of(posting, line.text),
        )
        if vat is None:
            return row
        code, tax = vat
        return replace(row, tax_code=code, tax=tax, tax_base=self._table.in_base(tax, dated))

    def _difference(self, posting: Posting, left: Money) -> Row:
        """A loss where the debits weigh less than the credits."""
        account = self.account(AccountRole.FX_DIFFERENCE, left.currency)
        side = Side.CREDIT if left.minor > 0 else Side.DEBIT
        return Row(posting, account, side, abs(left), abs(left), text_of(posting, "exchange difference"))

    def account(self, role: AccountRole, currency: str) -> str:
        """Raises `CannotBook` when none is configured."""
        company = self._settings.companies[self._company]
        if currency not in company.currencies and role in (AccountRole.CLEARING, AccountRole.BANK):
            raise currency_unmapped(self._company, currency)
        account = self._settings.account(self._company, role, currency)
        if account is None:
            name = "suspense" if role is AccountRole.RECEIVABLE else role
            raise CannotBook(
                "account_unmapped",
                f"the role {name} has no account in company {self._company}",
                f"set companies.{self._company}.accounts.{name} in the connection file",
            )
        return account

    # --- VAT on fees -----------------------------------------------------------------------------------------------

    def _with_vat(self, lines: Sequence[Line]) -> Iterable[tuple[Line, tuple[str, Money] | None]]:
        """Lines with the tax code and tax they take in. In mode tax_code the VAT lines go into the fees they belong to."""
        if self._settings.fee_vat_mode != "tax_code":
            yield from ((line, None) for line in lines)
            return
        rates = {line.tax_rate for line in lines if line.role is AccountRole.INPUT_VAT}
        shares = {id(line): share for rate in rates for line, share in _shares(lines, rate)}
        taken_in = {line.tax_rate for line in lines if id(line) in shares}
        for line in lines:
            if line.role is AccountRole.INPUT_VAT and line.tax_rate in taken_in:
                continue
            share = shares.get(id(line))
            yield line, (self._tax_code(line.tax_rate or ""), share) if share else None

    def _tax_code(self, rate: str) -> str:
        code = self._settings.tax_codes.get(rate)
        if code is None:
            raise CannotBook(
                "vat_code_unmapped",
                f"the tax rate {rate} has no tax code",
                f"add tax_codes.{rate} to the connection file",
            )
        return code


def voucher_lines(posting: Posting) -> tuple[Line, ...]:
    """The lines that a voucher books: without transit between currencies, and a refund without its credit memo."""
    lines = posting.lines
    if posting.kind is PostingKind.REFUND:
        lines = tuple(
            line
            for line in lines
            if line.role is not AccountRole.SALES_RETURNS
            and not (line.role is AccountRole.RECEIVABLE and line.side is Side.CREDIT)
        )
    if len({line.amount.currency for line in lines}) > 1:
        lines = tuple(line for line in lines if line.role is not AccountRole.FX_TRANSIT)
    return lines


def text_of(posting: Posting, words: str = "") -> str:
    """Our reference first, because look-ups compare the first word; then the GoCardless id and what it is."""
    kind = WORDS.get(posting.kind, posting.kind)
    rest = words if posting.subject in words else f"{posting.subject} {kind} {words}"
    return " ".join(f"{posting.reference} {rest}".split())[:TEXT_LIMIT].replace(";", ",")


def row_values(row: Row, settings: IfsCloudSettings, company: str) -> dict[str, Any]:
    """The row as a recipe names it; what stays empty is not sent."""
    debit = row.side is Side.DEBIT
    section = settings.companies[company]
    return {
        "posting": row.posting.key,
        "account": row.account,
        "currency": row.amount.currency,
        "currency_type": settings.currency_type if row.amount.currency != row.base.currency else None,
        "currency_debit": row.amount.major if debit else None,
        "currency_credit": None if debit else row.amount.major,
        "debit": row.base.major if debit else None,
        "credit": None if debit else row.base.major,
        "tax_code": row.tax_code,
        "tax_direction": "TaxReceived" if row.tax_code else "NoTax",
        "currency_tax": row.tax.major if row.tax else None,
        "tax": row.tax_base.major if row.tax_base else None,
        "text": row.text,
        "reference_serie": SERIE,
        "reference": row.posting.reference[:REFERENCE_LIMIT],
        **{f"code_{part.lower()}": section.code_string.get(part) for part in "BCDEFGHIJ"},
    }


def currency_unmapped(company: str, currency: str) -> CannotBook:
    return CannotBook(
        "currency_unmapped",
        f"company {company} has no accounts for {currency}",
        f"add companies.{company}.currencies.{currency} to the connection file",
    )


def _rounded(rows: list[Row], left: int) -> list[Row]:
    """Rates round each row by itself; the largest row of the side that weighs less takes the difference."""
    lighter = Side.CREDIT if left > 0 else Side.DEBIT
    place = max((i for i, row in enumerate(rows) if row.side is lighter), key=lambda i: rows[i].base.minor)
    row = rows[place]
    adjusted = replace(row, base=Money(row.base.minor + abs(left), row.base.currency))
    return [*rows[:place], adjusted, *rows[place + 1 :]]


def _shares(lines: Sequence[Line], rate: str | None) -> list[tuple[Line, Money]]:
    """How the VAT of a rate belongs to the fees of that rate; nothing where sides differ or there are no fees."""
    fees = [line for line in lines if line.role in FEE_ROLES and line.tax_rate == rate]
    vat = [line for line in lines if line.role is AccountRole.INPUT_VAT and line.tax_rate == rate]
    if not fees or not vat or len({line.side for line in (*fees, *vat)}) > 1:
        return []
    whole = total([line.amount for line in vat], vat[0].amount.currency)
    return list(zip(fees, allocate(whole, [line.amount.minor for line in fees]), strict=True))
