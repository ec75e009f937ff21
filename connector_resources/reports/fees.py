"""Fees and VAT of a month, per currency and tax rate: what GoCardless kept, and what stands in the books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol, runtime_checkable

from bookkeeping.entities import PayoutItem
from bookkeeping.money import total
from bookkeeping.payout_proof import FEE_TYPES, vat_cost
from bookkeeping.postings import AccountRole, Side
from connector_resources.connections.model import Connection
from connector_resources.reports.figures import amount_text, words
from connector_resources.reports.model import (
    Amount,
    Cell,
    Column,
    Fact,
    Kind,
    Report,
    Section,
    Share,
    Table,
    share_bars,
)
from connector_resources.reports.payout_blocks import PayoutBlock
from connector_resources.reports.reconciliation import payouts_of_month
from connector_resources.reports.sources import Month, at_gocardless, document_of, head_of
from connector_resources.store.store import Store

TITLE = "Fees and VAT"
QUESTION = "What did GoCardless charge, how much of it is VAT, and how is it booked?"

NO_VAT = "without VAT"
#: account roles that take GoCardless's charges, in the order of the summary.
FEE_ROLES = (
    AccountRole.FEES,
    AccountRole.SURCHARGES,
    AccountRole.PARTNER_FEES,
    AccountRole.INPUT_VAT,
    AccountRole.ROUNDING,
)

#: what a connection's treatment of VAT on fees means, for who reads the report without the connection file.
TREATMENTS: Mapping[str, str] = {
    "none": "VAT is a part of the cost: it is booked on the fees, none is reclaimed.",
    "plain_line": "Input VAT is booked on its own account, as GoCardless charged it.",
    "gl_vat": "Input VAT is booked with the ERP's VAT entry, by tax rate.",
    "vat_code": "Fees are booked gross with a VAT code per tax rate; the ERP works out the VAT.",
    "tax_code": "Input VAT stands on the fee row with a tax code per tax rate.",
    "domestic_vat": "Input VAT at the domestic rate, as GoCardless charged it.",
    "reverse_charge_eu": "Reverse charge: GoCardless charges no VAT, you owe and reclaim it yourself.",
}


@runtime_checkable
class TreatsFeeVat(Protocol):
    """Settings of an ERP that offer a choice."""

    @property
    def fee_vat_mode(self) -> str: ...


@dataclass(slots=True)
class FeeSum:
    """Charges of one type and tax rate, minor units with fractions; what was given back is taken off."""

    count: int = 0
    gross: Decimal = Decimal(0)
    vat: Decimal = Decimal(0)
    in_tax_currency: dict[str, Decimal] = field(default_factory=dict)

    @property
    def net(self) -> Decimal:
        return self.gross - self.vat


def fee_report(store: Store, connection: Connection, month: Month, now: datetime) -> Report:
    """Per currency: charged by type and tax rate, booked by account role, and payout by payout."""
    blocks = list(payouts_of_month(store, connection, month))
    by_currency: dict[str, list[PayoutBlock]] = {}
    for block in blocks:
        by_currency.setdefault(block.currency, []).append(block)
    facts: list[Fact] = []
    sections: list[Section] = []
    for currency, own in sorted(by_currency.items()):
        charged = Amount.of(total([block.fees for block in own], currency))
        vat = Amount.of(total([block.vat for block in own], currency))
        gross = sum((b.summary.gross for b in own), Decimal(0))
        facts += [
            Fact(charged, "fees with VAT"),
            Fact(vat, "of it VAT"),
            Fact(Share(charged.units, gross), f"of what was paid out in {currency}"),
        ]
        sections.append(
            Section(
                f"In {currency}",
                tables=(_charged_table(own, currency), _booked_table(own, currency), _payout_table(connection, own, currency)),
            )
        )  # fmt: skip
    mode = connection.erp.fee_vat_mode if isinstance(connection.erp, TreatsFeeVat) else "plain_line"
    treatment = Section("How VAT on fees is treated", f"{TREATMENTS[mode]} {VAT_NOTE}")
    return Report(
        head=head_of(connection, now),
        title=TITLE,
        question=QUESTION,
        period=month.title,
        facts=tuple(facts) or (Fact(0, "payouts in this month, so no fees"),),
        sections=(*sections, treatment),
        foot="A month is that of the payouts' postings. Fees that GoCardless invoices separately are in no payout.",
    )


VAT_NOTE = "Whether it may be reclaimed is for your tax adviser to say."


def charges(items: Iterable[PayoutItem]) -> dict[tuple[str, str], FeeSum]:
    """(item type, tax rate id) -> what was charged. An item with several rates counts under all of them together."""
    sums: dict[tuple[str, str], FeeSum] = {}
    for item in items:
        if item.type not in FEE_TYPES:
            continue
        rate = "+".join(sorted({tax.tax_rate_id for tax in item.taxes})) or NO_VAT
        found = sums.setdefault((item.type, rate), FeeSum())
        found.count += 1
        found.gross -= item.amount
        for tax in item.taxes:
            cost = vat_cost(item, tax)
            found.vat += cost
            target, amount = tax.destination_currency, tax.destination_amount
            if target is not None and target != item.currency and amount is not None:
                before = found.in_tax_currency.get(target, Decimal(0))
                found.in_tax_currency[target] = before + abs(amount).copy_sign(cost)
    return sums


def booked(blocks: Iterable[PayoutBlock]) -> dict[tuple[AccountRole, str, str], int]:
    """(account role, tax rate id, currency) -> debits less credits of the payouts' settled postings, minor units."""
    sums: dict[tuple[AccountRole, str, str], int] = {}
    for block in blocks:
        if not block.booked or block.journal is None:
            continue
        for line in block.journal.posting.lines:
            if line.role in FEE_ROLES:
                key = (line.role, line.tax_rate or NO_VAT, line.amount.currency)
                units = line.amount.minor if line.side is Side.DEBIT else -line.amount.minor
                sums[key] = sums.get(key, 0) + units
    return sums


def _charged_table(blocks: Sequence[PayoutBlock], currency: str) -> Table:
    sums = charges(line.item for block in blocks for line in block.lines)
    ordered = sorted(sums.items())
    bars = share_bars([each.gross for _, each in ordered])
    rows: list[tuple[Cell, ...]] = []
    for ((kind, rate), each), bar in zip(ordered, bars, strict=True):
        rows.append(
            (
                words(kind), rate, each.count, Amount(each.net, currency), Amount(each.vat, currency),
                Share(each.vat, each.net) if each.vat else None, Amount(each.gross, currency), bar,
                ", ".join(f"{amount_text(Amount(u, c))} {c}" for c, u in sorted(each.in_tax_currency.items())),
            )
        )  # fmt: skip
    whole = [each for _, each in ordered]
    net, vat = sum((e.net for e in whole), Decimal(0)), sum((e.vat for e in whole), Decimal(0))
    return Table(
        sheet="Charged",
        caption=f"Charged by GoCardless in {currency}, exact to the fraction",
        columns=(
            Column("Type"), Column("Tax rate", Kind.CODE), Column("Items", Kind.COUNT), Column("Net", Kind.AMOUNT),
            Column("VAT", Kind.AMOUNT), Column("VAT in % of net", Kind.SHARE, optional=True), Column("Gross", Kind.AMOUNT),
            Column("Share", Kind.BAR), Column("VAT in the tax currency", optional=True),
        ),
        rows=tuple(rows),
        total=(
            "Sum", "", sum(e.count for e in whole), Amount(net, currency), Amount(vat, currency), None,
            Amount(net + vat, currency), None, "",
        ),
        empty=f"GoCardless kept no fees in {currency}; it may invoice them separately.",
    )  # fmt: skip


def _booked_table(blocks: Sequence[PayoutBlock], currency: str) -> Table:
    sums = booked(blocks)
    ordered = sorted(sums.items(), key=lambda each: (FEE_ROLES.index(each[0][0]), each[0][1], each[0][2]))
    charged = sum((block.summary.fees for block in blocks if block.booked), Decimal(0))
    whole = Decimal(sum(units for (_, _, other), units in sums.items() if other == currency))
    rest = whole - charged
    waiting = sum((block.summary.fees for block in blocks if not block.booked), Decimal(0))
    return Table(
        sheet="Booked",
        caption=f"Booked in the ERP in {currency}, whole units",
        columns=(Column("Account role"), Column("Tax rate", Kind.CODE), Column("Amount", Kind.AMOUNT)),
        rows=tuple((words(role.value), rate, Amount(Decimal(units), other)) for (role, rate, other), units in ordered),
        total=("Sum", "", Amount(whole, currency)),
        empty="No payout of the month is booked yet.",
        note=" ".join(_booked_notes(Amount(rest, currency), Amount(waiting, currency))),
    )


def _booked_notes(rounding: Amount, waiting: Amount) -> Iterator[str]:
    if rounding.units:
        more = "more" if rounding.units > 0 else "less"
        gap = amount_text(Amount(abs(rounding.units), rounding.currency))
        yield f"Rounding to whole units makes it {gap} {rounding.currency} {more} than was charged."
    if waiting.units:
        yield f"Fees of {amount_text(waiting)} {waiting.currency} wait in payouts that are not booked yet."


def _payout_table(connection: Connection, blocks: Sequence[PayoutBlock], currency: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for block in blocks:
        summary = block.summary
        rows.append(
            (
                at_gocardless(connection, block.payout.id), block.bank_date, Amount(summary.gross, currency),
                Amount.of(block.fees - block.vat), Amount.of(block.vat),
                Amount.of(block.fees), document_of([block.journal] if block.journal else []), block.state,
            )
        )  # fmt: skip
    fees, vat = total([block.fees for block in blocks], currency), total([block.vat for block in blocks], currency)
    gross = Amount(sum((block.summary.gross for block in blocks), Decimal(0)), currency)
    return Table(
        sheet="Payouts",
        caption=f"Payout by payout in {currency}",
        columns=(
            Column("Payout", Kind.CODE), Column("Bank date", Kind.DATE), Column("Gross", Kind.AMOUNT),
            Column("Fees", Kind.AMOUNT), Column("VAT", Kind.AMOUNT), Column("Fees with VAT", Kind.AMOUNT),
            Column("ERP document", Kind.CODE), Column("State", Kind.STATE),
        ),
        rows=tuple(rows),
        total=("Sum", None, gross, Amount.of(fees - vat), Amount.of(vat), Amount.of(fees), "", ""),
        empty="No payouts in this month.",
    )  # fmt: skip
